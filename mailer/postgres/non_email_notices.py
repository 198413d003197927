"""Notices in PostgreSQL: diverted deliveries, and the postal addresses for them."""

from collections.abc import Callable, Sequence
from uuid import UUID

from asyncpg import Record

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.ports.deliveries import DeliveryMove, DeliveryState
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.non_email_notices import (
    NonEmailNotice,
    NonEmailNoticeFilter,
    NonEmailNoticeState,
    NoticeAddressee,
    NoticeChange,
    NoticeChangeRefused,
)

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
SQL = {name: text.replace("{notice}", _NOTICE) for name, text in load_statements("notices").items()}


async def insert_notices_of_diverted_deliveries(
    connection: Connection, moves: Sequence[DeliveryMove], entries: Sequence[LedgerEntry]
) -> None:
    """Adds a notice for each move that diverts a delivery, with the reason of its ledger entry.

    Args:
        connection: a connection in the transaction of the moves, after these.
        moves: the moves of a window.
        entries: the ledger entries of the window.
    """
    said = {(entry.mailing_id, entry.recipient_id): (entry.category, entry.reason) for entry in entries}
    rows = [
        (*move.delivery_key, move.reason, *said.get(move.delivery_key, (None, None)))
        for move in moves
        if move.to_state is DeliveryState.DIVERTED
    ]
    await connection.execute(SQL["note"], *zip(*rows, strict=True))


async def insert_notices_missed_by_old_workers(connection: Connection, mailings: Sequence[UUID]) -> None:
    """Adds the missing notices of finished mailings: workers of an older version diverted without adding one."""
    await connection.execute(SQL["take_over"], mailings)


async def change_locked_notices(
    connection: Connection, notices: Sequence[NonEmailNotice], change: NoticeChange
) -> list[LedgerEntry]:
    """Changes notices that the transaction has locked. Returns the entries that the caller appends to the ledger."""
    ids = [notice.id for notice in notices]
    values = change.state.value, change.by, change.note, change.reference, change.day
    await connection.execute(SQL["change"], ids, *values)
    said = ", ".join(map(str, filter(None, (change.note, change.reference, change.day)))) or None
    return [notice_ledger_entry(notice, f"notice_{change.state}", change.by, said) for notice in notices]


async def lock_notices(connection: Connection, ids: Sequence[int]) -> list[NonEmailNotice]:
    """Locks notices, in order of their ids, and returns them."""
    return [_notice_from_row(row) for row in await connection.fetch(SQL["lock"], ids)]


class PostgresNonEmailNotices:
    """Implements `ports.non_email_notices.NonEmailNoticeStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def list_notices(self, selected: NonEmailNoticeFilter, limit: int) -> Sequence[NonEmailNotice]:
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
        return [_notice_from_row(row) for row in rows]

    async def get_notices_with_ids(self, ids: Sequence[int]) -> Sequence[NonEmailNotice]:
        """See the port."""
        return [_notice_from_row(row) for row in await self._pool.fetch(SQL["get"], ids)]

    async def change_all_notices_or_none(
        self, ids: Sequence[int], change: NoticeChange, refuses: Callable[[NonEmailNotice], str | None]
    ) -> Sequence[NonEmailNotice]:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            found = await lock_notices(work.connection, ids)
            if missing := sorted(set(ids) - {notice.id for notice in found}):
                raise NoticeChangeRefused(f"there is no notice {missing[0]}; `mailer notices list` shows them")
            for notice in found:
                if said := refuses(notice):
                    raise NoticeChangeRefused(f"notice {notice.id} {said}")
            await work.append_entries(await change_locked_notices(work.connection, found, change))
        return found

    async def read_addressees_and_log_access(self, ids: Sequence[int], by: str) -> Sequence[NoticeAddressee]:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            whom = [NoticeAddressee(**row) for row in await work.connection.fetch(SQL["whom"], ids)]
            named = {one.notice for one in whom}
            notices = [_notice_from_row(row) for row in await work.connection.fetch(SQL["get"], ids)]
            entries = [notice_ledger_entry(one, "notice_read", by, None) for one in notices if one.id in named]
            await work.append_entries(entries)
        return whom


def _notice_from_row(row: Record) -> NonEmailNotice:
    return NonEmailNotice(**{**row, "state": NonEmailNoticeState(row["state"])})


def notice_ledger_entry(notice: NonEmailNotice, reason: str, by: str, said: str | None) -> LedgerEntry:
    """Returns the entry of a change of a notice, or of a look at it, by a person."""
    return LedgerEntry(
        EntryKind.ACTION,
        notice.brand,
        notice.mailing_id,
        notice.recipient_id,
        category=notice.category,
        reason=reason,
        rule=f"action:{by}",
        reply=said,
    )
