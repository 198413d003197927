"""Inviters in PostgreSQL. Only `actions` calls the functions that change them."""

from mailer.database.statements import Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.postgres import people

_SQL = load_statements("inviters")


class PostgresInviterPauses:
    """Implements `ports.inviter_pauses.InviterPauseStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def pause_inviter(self, brand: str, inviter: str, reason: str) -> bool:
        """See the port."""
        return await self._pause_or_resume_inviter("pause", brand, inviter, reason)

    async def resume_inviter(self, brand: str, inviter: str, reason: str) -> bool:
        """See the port."""
        return await self._pause_or_resume_inviter("resume", brand, inviter, reason)

    async def _pause_or_resume_inviter(self, what: str, brand: str, inviter: str, reason: str) -> bool:
        """Pauses or resumes an inviter, with a ledger entry. Returns True if that changed anything.

        If the member is a recipient, the entry names their recipient id; else the ref is a note.
        """
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.connection.execute(_SQL["alone"])
            changed = await work.connection.fetchval(_SQL[what], brand, inviter, reason)
            member: int | None = await work.connection.fetchval(people.SQL["find"], brand, inviter)
            entry = LedgerEntry(
                EntryKind.ACTION,
                brand,
                recipient_id=member,
                reason=f"{what}_inviter",
                rule=f"action:{reason}",
                reply=inviter if member is None else None,
            )
            await work.append_entries([entry] if changed else [])
        return bool(changed)
