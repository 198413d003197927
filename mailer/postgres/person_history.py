"""People and their history in PostgreSQL. Each source of entries is read by an index, a page at a time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.history_paging import HistoryPlace, page_of_newest_entries, upper_mailing_id_bound_of_page
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.consents import Consent, StoredConsent
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.person_history import (
    AccessInterface,
    AccessorAndReason,
    ActOnPerson,
    ConsentOfHistory,
    HistoryItem,
    HistoryPage,
    LedgerEntryOfHistory,
    ListedRecipient,
    MailOfHistory,
    NoticeOfHistory,
    PendingRequestOfHistory,
    SuppressionOfHistory,
)
from mailer.ports.suppressions import Suppression
from mailer.postgres.delivery_history import PostgresDeliveryHistory
from mailer.postgres.recipient_lookup import RecipientLookup
from mailer.postgres.staff_changes import writers_requiring_session_and_right
from mailer.postgres.suppressions import SUPPRESSION_COLUMNS

SQL = {
    name: text.replace("{suppression}", SUPPRESSION_COLUMNS) for name, text in load_statements("person_history").items()
}
_LOOKED_UP, _ACTED = "looked-up", "acted"
_TOLD_ELSEWHERE = ("consent_asked", "consent_given", "consent_withdrawn", "asked")
"""The first words of reasons in the ledger whose facts other sources tell, with words and proof."""
_Item = TypeVar("_Item", bound=HistoryItem)


def build_ledger_entries_of_staff_act(act: ActOnPerson, changes: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """Returns the ledger entries of an act beside those of its changes: one for each person whom the act is about."""
    if act.recipient_id is not None:
        people: list[tuple[str, int | None]] = [(act.brand, act.recipient_id)]
    else:
        known = [(change.brand, change.recipient_id) for change in changes if change.recipient_id is not None]
        people = [*dict.fromkeys(known)] or [(act.brand, None)]
    return [
        _build_access_ledger_entry(act.access, brand, recipient_id)._replace(reason=_ACTED, fields=(act.name,))
        for brand, recipient_id in people
    ]


def _build_access_ledger_entry(access: AccessorAndReason, brand: str, recipient_id: int | None) -> LedgerEntry:
    """Returns the entry of a look-up. The reason may name a person: without a recipient, no erasure would reach it."""
    return LedgerEntry(
        EntryKind.ACCESS,
        brand,
        recipient_id=recipient_id,
        reason=_LOOKED_UP,
        rule=_ledger_rule_of_access_interface(access.door),
        reply=access.origin if recipient_id is None else access.note,
        actor=str(access.by),
    )


class PostgresPersonDirectory:
    """Implements `ports.person_history.PersonDirectory`.

    Args:
        pool: the connections. lookup: finds the recipients of all brands.
    """

    def __init__(self, pool: Pool, lookup: RecipientLookup) -> None:
        self._pool = pool
        self._lookup = lookup
        self._names = PostgresDeliveryHistory(pool)

    async def find_people(self, brands: Collection[str], text: str) -> Sequence[ListedRecipient]:
        """See the port."""
        return await self._lookup.limited_to_brands(brands).find_recipients(text) if brands else []

    async def find_recipient_by_id(self, brand: str, recipient_id: int) -> ListedRecipient | None:
        """See the port."""
        return await self._lookup.limited_to_brands([brand]).get_recipient(recipient_id)

    async def read_template_names(self, mailings: Collection[UUID]) -> Mapping[UUID, str]:
        """See the port."""
        return await self._names.read_template_names_of_mailings(mailings) if mailings else {}

    async def read_history_page(
        self, brand: str, recipient_id: int, before: HistoryPlace | None, limit: int
    ) -> HistoryPage:
        """See the port."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            if not await connection.fetchval(_OF_BRAND, brand, recipient_id):
                return HistoryPage((), None)
            items, following = page_of_newest_entries(
                await _read_newest_history_items_of_each_kind(connection, recipient_id, before, limit + 1), limit
            )
            return HistoryPage(await _add_latest_ledger_entries_to_mails(connection, recipient_id, items), following)


