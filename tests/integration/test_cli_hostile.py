"""Every command over a database in which strangers have written what a terminal would obey."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import typer

from mailer import cli
from mailer.actions.suppression import suppress_recipient
from mailer.ports.broker import BrokerMessage
from mailer.ports.consents import Consent
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.ports.suppressions import NewSuppression
from tests.factories import BRAND, World, open_world, policies
from tests.processes import SECRETS

SEEN = "[/b][red]x[/] :smile: "
HOSTILE = f"{SEEN}\x1b]0;owned\x07\x9b31m\u202egnp\u2028state  finished\nstate  finished"
REF, EVENT = "[/b]:smile:user-1", "[/b]:smile:one"
REQUEST = "01a22881-3838-723d-b2ac-a6014c1659bb"
LETTER = "01a22881-3838-723d-b2ac-a6014c1659bc"
BREACH = "01a22881-3838-723d-b2ac-a6014c1659be"
CAMPAIGN = "01a22881-3838-723d-b2ac-a6014c1659bd"
ABOUT = ("--brand", BRAND, "--ref", REF)

SHOWS: dict[str, tuple[str, ...]] = {
    "recipients list": ("--brand", BRAND),
    "recipients find": (REF,),
    "recipients show": (REF, "--brand", BRAND),
    "recipients history": (REF, "--brand", BRAND),
    "recipients export": (REF, "--brand", BRAND),
    "consents list": ABOUT,
    "consents export": ("--brand", BRAND),
    "suppressions list": ABOUT,
    "suppressions explain": ABOUT,
    "suppressions export": ("--brand", BRAND),
    "segment list": ("--brand", BRAND),
    "segment show": ("odd", "--brand", BRAND),
    "audience list": ("--brand", BRAND),
    "mailing list": (),
    "mailing show": (EVENT,),
    "mailing coverage": (EVENT,),
    "mailing pause": (EVENT,),
    "mailing resume": (EVENT,),
    "dead list": (),
    "dead show": ("1",),
    "processors list": (),
    "quarantine list": (),
    "letters list": (CAMPAIGN,),
    "letters runs": (),
    "notices list": (),
    "notices show": ("1",),
    "notices export": (),
    "requests list": (),
    "requests show": (REQUEST,),
    "public-notices list": (),
    "inbound list": (),
    "inbound show": (LETTER,),
    "inbound webhook": (LETTER,),
    "webhook list": (),
    "breach list": (),
    "breach show": (BREACH,),
    "breach facts": (BREACH,),
    "campaign list": (),
    "campaign show": (CAMPAIGN,),
    "campaign lint": (CAMPAIGN,),
    "campaign history": (CAMPAIGN, "--revision", "1"),
    "rate list": (),
    "halts": (),
    "flow": (),
    "ledger export": (),
    "policy explain": ("--recipient", REF, "--mailing", EVENT),
}
"""Commands that show what strangers wrote."""
OWN = {
    "migrate", "worker", "web", "timekeeper", "demo", "doctor", "publish", "stop", "start",
    "recipients import", "recipients erase", "recipients restrict", "recipients rectify", "recipients deactivate",
    "recipients mark", "recipients channel", "recipients hold", "recipients disclose", "consents import",
    "suppressions add", "suppressions lift", "suppressions import", "mailing approve", "mailing end", "mailing cancel",
    "mailing reschedule",
    "breach export",  # tried in tests/integration/test_cli_breach_pack.py
    "campaign report", "campaign people",  # tried in tests/integration/test_campaign_report_api.py
    # These are tried in tests/integration/test_breach_outcome_pages.py.
    "breach outcomes", "breach people", "breach report", "breach public-notice",
    "report advertiser", "ledger seal", "ledger publish", "ledger verify", "dead replay", "templates check",
    "templates preview", "policy list", "policy show", "policy check", "partners list", "partners key",
    "partners suppressions", "inviters pause", "inviters resume", "processors pause", "processors resume",
    "processors confirm-purge", "processors confirm-erasure", "quarantine believe", "quarantine dismiss", "rate set",
    "rate warm-up", "rate clear", "brand pause", "brand resume", "api-key create", "api-key revoke", "schema event",
    "recipients pause", "recipients cap", "recipients postal",
    "letters count", "letters run", "letters retry", "letters export", "letters import", "letters preview",
    "letters missing",
    "notices take", "notices done", "notices return", "init", "policy try", "policy causes",
    "policy jurisdictions", "policy breach-rules",
    "inbound close", "inbound webhooks",
    "schema outcomes",
    "webhook add", "webhook disable", "webhook enable", "webhook rotate", "webhook replay", "webhook send-test",
    "inbound file",
    "breach audience", "breach refused-rows", "breach check", "breach manifest",
    "breach files",  # names of files are refused by the command line, and cleaned when they are uploaded
    "segment save", "segment count", "segment freeze", "segment delete", "audience count", "audience remove",
    "audience delete",
    "staff add", "staff bind", "staff unbind", "staff disable", "staff enable", "staff reset", "staff list",
    "staff sessions",
    "requests answer", "public-notices draft", "public-notices release", "public-notices withdraw",
    "schema queues", "schema api", "ledger seals", "policy diff",
    "breach create", "breach not-notify", "breach close", "breach reopen", "breach done", "breach undone",
    "campaign create", "campaign save", "campaign duplicate", "campaign archive",
    "campaign check", "campaign show-manifest", "campaign ask-release", "campaign release", "campaign schedule",
    "campaign pause", "campaign resume", "campaign cancel", "campaign send-rest",
    "breach ask", "breach release", "breach second-look", "breach stop", "breach resume",
    "breach told",  # its table is escaped as any other; tried in tests/integration/test_breach_doors.py
    "publishers add", "publishers restrict", "publishers list", "publishers show", "publishers revoke",
    "inbound classify",  # tried in tests/unit/test_inbound_command.py
}  # fmt: skip
"""Commands that print our own words, counts and what was typed. Some of them may not be there any more, or yet."""


async def write_hostile_values(url: str) -> None:
    """A person, a mailing and all that hangs on them, with hostile texts wherever there is one."""
    async with open_world(url) as world:
        [ada] = await world.known(1)
        accepted = await world.accept({"refs": ["user-1"]}, id=EVENT, campaign="spring")
        said = NewSuppression("newsletter", "opt_out", HOSTILE, HOSTILE)
        await suppress_recipient(world.suppressions, policies()[BRAND], ada, said)
        now = datetime.now(UTC)
        await world.consents.record_consent_or_withdrawal(
            BRAND, ada, Consent("promotional", True, "application", HOSTILE, HOSTILE, HOSTILE, now, HOSTILE)
        )
        await world.handover().hand_over_batches(accepted.batches)
        letter = BrokerMessage(HOSTILE.encode(), HOSTILE, HOSTILE)
        await world.letters.add_dead_letter(letter, HOSTILE, HOSTILE, HOSTILE, HOSTILE, DeadLetterCauseKind.REFUSED)
        await write_rows(world, accepted.mailing_id, ada)


async def write_rows(world: World, mailing_id: object, ada: int) -> None:
    """Writes what relays, receivers and operators have said, and what an application calls a person."""
    await world.pool.execute("UPDATE recipients SET ref = $1, name = $2", REF, HOSTILE)
    await world.pool.execute("UPDATE mailings SET campaign = $1, publisher = $1", HOSTILE)
    await write_audiences(world, ada)
    await world.pool.execute("INSERT INTO relay_states VALUES ($1, 'w', 'down', now(), $1, $1, 1)", HOSTILE)
    await world.pool.execute(
        "INSERT INTO notices (mailing_id, recipient_id, brand, category, channel, reason, changed_by, note)"
        " VALUES ($1, $2, 'interpals', 'newsletter', 'written_notice', $3, $3, $3)",
        mailing_id,
        ada,
        HOSTILE,
    )
    await write_letter(world, mailing_id)
    await world.pool.execute(
        "INSERT INTO data_requests (id, brand, recipient_id, wanted, generation, asked_at, due_at, confirmed_at, note)"
        " VALUES ($1, 'interpals', $2, 'correction', 1, now(), now() + interval '30 days', now(), $3)",
        UUID(REQUEST),
        ada,
        HOSTILE,
    )
    await world.pool.execute(
        "INSERT INTO public_notices (id, brand, texts, digest, first_day, last_day, drafted_by)"
        " VALUES (gen_random_uuid(), 'interpals', '{}', '', '2026-01-01', '2026-02-01', $1)",
        HOSTILE,
    )
    await world.pool.execute(
        "INSERT INTO received_mail"
        " (id, brand, mailbox, sender, recipient, peer, helo, state, kind, effect, reason, handled_at)"
        " VALUES ($1, 'interpals', 'abuse', $2, $2, $2, $2, 'waiting', $2, $2, $2, now())",
        UUID(LETTER),
        HOSTILE,
    )
    await world.pool.execute(
        "INSERT INTO webhook_requests"
        " (id, provider, endpoint, request_key, body, events, proven, malformed, brands, named)"
        " VALUES ($1, 'ses', 'main', 'key', $2, 1, 1, 1, '{interpals}', '{}')",
        UUID(LETTER),
        HOSTILE.encode(),
    )
    await world.pool.execute(
        "INSERT INTO outgoing_webhooks (brand, url, kinds, secret, last_error)"
        " VALUES ('interpals', $1, '{failed}', '', $1)",
        HOSTILE,
    )
    await write_campaign(world)
    await write_breach(world)
    await world.pool.execute("INSERT INTO halts VALUES ('processor', $1, $1, $1)", HOSTILE)
    await world.pool.execute("INSERT INTO limits VALUES ('domain', $1, 'day', 1, NULL, NULL, $1)", HOSTILE)
    await world.pool.execute(
        "INSERT INTO quarantine (processor, domain, mailing_id, recipient_id, attempt, address_key, address_hash,"
        " status) VALUES ($1, $1, $2, $3, 1, '', '', $1)",
        HOSTILE,
        mailing_id,
        ada,
    )


async def write_letter(world: World, mailing_id: object) -> None:
    """Writes a letter that came back with a hostile code, and a run of hostile words, of a case."""
    for statement in (
        "INSERT INTO breach_cases (id, brand, name, facts, created_by, updated_by)"
        " VALUES ($1, 'interpals', left($2, 100), '{}', $2, $2)",
        "INSERT INTO breach_phases (case_id, phase, draft, created_by, updated_by) VALUES ($1, 1, '{}', $2, $2)",
        "INSERT INTO breach_manifests (id, case_id, phase, brand, revision, facts_revision, facts, draft, rules,"
        " templates, policy_version, requested_by)"
        " VALUES ($1, $1, 1, 'interpals', 1, 1, '{}', '{}', '[]', '{}', '1', $2)",
        "INSERT INTO letter_runs (id, case_id, brand, window_format, language, letters, problem, requested_by, dated)"
        " VALUES ($1, $1, 'interpals', 'gb', 'en', 1, $2, $2, now())",
        "INSERT INTO letters (notice_id, returned_on, returned_at, return_code, problem)"
        " SELECT id, now(), now(), $2, $2 FROM notices WHERE $1::uuid IS NOT NULL",
    ):
        await world.pool.execute(statement, UUID(CAMPAIGN), HOSTILE)
    await world.pool.execute(
        "INSERT INTO breach_mailings (case_id, phase, manifest_id, variant, mailing_id) VALUES ($1, 1, $1, 'eu', $2)",
        *(UUID(CAMPAIGN), mailing_id),
    )


async def write_audiences(world: World, ada: int) -> None:
    """Writes a segment whose condition nobody can read, and a list, with what people have called them."""
    await world.pool.execute(
        "INSERT INTO segments (brand, name, condition, created_by, updated_by) VALUES ($1, 'odd', $2, $3, $3)",
        *(BRAND, {"type": HOSTILE}, HOSTILE),
    )
    await world.pool.execute("INSERT INTO audience_members VALUES ($1, $2, $3)", BRAND, "list", ada)
    await world.pool.execute(
        "INSERT INTO audience_lists (brand, name, origin, created_by) VALUES ($1, 'list', 'odd', $2)", BRAND, HOSTILE
    )


async def write_breach(world: World) -> None:
    """Writes what people have called a breach, and have written into its facts."""
    values = UUID(BREACH), HOSTILE[:100], {"effects": HOSTILE}, HOSTILE
    await world.pool.execute(
        "INSERT INTO breach_cases (id, brand, name, facts, created_by, updated_by)"
        " VALUES ($1, 'interpals', $2, $3, $4, $4)",
        *values,
    )


async def write_campaign(world: World) -> None:
    """Writes what people have called a campaign, and have written into it."""
    draft = {"category": "newsletter", "purpose": HOSTILE[:60], "variants": {"a": {"en": {}}}}
    text = {"type": "text", "markdown": HOSTILE}
    later = {**draft, "variants": {"a": {"en": {"blocks": [text]}}}}
    await world.pool.execute(
        "INSERT INTO campaigns (id, brand, name, revision, draft, created_by, updated_by)"
        " VALUES ($1, 'interpals', $2, 2, $3, $2, $2)",
        *(UUID(CAMPAIGN), HOSTILE, later),
    )
    for number, one in enumerate((draft, later), 1):
        await world.pool.execute(
            "INSERT INTO campaign_revisions VALUES ($1, $2, $3, $4)", UUID(CAMPAIGN), number, one, HOSTILE
        )


@pytest.fixture
def typed(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs a command in this process, which has to succeed. Returns its output."""
    with asyncio.Runner() as runner:
        runner.run(write_hostile_values(database_url))
    settings = {**SECRETS, "DATABASE_URL": database_url, "DATA": str(tmp_path)}
    for name, value in settings.items():
        monkeypatch.setenv(f"MAILER_{name}", value)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["mailer", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        is_found_faulty = words[:2] == ("campaign", "lint")  # the draft has errors, of which each is told
        assert not end.value.code or (is_found_faulty and end.value.code == 1), f"{words}: {printed.err}"
        return printed.out

    return run


def leaves(command: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command by its words."""
    if isinstance(command, typer.core.TyperGroup):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*path, name))
    else:
        yield " ".join(path)


def test_no_command_is_left_out() -> None:
    """A new command says whether it shows what strangers wrote."""
    there = set(leaves(typer.main.get_command(cli.app)))
    assert there - OWN == set(SHOWS)


def test_no_command_obeys_a_stranger(typed: Callable[..., str]) -> None:
    """Each shows the texts letter by letter, with codes for what a terminal would obey; as JSON, too."""
    group = typer.main.get_command(cli.app)
    for name, words in SHOWS.items():
        command = group
        for word in name.split():
            assert isinstance(command, typer.core.TyperGroup)
            command = command.commands[word]
        takes_json = any("--json" in parameter.opts for parameter in command.params)
        for form in ((), ("--json",)) if takes_json else ((),):
            out = typed(*name.split(), *words, *form)
            assert "[/b]" in out, name
            assert all(char == "\n" or char.isprintable() for char in out), name
            assert "\nstate  finished" not in out, name
            if form:
                assert json.loads(out) is not None, name
