"""Letters and their runs in PostgreSQL, for the people who work them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from mailer.database.statements import Connection, Pool
from mailer.ledger.unit_of_work import UnitOfWork, open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.breach.letter_sheets import WindowFormat
from mailer.policy.breach.letter_states import NEEDS_ADDRESS, LetterNow, LetterReport, LetterState, ReportedState
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.letters import (
    MOST_LETTERS_OF_RUN,
    LetterCase,
    LetterChangeRefused,
    LetterCount,
    LetterCounts,
    LetterRun,
    LetterToSet,
    ListedLetter,
    PersonWithoutAddress,
    PrintedAddress,
)
from mailer.ports.non_email_notices import NonEmailNotice, NonEmailNoticeState, NoticeChange
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.letter_rows import SQL, letter_from_row, letter_to_set_from_row, run_from_row
from mailer.postgres.non_email_notices import change_locked_notices, lock_notices, notice_ledger_entry

COUNTED_EVERY: Final = timedelta(seconds=30)
_PORTION: Final = 2000
"""Notices that are looked at together for letters that wait."""
_NO_RUN: Final = "there is no such run; `mailer letters runs` shows them"


class PostgresLetters:
    """Implements `ports.letters.LetterDesk`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def find_case(self, case_id: UUID) -> LetterCase | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["find_case"], case_id)
        return LetterCase(*row) if row else None

    async def list_cases(self, brands: Collection[str], limit: int) -> Sequence[LetterCase]:
        """See the port."""
        return [LetterCase(*row) for row in await self._pool.fetch(SQL["list_cases"], sorted(brands), limit)]

    async def count_letters(self, case_id: UUID) -> LetterCounts:
        """See the port."""
        row = await self._pool.fetchrow(SQL["kept_counts"], case_id, COUNTED_EVERY)
        row = row or await self._pool.fetchrow(SQL["count"], case_id)
        assert row is not None  # noqa: S101 - the statement returns the row that it writes
        return _counts_from_json(row["counts"], row["counted_at"])

    async def list_letters(
        self, case_id: UUID, state: LetterState | None, after: int, limit: int
    ) -> Sequence[ListedLetter]:
        """See the port."""
        rows = await self._pool.fetch(SQL["list"], case_id, state.value if state else None, after, limit)
        return [letter_from_row(row) for row in rows]

    async def find_letter(self, letter: int) -> ListedLetter | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["find"], letter)
        return letter_from_row(row) if row else None

    async def list_runs(self, brands: Collection[str], case_id: UUID | None, limit: int) -> Sequence[LetterRun]:
        """See the port."""
        return [run_from_row(row) for row in await self._pool.fetch(SQL["list_runs"], sorted(brands), case_id, limit)]

    async def find_run(self, run_id: UUID) -> LetterRun | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["find_run"], run_id)
        return run_from_row(row) if row else None

    async def request_run(
        self, case_id: UUID, language: str, window: WindowFormat, most: int, by: str, dated: date
    ) -> LetterRun:
        """See the port."""
        run_id, most = uuid7(), max(1, min(most, MOST_LETTERS_OF_RUN))
        async with open_unit_of_work(self._pool, self._writers) as work:
            chosen = await _choose_waiting(work.connection, case_id, language, window, most)
            if not chosen:
                raise LetterChangeRefused(
                    f"no letter in {language} for the {window.value} window waits with an address"
                )
            notices = await lock_notices(work.connection, chosen)
            values = run_id, case_id, window.value, language, len(notices), by, dated
            row = await work.connection.fetchrow(SQL["add_run"], *values)
            if row is None:
                raise LetterChangeRefused("there is no such case; `mailer breach list` shows them")
            run = run_from_row(row)
            await work.connection.fetch(SQL["take_into_run"], [notice.id for notice in notices], run_id)
            change = NoticeChange(NonEmailNoticeState.TAKEN, by, note=f"letter run {run_id}")
            entries = await change_locked_notices(work.connection, notices, change)
            await work.connection.execute(SQL["forget_counts"], [case_id])
            await work.append_entries([*entries, run_entry(run, "letter_run_requested", by)])
        return run

    async def retry_run(self, run_id: UUID, by: str) -> LetterRun:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            run = await self._lock_run(work.connection, run_id)
            is_outdated = run.state == "ready" and await work.connection.fetchval(SQL["has_closed_letters"], run_id)
            if run.state != "failed" and not is_outdated:
                raise LetterChangeRefused(f"the run is {run.state}; only a failed or an outdated one is made again")
            row = await work.connection.fetchrow(SQL["requeue_run"], run_id)
            await work.append_entries([run_entry(run, "letter_run_requested", by)])
        assert row is not None  # noqa: S101 - it is locked
        return run_from_row(row)

    async def read_file(self, run_id: UUID, by: str) -> bytes:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            run = await self._require_current_run(work.connection, run_id)
            content: bytes | None = await work.connection.fetchval(SQL["read_file"], run_id)
            if content is None:
                raise LetterChangeRefused("the file of this run is deleted; its digest is all that is kept")
            await work.append_entries([run_entry(run, "letter_run_read", by, EntryKind.ACCESS)])
        return content

    async def read_addresses(self, run_id: UUID, by: str) -> Sequence[PrintedAddress]:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            run = await self._require_current_run(work.connection, run_id)
            rows = await work.connection.fetch(SQL["read_addresses"], run_id)
            await work.append_entries([run_entry(run, "letter_run_read", by, EntryKind.ACCESS)])
        return [PrintedAddress(*row) for row in rows]

    async def read_letter_to_set(self, letter: int, by: str) -> LetterToSet | None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            row = await work.connection.fetchrow(SQL["letter_to_set"], letter)
            notices = await lock_notices(work.connection, [letter])
            if row is None:
                return None
            await work.append_entries([notice_ledger_entry(one, "notice_read", by, None) for one in notices])
        return letter_to_set_from_row(row)

    async def list_people_without_address(
        self, case_id: UUID, after: int, limit: int, by: str
    ) -> Sequence[PersonWithoutAddress]:
        """See the port."""
        states = [state.value for state in NEEDS_ADDRESS]
        async with open_unit_of_work(self._pool, self._writers) as work:
            rows = await work.connection.fetch(SQL["without_address"], case_id, states, after, limit)
            notices = await lock_notices(work.connection, [row["letter"] for row in rows])
            if notices:
                await work.append_entries([notice_ledger_entry(one, "notice_read", by, None) for one in notices])
        return [PersonWithoutAddress(row["letter"], LetterState(row["state"]), *list(row)[2:]) for row in rows]

    async def mark_asked_for_address(self, case_id: UUID, letters: Collection[int], by: str) -> int:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            rows = await work.connection.fetch(SQL["mark_asked"], sorted(letters), by, case_id)
            notices = await lock_notices(work.connection, [row["notice_id"] for row in rows])
            await work.connection.execute(SQL["forget_counts"], [case_id])
            if notices:
                await work.append_entries(
                    [notice_ledger_entry(one, "letter_address_asked", by, None) for one in notices]
                )
        return len(notices)

    async def apply_reports(
        self,
        brands: Collection[str],
        letters: Collection[int],
        judge: Callable[[Mapping[int, LetterNow]], Sequence[LetterReport]],
        by: str,
    ) -> int:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            notices = {one.id: one for one in await lock_notices(work.connection, sorted(letters))}
            rows = await work.connection.fetch(SQL["letters_now"], list(notices), sorted(brands))
            reports = judge({row["letter"]: _letter_now(row) for row in rows})
            if not reports:
                return 0
            runs = {row["letter"]: row["run_id"] for row in rows}
            entries = await _store_reports(work, reports, notices, runs, by)
            await work.connection.execute(SQL["forget_counts"], list({row["case_id"] for row in rows}))
            await work.append_entries(entries)
        return len(reports)

    async def _require_current_run(self, connection: Connection, run_id: UUID) -> LetterRun:
        run = await self._lock_run(connection, run_id)
        if run.state != "ready":
            raise LetterChangeRefused(f"the run is {run.state}, so it has no file")
        if await connection.fetchval(SQL["has_closed_letters"], run_id):
            raise LetterChangeRefused("letters of this run must not go out any more; make the run again first")
        return run

    async def _lock_run(self, connection: Connection, run_id: UUID) -> LetterRun:
        row = await connection.fetchrow(SQL["lock_run"], run_id)
        if row is None:
            raise LetterChangeRefused(_NO_RUN)
        return run_from_row(row)


