"""Dead letters in PostgreSQL."""

import asyncpg

from mailer.ledger.database import Pool
from mailer.ledger.texts import storable
from mailer.ports.broker import Header, Message
from mailer.ports.dead_letters import DeadLetter


class PostgresDeadLetters:
    """Implements `ports.dead_letters.DeadLetters`, and what operators ask of them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, message: Message, exchange: str, routing_key: str, reason: str, publisher: str) -> None:
        """See the port."""
        await self._pool.execute(
            "INSERT INTO dead_letters (reason, exchange, routing_key, message_id, publisher, body)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            storable(reason),
            storable(exchange),
            storable(routing_key),
            message.message_id and storable(message.message_id),
            storable(publisher),
            message.body,
        )

    async def list(self, limit: int) -> list[DeadLetter]:
        """The newest first."""
        rows = await self._pool.fetch("SELECT * FROM dead_letters ORDER BY id DESC LIMIT $1", limit)
        return [_letter(row) for row in rows]

    async def get(self, letter_id: int) -> DeadLetter | None:
        """One of them."""
        row = await self._pool.fetchrow("SELECT * FROM dead_letters WHERE id = $1", letter_id)
        return _letter(row) if row else None

    async def replay(self, letter_id: int) -> DeadLetter | None:
        """Publishes one again, by the outbox, and marks it, in one transaction. None: there is none."""
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                "UPDATE dead_letters SET replayed_at = now() WHERE id = $1 RETURNING *", letter_id
            )
            if row is None:
                return None
            await connection.execute(
                "INSERT INTO outbox (exchange, routing_key, message_id, body, publisher) VALUES ($1, $2, $3, $4, $5)",
                row["exchange"],
                row["routing_key"],
                row["message_id"],
                storable(row["body"].decode(errors="replace")),
                row["publisher"],
            )
        return _letter(row)


def _letter(row: asyncpg.Record) -> DeadLetter:
    message = Message(
        row["body"], row["routing_key"], row["message_id"], {Header.PUBLISHER: row["publisher"]}, row["publisher"]
    )
    return DeadLetter(
        row["id"], row["at"], row["reason"], row["exchange"], row["publisher"], message, row["replayed_at"]
    )
