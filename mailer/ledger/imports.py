"""Importing recipients: a chunk a transaction, by the same rules as people that an event brings along."""

from collections.abc import Sequence
from datetime import UTC, datetime

from mailer.ledger import people
from mailer.ledger.addresses import AddressHasher
from mailer.ledger.database import Pool
from mailer.ledger.standings import opt_out_all
from mailer.ports.people import ImportRow


class PostgresImporter:
    """Implements `ports.people.Importer`."""

    def __init__(self, pool: Pool, hasher: AddressHasher, brand: str, controller: str) -> None:
        self._pool = pool
        self._hasher = hasher
        self._brand = brand
        self._controller = controller

    async def write(self, rows: Sequence[ImportRow]) -> None:
        """See the port."""
        now = datetime.now(UTC)
        async with self._pool.acquire() as connection, connection.transaction():
            await people.keep_imports_out(connection)
            await people.lock(connection, [(self._brand, row.person.ref) for row in rows])
            known = [people.known(self._brand, self._controller, row.person, now) for row in rows]
            ids = await people.upsert(connection, self._hasher, known)
            opt_outs = [(ids[self._brand, row.person.ref], scope) for row in rows for scope in row.opted_out]
            if opt_outs:
                await opt_out_all(connection, opt_outs, "import")
            closed = [ids[self._brand, row.person.ref] for row in rows if row.deactivated]
            await connection.execute(people.SQL["deactivate"], closed)
            joined = [(self._brand, audience, row.person.ref) for row in rows for audience in row.audiences]
            if joined:
                await connection.execute(people.SQL["join_audiences"], *zip(*joined, strict=True))
