"""Uploaded pictures, in PostgreSQL."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from mailer.database.statements import Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.pictures import PictureFacts, PictureInUse, ServedPicture

MOST_PICTURES: Final = 2000
"""The most pictures of a brand: at most 4 GiB."""
_SQL: Final = {
    name: text.replace("{facts}", load_statements("pictures")["facts"])
    for name, text in load_statements("pictures").items()
}


class PostgresPictures:
    """Implements `ports.pictures.PictureStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def add_picture(self, facts: PictureFacts, content: bytes) -> PictureFacts:
        """See the port."""
        if found := (await self.find_pictures(facts.brand, [facts.id])).get(facts.id):
            return found
        if await self._pool.fetchval(_SQL["count"], facts.brand) >= MOST_PICTURES:
            raise ValueError(f"{facts.brand} has {MOST_PICTURES:,} pictures; delete some that no campaign shows")
        values = facts.content_type, facts.width, facts.height, content, facts.file_name
        async with open_unit_of_work(self._pool, self._writers) as work:
            done = await work.connection.execute(
                _SQL["add"], facts.id, facts.brand, *values, facts.created_by, facts.created_at
            )
            if not done.endswith(" 0"):
                await work.append_entries([_ledger_entry("added", facts.brand, facts.id)])
        return facts

    async def list_pictures(self, brand: str, *, before: tuple[datetime, str] | None, limit: int) -> list[PictureFacts]:
        """See the port."""
        at, id_ = before or (None, None)
        return [PictureFacts(**row) for row in await self._pool.fetch(_SQL["page"], brand, at, id_, limit)]

    async def find_pictures(self, brand: str, ids: Collection[str]) -> Mapping[str, PictureFacts]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["some"], brand, list(ids))
        return {row["id"]: PictureFacts(**row) for row in rows}

    async def find_content(self, id_: str) -> ServedPicture | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["content"], id_)
        return ServedPicture(row["content_type"], row["content"]) if row else None

    async def delete_picture(self, brand: str, id_: str) -> bool:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            if shown := await work.connection.fetchval(_SQL["shown_by"], brand, id_):
                raise PictureInUse(f"the campaign {shown} shows it, and sent mails need it; it stays")
            done = await work.connection.execute(_SQL["delete"], brand, id_)
            is_done = not done.endswith(" 0")
            if is_done:
                await work.append_entries([_ledger_entry("deleted", brand, id_)])
        return is_done


def _ledger_entry(step: str, brand: str, id_: str) -> LedgerEntry:
    return LedgerEntry(EntryKind.CONTROL, brand, reason=f"picture {step}", rule=f"picture:{id_}")
