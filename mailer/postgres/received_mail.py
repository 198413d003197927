"""Received mail in PostgreSQL. A message is stored with an outbox row of its id, and so is handled after a crash."""

import asyncio
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.database.storable_text import storable_text
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.breach.returned_mail import categories_moving_on_to_writing
from mailer.ports.broker import BrokerMessage
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.outcomes import STATE_OF_EFFECT
from mailer.ports.received_mail import (
    ACKNOWLEDGEMENTS_A_DAY,
    EXCHANGE,
    EffectStores,
    LetterAcknowledgement,
    LetterEnd,
    LetterWriter,
    ListedReceivedMail,
    Mailbox,
    NewReceivedMail,
    ReceivedMail,
    ReceivedMailHandledBefore,
    ReceivedMailResult,
    ReportedDelivery,
)
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.outbox import insert_outbox_messages
from mailer.postgres.person_keys_in_bodies import find_person_keys_in_body
from mailer.postgres.refusal_quarantine import PostgresRefusalQuarantine
from mailer.postgres.returned_breach_mail import add_notices_for_returned_mail
from mailer.postgres.standings import PostgresStandings
from mailer.postgres.suppressions import PostgresSuppressions

SQL: Final = load_statements("received_mail")
_DELETED_AT_ONCE: Final = 1000
_QUEUED_AT_ONCE: Final = 1000
_LONGEST_NAME: Final = 255
_SEARCHED: Final = 256 * 1024
"""The octets of a message in which addresses are searched. Ten MiB of `a@` would keep a process busy for minutes."""


