"""Inviters in PostgreSQL. Only `actions` calls what changes them."""

from mailer.database.statements import Pool, statements
from mailer.ledger.writers import Writers, append
from mailer.ports.ledger_entry import Entry, Kind
from mailer.postgres import people

_SQL = statements("inviters")


class PostgresInviters:
    """Implements `ports.inviters.Inviters`."""

    def __init__(self, pool: Pool, writers: Writers) -> None:
        self._pool = pool
        self._writers = writers

    async def pause(self, brand: str, inviter: str, reason: str) -> bool:
        """See the port."""
        return await self._change("pause", brand, inviter, reason)

    async def resume(self, brand: str, inviter: str, reason: str) -> bool:
        """See the port."""
        return await self._change("resume", brand, inviter, reason)

    async def _change(self, what: str, brand: str, inviter: str, reason: str) -> bool:
        """The change and its ledger entry, which names the member as it names recipients, if they are one."""
        async with self._writers.lease() as writer, self._pool.acquire() as connection:
            async with connection.transaction():
                await connection.execute(_SQL["alone"])
                changed = await connection.fetchval(_SQL[what], brand, inviter, reason)
                member: int | None = await connection.fetchval(people.SQL["find"], brand, inviter)
                entry = Entry(
                    Kind.ACTION,
                    brand,
                    recipient_id=member,
                    reason=f"{what}_inviter",
                    rule=f"action:{reason}",
                    reply=inviter if member is None else None,
                )
                linked = await append(connection, writer, [entry] if changed else [])
            writer.advance(linked)
        return bool(changed)
