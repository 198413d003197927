"""Deliveries in PostgreSQL: claim, move, finish."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from mailer.ledger.database import Pool, statements
from mailer.ledger.writers import Writers, columns
from mailer.policy.standing import Standing
from mailer.ports.deliveries import Claim, Move, Row
from mailer.ports.ids import uuid7
from mailer.ports.ledger import Entry

_SQL = statements("deliveries")

Key = tuple[UUID, int]


class PostgresDeliveries:
    """Implements `ports.deliveries.Deliveries`.

    Args:
        pool: connections.
        writers: of the ledger.
        lease_seconds: how long a claim holds (RabbitMQ ends consumers that hold a message for long).
        tell: whether each change of state is also put into the outbox for `mailer.outcomes`.
    """

    def __init__(self, pool: Pool, writers: Writers, lease_seconds: float = 60, *, tell: bool = False) -> None:
        self._pool = pool
        self._writers = writers
        self._lease = lease_seconds
        self._tell = tell

    async def claim(self, batches: Sequence[int], owner: str) -> Claim | None:
        """See the port."""
        token = uuid7()
        # The deadline is taken before the statement, so that it can only lie before the lease's own end.
        deadline = time.monotonic() + self._lease
        rows = await self._pool.fetch(_SQL["claim"], batches, token, owner, timedelta(seconds=self._lease))
        if not rows:
            await self.finish(token, None)
            return None
        return Claim(token, [_row(row) for row in rows], deadline)

    async def move(self, claim: UUID | None, moves: Sequence[Move], entries: Sequence[Entry]) -> frozenset[Key]:
        """See the port."""
        async with self._writers.lease() as writer:
            linked = writer.link(entries)
            rows = await self._pool.fetch(
                _SQL["move"],
                *columns(linked),
                [move.mailing_id for move in moves],
                [move.recipient_id for move in moves],
                [move.attempt for move in moves],
                [move.from_state.value for move in moves],
                [move.to_state.value for move in moves],
                [move.reason for move in moves],
                [move.due_at for move in moves],
                [move.version for move in moves],
                claim,
                *_deltas(moves),
                self._tell,
            )
            if rows[0]["whole"]:
                writer.advance(linked)
                return frozenset()
        good = {(row["mailing_id"], row["recipient_id"]) for row in rows}
        return frozenset(move.key for move in moves if move.key not in good)

    async def read_again(self, claim: UUID, keys: Sequence[Key]) -> list[Row]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["read_again"], claim, [key[0] for key in keys], [key[1] for key in keys])
        return [_row(row) for row in rows]

    async def finish(self, claim: UUID, give_back_until: datetime | None) -> None:
        """See the port."""
        await self._pool.execute(_SQL["finish"], claim, give_back_until)


def _row(row: asyncpg.Record) -> Row:
    standing = Standing(
        recipient_id=row["recipient_id"],
        version=row["version"],
        address=row["email"],
        opted_out=frozenset(row["opted_out"]),
        deactivated=row["deactivated_at"] is not None,
        erased=row["erased_at"] is not None,
        address_dead=row["address_dead_at"] is not None,
        copy_of=row["copy_of"],
    )
    return Row(
        mailing_id=row["mailing_id"],
        recipient_id=row["recipient_id"],
        attempt=row["attempt"],
        standing=standing,
        name=row["name"],
        locale=row["locale"],
        context=row["context"] or {},
    )


def _deltas(moves: Sequence[Move]) -> tuple[list[UUID], list[str], list[str], list[int]]:
    """What the moves change in the counters, as columns."""
    deltas: Counter[tuple[UUID, str, str]] = Counter()
    for move in moves:
        before, after = move.from_state.counted_as, move.to_state.counted_as
        if (before, move.from_reason) != (after, move.reason):
            deltas[move.mailing_id, before.value, move.from_reason] -= 1
            deltas[move.mailing_id, after.value, move.reason] += 1
    keys = [key for key, n in deltas.items() if n]
    return (
        [key[0] for key in keys],
        [key[1] for key in keys],
        [key[2] for key in keys],
        [deltas[key] for key in keys],
    )