class PostgresReceivedMail:
    """Implements `ports.received_mail.ReceivedMailStore` and `ReceivedMailReader`."""

    def __init__(
        self,
        pool: Pool,
        writers: LedgerWriters,
        hasher: AddressHasher,
        controllers: Mapping[str, str],
        *,
        tell: bool = False,
    ) -> None:
        """Takes the connections, the writers of the ledger, the hasher of addresses, and the controllers by brand.

        With `tell`, bounces, complaints and opt-outs also go into the outbox for `mailer.outcomes`.
        """
        self._tell = tell
        self._pool = pool
        self._controllers = controllers
        self._writers = writers
        self._hasher = hasher

    async def store_mail(self, mails: Sequence[NewReceivedMail]) -> Sequence[UUID]:
        """See the port."""
        rows = await self._rows_of_mails(mails)
        async with self._pool.acquire() as connection, connection.transaction():
            return await _insert_rows(connection, rows)

    async def store_collected_mail(self, mail: NewReceivedMail) -> bool:
        """See the port."""
        rows = await self._rows_of_mails([mail])
        async with self._pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(SQL["collect"], hashlib.sha256(mail.content).digest()) is None:
                return False
            await _insert_rows(connection, rows)
        return True

    async def _rows_of_mails(self, mails: Sequence[NewReceivedMail]) -> list[tuple[Any, ...]]:
        """Returns the rows to insert. A message may name thousands of people, so that takes a thread."""
        named = await asyncio.to_thread(lambda: [" ".join(self._person_keys_of_mail(mail)) for mail in mails])
        return [
            (
                uuid7(),
                mail.brand,
                mail.mailbox.value,
                storable_text(mail.sender),
                storable_text(mail.recipient),
                storable_text(mail.peer)[:_LONGEST_NAME],
                storable_text(mail.helo)[:_LONGEST_NAME],
                mail.content,
                hashlib.sha256(mail.content).digest(),
                keys,
            )
            for mail, keys in zip(mails, named, strict=True)
        ]

    async def get_unhandled_mails(self, mail_ids: Sequence[UUID]) -> Mapping[UUID, ReceivedMail]:
        """See the port."""
        rows = await self._pool.fetch(SQL["unhandled"], mail_ids)
        return {row["id"]: _received_mail_from_row(row) for row in rows}

    async def find_reported_deliveries(self, deliveries: Sequence[tuple[UUID, int]]) -> Sequence[ReportedDelivery]:
        """See the port."""
        rows = await self._pool.fetch(SQL["deliveries"], *zip(*deliveries, strict=True))
        return [ReportedDelivery(**row) for row in rows]

    async def find_recipient_with_address(self, brand: str, address: str) -> int | None:
        """See the port."""
        hashed, controller = self._hasher.hash_address(address), self._controllers[brand]
        found = await self._pool.fetchval(SQL["with_address"], controller, self._hasher.key_id, hashed, brand)
        return None if found is None else int(found)

    async def find_address_of_ref(self, brand: str, ref: str) -> str | None:
        """See the port."""
        found: str | None = await self._pool.fetchval(SQL["address_of_ref"], brand, storable_text(ref))
        return found

    def stores_committing_result(self, mail: ReceivedMail, result: ReceivedMailResult) -> EffectStores:
        """See the port."""
        writers = self._writers.writers_checking_each_transaction(partial(self._finish_or_raise, mail, result))
        return EffectStores(
            PostgresStandings(self._pool, writers, self._hasher),
            PostgresSuppressions(self._pool, writers, self._hasher),
            PostgresRefusalQuarantine(self._pool, writers, self._hasher),
        )

    async def add_notice_for_returned_mail(self, delivery: ReportedDelivery, status: str) -> None:
        """See the port."""
        if delivery.category not in categories_moving_on_to_writing():
            return
        words = f"{delivery.processor or 'report'} {status}"
        async with open_unit_of_work(self._pool, self._writers) as work:
            returned = [(delivery.mailing_id, delivery.recipient_id, words)]
            if entries := await add_notices_for_returned_mail(work.connection, returned):
                await work.append_entries(entries)

    async def finish_mail(self, mail: ReceivedMail, result: ReceivedMailResult) -> None:
        """See the port."""
        if result.acknowledgement is None:  # one statement needs no transaction: two round trips less
            await self._store_result(mail, result, self._pool)
            return
        async with self._pool.acquire() as connection, connection.transaction():
            await self._finish(mail, result, connection)

    async def list_mail(
        self, brands: Collection[str] | None, *, waiting: bool, limit: int
    ) -> Sequence[ListedReceivedMail]:
        """See the port."""
        wanted = None if brands is None else list(brands)
        which = (SQL["waiting"], wanted, limit, None) if waiting else (SQL["listed"], wanted, limit)
        return [_listed_mail_from_row(row) for row in await self._pool.fetch(*which)]

    async def list_waiting_letters(
        self, brands: Collection[str], limit: int, *, asking: bool = False, after: UUID | None = None
    ) -> Sequence[ListedReceivedMail]:
        """See the port."""
        rows = await self._pool.fetch(SQL["asking" if asking else "waiting"], list(brands), limit, after)
        return [_listed_mail_from_row(row) for row in rows]

    async def find_mail(self, mail_id: UUID) -> ListedReceivedMail | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["facts"], mail_id)
        return None if row is None else _listed_mail_from_row(row)

    async def read_mail(self, mail_id: UUID) -> tuple[ListedReceivedMail, bytes | None] | None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            row = await work.connection.fetchrow(SQL["one"], mail_id)
            if row is None:
                return None
            await work.append_entries([_build_received_mail_entry(row["brand"], mail_id, "received_read")])
        return _listed_mail_from_row(row), row["content"]

    async def close_waiting_mail(self, mail_id: UUID, by: str, end: LetterEnd) -> bool:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            brand = await work.connection.fetchval(SQL["close"], mail_id, by)
            if brand is not None:
                await work.append_entries([_build_received_mail_entry(brand, mail_id, "received_closed", end.value)])
        return brand is not None

    async def _finish_or_raise(self, mail: ReceivedMail, result: ReceivedMailResult, connection: Connection) -> None:
        if not await self._finish(mail, result, connection):
            raise ReceivedMailHandledBefore

    async def _finish(self, mail: ReceivedMail, result: ReceivedMailResult, connection: Connection) -> bool:
        """Stores the result in the caller's transaction. Returns False if there is one already."""
        is_new = await self._store_result(mail, result, connection)
        if is_new and result.acknowledgement is not None:
            await _publish_acknowledgement(mail.id, result.acknowledgement, connection)
        return is_new

    async def _store_result(
        self, mail: ReceivedMail, result: ReceivedMailResult, connection: Connection | Pool
    ) -> bool:
        """Stores the result by one statement, without an acknowledgement. Returns False if there is one already."""
        facts = result.kind, result.effect.value, result.reason[:500], result.recipient_id, result.mailing_id
        outcome = STATE_OF_EFFECT.get(result.effect), result.reported[:100], self._tell
        suggested = list(result.suggested)
        counted = (*result.counted.key, result.counted.handed_over_at) if result.counted else (None,) * 4
        values = *facts, *outcome, suggested, *counted, result.is_writer_proven
        return await connection.fetchval(SQL["finish"], mail.id, *values) is not None

    def _person_keys_of_mail(self, mail: NewReceivedMail) -> list[str]:
        """Returns the keyed hashes of the addresses in an envelope and the first `_SEARCHED` octets of its message."""
        text = b"%b\n%b" % (mail.sender.encode("utf-8", "replace"), mail.content[:_SEARCHED])
        return find_person_keys_in_body(text, mail.brand, self._hasher)


