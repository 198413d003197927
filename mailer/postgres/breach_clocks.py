"""Clocks of breach cases, and reminders of them to staff, in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from mailer.database.statements import Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.reminders import ReminderMoment, reminder_at
from mailer.policy.staff_rights import RIGHTS_OF_ROLE, StaffRight
from mailer.ports.breach_cases import BreachCase
from mailer.ports.breach_desk import ClaimedReminder, KeptClock, ReminderResult
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.breach_duties import list_first_releases

_COLUMNS = load_statements("breach_cases")["case_columns"]
_SQL = {name: text.replace("{case_columns}", _COLUMNS) for name, text in load_statements("breach_desk").items()}
_ROLES = sorted(role for role, rights in RIGHTS_OF_ROLE.items() if StaffRight.BREACH_READ in rights)


async def count_overdue_clocks(pool: Pool) -> dict[str, int]:
    """Returns the number of deadlines that are over and not done, by brand."""
    return {row[0]: row[1] for row in await pool.fetch(load_statements("figures")["breach_clocks_overdue"])}


class PostgresBreachClocks:
    """Implements `ports.breach_desk.BreachClockStore` and `ports.breach_desk.BreachReminderQueue`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def list_open_cases(self) -> Sequence[BreachCase]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["open_cases"])
        return [BreachCase(**{**row, "facts": BreachFacts.model_validate(row["facts"])}) for row in rows]

    async def list_first_releases(self, case_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
        """See the port."""
        return await list_first_releases(self._pool, case_ids)

    async def keep_clocks(self, case: BreachCase, clocks: Sequence[KeptClock], now: datetime) -> int:
        """See the port."""
        come = [(one, moment) for one in clocks if (moment := reminder_at(one.starts_at, one.due_at, now))]
        async with self._pool.acquire() as connection, connection.transaction():
            held = await connection.fetchrow(_SQL["lock_case"], case.id)
            if held is None or (held["state"], held["revision"]) != ("open", case.revision):
                return 0
            await connection.execute(_SQL["drop_other_clocks"], case.id, [one.key for one in clocks])
            await connection.executemany(_SQL["keep_clock"], [(case.id, *one) for one in clocks])
            readers = await connection.fetch(_SQL["readers"], case.brand, _ROLES)
            if not readers:  # whoever gets a role later is told then
                return 0
            keys, due = [one.key for one, _ in come], [one.due_at for one, _ in come]
            moments = [str(moment) for _, moment in come]
            claimed = await connection.fetch(_SQL["claim_due"], case.id, keys, moments, due)
            if not claimed:
                return 0
            told = [list(row) for row in claimed]
            mails = [(uuid7(), case.id, row["id"], told) for row in readers]
            await connection.executemany(_SQL["queue_reminder"], mails)
            return len(mails)

    async def claim_reminder(self, owner: str) -> ClaimedReminder | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["claim_reminder"], owner, _ROLES)
        if row is None:
            return None
        kept = {one.key: one for one in await self._list_clocks_not_done(row["case_id"])}
        now = datetime.now(UTC)
        clocks = [
            (kept[key], ReminderMoment(moment))
            for key, moment in row["clocks"]
            if key in kept and reminder_at(kept[key].starts_at, kept[key].due_at, now) == moment
        ]
        return ClaimedReminder(**{**row, "clocks": clocks})

    async def end_reminder(self, reminder: ClaimedReminder, result: ReminderResult) -> None:
        """See the port."""
        problem = result.problem[:500]
        if result.again_at is not None:
            await self._pool.execute(_SQL["put_reminder_off"], reminder.id, problem, result.again_at)
            return
        state = "refused" if problem else "sent"
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.connection.execute(_SQL["end_reminder"], reminder.id, state, problem)
            entry = LedgerEntry(
                EntryKind.CONTROL,
                reminder.brand,
                category="breach",
                reason=f"breach_reminder_{state}",
                rule=f"breach:{reminder.case_id}",
                processor=result.processor,
                country=result.country,
                contract=result.contract,
                purpose=result.purpose,
                fields=tuple(f"clock:{one.key}:{moment}" for one, moment in reminder.clocks) or None,
                reply=problem or None,
                message_id=result.message_id,
            )
            await work.append_entries([entry])

    async def _list_clocks_not_done(self, case_id: UUID) -> Sequence[KeptClock]:
        rows = await self._pool.fetch(_SQL["clocks_not_done"], case_id)
        return [KeptClock(*row) for row in rows]
