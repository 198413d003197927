"""Prints an explanation: two sentences for support, tables for privacy officers, or everything as JSON."""

from dataclasses import asdict
from typing import Any

from mailer.actions.explanations import (
    ExplanationFacts,
    consent_in_words,
    explain_why_mail_came_or_not,
    halt_in_words,
    ledger_entry_in_words,
    suppression_in_words,
)
from mailer.cli.shared import format_utc_time, out, print_facts, print_table
from mailer.cli.terminal_layout import Cell
from mailer.policy.decision_explanations import (
    ExplainedRuleAnswer,
    explain_rules_of_decision,
    missing_fields_behind_decision,
    policy_switches_and_value_sources,
)
from mailer.policy.decision_types import Send
from mailer.policy.ledger_reason_wording import fact_label, without_addresses
from mailer.policy.tracking import tracking_level
from mailer.ports.suppressions import Suppression


def print_explanation(found: ExplanationFacts) -> None:
    """Prints an explanation for people: first two sentences, then tables."""
    seen = found.facts
    for sentence in explain_why_mail_came_or_not(found):
        out.print(sentence)
    out.print()
    print_facts(
        {
            "recipient": found.who,
            "mail": f"{seen.policy.brand}/{found.template}",
            "mailing": str(found.mailing) if found.mailing else None,
            "as of": format_utc_time(seen.now),
            "policy": f"{seen.policy.version}, in force since {seen.policy.effective}",
            "category": seen.mailing.category.name,
            "to this person": seen.category.name,
            "tracking": tracking_level(seen.switches, seen.standing),
        }
    )
    for text in found.untold:
        out.print(f"Not on record for that moment: {text}.")
    if found.entries:
        print_table(
            ("at", "on record", "rule", "policy"),
            [_ledger_entry_row(entry) for entry in found.entries],
            "as the ledger has it",
        )
    if beside := [*_suppression_rows(found), *_consent_rows(found), *((halt_in_words(halt),) for halt in found.halts)]:
        print_table(("on record of the person and of what stands still",), beside)
    print_table(
        ("switch", "holds", "strictest in"), list(policy_switches_and_value_sources(seen.policy, seen.standing))
    )
    print_table(
        ("", "rule", "source", "saw", "said"),
        [_rule_row(line) for line in explain_rules_of_decision(seen)],
        "by the rules",
    )


def explanation_as_json(found: ExplanationFacts) -> dict[str, Any]:
    """Returns the whole explanation as JSON."""
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
            name: {"value": value, "from": place}
            for name, value, place in policy_switches_and_value_sources(seen.policy, seen.standing)
        },
        "rules": [
            asdict(line) | {"saw": _values_with_masked_addresses(dict(line.saw))}
            for line in explain_rules_of_decision(seen)
        ],
        "decision": verdict,
        "missing": list(missing_fields_behind_decision(seen, decision)),
        "delivery": asdict(found.delivered) if found.delivered else None,
        "recorded": [
            _values_with_masked_addresses(asdict(entry)) | {"says": ledger_entry_in_words(entry)}
            for entry in found.entries
        ],
        "halts": [_values_with_masked_addresses(asdict(halt)) | {"says": halt_in_words(halt)} for halt in found.halts],
        "no_processor": found.obstacle,
        "needs_release": seen.mailing.category.needs_release,
        "stops": [
            _suppression_without_hash(stop) | {"says": suppression_in_words(stop, found.titles)} for stop in found.stops
        ],
        "consents": [
            _values_with_masked_addresses(asdict(record.consent))
            | {"counts": record.counts, "recorded_at": record.recorded_at, "says": consent_in_words(record)}
            for record in found.consents
        ],
        "sentences": list(explain_why_mail_came_or_not(found)),
    }


def _suppression_without_hash(stop: Suppression) -> dict[str, Any]:
    """Returns a suppression as JSON, without the hash of the address."""
    return {
        name: value
        for name, value in _values_with_masked_addresses(asdict(stop)).items()
        if name not in ("hash", "key")
    }


def _values_with_masked_addresses(values: dict[str, Any]) -> dict[str, Any]:
    return {name: without_addresses(value) if isinstance(value, str) else value for name, value in values.items()}


def _ledger_entry_row(entry: Any) -> tuple[Cell, ...]:
    reply = f": {without_addresses(entry.reply)}" if entry.reply else ""
    by = f" (by {without_addresses(entry.actor)})" if entry.actor else ""
    return format_utc_time(entry.at), f"{ledger_entry_in_words(entry)}{reply}{by}", entry.rule, entry.policy


def _suppression_rows(found: ExplanationFacts) -> list[tuple[Cell, ...]]:
    return [(f"{found.who} {suppression_in_words(stop, found.titles)}",) for stop in found.stops]


def _consent_rows(found: ExplanationFacts) -> list[tuple[Cell, ...]]:
    return [(f"{found.who} {consent_in_words(record)}",) for record in found.consents]


def _rule_row(line: ExplainedRuleAnswer) -> tuple[Cell, ...]:
    saw = [f"{fact_label(name)}: {without_addresses(value)}" for name, value in line.saw.items()]
    return ">" if line.decides else "", line.rule, line.source, saw, line.said
