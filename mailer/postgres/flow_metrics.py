"""Reads metrics from PostgreSQL. No statement counts a large table: each reads few rows by an index."""

from collections.abc import Sequence

from asyncpg import Record

from mailer.database.statements import Pool, load_statements
from mailer.metrics_and_logger import log
from mailer.policy.category import Lane
from mailer.ports.database_errors import StatementTimedOut
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.ports.flow_metrics import FIGURES, Values

_SQL = load_statements("figures")
_ALL = {"oldest_due": list(Lane), "dead_letters": list(DeadLetterCauseKind)}
"""The metrics that are also shown if they are 0, with their labels."""
SECONDS = 5.0
"""The longest time in seconds that one statement may take."""


class PostgresFlowMetrics:
    """Implements `ports.flow_metrics.FlowMetricsSource`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read_metrics(self) -> Values:
        """See the port."""
        values: dict[str, list[tuple[tuple[str, ...], float]]] = {}
        for name in FIGURES:
            arguments = [_ALL[name]] if name in _ALL else []
            try:
                rows = await fetch_with_time_limit(self._pool, _SQL[name], arguments)
            except StatementTimedOut:
                log.warning("a figure took too long to read; it is left out", figure=name)
            else:
                values[name] = [(tuple(map(str, row[:-1])), float(row[-1])) for row in map(tuple, rows)]
        return values


async def fetch_with_time_limit(pool: Pool, statement: str, arguments: Sequence[object]) -> Sequence[Record]:
    """Runs a statement with a time limit of the server. A limit of ours alone would look like a server outage."""
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute(f"SET LOCAL statement_timeout = {round(SECONDS * 1000)}")
        return await connection.fetch(statement, *arguments)
