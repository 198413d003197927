"""Standings in PostgreSQL. Only `actions` calls what changes them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mailer.ledger import people
from mailer.ledger.database import Connection, Pool
from mailer.ledger.writers import Writers, append
from mailer.policy.standing import Standing
from mailer.ports.ledger import Entry, Kind


class PostgresStandings:
    """Implements `ports.standings.Standings`."""

    def __init__(self, pool: Pool, writers: Writers) -> None:
        self._pool = pool
        self._writers = writers

    async def get(self, brand: str, recipient_id: int) -> Standing | None:
        """See the port."""
        row = await self._pool.fetchrow(people.SQL["standing"], brand, recipient_id)
        if row is None:
            return None
        return Standing(
            recipient_id=recipient_id,
            version=row["version"],
            address=row["email"],
            opted_out=frozenset(row["opted_out"]),
            deactivated=row["deactivated_at"] is not None,
            erased=row["erased_at"] is not None,
            address_dead=row["address_dead_at"] is not None,
        )

    async def opt_out(self, brand: str, recipient_id: int, scope: str, source: str) -> bool:
        """See the port."""
        async with self._change(brand, recipient_id, "opt_out", scope, source) as connection:
            if connection is not None:
                await opt_out_all(connection, [(recipient_id, scope)], source)
        return connection is not None

    async def deactivate(self, brand: str, recipient_id: int, source: str) -> bool:
        """See the port."""
        async with self._change(brand, recipient_id, "deactivated", None, source) as connection:
            if connection is not None:
                await connection.execute(people.SQL["deactivate"], [recipient_id])
        return connection is not None

    async def address_dead(self, brand: str, recipient_id: int, address: str, source: str) -> bool:
        """See the port."""
        async with self._change(brand, recipient_id, "address_dead", None, source, address) as connection:
            if connection is not None:
                await _suppress(connection, [(recipient_id, None, "*", "address_dead")], source)
        return connection is not None

    @asynccontextmanager
    async def _change(
        self, brand: str, recipient_id: int, reason: str, category: str | None, source: str, address: str | None = None
    ) -> AsyncIterator[Connection | None]:
        """One transaction for a change and its ledger entry.

        None if the brand has no such recipient, or not with the address that the change is about.
        """
        entry = action(brand, recipient_id, reason, category, source)
        async with self._writers.lease() as writer, self._pool.acquire() as connection:
            async with connection.transaction():
                await people.keep_imports_out(connection)
                row = await connection.fetchrow(people.SQL["standing"], brand, recipient_id)
                if row is None or address not in (None, row["email"]):
                    yield None
                    return
                yield connection
                linked = await append(connection, writer, [entry])
            writer.advance(linked)


def action(brand: str, recipient_id: int, reason: str, category: str | None, source: str) -> Entry:
    """The ledger entry of a change of standing."""
    return Entry(
        Kind.ACTION, brand, recipient_id=recipient_id, reason=reason, category=category, rule=f"action:{source}"
    )


async def opt_out_all(connection: Connection, opt_outs: Sequence[tuple[int, str]], source: str) -> None:
    """Records opt-outs given as (recipient id, scope), for the accounts and for all who share their addresses."""
    brands = await connection.fetch(
        "SELECT id, brand FROM recipients WHERE id = ANY ($1::bigint[])", [recipient_id for recipient_id, _ in opt_outs]
    )
    brand_of = {row["id"]: row["brand"] for row in brands}
    await _suppress(connection, [(id_, brand_of[id_], scope, "opt_out") for id_, scope in opt_outs], source)
    for scope in {scope for _, scope in opt_outs}:
        await connection.execute(people.SQL["leave"], [id_ for id_, left in opt_outs if left == scope], scope)


async def _suppress(connection: Connection, rows: Sequence[tuple[int, str | None, str, str]], source: str) -> None:
    """Adds suppressions given as (recipient id, brand, scope, reason), and refreshes every standing they touch."""
    ids, brands, scopes, reasons = zip(*rows, strict=True)
    touched = [row["id"] for row in await connection.fetch(people.SQL["sharing_address"], ids)]
    await connection.execute(
        "SELECT FROM standings WHERE recipient_id = ANY ($1::bigint[]) ORDER BY recipient_id FOR UPDATE", touched
    )
    await connection.execute(people.SQL["suppress"], ids, brands, scopes, reasons, [source] * len(rows))
    await people.refresh(connection, touched)
