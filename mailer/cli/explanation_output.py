"""Printing of an explanation: two sentences for support, tables in words for officers, and all of it as JSON."""

from dataclasses import asdict
from typing import Any

from mailer.actions.explanations import (
    Found,
    consent_in_words,
    entry_in_words,
    halt_in_words,
    sentences,
    stop_in_words,
)
from mailer.cli.shared import facts, moment, out, table
from mailer.cli.terminal_layout import Cell
from mailer.policy.decision import Send
from mailer.policy.reason_wording import label, unaddressed
from mailer.policy.rule_explanations import Line, lines, missing, switches
from mailer.policy.tracking import tracking_level
from mailer.ports.suppressions import Suppression


def print_found(found: Found) -> None:
    """Prints it for people: the two sentences first."""
    seen = found.facts
    for sentence in sentences(found):
        out.print(sentence)
    out.print()
    facts(
        {
            "recipient": found.who,
            "mail": f"{seen.policy.brand}/{found.template}",
            "mailing": str(found.mailing) if found.mailing else None,
            "as of": moment(seen.now),
            "policy": f"{seen.policy.version}, in force since {seen.policy.effective}",
            "category": seen.mailing.category.name,
            "to this person": seen.category.name,
            "tracking": tracking_level(seen.switches, seen.standing),
        }
    )
    for text in found.untold:
        out.print(f"Not on record for that moment: {text}.")
    if found.entries:
        table(("at", "on record", "rule", "policy"), [_entry(entry) for entry in found.entries], "as the ledger has it")
    if beside := [*_stops(found), *_consents(found), *((halt_in_words(halt),) for halt in found.halts)]:
        table(("on record of the person and of what stands still",), beside)
    table(("switch", "holds", "strictest in"), list(switches(seen.policy, seen.standing)))
    table(("", "rule", "source", "saw", "said"), [_row(line) for line in lines(seen)], "by the rules")


def as_json(found: Found) -> dict[str, Any]:
    """All of it, as JSON has it."""
    seen, decision = found.facts, found.decision
    verdict = {"verdict": type(decision).__name__.lower(), **asdict(decision)}
    if isinstance(decision, Send):
        verdict["category"] = decision.category.name
    return {
        "recipient": found.who,
        "brand": seen.policy.brand,
        "template": found.template,
        "mailing": found.mailing,
        "at": seen.now.isoformat(),
        "past": found.past,
        "untold": list(found.untold),
        "policy": seen.policy.version,
        "category": seen.mailing.category.name,
        "to_this_person": seen.category.name,
        "tracking": tracking_level(seen.switches, seen.standing),
        "switches": {
            name: {"value": value, "from": place} for name, value, place in switches(seen.policy, seen.standing)
        },
        "rules": [asdict(line) | {"saw": _unaddressed(dict(line.saw))} for line in lines(seen)],
        "decision": verdict,
        "missing": list(missing(seen, decision)),
        "delivery": asdict(found.delivered) if found.delivered else None,
        "recorded": [_unaddressed(asdict(entry)) | {"says": entry_in_words(entry)} for entry in found.entries],
        "halts": [_unaddressed(asdict(halt)) | {"says": halt_in_words(halt)} for halt in found.halts],
        "no_processor": found.obstacle,
        "needs_release": seen.mailing.category.needs_release,
        "stops": [_stop(stop) | {"says": stop_in_words(stop, found.titles)} for stop in found.stops],
        "consents": [
            _unaddressed(asdict(record.consent))
            | {"counts": record.counts, "recorded_at": record.recorded_at, "says": consent_in_words(record)}
            for record in found.consents
        ],
        "sentences": list(sentences(found)),
    }


def _stop(stop: Suppression) -> dict[str, Any]:
    """A suppression without the hash of the address."""
    return {name: value for name, value in _unaddressed(asdict(stop)).items() if name not in ("hash", "key")}


def _unaddressed(values: dict[str, Any]) -> dict[str, Any]:
    return {name: unaddressed(value) if isinstance(value, str) else value for name, value in values.items()}


def _entry(entry: Any) -> tuple[Cell, ...]:
    reply = f": {unaddressed(entry.reply)}" if entry.reply else ""
    by = f" (by {unaddressed(entry.actor)})" if entry.actor else ""
    return moment(entry.at), f"{entry_in_words(entry)}{reply}{by}", entry.rule, entry.policy


def _stops(found: Found) -> list[tuple[Cell, ...]]:
    return [(f"{found.who} {stop_in_words(stop, found.titles)}",) for stop in found.stops]


def _consents(found: Found) -> list[tuple[Cell, ...]]:
    return [(f"{found.who} {consent_in_words(record)}",) for record in found.consents]


def _row(line: Line) -> tuple[Cell, ...]:
    saw = [f"{label(name)}: {unaddressed(value)}" for name, value in line.saw.items()]
    return ">" if line.decides else "", line.rule, line.source, saw, line.said
