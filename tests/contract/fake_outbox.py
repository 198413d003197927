"""An outbox in memory: the port's rules in a few lines, for the contract suite."""

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mailer.ports.broker import BrokerMessage, BrokerUnavailable
from mailer.ports.outbox import OutboxRow


@dataclass
class _Row:
    parked: OutboxRow
    owner: str | None = None
    until: float = 0.0


class FakeOutbox:
    """Rows in a dict. Every call fails while `down`."""

    def __init__(self) -> None:
        self.down = False
        self.failures = 0
        self.renewals = 0
        self._rows: dict[int, _Row] = {}
        self._next = 0
        self._parked = asyncio.Event()

    @property
    def ids(self) -> list[int]:
        """The rows that exist."""
        return list(self._rows)

    def held(self, owner: str) -> int:
        """The number of rows that an owner holds."""
        return sum(row.owner == owner for row in self._rows.values())

    def expire(self, owner: str) -> None:
        """Ends an owner's leases, as time would after its death."""
        for row in self._rows.values():
            if row.owner == owner:
                row.until = 0.0

    async def add_messages(self, exchange: str, messages: Sequence[BrokerMessage]) -> None:
        """See the port."""
        self._reach()
        for message in messages:
            self._next += 1
            self._rows[self._next] = _Row(OutboxRow(self._next, exchange, message))
        self._parked.set()

    async def lease_rows(
        self, owner: str, limit: int, lease_seconds: float, without: Collection[tuple[str, str]] = ()
    ) -> list[OutboxRow]:
        """See the port."""
        self._reach()
        now = time.monotonic()
        free = [
            row
            for row in self._rows.values()
            if (row.owner is None or row.until <= now)
            and (row.parked.exchange, row.parked.message.routing_key) not in without
        ][:limit]
        for row in free:
            row.owner, row.until = owner, now + lease_seconds
        return [row.parked for row in free]

    async def count_unleased_rows_up_to_limit(self, of: Collection[tuple[str, str]], at_most: int) -> int:
        """See the port."""
        self._reach()
        now = time.monotonic()
        free = (row for row in self._rows.values() if row.owner is None or row.until <= now)
        wanted = sum((row.parked.exchange, row.parked.message.routing_key) in of for row in free)
        return min(wanted, at_most)

    async def renew_leases_of_owner(self, owner: str, lease_seconds: float) -> None:
        """See the port."""
        self._reach()
        self.renewals += 1
        for row in self._rows.values():
            if row.owner == owner:
                row.until = time.monotonic() + lease_seconds

    async def remove_rows(self, ids: Sequence[int]) -> None:
        """See the port."""
        self._reach()
        for row_id in ids:
            self._rows.pop(row_id, None)

    async def release_rows(self, ids: Sequence[int]) -> None:
        """See the port."""
        self._reach()
        for row_id in ids:
            if row := self._rows.get(row_id):
                row.owner = None

    async def wait_for_rows(self, seconds: float) -> None:
        """See the port."""
        self._reach()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._parked.wait()
                self._parked.clear()

    def _reach(self) -> None:
        if self.down:
            self.failures += 1
            raise BrokerUnavailable("the database is down")
