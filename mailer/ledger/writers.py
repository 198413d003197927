"""The writers of the ledger. Each writer extends a chain of its own, so that writers never wait for one another."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.database.statements import Connection, int_array_literal, load_statements, text_array_literal
from mailer.event_digests import EventIdTakenByDifferentEvent, names_of_fields_with_differing_digests
from mailer.keyed_hash import KeyedHash
from mailer.ledger.chain import GENESIS, ChainedEntries, link_entries
from mailer.ports.halts import JournaledStandingChange, LocalCommitNotes
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.privacy_rights import AccountEventAlreadyApplied
from mailer.ports.time_ordered_uuids import uuid7

_SQL = load_statements("ledger", "ledger")
_APPEND = _SQL["append"].replace("{entries}", _SQL["entries"])
_SHAPE = (
    "shape",
    "kind",
    "brand",
    "category",
    "reason",
    "rule",
    "policy",
    "processor",
    "country",
    "contract",
    "purpose",
    "fields",
    "actor",
)
_MAX_AGE = timedelta(days=1)
TransactionCheck = Callable[[Connection], Awaitable[None]]
"""Raises an error if a transaction must not be committed, such as one of somebody whose session is over."""
EntriesBeside = Callable[[Sequence[LedgerEntry]], Sequence[LedgerEntry]]
"""Returns the entries that stand beside those of a change, such as who ordered it."""


class ChainWriter:
    """One chain and its head. Only one statement at a time uses it."""

    def __init__(self, key: bytes) -> None:
        self._mac = KeyedHash(key)
        self.id: UUID = uuid7()
        self.born = datetime.now(UTC)
        self.event: tuple[str, str, str, bytes] | None = None
        self.actor: str | None = None
        self.beside: EntriesBeside | None = None
        self.check: TransactionCheck | None = None
        self.network = ""
        self.n = 0
        self.changes: list[JournaledStandingChange] | None = None
        self._head = GENESIS

    def link_entries(self, entries: Sequence[LedgerEntry]) -> ChainedEntries:
        """Chains entries after the head. The head itself changes only in `advance_head`."""
        salts = os.urandom(16 * len(entries))
        links = link_entries(self._mac, self._head, self.id, self.n + 1, datetime.now(UTC), entries, salts)
        crash_if_armed(CrashPoint.IN_CHAIN)
        return links

    def advance_head(self, links: ChainedEntries) -> None:
        """Moves the head to the last of these entries, once they are committed."""
        if links.hashes:
            self.n, self._head = links.first + len(links.hashes) - 1, links.hashes[-1]


class LedgerWriters:
    """The writers of a process, one for each concurrent statement. Implements `ports.halts.LedgerChainsOfThisProcess`.

    Args:
        key: the key of the chains.
        notes: stores committed entries outside of the database, before anybody is told of them.

    Attributes:
        epoch: the number of times that the database was found to have lost committed entries.
        actor: the identity for entries that name none.
        network: the masked network from where the actor acts; it is added to the text of each entry.
    """

    def __init__(self, key: str, notes: LocalCommitNotes | None = None) -> None:
        self._key = key.encode()
        self._notes = notes
        self._free: list[ChainWriter] = []
        self.epoch = 0
        self.actor: str | None = None
        self._beside: EntriesBeside | None = None
        self._check: TransactionCheck | None = None
        self.network = ""
        self._event: tuple[str, str, str, bytes] | None = None

    def abandon_chains_for_new_ones(self) -> None:
        """Abandons all existing chains, since the database has lost entries of them. New chains are begun."""
        self._free = []
        self.epoch += 1

    def writers_applying_event_once(self, brand: str, event_id: str, kept_id: str, content: bytes) -> "LedgerWriters":
        """Returns a copy for the change of an account event. Its entries are appended only if the event is new.

        `kept_id` is the id as it is stored: an id that may name a person is stored as a hash.
        """
        limited = copy(self)  # it shares the free writers
        limited._event = brand, event_id, kept_id, content
        return limited

    def writers_with_actor(self, actor: str, network: str = "") -> "LedgerWriters":
        """Returns a copy whose entries name an actor, and the masked network from where, if there is one."""
        named = copy(self)  # it shares the free writers
        named.actor, named.network = actor, network
        return named

    def writers_adding_entries_to_each_change(self, beside: EntriesBeside) -> "LedgerWriters":
        """Returns a copy that appends more entries to those of each change, in its transaction."""
        noting = copy(self)  # it shares the free writers
        noting._beside = beside
        return noting

    def writers_checking_each_transaction(self, check: TransactionCheck) -> "LedgerWriters":
        """Returns a copy that runs a check in the transaction of each change, as its last step before the entries."""
        checked = copy(self)  # it shares the free writers
        checked._check = check
        return checked

    @asynccontextmanager
    async def borrow_writer(self) -> AsyncIterator[ChainWriter]:
        """Lends a writer for one statement or transaction.

        A writer is never used again after an error, since its entries may or may not have been committed.
        """
        free = self._free
        while free and datetime.now(UTC) - free[-1].born > _MAX_AGE:
            free.pop()
        writer = free.pop() if free else ChainWriter(self._key)
        writer.event, writer.actor = self._event, self.actor
        writer.beside, writer.network, writer.check = self._beside, self.network, self._check
        writer.changes = None if self._notes is None else []
        before = writer.n
        yield writer
        free.append(writer)
        if self._notes is None or writer.n == before:
            return
        self._notes.note_committed_entry_on_disk(writer.id, writer.n)
        if writer.changes:
            await self._notes.note_standing_changes_on_disk(writer.changes)


def ledger_entries_as_sql_parameters(links: ChainedEntries) -> list[Any]:
    """Returns entries as the parameters of `ledger/sql/ledger.sql` and `postgres/sql/deliveries.sql`."""
    return [
        links.writer,
        links.first,
        links.at,
        [dict(zip(_SHAPE, (shape.number, *shape.columns), strict=True)) for shape in links.shapes],
        links.mailings,
        int_array_literal(links.numbers),
        int_array_literal(links.places),
        int_array_literal(links.recipients),
        int_array_literal(links.attempts),
        text_array_literal(links.message_ids),
        text_array_literal(links.texts),
        b"".join(links.hashes),
        b"".join(links.commitments),
        links.salts,
    ]


async def append_entries(connection: Connection, writer: ChainWriter, entries: Sequence[LedgerEntry]) -> ChainedEntries:
    """Writes entries in the caller's transaction. The caller advances the writer once the transaction is committed.

    Raises:
        AccountEventAlreadyApplied: the change of the writer's account event was made before.
        EventIdTakenByDifferentEvent: the id of the writer's account event belongs to another event.
        StaffSessionEnded: the writer's check found that whoever acts may no longer act.
    """
    if writer.check is not None:
        await writer.check(connection)
    await store_account_event_of_writer(connection, writer)
    if writer.actor is not None:
        entries = [entry if entry.actor else entry._replace(actor=writer.actor) for entry in entries]
    if entries and writer.beside is not None:
        entries = [*entries, *writer.beside(entries)]
    if writer.network:
        entries = [
            entry._replace(reply="; ".join(filter(None, (entry.reply, f"from {writer.network}")))) for entry in entries
        ]
    links = writer.link_entries(entries)
    if entries:
        await connection.execute(_APPEND, *ledger_entries_as_sql_parameters(links))
    if writer.changes is not None:
        writer.changes += await _find_standing_changes_in_entries(connection, links, entries)
    return links


async def store_account_event_of_writer(connection: Connection, writer: ChainWriter) -> None:
    """Stores the writer's account event, if it has one that is not stored yet. `append_entries` does so by itself.

    Raises:
        AccountEventAlreadyApplied: the change of the event was made before.
        EventIdTakenByDifferentEvent: the id of the event belongs to another event.
    """
    if writer.event:
        await _store_account_event_once(connection, *writer.event)
        writer.event = None


async def _store_account_event_once(
    connection: Connection, brand: str, event_id: str, kept_id: str, content: bytes
) -> None:
    """Stores an account event in the transaction of its change.

    Raises:
        AccountEventAlreadyApplied: the event was stored before.
        EventIdTakenByDifferentEvent: the id belongs to another event.
    """
    if await connection.fetchval(_SQL["note_event"], brand, event_id, kept_id, content):
        return
    if fields := names_of_fields_with_differing_digests(
        await connection.fetchval(_SQL["noted"], brand, event_id, kept_id), content
    ):
        raise EventIdTakenByDifferentEvent(fields)
    raise AccountEventAlreadyApplied


async def _find_standing_changes_in_entries(
    connection: Connection, links: ChainedEntries, entries: Sequence[LedgerEntry]
) -> list[JournaledStandingChange]:
    """Returns the changes of standings among some entries, in the form that is stored outside of the database."""
    actions = [
        (n, entry, entry.recipient_id)
        for n, entry in enumerate(entries, links.first)
        if entry.kind is EntryKind.ACTION and entry.recipient_id is not None
    ]
    if not actions:
        return []
    rows = await connection.fetch(_SQL["known_since"], list({recipient_id for _, _, recipient_id in actions}))
    since = {row["id"]: row["created_at"] for row in rows}
    return [
        JournaledStandingChange(
            links.writer,
            n,
            links.at,
            entry.brand,
            recipient_id,
            since[recipient_id],
            entry.reason or "",
            entry.category,
            entry.rule,
            entry.policy,
        )
        for n, entry, recipient_id in actions
        if recipient_id in since
    ]
