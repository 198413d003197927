"""Opens and clicks in PostgreSQL: a mailing, a day, whether a machine fetched; and a nonce or a reader, if any."""

from typing import Any
from uuid import UUID

from mailer.ledger.database import Pool, standing_of, statements
from mailer.ports.counts import Reader, Trace

_SQL = statements("opens")


class PostgresOpens:
    """Implements `ports.counts.Opens`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def opened(self, trace: Trace) -> None:
        """See the port."""
        await self._pool.execute(_SQL["opened"], *_columns(trace))

    async def clicked(self, trace: Trace, link: str) -> None:
        """See the port."""
        await self._pool.execute(_SQL["clicked"], *_columns(trace), link)

    async def reader(self, mailing_id: UUID, recipient_id: int) -> Reader | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["reader"], mailing_id, recipient_id)
        return Reader(row["brand"], standing_of(row), row["audience_size"]) if row else None


def _columns(trace: Trace) -> tuple[Any, ...]:
    nonce = trace.nonce.encode() if trace.nonce is not None else None
    return trace.mailing_id, trace.machine, nonce, trace.recipient_id
