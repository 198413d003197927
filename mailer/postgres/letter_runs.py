"""The queue of letter runs in PostgreSQL, for the process that makes their files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Final

from mailer.database.statements import Pool
from mailer.ledger.unit_of_work import UnitOfWork, open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.letters import LetterRun, LetterRunLost, LetterToSet, PlacedLetter
from mailer.ports.non_email_notices import WAITING, NonEmailNoticeState, NoticeChange
from mailer.postgres.letter_rows import SQL, letter_to_set_from_row, run_from_row
from mailer.postgres.letters import run_entry
from mailer.postgres.non_email_notices import change_locked_notices, lock_notices

LEASE: Final = timedelta(seconds=60)
_MAILER: Final = "mailer"


class PostgresLetterRunQueue:
    """Implements `ports.letters.LetterRunQueue`.

    Args:
        pool: the connections. writers: of the ledger.
        lease: the time after which another process makes a run whose maker is gone.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters, lease: timedelta = LEASE) -> None:
        self._pool = pool
        self._writers = writers
        self._lease = lease

    async def claim_run(self, owner: str) -> LetterRun | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["claim_run"], owner, self._lease)
        return run_from_row(row) if row else None

    async def extend_lease(self, run: LetterRun, owner: str) -> None:
        """See the port."""
        if not await self._pool.fetchval(SQL["extend_lease"], run.id, owner, self._lease):
            raise LetterRunLost

    async def read_letters(self, run: LetterRun) -> Sequence[LetterToSet]:
        """See the port."""
        return [letter_to_set_from_row(row) for row in await self._pool.fetch(SQL["letters_to_set"], run.id)]

    async def store_file(
        self,
        run: LetterRun,
        owner: str,
        content: bytes,
        pages: int,
        placed: Sequence[PlacedLetter],
        left_out: Mapping[int, str | None],
    ) -> None:
        """See the port."""
        digest = sha256(content).digest()
        problem = _problem_of_left_out(left_out)
        async with open_unit_of_work(self._pool, self._writers) as work:
            values = run.id, owner, len(placed), pages, digest, problem
            if not await work.connection.fetchval(SQL["finish_run"], *values):
                raise LetterRunLost
            if placed:
                await work.connection.execute(SQL["store_file"], run.id, content)
                await work.connection.execute(SQL["place_letters"], run.id, *zip(*placed, strict=True))
            entries = await self._leave_out(work, run, placed, left_out)
            await work.connection.execute(SQL["forget_counts"], [run.case_id])
            made = replace(run, letters=len(placed), pages=pages, digest=digest)
            await work.append_entries([*entries, run_entry(made, "letter_run_made", None)])

    async def _leave_out(
        self, work: UnitOfWork, run: LetterRun, placed: Sequence[PlacedLetter], left_out: Mapping[int, str | None]
    ) -> list[LedgerEntry]:
        """Takes letters out of the run that are not in its file, and opens the notices of those that wait again."""
        kept = [one.letter for one in placed]
        await work.connection.fetch(SQL["leave_out"], run.id, list(left_out), list(left_out.values()), kept)
        entries = list[LedgerEntry]()
        for notice in await lock_notices(work.connection, sorted(left_out)):
            if notice.state in WAITING:
                change = NoticeChange(NonEmailNoticeState.OPEN, _MAILER)  # a note would say that it came back
                entries += await change_locked_notices(work.connection, [notice], change)
        return entries

    async def mark_failed(self, run: LetterRun, owner: str, problem: str) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            if not await work.connection.fetchval(SQL["fail_run"], run.id, owner, problem[:1000]):
                raise LetterRunLost
            await work.append_entries([run_entry(run, "letter_run_failed", None)])

    async def delete_old_files(self, today: date) -> int:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            rows = await work.connection.fetch(SQL["delete_old_files"], today)
            if rows:
                entries = [
                    LedgerEntry(
                        EntryKind.CONTROL,
                        row["brand"],
                        category="breach",
                        reason="letter_run_deleted",
                        rule=f"breach:{row['case_id']}",
                        fields=(f"run:{row['id']}",),
                    )
                    for row in rows
                ]
                await work.append_entries(entries)
        return len(rows)


def _problem_of_left_out(left_out: Mapping[int, str | None]) -> str:
    """Returns how many letters have left a run and why, for people; empty if none has."""
    unprintable = sum(why is not None for why in left_out.values())
    later = len(left_out) - unprintable
    said = (
        f"cannot be printed: {unprintable:,}" if unprintable else "",
        f"wait again: {later:,}" if later else "",
    )
    return "; ".join(filter(None, said))
