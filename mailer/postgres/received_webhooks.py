"""Webhooks in PostgreSQL: requests as they arrived, and their events as received mail."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.ports.broker import BrokerMessage
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.received_mail import EXCHANGE
from mailer.ports.received_webhooks import ListedWebhookRequest, NewWebhookRequest, ProvenWebhookEvent
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.outbox import insert_outbox_messages
from mailer.postgres.person_keys_in_bodies import find_person_keys_in_body, key_of_address_hash

SQL: Final = load_statements("received_webhooks")
_DELETED_AT_ONCE: Final = 1000
_SEARCHED: Final = 64 * 1024
"""The octets of a body in which addresses are searched, beside those of the events. A megabyte would take a second."""


class PostgresReceivedWebhooks:
    """Implements `ports.received_webhooks.ReceivedWebhookStore` and `ReceivedWebhookReader`."""

    def __init__(self, pool: Pool, writers: LedgerWriters, hasher: AddressHasher) -> None:
        """Takes the connections, the writers of the ledger, and the hasher of addresses."""
        self._pool = pool
        self._writers = writers
        self._hasher = hasher

    async def store_request(self, request: NewWebhookRequest, events: Sequence[ProvenWebhookEvent]) -> int | None:
        """See the port."""
        # A request may name thousands of people.
        named = await asyncio.to_thread(self._person_keys_of_request, request)
        facts = request.provider, request.endpoint, request.request_key, request.body
        counts = request.events, len(events), request.malformed, request.mailing_ids, named
        async with self._pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(SQL["store_request"], uuid7(), *facts, *counts) is None:
                return None
            return await self._store_new_events_with_outbox_rows(connection, request, events) if events else 0

    def _person_keys_of_request(self, request: NewWebhookRequest) -> list[str]:
        """Returns the keys of the addresses in the events that were read, and in the beginning of the body."""
        hashes = map(self._hasher.hash_address, request.recipients)
        found = find_person_keys_in_body(request.body[:_SEARCHED], "", self._hasher)
        return sorted({*map(key_of_address_hash, hashes), *found})

    async def _store_new_events_with_outbox_rows(
        self, connection: Connection, request: NewWebhookRequest, events: Sequence[ProvenWebhookEvent]
    ) -> int:
        """Stores the new events, with the outbox rows that let `mailer inbound` handle them. Returns their number."""
        rows = [
            (
                uuid7(),
                event.mailing_id,
                event.recipient_id,
                event.content,
                hashlib.sha256(event.event_key.encode()).digest(),
                key_of_address_hash(self._hasher.hash_address(event.recipient)) if event.recipient else "",
            )
            for event in events
        ]
        endpoint = f"{request.provider}/{request.endpoint}"
        columns = zip(*rows, strict=True)
        stored = await connection.fetch(SQL["store_events"], endpoint, request.provider, *columns)
        calls = [
            BrokerMessage(json.dumps({"received": str(row["id"])}).encode(), row["brand"], str(row["id"]))
            for row in stored
        ]
        await insert_outbox_messages(connection, EXCHANGE, calls)
        return len(stored)

    async def list_requests(self, *, malformed: bool, limit: int) -> Sequence[ListedWebhookRequest]:
        """See the port."""
        return [ListedWebhookRequest(**row) for row in await self._pool.fetch(SQL["list_requests"], malformed, limit)]

    async def read_request_body(self, request_id: UUID) -> bytes | None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            row = await work.connection.fetchrow(SQL["request_body"], request_id)
            if row is None:
                return None
            rule = f"webhook:{request_id}"
            read = [LedgerEntry(EntryKind.CONTROL, brand, reason="received_read", rule=rule) for brand in row["brands"]]
            await work.append_entries(read)
        return bytes(row["body"])


async def delete_old_webhook_requests(pool: Pool, age: timedelta) -> None:
    """Deletes requests that are older than `age`, with their keys."""
    await pool.execute(SQL["forget"], age, _DELETED_AT_ONCE)


async def empty_webhook_requests_naming_person(connection: Connection, keys: Sequence[str]) -> None:
    """Deletes the bodies of requests that name a person, by the person's keys."""
    await connection.execute(SQL["erase"], keys)
