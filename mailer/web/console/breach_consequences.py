"""Everything that follows from the facts of a case, for the page beside them: each with the rule that says so."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mailer.policy.breach.draft import ELSEWHERE, NoticePart
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.rules import (
    BreachRules,
    ChannelChoice,
    PersonToTell,
    SubstituteDue,
    ThresholdReached,
    choose_channel,
    clocks_of_case,
    required_parts,
    rule_in_words,
    substitutes_due,
    suggest_variants,
    thresholds_reached,
)
from mailer.web.console.breach_clock_rows import ClockRow, clock_rows

_PEOPLE: Mapping[str, Mapping[str, bool]] = {
    "usual": {},
    "compromised": {"is_mailbox_compromised": True},
    "under_13": {"is_under_13": True},
}
"""The people whose channel is shown: with an address, a postal address, and no known consent; and two others."""


class PartsOfVariant(NamedTuple):
    """The demands on one variant of the notice.

    Attributes:
        name: of the variant. places: those of its places where people are estimated; none: all others.
        title: that a law sets; None: any.
        required, forbidden: the parts, each with the rows that say so, in words.
    """

    name: str
    places: tuple[str, ...]
    title: str | None
    required: Mapping[NoticePart, Sequence[str]]
    forbidden: Mapping[NoticePart, Sequence[str]]


class ChannelOfPerson(NamedTuple):
    """The channel of one kind of people at some places, and the row that says so, in words; empty: none does."""

    person: str
    places: tuple[str, ...]
    choice: ChannelChoice
    because: str


class Consequences(NamedTuple):
    """Everything that follows from facts."""

    clocks: Sequence[ClockRow]
    variants: Sequence[PartsOfVariant]
    channels: Sequence[ChannelOfPerson]
    thresholds: Sequence[ThresholdReached]
    substitutes: Sequence[SubstituteDue]


def consequences_of_facts(facts: BreachFacts, rules: BreachRules, zone: ZoneInfo, now: datetime) -> Consequences:
    """Returns what follows from the facts; before anybody was told."""
    return Consequences(
        clock_rows(clocks_of_case(facts, rules), rules, {}, zone, now),
        [_parts_of_variant(name, places, facts, rules) for name, places in suggest_variants(facts, rules).items()],
        _channels(facts, rules),
        thresholds_reached(facts.people_by_place, facts, rules),
        substitutes_due({}, facts.people_by_place, facts, rules),
    )


def _parts_of_variant(name: str, places: tuple[str, ...], facts: BreachFacts, rules: BreachRules) -> PartsOfVariant:
    parts = required_parts(facts, rules, () if name == ELSEWHERE else places)
    return PartsOfVariant(
        name,
        _estimated_places(places, facts),
        parts.title,
        _with_words(parts.required, rules),
        _with_words(parts.forbidden, rules),
    )


def _with_words(ids_by_part: Mapping[NoticePart, Sequence[str]], rules: BreachRules) -> dict[NoticePart, list[str]]:
    return {
        part: [f"{rules.by_id[one].name}, {rules.by_id[one].law}" for one in ids] for part, ids in ids_by_part.items()
    }


def _estimated_places(places: tuple[str, ...], facts: BreachFacts) -> tuple[str, ...]:
    named = set(places)
    return tuple(one for one in sorted(facts.people_by_place) if one in named or one.partition("-")[0] in named)


def _channels(facts: BreachFacts, rules: BreachRules) -> list[ChannelOfPerson]:
    """Returns the channels that differ: the usual one of each place, and the special ones if they are another."""
    found = defaultdict[tuple[str, ChannelChoice], list[str]](list)
    for place in sorted(facts.people_by_place):
        usual: ChannelChoice | None = None
        for person, traits in _PEOPLE.items():
            somebody = PersonToTell(place, has_address=True, has_postal_address=True, **traits)
            choice = choose_channel(somebody, facts, rules)
            if choice != usual:
                found[person, choice].append(place)
            usual = usual or choice
    return [
        ChannelOfPerson(person, tuple(places), choice, _row_in_words(choice, rules))
        for (person, choice), places in found.items()
    ]


def _row_in_words(choice: ChannelChoice, rules: BreachRules) -> str:
    row = rules.by_id.get(choice.rule)
    return rule_in_words(row) if row else ""
