"""The one next action of a breach case, by its stage and its stops. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from mailer.policy.breach.stages import BreachStage
from mailer.ports.breach_cases import BreachCase, BreachPhase
from mailer.ports.breach_release import BreachStop
from mailer.web.console.breach_access import path_of_breach


class NextBreachAction(NamedTuple):
    """The one next action of a case: the name of its text, and the path."""

    text: str
    path: str


def next_breach_action(
    case: BreachCase, phases: Sequence[BreachPhase], stage: BreachStage, stops: Sequence[BreachStop] = ()
) -> NextBreachAction:
    """Returns the one next action of a case in a stage.

    Args:
        case: the case.
        phases: all of it, in their order.
        stage: of the case.
        stops: the last one of each released phase that has one. A phase that stands still goes before all else.
    """
    path = path_of_breach(case)
    last = next((one for one in reversed(phases) if one.state != "cancelled"), phases[-1])
    phase = f"{path}/phases/{last.phase}"
    is_open = stage not in (BreachStage.CLOSED, BreachStage.NOT_NOTIFIED)
    if standing := [one.phase for one in stops if one.ended is None and is_open]:
        return NextBreachAction("stopped", f"{path}/phases/{standing[-1]}/stop")
    if stage is BreachStage.TELLING and any((one.phase, one.ended) == (last.phase, "cancelled") for one in stops):
        return NextBreachAction("cancelled", f"{phase}/stop")
    match stage:
        case BreachStage.FACTS:
            return NextBreachAction("facts", f"{path}/facts?step=when")
        case BreachStage.TEXTS:
            return NextBreachAction(*(("check", f"{phase}/check") if last.state == "checking" else ("texts", phase)))
        case BreachStage.CHECKED | BreachStage.AWAITING_RELEASE:
            return NextBreachAction("release", f"{phase}/release")
        case BreachStage.CLOSED | BreachStage.NOT_NOTIFIED:
            return NextBreachAction("decision", f"{path}/decision")
        case _:
            return NextBreachAction("outcomes", f"{path}/outcomes")
