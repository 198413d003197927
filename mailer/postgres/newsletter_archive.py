"""The archive of newsletters in PostgreSQL."""

from collections.abc import Collection, Sequence
from uuid import UUID

from mailer.database.statements import Pool, load_statements
from mailer.ports.newsletter_archive import ArchivedNewsletter

_STATEMENTS = load_statements("newsletter_archive")
_SQL = {name: text.replace("{columns}", _STATEMENTS["columns"]) for name, text in _STATEMENTS.items()}


class PostgresArchivedNewsletters:
    """Implements `ports.newsletter_archive.ArchivedNewsletterReader`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_archived_newsletters(
        self, brand: str, categories: Collection[str], before: UUID | None, limit: int
    ) -> Sequence[ArchivedNewsletter]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["list"], brand, list(categories), before, limit)
        return [ArchivedNewsletter(**dict(row)) for row in rows]

    async def find_archived_newsletter(
        self, brand: str, categories: Collection[str], campaign_id: UUID
    ) -> ArchivedNewsletter | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["find"], brand, list(categories), campaign_id)
        return ArchivedNewsletter(**dict(row)) if row else None
