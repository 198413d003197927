"""Streams of mail that pause, for one recipient domain or altogether."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Pause:
    """A category's mail by a processor, until a moment. domain: only to this one; None: to all."""

    processor: str
    category: str
    domain: str | None
    until: datetime


class Pauses(Protocol):
    """The pauses that all workers keep."""

    async def pause(self, pauses: Sequence[Pause]) -> None:
        """Adds pauses; of two of one stream, the longer one holds."""
        ...

    async def paused(self) -> list[Pause]:
        """Those that are not over."""
        ...
