"""The outbox: messages as rows, committed together with whatever else their publisher commits."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailer.ports.broker import BrokerMessage

TAKEN_OCTETS = 8 * 1024 * 1024
"""Of the bodies that are taken at once: once there are so many, the next ones are left for the next time."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message in the outbox.

    Attributes:
        id: its row.
        exchange: where it is to be published.
        message: what is to be published.
    """

    id: int
    exchange: str
    message: BrokerMessage


class Outbox(Protocol):
    """Rows are taken under a lease, so that several takers share the work and a dead one's rows come back."""

    async def add_messages(self, exchange: str, messages: Sequence[BrokerMessage]) -> None:
        """Commits messages as rows, and wakes whoever waits.

        Raises:
            BrokerUnavailable: the database did not answer; the rows may be there or not.
            Unpublishable: one of them could never be published; none is there.
        """
        ...

    async def lease_rows(
        self, owner: str, limit: int, lease_seconds: float, without: Collection[tuple[str, str]] = ()
    ) -> list[OutboxRow]:
        """Takes the oldest rows that nobody holds, oldest first; fewer where their bodies are large (`TAKEN_OCTETS`).

        Args:
            owner: who takes.
            limit: how many at most.
            lease_seconds: for how long they are the owner's.
            without: (exchange, routing key) of rows to leave where they are.
        """
        ...

    async def count_waiting(self, of: Collection[tuple[str, str]], at_most: int) -> int:
        """How many rows of these (exchange, routing key) nobody holds; counted up to `at_most`."""
        ...

    async def renew_leases(self, owner: str, lease_seconds: float) -> None:
        """Extends the lease on every row that the owner holds."""
        ...

    async def remove_rows(self, ids: Sequence[int]) -> None:
        """Forgets rows whose messages have arrived."""
        ...

    async def release_rows(self, ids: Sequence[int]) -> None:
        """Gives rows back before their lease ends."""
        ...

    async def wait_for_rows(self, seconds: float) -> None:
        """Returns when something was parked, or after so many seconds."""
        ...