def run_entry(run: LetterRun, what: str, by: str | None, kind: EntryKind = EntryKind.CONTROL) -> LedgerEntry:
    """Returns the entry of the ledger for a run, with the digest of its file if there is one."""
    digest = (f"sha256:{run.digest.hex()}",) if run.digest else ()
    return LedgerEntry(
        kind,
        run.brand,
        category="breach",
        reason=what,
        rule=f"breach:{run.case_id}",
        fields=(f"run:{run.id}", f"letters:{run.letters}", f"pages:{run.pages}", *digest),
        actor=by,
    )


async def _choose_waiting(
    connection: Connection, case_id: UUID, language: str, window: WindowFormat, most: int
) -> list[int]:
    """Locks letters that wait, at most `most` in order of their numbers, and returns them. It looks in portions."""
    chosen, after = list[int](), 0
    while len(chosen) < most:
        open_ids = [row["id"] for row in await connection.fetch(SQL["open_notices"], case_id, after, _PORTION)]
        if not open_ids:
            break
        values = open_ids, language, window.value, most - len(chosen)
        chosen += [row["id"] for row in await connection.fetch(SQL["choose"], *values)]
        after = open_ids[-1]
    return chosen


async def _store_reports(
    work: UnitOfWork,
    reports: Sequence[LetterReport],
    notices: Mapping[int, NonEmailNotice],
    runs: Mapping[int, UUID | None],
    by: str,
) -> list[LedgerEntry]:
    """Stores reports state by state. For one letter they come in this order, since no other is accepted."""
    printed, posted, returned = (
        [one for one in reports if one.state is state]
        for state in (ReportedState.PRINTED, ReportedState.POSTED, ReportedState.RETURNED)
    )
    await work.connection.execute(SQL["mark_printed"], *_columns(printed, "letter", "day"))
    entries = [notice_ledger_entry(notices[one.letter], "letter_printed", by, str(one.day)) for one in printed]
    for (day, reference), found in _grouped(
        posted, lambda one: (one.day, one.code or f"run {runs[one.letter]}")
    ).items():
        change = NoticeChange(NonEmailNoticeState.DONE, by, reference=reference, day=day)
        entries += await change_locked_notices(work.connection, [notices[one.letter] for one in found], change)
    for (code, day), found in _grouped(returned, lambda one: (one.code, one.day)).items():
        change = NoticeChange(NonEmailNoticeState.OPEN, by, note=f"{code}, {day}")
        entries += await change_locked_notices(work.connection, [notices[one.letter] for one in found], change)
    await work.connection.execute(SQL["mark_returned"], *_columns(returned, "letter", "day", "code"))
    return entries


def _grouped(reports: Sequence[LetterReport], key: Callable[[LetterReport], Any]) -> dict[Any, list[LetterReport]]:
    groups: dict[Any, list[LetterReport]] = {}
    for one in reports:
        groups.setdefault(key(one), []).append(one)
    return groups


def _columns(reports: Sequence[LetterReport], *names: str) -> list[list[Any]]:
    return [[getattr(one, name) for one in reports] for name in names]


def _letter_now(row: Any) -> LetterNow:
    names = ("letter", "is_made", "printed_on", "posted_on", "returned_on", "return_code")
    return LetterNow(state=LetterState(row["state"]), **{name: row[name] for name in names})


def _counts_from_json(counts: Sequence[Sequence[Any]], at: datetime) -> LetterCounts:
    return LetterCounts(
        tuple(
            LetterCount(LetterState(state), language, WindowFormat(window) if window else None, letters)
            for state, language, window, letters in counts
        ),
        at,
    )
