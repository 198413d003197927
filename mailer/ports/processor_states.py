"""The states of processors as workers see them, for operators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

STATE_WORDS: Final[Mapping[str, str]] = {
    "unused": "has had no mail from here yet",
    "working": "takes mail",
    "refuses_some": "takes mail, and refuses some of it for our set-up there",
    "slow": "takes long for its mail",
    "down": "does not answer",
    "no_address": "has no address in the DNS",
    "certificate": "shows a certificate that is not trusted",
    "auth_refused": "refuses our password",
    "misconfigured": "refuses us, not our messages",
}
"""The words for each state, to follow the processor's name."""


@dataclass(frozen=True, slots=True)
class ReportedProcessorState:
    """The condition of a processor.

    Attributes:
        relay: the name of the processor.
        state: `unused`, `working`, `refuses_some`, `slow`, or a trouble: `down`, `no_address`, `certificate`,
            `auth_refused`, `misconfigured`.
        since: the time at which this state began.
        error: the last error text, without addresses; empty if there was no trouble.
        remedy: a line that says what to check; empty without a trouble.
        times: number of windows that met the trouble since then.
        workers: number of workers that see this state.
    """

    relay: str
    state: str
    since: datetime
    error: str = ""
    remedy: str = ""
    times: int = 0
    workers: int = 1

    @property
    def has_trouble(self) -> bool:
        """Returns True unless the processor is unused or working."""
        return self.state not in ("unused", "working")


class ProcessorStateStore(Protocol):
    """Stores the states that all workers report."""

    async def store_processor_states_seen_by_worker(
        self, worker: str, states: Sequence[ReportedProcessorState]
    ) -> None:
        """Stores the states that a worker sees now. It repeats unchanged states, else the worker counts as gone."""
        ...

    async def delete_processor_states_seen_by_worker(self, worker: str) -> None:
        """Deletes the states of a worker that has ended."""
        ...

    async def list_processor_states_over_all_workers(self) -> list[ReportedProcessorState]:
        """Returns one state for each processor. If workers differ: a trouble, and the one that lasts longest."""
        ...
