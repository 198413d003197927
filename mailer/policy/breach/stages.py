"""The stages of a breach case, from its facts to its end. Pure."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from mailer.policy.breach.facts import BreachFacts


class BreachStage(StrEnum):
    """A stage of a case, as people see it."""

    FACTS = "facts"
    TEXTS = "texts"
    CHECKED = "checked"
    AWAITING_RELEASE = "awaiting_release"
    RELEASED = "released"
    TELLING = "telling"
    CLOSED = "closed"
    NOT_NOTIFIED = "not_notified"


BREACH_STAGE_LINE: Final = (
    BreachStage.FACTS,
    BreachStage.TEXTS,
    BreachStage.CHECKED,
    BreachStage.AWAITING_RELEASE,
    BreachStage.RELEASED,
    BreachStage.TELLING,
    BreachStage.CLOSED,
)
"""The stages in their order. A case of which nobody is told ends with `NOT_NOTIFIED`."""
_STAGE_OF_PHASE: Final = {
    "draft": BreachStage.TEXTS,
    "checking": BreachStage.TEXTS,
    "checked": BreachStage.CHECKED,
    "awaiting_release": BreachStage.AWAITING_RELEASE,
}


def missing_facts(facts: BreachFacts) -> list[str]:
    """Returns the names of the facts without which neither clocks nor texts follow, in the order of the form."""
    missing = {
        "summary": not facts.summary,
        "found_at": facts.found_at is None,
        "data": not facts.data and not facts.other_data,
        "people_by_place": not facts.people_by_place,
    }
    return [name for name, is_missing in missing.items() if is_missing]


def stage_of_case(state: str, facts: BreachFacts, phase_states: Sequence[str]) -> BreachStage:
    """Returns the stage of a case.

    Args:
        state: of the case: open, not_notified or closed.
        facts: as they are now.
        phase_states: of its phases, in their order.
    """
    if state == "closed":
        return BreachStage.CLOSED
    if state == "not_notified":
        return BreachStage.NOT_NOTIFIED
    last = next((one for one in reversed(phase_states) if one != "cancelled"), "draft")
    if last == "released":
        return BreachStage.TELLING
    if last == "draft" and "released" not in phase_states and missing_facts(facts):
        return BreachStage.FACTS
    return _STAGE_OF_PHASE[last]
