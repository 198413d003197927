"""Reads the figures of waiting work from PostgreSQL, each from few rows by an index."""

from asyncpg import Record

from mailer.database.statements import Pool, load_statements
from mailer.metrics_and_logger import log
from mailer.policy.category import Lane
from mailer.ports.attention_figures import AttentionFigure, AttentionFigures
from mailer.ports.database_errors import StatementTimedOut
from mailer.postgres.flow_metrics import fetch_with_time_limit

_SQL = load_statements("attention")


class PostgresAttentionFigures:
    """Implements `ports.attention_figures.AttentionFigureSource`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read_attention_figures(self) -> AttentionFigures:
        """See the port."""
        figures = {}
        for name, statement in _SQL.items():
            arguments = [list(Lane)] if name == "oldest_due" else []
            try:
                rows = await fetch_with_time_limit(self._pool, statement, arguments)
            except StatementTimedOut:
                log.warning("a figure of the console took too long to read; it is left out", figure=name)
            else:
                figures[name] = [_figure_from_row(row) for row in rows]
        return figures


def _figure_from_row(row: Record) -> AttentionFigure:
    seconds = None if row["seconds"] is None else max(0, round(row["seconds"]))
    return AttentionFigure(row["brand"], row["label"], row["n"], seconds)
