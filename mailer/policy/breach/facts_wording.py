"""Facts of a breach in words, and the differences between two revisions. Pure."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from mailer.policy.breach.facts import BreachFacts
from mailer.policy.moment_wording import day_in_words, moment_in_words


class FactDifference(NamedTuple):
    """A fact that two revisions have differently: its name, and what it was and is, in words; empty: nothing."""

    field: str
    before: str
    after: str


def facts_in_words(facts: BreachFacts) -> Mapping[str, str]:
    """Returns all facts in words by name, in the order of the form; empty: nothing is known yet."""
    return {name: _in_words(getattr(facts, name)) for name in BreachFacts.model_fields}


def compare_facts(before: BreachFacts, after: BreachFacts) -> list[FactDifference]:
    """Returns what is different, in the order of the form."""
    old, new = facts_in_words(before), facts_in_words(after)
    return [FactDifference(name, old[name], new[name]) for name in old if old[name] != new[name]]


def _in_words(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return moment_in_words(value)
        case date():
            return day_in_words(value)
        case StrEnum():
            return value.replace("_", " ")
        case frozenset():
            return ", ".join(sorted(str(one).replace("_", " ") for one in value))
        case dict():
            return ", ".join(f"{place} {number:,}" for place, number in sorted(value.items()))
        case int():
            return f"{value:,}"
        case _:
            return str(value)
