"""The state line of a breach case: its stages in their order, each with who and when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from mailer.policy.breach.stages import BREACH_STAGE_LINE, BreachStage
from mailer.ports.breach_cases import BreachCase, BreachPhase
from mailer.ports.breach_desk import BreachSteps


class BreachStageOnLine(NamedTuple):
    """One stage of the line.

    Attributes:
        place: relative to the stage that the case has.
        by, at: who led to it last, and when; None: it is not known, or has not come.
    """

    stage: BreachStage
    place: Literal["past", "now", "to_come"]
    by: str | None = None
    at: datetime | None = None


def breach_state_line(
    case: BreachCase, phases: Sequence[BreachPhase], steps: BreachSteps, stage: BreachStage
) -> list[BreachStageOnLine]:
    """Returns the line. A case of which nobody is told has its facts and that decision only."""
    if stage is BreachStage.NOT_NOTIFIED:
        facts = BreachStageOnLine(BreachStage.FACTS, "past", case.created_by, case.created_at)
        return [facts, BreachStageOnLine(stage, "now", case.decided_by, case.decided_at)]
    stages = _stages_reached(phases, stage)
    here = stages.index(stage)
    who = _people_and_times(case, phases, steps)
    return [
        BreachStageOnLine(
            one,
            "past" if number < here else "now" if number == here else "to_come",
            *(who.get(one, (None, None)) if number <= here else (None, None)),
        )
        for number, one in enumerate(stages)
    ]


def _stages_reached(phases: Sequence[BreachPhase], stage: BreachStage) -> tuple[BreachStage, ...]:
    """Returns the stages of the line; a case that was closed before anybody was told has only those that it came to."""
    is_told = any(one.state == "released" for one in phases)
    if stage is not BreachStage.CLOSED or is_told:
        return BREACH_STAGE_LINE
    return BreachStage.FACTS, BreachStage.CLOSED


def _people_and_times(
    case: BreachCase, phases: Sequence[BreachPhase], steps: BreachSteps
) -> dict[BreachStage, tuple[str | None, datetime | None]]:
    """Returns who led to each stage last, and when."""
    last = phases[-1]
    return {
        BreachStage.FACTS: (case.created_by, case.created_at),
        BreachStage.TEXTS: (last.updated_by, last.updated_at) if last.revision > 1 else (None, None),
        BreachStage.CHECKED: (steps.requested_by, steps.ready_at),
        BreachStage.AWAITING_RELEASE: (steps.asked_by, steps.asked_at),
        BreachStage.RELEASED: (steps.released_by, steps.released_at),
        BreachStage.CLOSED: (case.decided_by, case.decided_at),
    }