_OF_BRAND = "SELECT EXISTS (SELECT FROM recipients WHERE brand = $1 AND id = $2)"


async def _read_newest_history_items_of_each_kind(
    connection: Connection, recipient_id: int, before: HistoryPlace | None, limit: int
) -> list[list[HistoryItem]]:
    """Returns the newest entries of each source before a place."""
    behind = (recipient_id, before.at if before else None, before.key if before else None, limit)
    mail = await connection.fetch(SQL["mail"], recipient_id, upper_mailing_id_bound_of_page(before), limit)
    acts = await connection.fetch(SQL["acts"], *behind, _TOLD_ELSEWHERE)
    return [
        [MailOfHistory(**row) for row in mail],
        [
            LedgerEntryOfHistory(HistoryPlace(row["at"], row["key"]), **_columns_without(row, "at", "key"))
            for row in acts
        ],
        [_consent_from_row(row) for row in await connection.fetch(SQL["consents"], *behind)],
        [_suppression_from_row(row) for row in await connection.fetch(SQL["suppressions"], *behind)],
        [
            _history_item_from_row(PendingRequestOfHistory, row)
            for row in await connection.fetch(SQL["requests"], *behind)
        ],
        [_history_item_from_row(NoticeOfHistory, row) for row in await connection.fetch(SQL["notices"], *behind)],
    ]


async def _add_latest_ledger_entries_to_mails(
    connection: Connection, recipient_id: int, items: Sequence[HistoryItem]
) -> tuple[HistoryItem, ...]:
    """Returns the entries of a page, with what the ledger says last of each mail."""
    mailings = [item.mailing_id for item in items if isinstance(item, MailOfHistory)]
    rows = await connection.fetch(SQL["latest_entries"], mailings, recipient_id) if mailings else []
    latest = {row["mailing_id"]: _columns_without(row, "mailing_id") for row in rows}
    return tuple(
        replace(item, **latest.get(item.mailing_id, {})) if isinstance(item, MailOfHistory) else item for item in items
    )


def _columns_without(row: asyncpg.Record, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _history_item_from_row(kind: Callable[..., _Item], row: asyncpg.Record) -> _Item:
    return kind(place=HistoryPlace(row["at"], row["key"]), **_columns_without(row, "at", "key"))


def _consent_from_row(row: asyncpg.Record) -> ConsentOfHistory:
    values = _columns_without(row, "key", "controller", "recorded_at", "counts")
    record = StoredConsent("", Consent(**values), row["controller"], row["recorded_at"], row["counts"])
    return ConsentOfHistory(HistoryPlace(row["at"], row["key"]), record)


def _suppression_from_row(row: asyncpg.Record) -> SuppressionOfHistory:
    stop = Suppression(**_columns_without(row, "place_key"))
    return SuppressionOfHistory(HistoryPlace(stop.at, row["place_key"]), stop)


class PostgresAccessRecords:
    """Implements `ports.person_history.AccessRecorder`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def record_look_up(self, found: Sequence[tuple[str, int | None]], access: AccessorAndReason) -> None:
        """See the port."""
        entries = [_build_access_ledger_entry(access, brand, recipient_id) for brand, recipient_id in found]
        writers = writers_requiring_session_and_right(self._writers, access.used)
        async with open_unit_of_work(self._pool, writers) as work:
            await work.append_entries(entries)

    async def has_looked_person_up_within(self, brand: str, recipient_id: int, by: Identity, within: timedelta) -> bool:
        """See the port."""
        door = _ledger_rule_of_access_interface(AccessInterface.CONSOLE)
        found: bool = await self._pool.fetchval(SQL["looked_up"], brand, recipient_id, str(by), door, within)
        return found


def _ledger_rule_of_access_interface(door: AccessInterface) -> str:
    return f"access:{door}"
