"""The outbox: messages as rows. A publisher commits them in the same transaction as its own data."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailer.ports.broker import BrokerMessage

TAKEN_OCTETS = 8 * 1024 * 1024
"""The most octets of bodies that one call leases. Rows beyond that are left for the next call."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message in the outbox.

    Attributes:
        id: of the row.
        exchange: the exchange to which it will be published.
        message: the message that will be published.
    """

    id: int
    exchange: str
    message: BrokerMessage


class Outbox(Protocol):
    """Stores the rows and leases them, so that several processes share the work and rows of a dead one come back."""

    async def add_messages(self, exchange: str, messages: Sequence[BrokerMessage]) -> None:
        """Commits messages as rows, and wakes the processes that wait for rows.

        Raises:
            BrokerUnavailable: the database did not answer; the rows may be there or not.
            MessageUnpublishable: one of the messages could never be published; no row was added.
        """
        ...

    async def lease_rows(
        self, owner: str, limit: int, lease_seconds: float, without: Collection[tuple[str, str]] = ()
    ) -> list[OutboxRow]:
        """Leases the oldest rows without a lease, oldest first; fewer if their bodies are large (`TAKEN_OCTETS`).

        Args:
            owner: the name of the process that leases them.
            limit: the largest number of rows.
            lease_seconds: the length of the lease.
            without: (exchange, routing key) of rows that are not leased.
        """
        ...

    async def count_unleased_rows_up_to_limit(self, of: Collection[tuple[str, str]], at_most: int) -> int:
        """Returns the number of rows with these (exchange, routing key) that nobody has leased, at most `at_most`."""
        ...

    async def renew_leases_of_owner(self, owner: str, lease_seconds: float) -> None:
        """Extends the lease of each row that the owner has leased."""
        ...

    async def remove_rows(self, ids: Sequence[int]) -> None:
        """Deletes rows whose messages were published."""
        ...

    async def release_rows(self, ids: Sequence[int]) -> None:
        """Ends the lease of rows early, so that they can be leased again."""
        ...

    async def wait_for_rows(self, seconds: float) -> None:
        """Waits until a row is added, but not longer than so many seconds."""
        ...
