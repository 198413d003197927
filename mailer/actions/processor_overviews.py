"""Overviews of processors, for console and commands."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mailer.ports.halts import Halt, HaltInForce, HaltScope
from mailer.ports.processor_states import ReportedProcessorState
from mailer.ports.rates import RateLimit
from mailer.ports.stream_pauses import StreamPause


@dataclass(frozen=True, slots=True)
class ProcessorOverview:
    """All that is known of one processor.

    Attributes:
        state: as the running workers find it; None if no worker says anything of it.
        halt: the stop by a person; None if there is none.
        limits: its rate limits.
        paces: the domains that get its mail at a slower pace, as limits of the scope `pace`.
        pauses: the streams that pause because a domain refuses them.
    """

    name: str
    state: ReportedProcessorState | None
    halt: Halt | None
    limits: Sequence[RateLimit]
    paces: Sequence[RateLimit]
    pauses: Sequence[StreamPause]


def overviews_of_processors(
    names: Collection[str],
    states: Sequence[ReportedProcessorState],
    halts: Sequence[HaltInForce],
    limits: Sequence[RateLimit],
    pauses: Sequence[StreamPause],
) -> list[ProcessorOverview]:
    """Returns an overview of each processor that is configured, reported or stopped, by name."""
    by_name = {state.relay: state for state in states}
    stopped = {one.halt.key: one.halt for one in halts if one.halt.scope is HaltScope.PROCESSOR}
    return [
        ProcessorOverview(
            name,
            by_name.get(name),
            stopped.get(name),
            [limit for limit in limits if (limit.scope, limit.key) == ("processor", name)],
            [limit for limit in limits if limit.scope == "pace" and limit.key.partition(" ")[0] == name],
            [pause for pause in pauses if pause.processor == name],
        )
        for name in sorted({*names, *by_name, *stopped})
    ]
