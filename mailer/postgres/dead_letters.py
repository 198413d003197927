"""Dead letters in PostgreSQL."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from mailer.database.statements import Connection, Pool, statements
from mailer.database.storable_text import storable
from mailer.events import MAX_EVENT_BYTES
from mailer.ports.broker import Header, Message
from mailer.ports.dead_letters import ALL, Chosen, DeadKind, DeadLetter
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.dead_letter_names import names_in

_CHOSEN = statements("dead_letters")["chosen"]
_SQL = {name: text.replace("{chosen}", _CHOSEN) for name, text in statements("dead_letters").items()}
_READ_AT_ONCE = 100


class PostgresDeadLetters:
    """Implements `ports.dead_letters.DeadLetters`, and what operators ask of them."""

    def __init__(self, pool: Pool, hasher: AddressHasher) -> None:
        self._pool = pool
        self._hasher = hasher

    async def keep(
        self, message: Message, exchange: str, routing_key: str, reason: str, publisher: str, kind: DeadKind
    ) -> None:
        """See the port."""
        # Thousands of people may be named in one.
        named = await asyncio.to_thread(names_in, message.body, routing_key, self._hasher, message.message_id)
        await self._pool.execute(
            _SQL["keep"],
            storable(reason),
            storable(exchange),
            storable(routing_key),
            message.message_id and storable(message.message_id),
            storable(publisher),
            message.body,
            kind,
            named,
        )

    async def list(self, limit: int, chosen: Chosen = ALL) -> Sequence[DeadLetter]:
        """The newest first."""
        rows = await self._pool.fetch(_SQL["latest"], *_given(chosen), limit)
        return [_letter(row) for row in rows]

    async def get(self, letter_id: int) -> DeadLetter | None:
        """One of them."""
        row = await self._pool.fetchrow(_SQL["one"], letter_id)
        return _letter(row) if row else None

    async def replayable(self, chosen: Chosen) -> Sequence[int]:
        """The ids of those that can be published again, the oldest first: events whose bodies were kept."""
        return [row["id"] for row in await self._pool.fetch(_SQL["replayable"], *_given(chosen), MAX_EVENT_BYTES)]

    async def replay(self, letter_id: int) -> DeadLetter | None:
        """Publishes an event again as its publisher, by the outbox, and marks it, in one transaction.

        Returns:
            None: there is none, its body was not kept or is no text, nobody is known to have published it, or it was
                published elsewhere than to `mailer.events`.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            found = await connection.fetchrow(_SQL["one"], letter_id)
            body = _text(found["body"]) if found else None
            row = await connection.fetchrow(_SQL["replayed"], letter_id) if body is not None else None
            if row is None:
                return None
            await connection.execute(
                _SQL["park"],
                row["routing_key"],
                row["message_id"],
                body,
                row["publisher"],
            )
        return _letter(row)


def _text(body: bytes) -> str | None:
    """A body as text, if it is one that the outbox can hold as it is (UTF-8, without U+0000)."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if storable(text) == text else None


async def read_unread(connection: Connection, hasher: AddressHasher) -> None:
    """Notes who is named in the dead letters of earlier versions."""
    while rows := await connection.fetch(_SQL["unread"], _READ_AT_ONCE):
        for row in rows:
            named = await asyncio.to_thread(names_in, row["body"], row["routing_key"], hasher, row["message_id"])
            await connection.execute(_SQL["read"], row["id"], named)


async def forget(pool: Pool, older: timedelta, limit: int) -> None:
    """Deletes dead letters that were kept for long enough."""
    await pool.execute(_SQL["forget"], older, limit)


def _given(chosen: Chosen) -> tuple[object, ...]:
    """The parameters of `chosen` in their order."""
    return (
        chosen.first,
        chosen.last,
        chosen.since,
        chosen.until,
        chosen.kind,
        chosen.reason,
        chosen.key,
        chosen.replayed,
    )


def _letter(row: asyncpg.Record) -> DeadLetter:
    message = Message(row["body"], row["routing_key"], row["message_id"], {Header.PUBLISHER: row["publisher"]})
    return DeadLetter(
        row["id"],
        row["at"],
        row["reason"],
        row["exchange"],
        row["publisher"],
        message,
        row["replayed_at"],
        DeadKind(row["kind"]),
    )
