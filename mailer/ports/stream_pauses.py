"""Pauses of streams of mail, for one recipient domain or for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

BLOCKED = "blocked"
"""The domain blocks mail because of its sender or content, not because of a recipient."""
SET_UP = "set_up"
"""The domain says that our own set-up (DNS, TLS, authentication) is broken."""


@dataclass(frozen=True, slots=True)
class StreamPause:
    """A pause, until a time, of one category's mail through one processor.

    Attributes:
        domain: the recipient domain that it is for; None: all domains.
        reason: `BLOCKED` or `SET_UP`.
        says: the reply of the domain, without addresses; empty if it says nothing more.
    """

    processor: str
    category: str
    domain: str | None
    until: datetime
    reason: str = BLOCKED
    says: str = ""


class StreamPauseStore(Protocol):
    """Stores the pauses that all workers share."""

    async def add_pauses(self, pauses: Sequence[StreamPause]) -> None:
        """Adds pauses. If a stream has two, the longer one holds."""
        ...

    async def list_current_pauses(self) -> list[StreamPause]:
        """Returns the pauses that have not ended."""
        ...
