"""Addresses that were hashed by the rule before, and what was said of them."""

import asyncpg

from mailer.database.statements import Connection, Pool, statements
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.legacy_hashes import bridge

_SQL = statements("rehashing")
_AT_ONCE = 1000


async def rehash(pool: Pool, hasher: AddressHasher) -> int:
    """Brings the hashes of known people in line with the rule of now; what was said of an address goes with it.

    It can be done again, and while processes run.

    Returns:
        How many people had a hash by the rule before.
    """
    done, after = 0, 0
    while rows := await pool.fetch(_SQL["unusual"], hasher.key_id, after, _AT_ONCE):
        after = rows[-1]["id"]
        if old := [row for row in rows if hasher.hash(row["email"]) != row["address_hash"]]:
            async with pool.acquire() as connection, connection.transaction():
                await _rehash(connection, hasher, old)
            done += len(old)
    return done


async def _rehash(connection: Connection, hasher: AddressHasher, rows: list[asyncpg.Record]) -> None:
    ids = [row["id"] for row in rows]
    await people.keep_imports_out(connection)
    await people.lock_all(connection, ids)
    await bridge(connection, hasher, [(row["controller"], row["email"]) for row in rows])
    hashes = [hasher.hash(row["email"]) for row in rows]
    await connection.execute(_SQL["rehash"], ids, [row["email"] for row in rows], hashes)
    await people.refresh(connection, ids)
