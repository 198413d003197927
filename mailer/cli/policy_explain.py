"""`mailer policy explain`: tells why a person did or did not get a mail, or would get it now or on a past day."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from mailer.actions.explanations import ExplanationFacts, spans_of_suppressions_and_consents
from mailer.app import App
from mailer.cli.explanation_output import explanation_as_json, print_explanation
from mailer.cli.mailing_lookup import find_mailings_by_id_or_event
from mailer.cli.shared import AsJson, exit_with_error, print_json, run_with_app
from mailer.input_types import parse_moment, parse_moment_of_column_or_option
from mailer.policy.deciding import decide, facts_for_rules
from mailer.policy.decision_types import Mailing
from mailer.policy.past_standing import PastStanding, standing_at
from mailer.policy.policy_file import Policy
from mailer.policy.policy_library import version_in_force
from mailer.policy.standing import Standing
from mailer.ports.consents import StoredConsent
from mailer.ports.person_history import ListedRecipient
from mailer.ports.suppressions import Suppression
from mailer.postgres.recipient_lookup import RecipientLookup


@dataclass(frozen=True, slots=True)
class _Question:
    """A question about a mailing that exists, or about a mail that could be sent.

    Attributes:
        on: the time of the question; None: now.
    """

    recipient: str
    brand: str | None
    template: str | None
    mailing: str | None
    topic: str | None
    partner: str | None
    inviter: str | None
    product: str | None
    on: datetime | None


@dataclass(frozen=True, slots=True)
class _AskedMail:
    """The mail of the question, at a known brand."""

    policy: Policy
    template: str
    mailing: Mailing


class _Unexplained(Exception):
    """Raised if nothing can be explained; the message says what is missing."""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(explain)


def explain(
    recipient: Annotated[
        str, typer.Option(metavar="REF", help="The person: a ref, an address, or the ledger's number.")
    ],
    brand: Annotated[str | None, typer.Option(help="Whose mail; may be left out where one brand knows them.")] = None,
    template: Annotated[str | None, typer.Option(help="Which mail, were it sent.")] = None,
    mailing: Annotated[
        str | None, typer.Option(metavar="ID", help="A mailing that there was, by its or its event's id.")
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Within the category.")] = None,
    partner: Annotated[str | None, typer.Option(help="Whose mail it is, as the policy names them.")] = None,
    inviter: Annotated[str | None, typer.Option(help="Who invites.")] = None,
    product: Annotated[str | None, typer.Option(help="What service mail is about.")] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="DAY", help="How it was at the end of a day, or at a time, in UTC unless it names a zone; else now."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Says why this person did, or does not, get a mail: from the record, and by the rules. It names no address."""
    try:
        when = _parse_time_or_end_of_day(on) if on else None
    except ValueError as error:
        exit_with_error(str(error), 2)
    asked = _Question(recipient, brand, template, mailing, topic, partner, inviter, product, when)

    async def act(app: App) -> ExplanationFacts:
        return await _gather_explanation_facts(app, asked)

    try:
        found = run_with_app(act)
    except _Unexplained as error:
        exit_with_error(str(error), 2)
    if json:
        print_json(explanation_as_json(found))
    else:
        print_explanation(found)


def _parse_time_or_end_of_day(text: str) -> datetime:
    """Parses the time of the question: a time, or a day, which means its end. Without a zone, it is UTC."""
    with suppress(ValueError):
        return parse_moment(f"{text}T00:00:00Z") + timedelta(days=1)
    with suppress(ValueError):
        return parse_moment(f"{text}Z")
    return parse_moment_of_column_or_option("--on", text)


async def _gather_explanation_facts(app: App, asked: _Question) -> ExplanationFacts:
    """Gathers the facts that the explanation needs."""
    id_, asked = await _find_mailing_and_complete_question(app, asked)
    person, mail = await _find_person_and_mail(app, asked, id_)
    now = datetime.now(UTC)
    row = await app.deliveries.read_standing_as_delivery_row(person.brand, person.id, mail.mailing)
    if row is None:
        raise _Unexplained(f"--recipient: {person.brand} knows them no more")
    mailing = replace(mail.mailing, inviter_paused=row.inviter_paused)
    stops = [
        stop
        for stop in await app.suppressions.all_suppressions_of_recipient(person.brand, person.id)
        if stop.reason != "collected"
    ]
    consents = await app.consents.consent_history_of_recipient(person.brand, person.id)
    past = (
        await _past_standing(app, asked, person, row.standing, stops, consents) if asked.on and asked.on < now else None
    )
    policy = _policy_in_force_at(mail.policy, asked.on) if asked.on and past else mail.policy
    standing, at = past.standing if past else row.standing, asked.on or now
    obstacle = None if past else await app.reason_for_no_processor(policy, mailing.purpose, mailing.category.lane)
    return ExplanationFacts(
        who=person.ref if "@" not in person.ref else f"recipient {person.id}",
        template=mail.template,
        mailing=id_,
        facts=facts_for_rules(mailing, standing, policy, at),
        decision=decide(mailing, standing, policy, at),
        past=past is not None,
        untold=past.untold if past else (),
        delivered=await app.records.read_delivery_status(id_, person.id) if id_ else None,
        entries=await app.records.read_ledger_entries(id_, person.id) if id_ else (),
        halts=[] if past and not id_ else await app.records.list_halts_in_force_for_brand(person.brand, id_),
        stops=stops,
        consents=consents,
        titles=await app.records.read_template_names_of_mailings(
            {stop.mailing_id for stop in stops if stop.mailing_id}
        ),
        obstacle=obstacle.reason if obstacle else None,
    )


