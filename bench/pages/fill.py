"""Fills a migrated database with people and deliveries, by statements over sets. Nothing of it is real mail."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.address_hashing import AddressHasher

DELIVERIES_A_PERSON = 10
BRANDS = (
    *(("interpals", "interpals"),) * 7,
    ("paltalk-2006", "paltalk"),
    ("paltalk-2002", "avm-software"),
    ("peerstream", "peerstream"),
)
"""Brand and controller of a person, by the last digit of their number."""
COUNTRIES = ("US", "GB", "DE", "FR", "US", "JP")
PARTS = 16
"""Parts in which large tables are filled, so that no statement takes minutes."""
FILLING = (
    "fsync = off",
    "full_page_writes = off",
    "max_wal_size = '8GB'",
    "autovacuum = off",
    "maintenance_work_mem = '512MB'",
)
"""Settings while the database is filled. A crash would lose it, and it is made anew then."""
_COLUMNS = (
    *("brand", "ref", "controller", "email", "address_key", "address_hash", "name", "locale", "country", "source"),
    *("collected_at", "policy_version", "observed_at"),
)


@dataclass(frozen=True)
class Filled:
    """A filled database.

    Attributes:
        people: how many.
        first: the first person, who has got far more mail than anybody else.
        large, small, single: the ids of a mailing to many, to some, and to one person.
        template: the mailing of which all are copies.
    """

    people: int
    first: int
    large: UUID
    small: UUID
    single: UUID
    template: UUID


def statements() -> dict[str, str]:
    """The statements of `fill.sql` by name, in their order."""
    parts = re.split(r"^-- name: (\w+)\n", Path(__file__).with_name("fill.sql").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


async def fill(
    connection: "asyncpg.Connection[asyncpg.Record]", hasher: AddressHasher, people: int, template: UUID
) -> Filled:
    """Adds people, and ten deliveries for each.

    Args:
        connection: a superuser's, to an empty and migrated database.
        hasher: hashes the addresses.
        people: how many; 1,000 at least.
        template: a mailing; copies of it are the mailings.
    """
    await connection.execute("TRUNCATE recipients, standings CASCADE; ALTER TABLE recipients ALTER id RESTART")
    await connection.copy_records_to_table("recipients", records=_people(hasher, people), columns=_COLUMNS)
    await connection.execute("CREATE SEQUENCE IF NOT EXISTS bench_n")
    values = {"{people}": people, "{mailing}": template, "{writer}": uuid7(), "{parts}": PARTS}
    for name, statement in statements().items():
        for part in range(PARTS if "{part}" in statement else 1):
            await connection.execute(_filled_in(statement, values | {"{part}": part}))
        if name == "deliveries":
            await connection.execute("ANALYZE")
    large, small, single = [
        (
            await connection.fetch(
                "SELECT id FROM bench_mailings WHERE size BETWEEN $1 AND $2 ORDER BY k DESC LIMIT 1", *sizes
            )
        )[0][0]
        for sizes in ((people // 2, people), (2, people // 4), (1, 1))
    ]
    await connection.execute("DROP TABLE bench_mailings; DROP SEQUENCE bench_n")
    return Filled(people, 1, large, small, single, template)


def _filled_in(statement: str, values: dict[str, Any]) -> str:
    for blank, value in values.items():
        statement = statement.replace(blank, str(value))
    return statement.replace("{{", "{").replace("}}", "}")


def _people(hasher: AddressHasher, people: int) -> Iterator[tuple[Any, ...]]:
    then = datetime.now(UTC) - timedelta(days=100)
    key = hasher.key_id
    for n in range(1, people + 1):
        brand, controller = BRANDS[n % len(BRANDS)]
        address = f"u{n}@mail{n % 500}.people.example"
        country = COUNTRIES[n % len(COUNTRIES)]
        hashed = hasher.hash_address(address)
        yield (
            brand,
            f"u{n}",
            controller,
            address,
            key,
            hashed,
            f"User {n}",
            f"en-{country}",
            country,
            "sign-up",
            then,
            "2024",
            then,
        )


async def set_server(connection: "asyncpg.Connection[asyncpg.Record]", *settings: str) -> None:
    """Sets settings of the whole server, at once; without any, all are as they were."""
    for setting in settings:
        await connection.execute(f"ALTER SYSTEM SET {setting}")
    if not settings:
        await connection.execute("ALTER SYSTEM RESET ALL")
    await connection.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(0.5)  # the processes of the server read it when they are told
