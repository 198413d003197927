"""Importing recipients: a chunk a transaction, by the same rules as people that an event brings along."""

from collections.abc import Sequence
from datetime import UTC, datetime

from mailer.ledger import people
from mailer.ledger.addresses import AddressHasher
from mailer.ledger.database import Connection, Pool
from mailer.ledger.standings import action, opt_out_all
from mailer.ledger.writers import Writers, append
from mailer.ports.ledger import Entry
from mailer.ports.people import ImportRow

_SOURCE = "import"


class PostgresImporter:
    """Implements `ports.people.Importer`."""

    def __init__(self, pool: Pool, writers: Writers, hasher: AddressHasher, brand: str, controller: str) -> None:
        self._pool = pool
        self._writers = writers
        self._hasher = hasher
        self._brand = brand
        self._controller = controller

    async def write(self, rows: Sequence[ImportRow]) -> None:
        """See the port."""
        async with self._writers.lease() as writer, self._pool.acquire() as connection:
            async with connection.transaction():
                entries = await self._write(connection, rows)
                linked = await append(connection, writer, entries)
            writer.advance(linked)

    async def _write(self, connection: Connection, rows: Sequence[ImportRow]) -> list[Entry]:
        now = datetime.now(UTC)
        await people.keep_imports_out(connection)
        await people.lock(connection, [(self._brand, row.person.ref) for row in rows])
        known = [people.known(self._brand, self._controller, row.person, now) for row in rows]
        ids = await people.upsert(connection, self._hasher, known)
        opt_outs = [(ids[self._brand, row.person.ref], scope) for row in rows for scope in row.opted_out]
        if opt_outs:
            await opt_out_all(connection, opt_outs, _SOURCE)
        closed = [ids[self._brand, row.person.ref] for row in rows if row.deactivated]
        await connection.execute(people.SQL["deactivate"], closed)
        joined = [(self._brand, audience, row.person.ref) for row in rows for audience in row.audiences]
        if joined:
            await connection.execute(people.SQL["join_audiences"], *zip(*joined, strict=True))
        return [
            *(action(self._brand, recipient_id, "opt_out", scope, _SOURCE) for recipient_id, scope in opt_outs),
            *(action(self._brand, recipient_id, "deactivated", None, _SOURCE) for recipient_id in closed),
        ]
