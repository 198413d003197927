"""Breach cases as JSON, the same for the API and the commands."""

from collections.abc import Mapping, Sequence
from typing import Any

from mailer.policy.breach.stages import stage_of_case
from mailer.ports.breach_cases import BreachCase, BreachPhase
from mailer.ports.breach_desk import DutyDone, KeptClock


def breach_summary_as_json(case: BreachCase) -> dict[str, Any]:
    """Returns a case without its facts."""
    return {
        "case": str(case.id),
        "brand": case.brand,
        "name": case.name,
        "state": case.state,
        "revision": case.revision,
        "reason": case.reason,
        "decided_by": case.decided_by,
        "decided_at": case.decided_at and case.decided_at.isoformat(),
        "created_by": case.created_by,
        "created_at": case.created_at.isoformat(),
        "updated_by": case.updated_by,
        "updated_at": case.updated_at.isoformat(),
    }


def breach_case_as_json(
    case: BreachCase, phases: Sequence[BreachPhase], clocks: Sequence[KeptClock], done: Mapping[str, DutyDone]
) -> dict[str, Any]:
    """Returns a case with its facts, stage, phases, and clocks with what is done of them."""
    return {
        **breach_summary_as_json(case),
        "stage": stage_of_case(case.state, case.facts, [one.state for one in phases]).value,
        "facts": case.facts.model_dump(mode="json"),
        "phases": [{"phase": one.phase, "state": one.state, "revision": one.revision} for one in phases],
        "clocks": [_clock_as_json(one, done.get(one.key)) for one in clocks],
    }


def _clock_as_json(clock: KeptClock, done: DutyDone | None) -> dict[str, Any]:
    return {
        "clock": clock.key,
        "rule": clock.rule,
        "what": clock.what,
        "whom": clock.whom,
        "because": clock.because,
        "starts_at": clock.starts_at.isoformat(),
        "due_at": clock.due_at and clock.due_at.isoformat(),
        "done": done and duty_as_json(done),
    }


def duty_as_json(done: DutyDone) -> dict[str, Any]:
    """Returns a duty that is done."""
    return {
        "told": done.told,
        "told_at": done.told_at.isoformat(),
        "reference": done.reference,
        "by": done.by,
        "at": done.at.isoformat(),
    }