async def _publish_acknowledgement(
    mail_id: UUID, acknowledgement: LetterAcknowledgement, connection: Connection
) -> None:
    """Puts the answer to a letter into the outbox, unless its thread has one, or the person has had enough of them."""
    thread = [hashlib.sha256(one.encode()).digest() for one in acknowledgement.thread]
    recipient_id = acknowledgement.recipient_id
    # Two letters of a person may be handled at the same time.
    await connection.execute(SQL["lock_writer"], recipient_id)
    row = await connection.fetchrow(SQL["acknowledge"], mail_id, recipient_id, thread, ACKNOWLEDGEMENTS_A_DAY)
    if row is not None and row["is_due"]:
        answer = acknowledgement.build_message(LetterWriter(row["ref"], row["country"]))
        await insert_outbox_messages(connection, "mailer.events", [answer])


async def _insert_rows(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[UUID]:
    """Inserts messages, and outbox rows with their ids. Returns the ids of those that were not stored before."""
    stored = {row["id"] for row in await connection.fetch(SQL["store"], *zip(*rows, strict=True))}
    await _put_mail_ids_into_outbox(connection, [(id_, brand) for id_, brand, *_ in rows if id_ in stored])
    return [id_ for id_, *_ in rows if id_ in stored]


async def _put_mail_ids_into_outbox(connection: Connection, mails: Iterable[tuple[UUID, str]]) -> None:
    """Puts the ids of messages of brands into the outbox."""
    calls = [BrokerMessage(json.dumps({"received": str(id_)}).encode(), brand, str(id_)) for id_, brand in mails]
    await insert_outbox_messages(connection, EXCHANGE, calls)


async def queue_late_received_mail(pool: Pool, age: timedelta) -> int:
    """Queues messages again that were not handled for so long. Returns their number, at most `_QUEUED_AT_ONCE`."""
    async with pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch(SQL["queue_late"], age, _QUEUED_AT_ONCE)
        await _put_mail_ids_into_outbox(connection, [(row["id"], row["brand"]) for row in rows])
    return len(rows)


async def delete_old_received_mail(pool: Pool, age: timedelta) -> None:
    """Deletes the contents of messages that were handled, and are older than `age`."""
    await pool.execute(SQL["forget"], age, _DELETED_AT_ONCE)


def _build_received_mail_entry(brand: str, mail_id: UUID, what: str, end: str | None = None) -> LedgerEntry:
    """Returns the entry that somebody has done something with a received message."""
    return LedgerEntry(EntryKind.CONTROL, brand, category=end, reason=what, rule=f"received:{mail_id}")


def _received_mail_from_row(row: asyncpg.Record) -> ReceivedMail:
    mailbox, sent = Mailbox(row["mailbox"]), (row["sender"], row["recipient"])
    new = NewReceivedMail(row["brand"], mailbox, *sent, row["peer"], row["helo"], row["content"])
    return ReceivedMail(row["id"], row["at"], new)


def _listed_mail_from_row(row: asyncpg.Record) -> ListedReceivedMail:
    values = {name: value for name, value in row.items() if name != "content"}
    found = {"mailbox": Mailbox(row["mailbox"]), "suggested": tuple(row["suggested"] or ())}
    return ListedReceivedMail(**{**values, **found})
