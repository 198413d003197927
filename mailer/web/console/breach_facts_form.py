"""The form of a case's facts: small steps, each with a few fields. What was typed is kept, also what is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from mailer.policy.breach.facts import MOST_PLACES, BreachFacts
from mailer.policy.breach.facts_checks import refusal_of_facts
from mailer.policy.campaign_draft import SCHEDULE_YEARS
from mailer.policy.campaign_schedule import known_zone_or_none, moment_of_local_time
from mailer.web.form_posts import Form

STEPS: Final[Mapping[str, tuple[str, ...]]] = {
    "when": ("summary", "began_on", "ended_on", "found_at"),
    "data": ("data", "other_data", "is_encrypted", "risk"),
    "people": ("people_by_place", "sector_laws"),
    "mail": ("mail_trouble",),
    "measures": ("effects", "measures", "is_our_fault", "notice_cost"),
    "authorities": ("law_enforcement", "law_enforcement_delay_until", "delay_reason"),
}
"""The steps in their order, each with its facts."""
_SETS: Final = frozenset({"data", "sector_laws"})
_TICKS: Final = frozenset({"is_encrypted", "is_our_fault"})
_STORIES: Final = frozenset({"effects", "measures", "delay_reason", "people_by_place"})
_MAY_BE_EMPTY: Final = frozenset({"began_on", "ended_on", "law_enforcement_delay_until", "notice_cost"})
_LONGEST: Final = 20_000
"""The most characters of a field that are read; the facts have narrower limits, which are told."""
_PLACE_LINE: Final = re.compile(r"([A-Za-z]{2}(?:-[A-Za-z0-9]{1,3})?)\s*[\s:=,;]\s*(\d[\d,. _']*)")


@dataclass(frozen=True, slots=True)
class FactFault:
    """A fault of a field: its name, and what is wrong."""

    field: str
    text: str


Typed = Mapping[str, Any]
"""The fields of a step as they were typed: texts, lists of texts for choices, and `zone` for the time in `found_at`."""


def step_after(step: str) -> str | None:
    """Returns the step after one, or None after the last one."""
    names = list(STEPS)
    place = names.index(step) + 1
    return names[place] if place < len(names) else None


def typed_facts(facts: BreachFacts, step: str, zone: ZoneInfo) -> Typed:
    """Returns the stored facts of a step as its form shows them: the moment by the clocks of a zone."""
    stored = facts.model_dump(mode="json", include=set(STEPS[step]))
    typed = {name: _shown(name, stored[name]) for name in STEPS[step]}
    if "found_at" in typed:
        typed["found_at"] = _local_minute(facts.found_at, zone)
        typed["zone"] = zone.key
    return typed


def _local_minute(at: datetime | None, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if at else ""


def _shown(name: str, value: Any) -> Any:
    if name in _SETS:
        return sorted(value)
    if name == "people_by_place":
        return "\n".join(f"{place} {number}" for place, number in sorted(value.items()))
    if isinstance(value, bool):
        return "yes" if value else ""
    return "" if value is None else str(value)


def read_typed_facts(form: Form, step: str) -> Typed:
    """Returns the fields of a step as they were typed, without blanks around them."""
    typed: dict[str, Any] = {}
    for name in STEPS[step]:
        values = [one[:_LONGEST] for one in form.get(name, [])]
        if name in _SETS:
            typed[name] = values[:50]
        else:
            text = values[0] if values else ""
            typed[name] = text.replace("\r\n", "\n").strip() if name in _STORIES else text.strip()
    if "found_at" in STEPS[step]:
        typed["zone"] = form.get("zone", ["UTC"])[0].strip()[:64]
    return typed


def build_facts(typed: Typed, step: str, before: BreachFacts) -> tuple[BreachFacts | None, list[FactFault]]:
    """Returns the facts with a typed step in the place of the stored one; or None, and the faults by field."""
    raw = before.model_dump(mode="json")
    faults = list[FactFault]()
    for name in STEPS[step]:
        try:
            raw[name] = _value_of(name, typed, before)
        except ValueError as error:
            faults.append(FactFault(name, str(error)))
    if faults:
        return None, faults
    try:
        facts = BreachFacts.model_validate(raw)
    except ValidationError as error:
        return None, [_fault_of_error(one, step) for one in error.errors()]
    if refusal := refusal_of_facts(facts, datetime.now(UTC)):
        return None, [_fault_of_message(refusal, step)]
    return facts, []


def _value_of(name: str, typed: Typed, before: BreachFacts) -> Any:
    value = typed[name]
    if name in _TICKS:
        return value == "yes"
    if name == "people_by_place":
        return parse_people_by_place(value)
    if name == "found_at":
        return _parse_found_at(value, typed["zone"], before.found_at)
    if name in ("began_on", "ended_on", "law_enforcement_delay_until") and value:
        return _parse_day(value)
    if name == "notice_cost" and value:
        return _parse_number(value, "Write a whole number of US dollars, such as 250000.")
    if name not in _STORIES | _SETS and not value.isprintable():
        raise ValueError("It has a character that cannot be shown. Type it again.")
    return None if not value and name in _MAY_BE_EMPTY else value


def parse_people_by_place(text: str) -> dict[str, int]:
    """Returns people by place from lines such as `DE 1200` or `US-CA: 40,000`.

    Raises:
        ValueError: a line is none, a place occurs twice, or there are too many. The message names the line.
    """
    people = dict[str, int]()
    for line in filter(None, (one.strip() for one in text.split("\n"))):
        found = _PLACE_LINE.fullmatch(line)
        if found is None:
            raise ValueError(
                f'"{line[:40]}": write a place and a number in each line, such as "DE 1200" or "US-CA 400".'
            )
        place = found[1].upper()
        if place in people:
            raise ValueError(f"{place} stands in two lines. Write the sum in one.")
        people[place] = _parse_number(found[2], f'"{line[:40]}": the number is none.')
        if len(people) > MOST_PLACES:
            raise ValueError(f"There are more than {MOST_PLACES} places. Leave out those with the fewest people.")
    return people


def _parse_number(text: str, complaint: str) -> int:
    digits = re.sub(r"[,. _']", "", text)
    # A separator stands before three digits: 1.5 is no number of people.
    if (
        not digits.isascii()
        or not digits.isdecimal()
        or len(digits) > 12
        or re.search(r"[,. _'](?!\d{3}(\D|$))", text.strip())
    ):
        raise ValueError(complaint)
    return int(digits)


def _parse_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("Write a day such as 2026-11-30.") from None


def _parse_found_at(text: str, zone_name: str, before: datetime | None) -> datetime | None:
    """Returns the typed moment; the stored one if it is shown so, since it has seconds, and one of two equal hours."""
    if not text:
        return None
    zone = known_zone_or_none(zone_name)
    if zone is None:
        raise ValueError("Choose a time zone such as Europe/Berlin.")
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("Write a day and a time, such as 2026-11-30T03:00.") from None
    if before is not None and _local_minute(before, zone) == local.strftime("%Y-%m-%dT%H:%M"):
        return before
    if local.tzinfo is not None or local.year not in SCHEDULE_YEARS:
        raise ValueError("Write the day and the time by the clocks of the time zone beside it.")
    return moment_of_local_time(local.replace(second=0, microsecond=0), zone)


def _fault_of_error(error: Any, step: str) -> FactFault:
    place, message = list(error["loc"]), str(error["msg"]).removeprefix("Value error, ")
    if not place:  # of two facts together
        return _fault_of_message(message, step)
    name = str(place[0])
    limits = error.get("ctx", {})
    match error["type"]:
        case "string_too_long":
            message = f"It is too long: {limits['max_length']:,} characters are the most"
        case "string_pattern_mismatch":
            message = f'"{str(error["input"])[:40]}" is none that exists'
        case "enum" | "literal_error":
            message = "Choose one of those shown"
        case _:
            pass
    return FactFault(name, f"{message}.")


def _fault_of_message(message: str, step: str) -> FactFault:
    """Returns the fault of a message that begins with the name of a fact."""
    name, _, rest = message.partition(": ")
    return FactFault(name if name in STEPS[step] else STEPS[step][0], f"{rest[:1].upper()}{rest[1:]}.")
