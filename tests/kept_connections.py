"""Connections of a test's own to the database and the RabbitMQ of a stack.

Tests ask again and again. To open a connection takes ten milliseconds of a processor, much more than to ask.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import aiormq
import asyncpg
from aiormq.exceptions import ChannelNotFoundEntity
from pamqp.commands import Queue

_ENDED = (
    *(asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError),
    *(asyncpg.InterfaceError, asyncpg.InternalClientError, OSError),
)
"""The errors of a database connection that has ended."""


class KeptConnections:
    """One connection to each database and each RabbitMQ that was asked; `close` ends them."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._databases: dict[str, asyncpg.Connection[asyncpg.Record]] = {}
        self._rabbits: dict[str, aiormq.Connection] = {}

    async def fetch(self, url: str, statement: str, arguments: Sequence[Any]) -> list[asyncpg.Record]:
        """Returns the rows of a statement. If the kept connection has ended, it is executed on a new one."""
        async with self._turn:
            if (kept := self._databases.get(url)) is not None and not kept.is_closed():
                try:
                    return list(await kept.fetch(statement, *arguments))
                except _ENDED:
                    kept.terminate()
                except BaseException as error:
                    # A query that was broken off, as by a time limit, leaves the driver in the middle of an answer.
                    if not isinstance(error, asyncpg.PostgresError):
                        kept.terminate()
                    raise
            self._databases[url] = fresh = await asyncpg.connect(url)
            return list(await fresh.fetch(statement, *arguments))

    async def declared(self, url: str, queue: str) -> Queue.DeclareOk:
        """Returns what RabbitMQ says of a queue; nothing of one that does not exist."""
        async with self._turn:
            connection = self._rabbits.get(url)
            if connection is None or connection.is_closed:
                connection = self._rabbits[url] = aiormq.Connection(url)
                await connection.connect()
            channel = await connection.channel()
            try:
                return await channel.queue_declare(queue, passive=True)
            except ChannelNotFoundEntity:
                return Queue.DeclareOk()
            finally:
                await channel.close()

    async def close(self) -> None:
        """Ends all connections."""
        for database in self._databases.values():
            if not database.is_closed():
                await database.close(timeout=5)
        for rabbit in self._rabbits.values():
            await rabbit.close()
