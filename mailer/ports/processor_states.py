"""The processors' states as workers find them, for operators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProcessorState:
    """The condition of a processor.

    Attributes:
        relay: its name.
        state: `unused`, `working`, `refuses_some`, `slow`, or a trouble: `down`, `no_address`, `certificate`,
            `auth_refused`, `misconfigured`.
        since: when that began.
        error: the last words of a trouble, without addresses; empty if there was none.
        remedy: what to check; empty without a trouble.
        times: in how many windows the trouble was met since then.
        workers: how many find it so.
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
        """Tells whether something is wrong."""
        return self.state not in ("unused", "working")


class ProcessorStates(Protocol):
    """The states that all workers have noted."""

    async def note_states(self, worker: str, states: Sequence[ProcessorState]) -> None:
        """Notes how a worker finds its processors now; also where nothing has changed, or it counts as gone."""
        ...

    async def forget_states(self, worker: str) -> None:
        """The worker has ended."""
        ...

    async def list_states(self) -> list[ProcessorState]:
        """Returns each processor's state: where workers differ, a trouble, and the longest one."""
        ...
