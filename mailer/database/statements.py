"""SQL statements by name, and helpers for their parameters and rows."""

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from mailer.policy.standing import Standing

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Fresh = asyncpg.Connection[asyncpg.Record]
else:  # asyncpg's own classes take no parameters; only their stubs do
    Pool = asyncpg.Pool
    Connection = asyncpg.pool.PoolConnectionProxy
    Fresh = asyncpg.Connection

_STANDING = (
    "s.recipient_id",
    "s.version",
    "r.email",
    "s.opted_out",
    "s.objected_at IS NOT NULL",
    "s.consents",
    "s.products",
    "s.source",
    "s.collected_under",
    "s.country",
    "s.deactivated_at IS NOT NULL",
    "s.erased_at IS NOT NULL",
    "s.erased_before_at IS NOT NULL",
    "s.restricted_at IS NOT NULL",
    "s.under_13_at IS NOT NULL",
    "s.address_dead_at IS NOT NULL",
    "s.dead_in",
    "s.electronic_refused_at IS NOT NULL",
    "s.personalisation_refused_at IS NOT NULL",
    "s.tracking_refused_at IS NOT NULL",
    "s.channel",
    "s.generation",
    "s.consented",
    "s.paused_until",
    "s.own_cap",
)
"""The columns of a `Standing` in the order of its fields, without the last fields, which depend on a mailing."""
STANDING_COLUMNS = len(_STANDING)


@cache
def load_statements(noun: str, room: str = "postgres") -> dict[str, str]:
    """Returns the statements of `<room>/sql/<noun>.sql` by name. Each follows a line `-- name: <name>`.

    Replaces `{standing}` with the columns for `standing_from_row`, of recipients `r` and standings `s`.
    """
    text = resources.files("mailer").joinpath(f"{room}/sql/{noun}.sql").read_text("utf-8")
    text = text.replace("{standing}", ", ".join(_STANDING))
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def renumber_parameters(first: str, statement: str) -> str:
    """Returns a statement whose parameters are numbered after those of another one, so that both can be joined."""
    shift = max(int(n) for n in re.findall(r"\$(\d+)", first))
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + shift}", statement)


def standing_from_row(
    row: asyncpg.Record,
    invited_by: UUID | None = None,
    sent: tuple[tuple[str, int], ...] = (),
    locale: str | None = None,
) -> Standing:
    """Returns a standing from a row that begins with `{standing}`. The other arguments depend on a mailing."""
    recipient_id, version, address, opted_out, objected, consents, products, *others = row[:STANDING_COLUMNS]
    return Standing(
        recipient_id,
        version,
        address,
        frozenset(opted_out),
        objected,
        frozenset(consents),
        frozenset(products),
        *(*others, invited_by, sent, None, None, locale),
    )


def int_array_literal(numbers: Iterable[int | None]) -> str:
    """Returns an array for `$1::text::bigint[]`. asyncpg needs five times as long to encode the numbers one by one."""
    return f"{{{str([*numbers])[1:-1]}}}".replace("None", "NULL")


def text_array_literal(texts: Iterable[str | None]) -> str:
    """Returns an array for `$1::text::text[]`, for the same reason as `int_array_literal`."""
    return f"{{{','.join(['NULL' if text is None else _quote_element(text) for text in texts])}}}"


def _quote_element(text: str) -> str:
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
