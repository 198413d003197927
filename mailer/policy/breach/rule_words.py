"""Sentences about rules: what a row asks for, and what it caused in a case. In English, for staff. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from mailer.policy.breach.facts import BreachFacts, Risk
from mailer.policy.breach.rule_rows import (
    Addressee,
    AnyRule,
    ChannelReason,
    ChannelRule,
    ClockRule,
    DutyRule,
    ForbiddenPartsRule,
    FormRule,
    PartsRule,
    SubstituteRule,
)


def clock_in_words(
    row: ClockRule,
    starts_at: datetime,
    due_at: datetime | None,
    zone: ZoneInfo,
    is_strictest: bool,
    facts: BreachFacts,
) -> str:
    """Returns the sentence of a clock that runs.

    Such as `California: tell residents of California by 14 January 2027, 30 days after 15 December 2026, Civ. Code
    1798.82(a)`. Days are those of the zone; hours are given in UTC.
    """
    subject, law = (
        ("Elsewhere", f"the strictest of all rules ({row.name}, {row.law})") if is_strictest else (row.name, row.law)
    )
    demand = f"{row.what} {whom_in_words(row, is_strictest)}"
    begin = _moment(starts_at, zone, row.hours is not None)
    if due_at is None:
        return f"{subject}: {demand} without undue delay after {begin}, {law}"
    end = _moment(due_at, zone, row.hours is not None)
    where = "" if row.hours is not None or (row.zone == zone.key and not is_strictest) else f" in {zone.key}"
    return f"{subject}: {demand} by {end}{where}, {period_in_words(row)} after {begin}, {law}{_delay(row, facts)}"


def whom_in_words(row: ClockRule, is_strictest: bool) -> str:
    """Returns those who are told, in words; without a place's name if the row holds elsewhere as the strictest."""
    if not is_strictest:
        return row.whom
    return "people" if row.to is Addressee.PEOPLE else "the authority"


def _moment(at: datetime, zone: ZoneInfo, is_to_the_minute: bool) -> str:
    local = at.astimezone(ZoneInfo("UTC") if is_to_the_minute else zone)
    day = f"{local.day} {local:%B %Y}"
    return f"{day}, {local:%H:%M} UTC" if is_to_the_minute else day


def _delay(row: ClockRule, facts: BreachFacts) -> str:
    if not row.waits_for_law_enforcement or facts.law_enforcement_delay_until is None:
        return ""
    until = facts.law_enforcement_delay_until
    return f"; {facts.law_enforcement} has asked to wait until {until.day} {until:%B %Y}"


def period_in_words(row: ClockRule) -> str:
    """Returns the period of a clock, such as `72 hours`; `no fixed time` if it has none."""
    for number, unit in ((row.hours, "hour"), (row.days, "day"), (row.months, "month")):
        if number is not None:
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "no fixed time"


def number_in_words(number: int) -> str:
    """Returns a number with commas, such as `12,000`."""
    return f"{number:,}"


def people_in_words(number: int) -> str:
    """Returns a number of people, such as `1 person` or `12,000 people`."""
    return "1 person" if number == 1 else f"{number_in_words(number)} people"


def threshold_in_words(row: ClockRule, people: int, places: Sequence[str]) -> str:
    """Returns the sentence of a threshold that is reached."""
    return (
        f"{row.name}: {row.what} {row.whom}, since {number_in_words(people)} people in {', '.join(places)} are"
        f" concerned, {_limit(row)}, {row.law}"
    )


def _limit(row: ClockRule) -> str:
    if row.more_than is not None:
        return f"more than {number_in_words(row.more_than)}"
    return f"{number_in_words(row.at_least or 0)} or more"


def substitute_in_words(row: SubstituteRule, reasons: Iterable[str], is_strictest: bool) -> str:
    """Returns the sentence of a substitute notice."""
    subject, law = ("Elsewhere", f"as {row.name}, {row.law}") if is_strictest else (row.name, row.law)
    return f"{subject}: {_steps(row)}, since {' and '.join(reasons)}, {law}"


def _steps(row: SubstituteRule) -> str:
    return "; ".join(
        f"{step.words} for {step.days} days" if step.days is not None else step.words for step in row.steps
    )


