"""`mailer policy explain`: why somebody does, or does not, get a mailing."""

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from mailer.app import App
from mailer.cli.identifiers import mailing_id
from mailer.cli.layout import Cell
from mailer.cli.shared import AsJson, facts, fail, out, print_json, table, with_app
from mailer.inputs import moment, named_moment
from mailer.policy.deciding import decide, facts_of
from mailer.policy.decision import Decision, Facts, Mailing, Send
from mailer.policy.explaining import Line, lines, missing, sentence, switches
from mailer.policy.tracking import tracking_level
from mailer.ports.control import MailingRefused


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be explained: a mailing that there was, or one that might be."""

    recipient: str
    brand: str | None
    template: str | None
    mailing: UUID | None
    topic: str | None
    partner: str | None
    inviter: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class _Explained:
    asked: _Asked
    brand: str
    template: str
    facts: Facts
    decision: Decision
    recorded: list[dict[str, Any]]


class _Unexplained(Exception):
    """There is nothing to explain; the message says what is missing."""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(explain)


def explain(
    recipient: Annotated[str, typer.Option(metavar="REF", help="Who, as the application names them.")],
    brand: Annotated[str | None, typer.Option(help="Whose mail; may be left out where one brand knows them.")] = None,
    template: Annotated[str | None, typer.Option(help="Which mail, were it sent now.")] = None,
    mailing: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="A mailing that there was, by its or its event's id: what the ledger has, too."
        ),
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Within the category.")] = None,
    partner: Annotated[str | None, typer.Option(help="Whose mail it is, as the policy names them.")] = None,
    inviter: Annotated[str | None, typer.Option(help="Who invites.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When, in UTC unless it names a zone; now without it.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Says what every rule saw and said, and why this person does, or does not, get it."""
    try:
        when = _when(at) if at else datetime.now(UTC)
    except ValueError as error:
        fail(str(error), 2)

    async def act(app: App) -> _Explained:
        id_ = None if mailing is None else await mailing_id(app, mailing)
        return await _explained(app, _Asked(recipient, brand, template, id_, topic, partner, inviter, when))

    try:
        found = with_app(act)
    except MailingRefused as error:
        fail(f"--mailing: {error}", 2)
    except _Unexplained as error:
        fail(str(error), 2)
    if json:
        print_json(_as_json(found))
    else:
        _print(found)


def _when(text: str) -> datetime:
    """The moment that is asked about; without a zone it is in UTC."""
    with suppress(ValueError):
        return moment(f"{text}Z")
    return named_moment("--at", text)


async def _explained(app: App, asked: _Asked) -> _Explained:
    brand, template, mailing = await _mailing(app, asked)
    recipient = await app.standings.find(brand, asked.recipient)
    row = await app.deliveries.foresee(brand, recipient, mailing) if recipient is not None else None
    if row is None:
        raise _Unexplained(f"--recipient: {brand} has no recipient {asked.recipient}")
    mailing = replace(mailing, inviter_paused=row.inviter_paused)
    seen = facts_of(mailing, row.standing, app.policies[brand], asked.at)
    decision = decide(mailing, row.standing, app.policies[brand], asked.at)
    recorded = await app.ledger.decisions(asked.mailing, row.recipient_id) if asked.mailing else []
    return _Explained(asked, brand, template, seen, decision, recorded)


async def _only_brand(app: App, recipient: str, template: str) -> str:
    """The one brand that has this mail and knows this person."""
    mailing = [brand for brand in app.policies if app.templates.get(brand, template) is not None]
    if not mailing:
        raise _Unexplained(f"--template: no brand has {template}; `mailer templates check` shows them")
    known = [brand for brand in mailing if await app.standings.find(brand, recipient) is not None]
    if len(known) != 1:
        those = f"{', '.join(known)} know" if known else f"none of {', '.join(mailing)} knows"
        raise _Unexplained(f"--brand: {those} {recipient}; name one")
    return known[0]


async def _mailing(app: App, asked: _Asked) -> tuple[str, str, Mailing]:
    """Brand and template by name, and the mailing as a decision sees it."""
    if asked.mailing is not None:
        told = (await app.mailings.facts([asked.mailing])).get(asked.mailing)
        if told is None:
            raise _Unexplained(f"--mailing: there is no mailing {asked.mailing}; `mailer mailing list` shows them")
        if asked.brand not in (None, told.brand):
            raise _Unexplained(f"--brand: the mailing {asked.mailing} is of {told.brand}")
        asked = replace(asked, topic=told.topic, partner=told.partner, inviter=told.inviter)
        brand, name, times = told.brand, told.template, (told.send_at, told.expires_at)
    elif asked.template is None:
        raise _Unexplained("name a mailing by --mailing, or a mail by --template")
    else:
        brand = asked.brand or await _only_brand(app, asked.recipient, asked.template)
        name, times = asked.template, (None, None)
    if brand not in app.policies:
        raise _Unexplained(f"--brand: there is no {brand}; there are {', '.join(app.policies)}")
    template = app.templates.get(brand, name)
    if template is None:
        raise _Unexplained(f"--template: {brand} has no {name}; it has {', '.join(app.templates.names(brand))}")
    category = app.policies[brand].categories[template.category]
    send_at, expires_at = times
    return (
        brand,
        name,
        Mailing(
            category,
            template.purpose,
            asked.mailing,
            asked.topic,
            asked.inviter,
            partner=asked.partner,
            send_at=send_at,
            expires_at=expires_at,
        ),
    )


def _as_json(found: _Explained) -> dict[str, Any]:
    seen, decision = found.facts, found.decision
    verdict = {"verdict": type(decision).__name__.lower(), **asdict(decision)}
    if isinstance(decision, Send):
        verdict["category"] = decision.category.name
    return {
        "recipient": found.asked.recipient,
        "brand": found.brand,
        "template": found.template,
        "mailing": found.asked.mailing,
        "at": found.asked.at.isoformat(),
        "policy": seen.policy.version,
        "category": seen.mailing.category.name,
        "to_this_person": seen.category.name,
        "tracking": tracking_level(seen.switches, seen.standing),
        "switches": {
            name: {"value": value, "from": place} for name, value, place in switches(seen.policy, seen.standing)
        },
        "rules": [asdict(line) for line in lines(seen)],
        "decision": verdict,
        "missing": list(missing(seen, decision)),
        "recorded": found.recorded,
        "sentence": _sentence(found),
    }


def _sentence(found: _Explained) -> str:
    return sentence(found.asked.recipient, found.template, found.facts, found.decision)


def _print(found: _Explained) -> None:
    seen = found.facts
    facts(
        {
            "recipient": found.asked.recipient,
            "mail": f"{found.brand}/{found.template}",
            "policy": seen.policy.version,
            "category": seen.mailing.category.name,
            "to this person": seen.category.name,
            "tracking": tracking_level(seen.switches, seen.standing),
        }
    )
    table(("switch", "holds", "strictest in"), list(switches(seen.policy, seen.standing)))
    table(("", "rule", "source", "saw", "said"), [_row(line) for line in lines(seen)])
    if found.recorded:
        columns = ("at", "attempt", "category", "reason", "rule", "policy")
        table(columns, [[entry[name] for name in columns] for entry in found.recorded], "as the ledger has it")
    out.print(_sentence(found))


def _row(line: Line) -> tuple[Cell, ...]:
    saw = [f"{name}: {value}" for name, value in line.saw.items()]
    return ">" if line.decides else "", line.rule, line.source, saw, line.said
