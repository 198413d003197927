"""Notices in PostgreSQL: what was diverted from mail, and the postal addresses for it."""

from collections.abc import Callable, Sequence
from uuid import UUID

from asyncpg import Record

from mailer.database.statements import Connection, Pool, statements
from mailer.ledger.writers import Writers, append
from mailer.ports.deliveries import Move, State
from mailer.ports.ledger_entry import Entry, Kind
from mailer.ports.notices import Notice, NoticeChange, NoticeRefused, NoticeState, Selected, Whom

_COLUMNS = (
    *("id", "mailing_id", "recipient_id", "brand", "category", "channel", "reason", "state", "since"),
    *("changed_at", "changed_by", "note", "reference", "day"),
)
_NOTICE = ", ".join(
    [
        *(f"n.{column}" for column in _COLUMNS),
        "EXISTS (SELECT FROM postal_addresses p WHERE p.recipient_id = n.recipient_id) AS has_address",
    ]
)
SQL = {name: text.replace("{notice}", _NOTICE) for name, text in statements("notices").items()}


async def note_diverted(connection: Connection, moves: Sequence[Move], entries: Sequence[Entry]) -> None:
    """Notes those of some moves that divert, each with the reason that its entry in the ledger has.

    Args:
        connection: in the transaction of the moves, which have been made.
        moves: of a window.
        entries: theirs.
    """
    said = {(entry.mailing_id, entry.recipient_id): (entry.category, entry.reason) for entry in entries}
    rows = [
        (*move.key, move.reason, *said.get(move.key, (None, None))) for move in moves if move.to_state is State.DIVERTED
    ]
    await connection.execute(SQL["note"], *zip(*rows, strict=True))


async def take_over(connection: Connection, mailings: Sequence[UUID]) -> None:
    """Notes what workers of an older version have diverted in some finished mailings."""
    await connection.execute(SQL["take_over"], mailings)


class PostgresNotices:
    """Implements `ports.notices.Notices`."""

    def __init__(self, pool: Pool, writers: Writers) -> None:
        self._pool = pool
        self._writers = writers

    async def list(self, selected: Selected, limit: int) -> Sequence[Notice]:
        """See the port."""
        rows = await self._pool.fetch(
            SQL["list"],
            selected.after,
            selected.brand,
            selected.channel,
            selected.mailing_id,
            list(selected.states),
            limit,
        )
        return [_notice(row) for row in rows]

    async def get(self, ids: Sequence[int]) -> Sequence[Notice]:
        """See the port."""
        return [_notice(row) for row in await self._pool.fetch(SQL["get"], ids)]

    async def change(
        self, ids: Sequence[int], change: NoticeChange, refuses: Callable[[Notice], str | None]
    ) -> Sequence[Notice]:
        """See the port."""
        async with self._writers.lease() as writer, self._pool.acquire() as connection:
            async with connection.transaction():
                found = [_notice(row) for row in await connection.fetch(SQL["lock"], ids)]
                if missing := sorted(set(ids) - {notice.id for notice in found}):
                    raise NoticeRefused(f"there is no notice {missing[0]}; `mailer notices list` shows them")
                for notice in found:
                    if said := refuses(notice):
                        raise NoticeRefused(f"notice {notice.id} {said}")
                await connection.execute(
                    SQL["change"], ids, change.state.value, change.by, change.note, change.reference, change.day
                )
                said = ", ".join(map(str, filter(None, (change.note, change.reference, change.day)))) or None
                linked = await append(
                    connection,
                    writer,
                    [_entry(notice, f"notice_{change.state}", change.by, said) for notice in found],
                )
            writer.advance(linked)
        return found

    async def read(self, ids: Sequence[int], by: str) -> Sequence[Whom]:
        """See the port."""
        async with self._writers.lease() as writer, self._pool.acquire() as connection:
            async with connection.transaction():
                whom = [Whom(**row) for row in await connection.fetch(SQL["whom"], ids)]
                named = {one.notice for one in whom}
                notices = [_notice(row) for row in await connection.fetch(SQL["get"], ids)]
                entries = [_entry(one, "notice_read", by, None) for one in notices if one.id in named]
                linked = await append(connection, writer, entries)
            writer.advance(linked)
        return whom


def _notice(row: Record) -> Notice:
    return Notice(**{**row, "state": NoticeState(row["state"])})


def _entry(notice: Notice, reason: str, by: str, said: str | None) -> Entry:
    return Entry(
        Kind.ACTION,
        notice.brand,
        notice.mailing_id,
        notice.recipient_id,
        category=notice.category,
        reason=reason,
        rule=f"action:{by}",
        reply=said,
    )