def rule_in_words(row: AnyRule) -> str:
    """Returns the sentence that says what a row asks for, whatever the facts are."""
    return f"{row.name}: {demand_in_words(row)}, {row.law}"


def conditions_in_words(row: AnyRule) -> str:
    """Returns the facts under which a row holds; empty: always."""
    return "; ".join(
        [
            *([f"the business is under {row.sector_law}"] if row.sector_law else []),
            *(f"the business is not under {law}" for law in row.unless_sector_laws),
            *([f"one of these is involved: {_words(row.data)}"] if row.data else []),
            *([f"the risk is {_RISKS[row.least_risk]}"] if row.least_risk else []),
            *([] if row.is_for_encrypted else ["the data could be read"]),
            *(["the controller was the source"] if row.is_for_own_fault else []),
            *(["an agency has asked to wait"] if row.is_for_delay else []),
            *([f"not in {', '.join(row.except_places)}"] if row.except_places else []),
        ]
    )


_RISKS: Final = {Risk.SOME: "some, high or unknown", Risk.HIGH: "high or unknown"}


def demand_in_words(row: AnyRule) -> str:
    """Returns the demand of a row, without its name and its law."""
    match row:
        case ClockRule():
            return _clock_demand(row)
        case PartsRule():
            said = f" with {'; '.join(row.must_say)}" if row.must_say else ""
            return f"the notice has {_quoted(row.parts)}{said}"
        case ForbiddenPartsRule():
            said = f" and does not say {' or '.join(row.must_not_say)}" if row.must_not_say else ""
            return f"the notice does not have {_quoted(row.parts)}{said}"
        case FormRule():
            return _form_demand(row)
        case ChannelRule():
            return f"{PEOPLE_OF_REASON[row.reason]} are told by {row.channel}"
        case SubstituteRule():
            return f"{_steps(row)}, if {' or '.join(_substitute_limits(row))}"
        case DutyRule():
            return row.duty


def _clock_demand(row: ClockRule) -> str:
    people = f", if {_limit(row)} people are concerned" if row.least_people else ""
    if row.hours is None and row.days is None and row.months is None:
        return f"{row.what} {row.whom} without undue delay{people}"
    begin = f"the end of {row.after}" if row.after else "the breach was found"
    return f"{row.what} {row.whom} within {period_in_words(row)} after {begin}{people}"


def _form_demand(row: FormRule) -> str:
    demands = [
        *([f"the title is “{row.title}”"] if row.title else []),
        *(f"the headings in {language} are “{'”, “'.join(said.values())}”" for language, said in row.headings.items()),
        *([f"the type has {row.least_points} points at least"] if row.least_points else []),
    ]
    return "; ".join(demands)


def _substitute_limits(row: SubstituteRule) -> Iterable[str]:
    if row.unreachable_at_least is not None:
        yield f"{number_in_words(row.unreachable_at_least)} or more people cannot be reached"
    if row.people_more_than is not None:
        yield f"more than {number_in_words(row.people_more_than)} people are concerned"
    if row.cost_more_than is not None:
        yield f"telling everybody would cost more than {number_in_words(row.cost_more_than)} US dollars"


PEOPLE_OF_REASON: Final[Mapping[ChannelReason, str]] = {
    ChannelReason.UNDER_13: "children under 13, through their parents or guardians,",
    ChannelReason.OUR_MAIL_COMPROMISED: "people, as long as our own mail cannot be trusted,",
    ChannelReason.OWN_MAILBOX_COMPROMISED: "people whose mailbox strangers can read",
    ChannelReason.NO_ADDRESS: "people without an e-mail address",
    ChannelReason.ADDRESS_DEAD: "people whose mail comes back",
    ChannelReason.ELECTRONIC_REFUSED: "people who refuse electronic notices",
    ChannelReason.NO_ELECTRONIC_CONSENT: "people without a consent to electronic notices",
    ChannelReason.NO_POSTAL_ADDRESS: "people to whom a letter is due, but whose postal address nobody knows,",
    ChannelReason.MAIL: "all other people",
}
"""The people of each reason for a channel."""


def _quoted(parts: Iterable[str]) -> str:
    return ", ".join(f"“{part.replace('_', ' ')}”" for part in parts)


def _words(parts: Iterable[str]) -> str:
    return ", ".join(part.replace("_", " ") for part in parts)
