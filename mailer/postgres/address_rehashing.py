"""Hashes addresses again that were hashed by the former rule, and copies their suppressions."""

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.former_hash_suppressions import carry_over_suppressions

_SQL = load_statements("rehashing")
_AT_ONCE = 1000


async def rehash_legacy_addresses(pool: Pool, hasher: AddressHasher) -> int:
    """Replaces hashes by the former rule with current ones, and copies the suppressions of these addresses.

    It can run again, and while processes work.

    Returns:
        The number of people with a hash by the former rule.
    """
    done, after = 0, 0
    while rows := await pool.fetch(_SQL["unusual"], hasher.key_id, after, _AT_ONCE):
        after = rows[-1]["id"]
        if old := [row for row in rows if hasher.hash_address(row["email"]) != row["address_hash"]]:
            async with pool.acquire() as connection, connection.transaction():
                await _rehash_rows(connection, hasher, old)
            done += len(old)
    return done


async def _rehash_rows(connection: Connection, hasher: AddressHasher, rows: list[asyncpg.Record]) -> None:
    ids = [row["id"] for row in rows]
    await people.lock_out_imports_until_transaction_ends(connection)
    await people.lock_standings(connection, ids)
    await carry_over_suppressions(connection, hasher, [(row["controller"], row["email"]) for row in rows])
    hashes = [hasher.hash_address(row["email"]) for row in rows]
    await connection.execute(_SQL["rehash"], ids, [row["email"] for row in rows], hashes)
    await people.refresh_standings(connection, ids)
