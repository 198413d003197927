"""The connection pool, and the SQL by its name."""

import json
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:  # asyncpg's own classes take no parameters; only their stubs do
    Pool = asyncpg.Pool
    Connection = asyncpg.pool.PoolConnectionProxy


@cache
def statements(noun: str) -> dict[str, str]:
    """The statements of `sql/<noun>.sql`, each after a line `-- name: <name>`."""
    text = resources.files("mailer.ledger").joinpath(f"sql/{noun}.sql").read_text()
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def storable(text: str) -> str:
    """A text as a column can hold it: without U+0000 and halves of surrogate pairs, which a stranger's may have."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def open_pool(url: str, size: int = 10) -> Pool:
    """Connects.

    Args:
        url: `postgresql://…`.
        size: connections at most.
    """
    return await asyncpg.create_pool(
        url, min_size=1, max_size=size, init=_prepare, server_settings={"application_name": "mailer"}
    )
