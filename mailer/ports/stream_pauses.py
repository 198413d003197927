"""Streams of mail that pause, for one recipient domain or altogether."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

BLOCKED = "blocked"
"""The domain blocks the mail for what it is."""
SET_UP = "set_up"
"""The domain finds our own set-up broken."""


@dataclass(frozen=True, slots=True)
class StreamPause:
    """A category's mail by a processor, until a moment.

    Attributes:
        domain: only to this one; None: to all.
        reason: `BLOCKED` or `SET_UP`.
        says: the domain's words, without addresses; empty where they tell nothing more.
    """

    processor: str
    category: str
    domain: str | None
    until: datetime
    reason: str = BLOCKED
    says: str = ""


class StreamPauses(Protocol):
    """The pauses that all workers keep."""

    async def add_pauses(self, pauses: Sequence[StreamPause]) -> None:
        """Adds pauses; of two of one stream, the longer one holds."""
        ...

    async def list_pauses(self) -> list[StreamPause]:
        """Those that are not over."""
        ...

    async def lift_pauses_of_processor(self, processor: str) -> int:
        """Ends those of a processor, since a person says so; what waits for them goes on. Returns how many."""
        ...
