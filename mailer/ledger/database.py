"""The connection pool, and the SQL by its name."""

import json
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
from pydantic_core import to_json

from mailer.policy.standing import Standing

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:  # asyncpg's own classes take no parameters; only their stubs do
    Pool = asyncpg.Pool
    Connection = asyncpg.pool.PoolConnectionProxy


_STANDING = ", ".join(
    f"s.{column}"
    for column in (
        "recipient_id",
        "version",
        "opted_out",
        "objected_at",
        "consents",
        "source",
        "collected_under",
        "country",
        "paid",
        "deactivated_at",
        "erased_at",
        "erased_before_at",
        "restricted_at",
        "under_13_at",
        "address_dead_at",
        "electronic_refused_at",
        "personalisation_refused_at",
        "tracking_refused_at",
        "channel",
    )
)


@cache
def statements(noun: str) -> dict[str, str]:
    """The statements of `sql/<noun>.sql`, each after a line `-- name: <name>`; `{standing}` stands for its columns."""
    text = resources.files("mailer.ledger").joinpath(f"sql/{noun}.sql").read_text().replace("{standing}", _STANDING)
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def standing_of(
    row: asyncpg.Record,
    copy_of: int | None = None,
    invited_by: UUID | None = None,
    sent: tuple[tuple[str, int], ...] = (),
) -> Standing:
    """A standing from a row that has `{standing}` and `email`; the rest is only known beside a mailing."""
    return Standing(
        row["recipient_id"],
        row["version"],
        row["email"],
        opted_out=frozenset(row["opted_out"]),
        objected=row["objected_at"] is not None,
        consents=frozenset(row["consents"]),
        source=row["source"],
        collected_under=row["collected_under"],
        country=row["country"],
        paid=row["paid"],
        deactivated=row["deactivated_at"] is not None,
        erased=row["erased_at"] is not None,
        erased_before=row["erased_before_at"] is not None,
        restricted=row["restricted_at"] is not None,
        under_13=row["under_13_at"] is not None,
        address_dead=row["address_dead_at"] is not None,
        electronic_refused=row["electronic_refused_at"] is not None,
        personalisation_refused=row["personalisation_refused_at"] is not None,
        tracking_refused=row["tracking_refused_at"] is not None,
        channel=row["channel"],
        invited_by=invited_by,
        sent=sent,
        copy_of=copy_of,
    )


def _json(value: object) -> str:
    """As `json.dumps`, three times as fast; ids and times become text."""
    return to_json(value, fallback=str).decode()


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=_json, decoder=json.loads, schema="pg_catalog")


class _Connection(asyncpg.Connection):
    def get_reset_query(self) -> str:
        """Nothing: no statement of ours sets anything for its session; to ask costs as much as a small statement."""
        return ""


async def open_pool(url: str, size: int = 32) -> Pool:
    """Connects.

    Args:
        url: `postgresql://…`.
        size: connections at most.
    """
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        init=_prepare,
        connection_class=_Connection,
        # Statements are planned once, perhaps while a table or this month's partition is new and small; what is read in
        # whole then would be read in whole when it has grown. With 6,000 events on new tables: 182 µs each, and 146.
        # Before PostgreSQL 18 what is disabled costs so much on paper that it would be compiled each time.
        server_settings={"application_name": "mailer", "enable_seqscan": "off", "jit": "off"},
    )
