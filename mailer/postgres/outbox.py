"""The outbox in PostgreSQL."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import asyncpg

from mailer.account_event_types import AccountEvent
from mailer.database.statements import Connection, Pool, load_statements
from mailer.events import MessageEvent
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.broker import BrokerMessage, BrokerUnavailable, HeaderName, MessageUnpublishable
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.outbox import TAKEN_OCTETS, OutboxRow
from mailer.postgres.event_outbox_insert import insert_event_in_outbox

_SQL = load_statements("outbox")
_CHANNEL = "mailer_outbox"
UNREACHABLE = (DatabaseUnavailable, asyncpg.PostgresError)
"""The errors when a row cannot be written, or no connection is available."""


class PostgresOutbox:
    """Implements `ports.outbox.Outbox`. Listens for new rows on a separate connection from the first wait on."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._woken = asyncio.Event()
        self._listening = asyncio.Lock()
        self._listener: Connection | None = None

    async def add_messages(self, exchange: str, messages: Sequence[BrokerMessage]) -> None:
        """See the port."""
        try:
            await insert_outbox_messages(self._pool, exchange, messages)
        except DatabaseUnavailable as error:
            raise BrokerUnavailable(str(error)) from error
        except asyncpg.CheckViolationError as error:
            raise MessageUnpublishable(f"the outbox does not take a message: {error.constraint_name}") from None

    async def lease_rows(
        self, owner: str, limit: int, lease_seconds: float, without: Collection[tuple[str, str]] = ()
    ) -> list[OutboxRow]:
        """See the port."""
        exchanges, keys = [exchange for exchange, _ in without], [key for _, key in without]
        lease = timedelta(seconds=lease_seconds)
        rows = await self._pool.fetch(_SQL["take"], owner, limit, lease, exchanges, keys, TAKEN_OCTETS)
        return sorted((_outbox_row_from_record(row) for row in rows), key=lambda parked: parked.id)

    async def count_unleased_rows_up_to_limit(self, of: Collection[tuple[str, str]], at_most: int) -> int:
        """See the port."""
        exchanges, keys = [exchange for exchange, _ in of], [key for _, key in of]
        return int(await self._pool.fetchval(_SQL["waiting"], exchanges, keys, at_most))

    async def renew_leases_of_owner(self, owner: str, lease_seconds: float) -> None:
        """See the port."""
        await self._pool.execute(_SQL["renew"], owner, timedelta(seconds=lease_seconds))

    async def remove_rows(self, ids: Sequence[int]) -> None:
        """See the port."""
        await self._pool.execute(_SQL["remove"], ids)

    async def release_rows(self, ids: Sequence[int]) -> None:
        """See the port."""
        await self._pool.execute(_SQL["put_back"], ids)

    async def wait_for_rows(self, seconds: float) -> None:
        """See the port."""
        await self._listen_for_rows()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
                self._woken.clear()

    async def close(self) -> None:
        """Stops listening, and releases the connection."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            listener.remove_termination_listener(self._forget_lost_listener)
            await listener.remove_listener(_CHANNEL, self._wake_waiters)
            await self._pool.release(listener)

    async def _listen_for_rows(self) -> None:
        async with self._listening:
            if self._listener is not None:
                return
            listener = await self._pool.acquire()
            try:
                await listener.add_listener(_CHANNEL, self._wake_waiters)
            except BaseException:
                await self._pool.release(listener)
                raise
            listener.add_termination_listener(self._forget_lost_listener)
            self._listener = listener
            self._woken.set()

    def _forget_lost_listener(self, *_: Any) -> None:
        """Forgets a connection that has ended. The pool has it back; the next wait listens on another one."""
        self._listener = None

    def _wake_waiters(self, *_: Any) -> None:
        self._woken.set()


async def insert_outbox_messages(
    connection: Pool | Connection, exchange: str, messages: Sequence[BrokerMessage]
) -> None:
    """Inserts messages as rows of the outbox, in the transaction of the connection if it has one."""
    columns = (
        [message.routing_key for message in messages],
        [message.message_id for message in messages],
        [{key: value for key, value in message.headers.items() if key != HeaderName.PUBLISHER} for message in messages],
        [message.body.decode() for message in messages],
        [message.headers.get(HeaderName.PUBLISHER) for message in messages],
    )
    await connection.execute(_SQL["park"], exchange, *columns)


class PublisherToOutbox:
    """Publishes events as rows of the outbox, for applications with the in-process broker."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def publish_event(self, event: MessageEvent | AccountEvent, identity: Identity | None = None) -> None:
        """Inserts an event as a row, and returns after the commit.

        Args:
            event: the event to publish.
            identity: the publisher, if that is not the database role.

        Raises:
            BrokerUnavailable: the database did not answer, or has no outbox.
            EventRefused: the event is too large.
        """
        try:
            await insert_event_in_outbox(self._pool, event, identity)
        except UNREACHABLE as error:
            raise BrokerUnavailable(f"the database does not answer: {error}") from error


def _outbox_row_from_record(row: asyncpg.Record) -> OutboxRow:
    """Returns an `OutboxRow` from a row. Applications write rows, too: headers that are not texts are left out."""
    given = row["headers"] if isinstance(row["headers"], dict) else {}
    headers = {name: value for name, value in given.items() if isinstance(value, str) and name != HeaderName.SIZE}
    headers[HeaderName.PUBLISHER] = row["publisher"]
    message = BrokerMessage(row["body"].encode(), row["routing_key"], row["message_id"], headers)
    return OutboxRow(row["id"], row["exchange"], message)
