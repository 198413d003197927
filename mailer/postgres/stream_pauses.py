"""Pauses of streams in PostgreSQL."""

from collections.abc import Sequence
from datetime import timedelta

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ports.stream_pauses import StreamPause

_SQL = load_statements("pauses")
_READ_AGAIN = timedelta(seconds=2)
"""The time after which every worker has read that a pause is over."""


class PostgresStreamPauses:
    """Implements `ports.stream_pauses.StreamPauseStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add_pauses(self, pauses: Sequence[StreamPause]) -> None:
        """See the port."""
        await self._pool.execute(
            _SQL["pause"],
            [pause.processor for pause in pauses],
            [pause.category for pause in pauses],
            [pause.domain for pause in pauses],
            [pause.until for pause in pauses],
            [pause.reason for pause in pauses],
            [pause.says for pause in pauses],
        )
        await self._pool.execute(_SQL["forget"])

    async def list_current_pauses(self) -> list[StreamPause]:
        """See the port."""
        return [StreamPause(**row) for row in await self._pool.fetch(_SQL["paused"])]


async def lift_pauses_of_processor(connection: Connection, processor: str) -> int:
    """Ends the pauses of a processor's streams, in the transaction of the connection. Returns their number."""
    return len(await connection.fetch(_SQL["lift"], processor, _READ_AGAIN))
