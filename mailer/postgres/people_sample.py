"""Samples of people, in PostgreSQL."""

from mailer.database.statements import Pool, load_statements, standing_from_row
from mailer.ports.people_sample import PeopleSample

_SQL = load_statements("people_sample")
POINTS, ROWS_EACH = 100, 25
"""The points at which a sample begins to read, and the rows that it reads at each."""


class PostgresPeopleSampler:
    """Implements `ports.people_sample.PeopleSampler`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read_sample_of_people(self, brand: str) -> PeopleSample:
        """See the port."""
        rows = await self._pool.fetch(_SQL["sample"], brand, POINTS, ROWS_EACH)
        is_everybody = bool(rows) and rows[0]["width"] <= POINTS * ROWS_EACH
        return PeopleSample([standing_from_row(row, locale=row["locale"]) for row in rows], is_everybody)
