"""`mailer doctor`: checks everything that mail depends on, and prints a line for each check."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mailer import bundled_files, link_and_dkim_signers
from mailer.app import load_templates, yield_database_url_running_server_if_embedded
from mailer.broker.rabbitmq import RabbitBroker
from mailer.broker.topology import EVENTS
from mailer.cli.doctor_received_mail import examine_mailboxes_and_webhooks
from mailer.cli.shared import AsJson, out, print_json, read_command_settings, run_async_or_exit
from mailer.database.connections import ATTENDED, DatabasePool, open_pool
from mailer.database_startup import measure_lead_over_database_clock
from mailer.doctor import domains, relays
from mailer.doctor.breaches import judge_breach_deadlines
from mailer.doctor.broker import judge_exchange_existence, judge_rabbitmq_version
from mailer.doctor.database import judge_clock_difference, judge_database_at_process_start, judge_partitions_and_seals
from mailer.doctor.disk_space import examine_disk
from mailer.doctor.finding import Finding, FindingLevel, ok_finding, problem_finding, warning_finding, worst_level
from mailer.doctor.letter_fonts import examine_letter_fonts
from mailer.embedded import PrivateServiceUnavailable
from mailer.policy.policy_file import Policy, PolicyError
from mailer.policy.text_formats import split_sender
from mailer.policy_loading import load_policies
from mailer.ports.broker import BrokerUnavailable
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.dns_lookup import Address, DnsLookup, LookupFailed
from mailer.postgres import migrations
from mailer.postgres.breach_clocks import count_overdue_clocks
from mailer.postgres.database_condition import read_size_partitions_and_seal, read_version_settings_and_migrations
from mailer.processors.email_api.api_url import ApiSettings
from mailer.processors.registry import find_processor_scheme_for_url
from mailer.processors.smtp.relay_url import RelaySettings, TlsMode, parse_relay_url
from mailer.processors.url_values import is_loopback
from mailer.rendering.missing_templates import find_missing_own_templates
from mailer.rendering.template_library import TemplateError
from mailer.runtime.system_resolver import SystemResolver
from mailer.settings import Settings, SettingsError

_REFUSED = (SettingsError, PolicyError, TemplateError)
_UNSIGNED = (
    "takes no MIME, so mail by it has no signature by MAILER_DKIM; set up the service's own DKIM for each domain"
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(doctor)


def doctor(
    as_json: AsJson = False,
    resolver: Annotated[
        str | None, typer.Option(help="Ask this name server, address or address:port, instead of this machine's.")
    ] = None,
) -> None:
    """Checks services, versions, clocks, keys, templates, policies, and the DNS by which receivers believe the mail.

    Ends with status 1 if there is a problem; nothing is changed, and no mail is sent.
    """
    current = read_command_settings()

    async def main() -> list[Finding]:
        return [finding async for finding in _findings_of_all_checks(current, SystemResolver(resolver))]

    findings = run_async_or_exit(main)
    if as_json:
        print_json([{"check": found.check, "level": found.level, "text": found.text} for found in findings])
    else:
        for found in findings:
            out.print(f"{found.level.value:<8} {found.check}: {found.text}")
    raise typer.Exit(1 if worst_level(findings) is FindingLevel.PROBLEM else 0)


async def _findings_of_all_checks(current: Settings, lookup: DnsLookup) -> AsyncIterator[Finding]:
    """Yields every finding. A check comes after the checks that it depends on."""
    for check, judge in (
        ("secrets", _examine_secrets),
        ("links", _examine_signed_links),
        ("templates", _examine_templates),
    ):
        yield _finding_of_one_settings_check(check, partial(judge, current))
    yield examine_disk("disk of MAILER_DATA", current.data)
    yield examine_letter_fonts(current.letter_fonts)
    for finding in await _examine_database(current):
        yield finding
    for finding in await _examine_broker(current):
        yield finding
    if current.is_mail_captured:
        yield ok_finding("relays", "mail goes to nobody: MAILER_PROCESSORS is capture://")
        for finding in await examine_mailboxes_and_webhooks(current, {}):
            yield finding
        return
    try:
        policies, to = load_policies(current), [_parse_processor_url(url) for url in current.processors]
        signers = link_and_dkim_signers.build_dkim_signers_by_domain(current)
    except (*_REFUSED, ValueError) as error:
        yield problem_finding("mail", str(error))
        return
    for finding in await examine_mailboxes_and_webhooks(current, policies):
        yield finding
    for text in link_and_dkim_signers.exposed_secret_file_problems(current):
        yield warning_finding("private files", text)
    for relay in to:
        if signers and isinstance(relay, ApiSettings) and not relay.carries_mime:
            yield warning_finding(f"DKIM by {relay.name}", _UNSIGNED)
    keys = {domain: signer.dns_records() for domain, signer in signers.items()}
    for finding in await _examine_relays_and_domains(lookup, to, list(_sender_domains(policies, keys))):
        yield finding


def _finding_of_one_settings_check(check: str, judge: Callable[[], Finding]) -> Finding:
    try:
        return judge()
    except _REFUSED as error:
        return problem_finding(check, str(error))


def _examine_secrets(current: Settings) -> Finding:
    current.refuse_if_unfit_for_production()
    default = current.is_mail_captured and current.is_database_embedded
    return ok_finding(
        "secrets", "they may be the default ones: no mail leaves" if default else "each is its own, and long"
    )


def _examine_signed_links(current: Settings) -> Finding:
    link_and_dkim_signers.build_signed_link_maker_and_reader(current)
    return ok_finding("links", f"made and read back at {current.public_url}")


def _examine_templates(current: Settings) -> Finding:
    policies, library = load_policies(current), load_templates(current)
    if missing := [one.text for one in find_missing_own_templates(library)]:
        return problem_finding("templates", "; ".join(missing))
    return ok_finding("templates", f"{len(library)} templates, {len(policies)} policies: {', '.join(policies)}")


async def _examine_database(current: Settings) -> list[Finding]:
    try:
        with yield_database_url_running_server_if_embedded(current) as url:
            pool = await open_pool(url, 1, ATTENDED)
            try:
                return await _examine_connected_database(pool)
            finally:
                await pool.close()
    except ValueError:
        return [problem_finding("database", "MAILER_DATABASE_URL cannot be read")]
    except (DatabaseUnavailable, PrivateServiceUnavailable) as error:
        return [problem_finding("database", str(error))]


async def _examine_connected_database(pool: DatabasePool) -> list[Finding]:
    now = datetime.now(UTC)
    findings = [judge_clock_difference(await measure_lead_over_database_clock(pool))]
    async with pool.acquire() as connection:
        condition = await read_version_settings_and_migrations(connection)
        ours = migrations.migration_versions_in_folder(bundled_files.bundled_folder("migrations"))
        findings += judge_database_at_process_start(condition, ours)
        if condition.migrations is None or ours - condition.migrations:
            return findings
        stock = await read_size_partitions_and_seal(connection)
    findings += judge_partitions_and_seals(stock, now)
    findings += judge_breach_deadlines(await count_overdue_clocks(pool))
    size = f"the database has {stock.size / 2**30:,.1f} GiB"
    here = stock.folder is not None and await asyncio.to_thread(os.path.exists, stock.folder)
    if stock.folder and here:
        findings.append(examine_disk("disk of the database", Path(stock.folder)))
    else:
        findings.append(
            ok_finding("disk of the database", f"{size}; its server has the disk, so look at the room there")
        )
    return findings


async def _examine_broker(current: Settings) -> list[Finding]:
    if current.is_broker_in_process:
        return [ok_finding("RabbitMQ", "the broker is within the process (memory://)")]
    broker = RabbitBroker(current.broker_url)
    try:
        findings = [judge_rabbitmq_version(await broker.server_version())]
        return [*findings, judge_exchange_existence(EVENTS, exists=await broker.has_exchange(EVENTS))]
    except BrokerUnavailable as error:
        return [problem_finding("RabbitMQ", str(error))]
    finally:
        await broker.close()


def _sender_domains(
    policies: Mapping[str, Policy], keys: Mapping[str, Mapping[str, str]]
) -> Iterator[domains.SenderDomain]:
    """Yields each domain that mail is sent from, once."""
    senders: dict[str, set[str]] = {}
    for policy in policies.values():
        found = {
            split_sender(sender)[1].rpartition("@")[2].lower()
            for sender in (policy.senders.mandatory, policy.senders.optional)
        }
        senders.setdefault(policy.domain.lower(), set()).update(found)
    for name, below in sorted(senders.items()):
        yield domains.SenderDomain(name, sorted(below), keys.get(name, {}))


async def _examine_relays_and_domains(
    lookup: DnsLookup, to: Sequence[RelaySettings | ApiSettings], senders: Sequence[domains.SenderDomain]
) -> list[Finding]:
    """Returns the findings about relays and domains. The checks run at the same time."""
    outside: dict[str, Sequence[Address]] = {}
    findings: list[Finding] = []
    for relay in to:
        if is_loopback(relay.host) or isinstance(relay, ApiSettings):  # a service sends from other addresses
            continue
        try:
            outside[relay.name] = await lookup.host_addresses(relay.host)
        except LookupFailed as error:
            findings.append(warning_finding(f"relay {relay.name}", str(error)))
    now = datetime.now(UTC)
    greeted = [_examine_processor(relay, now) for relay in to]
    named = [domains.examine_reverse_dns(lookup, name, address) for name, found in outside.items() for address in found]
    findings += await asyncio.gather(*greeted, *named)
    for found in await asyncio.gather(*(domains.examine_domain(lookup, domain, outside) for domain in senders)):
        findings += found
    return findings


def _parse_processor_url(url: str) -> RelaySettings | ApiSettings:
    scheme = find_processor_scheme_for_url(url)
    return parse_relay_url(url) if scheme.parse_api_url is None else scheme.parse_api_url(url)


async def _examine_processor(relay: RelaySettings | ApiSettings, now: datetime) -> Finding:
    if isinstance(relay, RelaySettings):
        return await relays.examine_relay(_relay_check_target(relay), now, ssl.create_default_context)
    if not relay.is_encrypted:
        return ok_finding(f"relay {relay.name}", f"{relay.host}:{relay.port} is on this machine, and asked without TLS")
    return await relays.examine_api(relay.name, relay.host, relay.port, now, ssl.create_default_context)


def _relay_check_target(relay: RelaySettings) -> relays.RelayTarget:
    implicit, starttls = relay.tls is TlsMode.IMPLICIT, relay.tls is TlsMode.STARTTLS
    return relays.RelayTarget(relay.name, relay.host, relay.port, implicit, starttls, relay.helo)