async def _find_mailing_and_complete_question(app: App, asked: _Question) -> tuple[UUID | None, _Question]:
    """Returns the id of the question's mailing, and the question with that mailing's brand and template."""
    if asked.mailing is None:
        if asked.template is None:
            raise _Unexplained("name a mailing by --mailing, or a mail by --template")
        return None, asked
    found = await find_mailings_by_id_or_event(app, asked.mailing)
    of_brand = [status for status in found if asked.brand in (None, status.brand)]
    if found and not of_brand:
        raise _Unexplained(f"--brand: the mailing {asked.mailing} is of {found[0].brand}")
    if not found:
        raise _Unexplained(f"--mailing: there is no mailing {asked.mailing}; `mailer mailing list` shows them")
    if len(of_brand) > 1:
        those = ", ".join(f"{status.id} of {status.brand}" for status in of_brand)
        raise _Unexplained(f"--mailing: {asked.mailing} names {len(of_brand)} mailings: {those}; give the id of one")
    return of_brand[0].id, replace(asked, brand=of_brand[0].brand, template=of_brand[0].template)


async def _find_person_and_mail(app: App, asked: _Question, mailing: UUID | None) -> tuple[ListedRecipient, _AskedMail]:
    """Returns the person and the mail, at the named brand or at the one brand that has both."""
    if asked.brand is not None and asked.brand not in app.policies:
        raise _Unexplained(f"--brand: there is no {asked.brand}; there are {', '.join(app.policies)}")
    brands = [asked.brand] if asked.brand else list(app.policies)
    mails = {
        brand: mail
        for brand in brands
        if (mail := await _asked_mail_of_brand_or_none(app, brand, asked, mailing)) is not None
    }
    if not mails and asked.brand:
        names = ", ".join(app.templates.template_names_of_brand(asked.brand))
        raise _Unexplained(f"--template: {asked.brand} has no {asked.template}; it has {names}")
    if not mails:
        raise _Unexplained(f"--template: no brand has {asked.template}; `mailer templates check` shows them")
    controllers = {brand: app.policies[brand].controller.id for brand in mails}
    known = await RecipientLookup(app.pool, app.hasher, controllers).find_recipients(asked.recipient)
    known = [one for one in known if one.ref == asked.recipient] or list(known)
    if len(known) == 1:
        return known[0], mails[known[0].brand]
    who = "that address" if "@" in asked.recipient else asked.recipient
    if not known and asked.brand:
        raise _Unexplained(f"--recipient: {asked.brand} has no recipient {who}")
    if not known:
        raise _Unexplained(f"--brand: none of {', '.join(mails)} knows {who}; name one")
    if len({one.brand for one in known}) > 1:
        raise _Unexplained(f"--brand: {', '.join(sorted({one.brand for one in known}))} know {who}; name one")
    numbers = ", ".join(str(one.id) for one in known)
    raise _Unexplained(f"--recipient: {who} is of {len(known)} recipients: {numbers}; give the number of one")


async def _asked_mail_of_brand_or_none(
    app: App, brand: str, asked: _Question, mailing: UUID | None
) -> _AskedMail | None:
    """Returns the question's mail with the facts that a decision needs, or None if the brand lacks the template."""
    policy, template = app.policies[brand], app.templates.find_template(brand, asked.template or "")
    if template is None:
        return None
    category = policy.get_category(template.category)
    if mailing is None:
        about = Mailing(
            category, template.purpose, None, asked.topic, asked.inviter, partner=asked.partner, product=asked.product
        )
        return _AskedMail(policy, template.name, about)
    told = (await app.mailings.read_facts_of_mailings([mailing]))[mailing]
    about = Mailing(
        category,
        template.purpose,
        mailing,
        told.topic,
        told.inviter,
        partner=told.partner,
        send_at=told.send_at,
        expires_at=told.expires_at,
        product=told.product,
    )
    return _AskedMail(policy, template.name, about)


async def _past_standing(
    app: App,
    asked: _Question,
    person: ListedRecipient,
    now: Standing,
    stops: Sequence[Suppression],
    consents: Sequence[StoredConsent],
) -> PastStanding:
    """Returns the standing at the time of the question, as far as the records show it."""
    when = asked.on or datetime.now(UTC)
    if when < person.since:
        raise _Unexplained(
            f"--on: they became known on {person.since:%Y-%m-%d %H:%M:%SZ}; before, nothing is on record"
        )
    return standing_at(
        now,
        await app.records.read_standing_changes_of_recipient(person.brand, person.id),
        [*spans_of_suppressions_and_consents(stops, consents)],
        when,
    )


def _policy_in_force_at(policy: Policy, moment: datetime) -> Policy:
    """Returns the version of a brand's policy that was in force at a moment."""
    day = moment.astimezone(UTC).date()
    if all(version.effective > day for version in policy.all_versions):
        first = min(version.effective for version in policy.all_versions)
        raise _Unexplained(f"--on: {policy.brand} had no policy before {first}")
    return version_in_force(policy.all_versions, day)
