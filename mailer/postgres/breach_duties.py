"""Duties of breach cases that are done, the history of facts, and the zones of staff, in PostgreSQL."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from mailer.database.statements import Pool, load_statements
from mailer.input_types import AHEAD
from mailer.ledger.unit_of_work import UnitOfWork, open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.breach.facts import BreachFacts
from mailer.ports.breach_cases import BreachChangeRefused
from mailer.ports.breach_desk import BreachSteps, DutyDone, DutyToMark, FactsRevision, SentReminder
from mailer.ports.ledger_entry import EntryKind, LedgerEntry

_SQL = load_statements("breach_desk")
_LONGEST = 300
_LONGEST_CLOCK = 200


class PostgresBreachDuties:
    """Implements `ports.breach_desk.BreachDutyStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def list_duties_done(self, case_ids: Collection[UUID]) -> Mapping[UUID, Mapping[str, DutyDone]]:
        """See the port."""
        done = defaultdict[UUID, dict[str, DutyDone]](dict)
        for case_id, *row in await self._pool.fetch(_SQL["duties_done"], sorted(case_ids)):
            duty = DutyDone(*row)
            done[case_id][duty.clock] = duty
        return done

    async def mark_duty_done(self, case_id: UUID, duty: DutyToMark, by: str) -> None:
        """See the port."""
        _refuse_unfit_duty(duty)
        async with open_unit_of_work(self._pool, self._writers) as work:
            case = await _lock_case(work, case_id)
            told = duty.told.strip(), duty.told_at, duty.reference.strip()
            await work.connection.execute(_SQL["mark_done"], case_id, duty.clock, *told, by)
            at = f"told_at:{duty.told_at.astimezone(UTC).isoformat(timespec='minutes')}"
            said = f"told: {told[0]}; reference: {told[2]}"
            await work.append_entries([_entry(case, case_id, "breach_duty_done", duty.clock, said, at)])

    async def unmark_duty(self, case_id: UUID, clock: str, reason: str, by: str) -> None:
        """See the port."""
        if not reason.strip() or len(reason) > _LONGEST:
            raise BreachChangeRefused(f"reason: say why in at most {_LONGEST} characters; it is kept with the case")
        async with open_unit_of_work(self._pool, self._writers) as work:
            case = await _lock_case(work, case_id)
            if await work.connection.fetchval(_SQL["unmark"], case_id, clock) is None:
                raise BreachChangeRefused(f"{clock} is not marked as done in this case")
            await work.append_entries([_entry(case, case_id, "breach_duty_not_done", clock, reason.strip())])

    async def list_first_releases(self, case_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
        """See the port."""
        return await list_first_releases(self._pool, case_ids)

    async def list_phases_released_alone(self, case_id: UUID) -> Sequence[int]:
        """See the port."""
        return [row["phase"] for row in await self._pool.fetch(_SQL["released_alone"], case_id)]

    async def read_steps(self, case_id: UUID) -> BreachSteps:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["steps"], case_id)
        return BreachSteps(**row) if row else BreachSteps()

    async def list_facts(self, case_id: UUID, limit: int) -> Sequence[FactsRevision]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["facts"], case_id, limit)
        return [FactsRevision(**{**row, "facts": BreachFacts.model_validate(row["facts"])}) for row in rows]

    async def list_reminders(self, case_id: UUID, limit: int) -> Sequence[SentReminder]:
        """See the port."""
        return [SentReminder(**row) for row in await self._pool.fetch(_SQL["reminders"], case_id, limit)]


class PostgresStaffZones:
    """Implements `ports.breach_desk.StaffZoneStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find_zone(self, staff_id: int) -> str | None:
        """See the port."""
        zone: str | None = await self._pool.fetchval(_SQL["find_zone"], staff_id)
        return zone

    async def save_zone(self, staff_id: int, zone: str) -> None:
        """See the port."""
        await self._pool.execute(_SQL["save_zone"], staff_id, zone)


async def list_first_releases(pool: Pool, case_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
    """Returns when the first phase was released, for each case of which one was."""
    return dict(map(tuple, await pool.fetch(_SQL["people_told"], sorted(case_ids))))


def _refuse_unfit_duty(duty: DutyToMark) -> None:
    if not duty.told.strip():
        raise BreachChangeRefused("told: say who was told, such as the name of the authority")
    for name, text in (("told", duty.told), ("reference", duty.reference)):
        if len(text.strip()) > _LONGEST or not text.isprintable():
            raise BreachChangeRefused(f"{name}: it is one line of at most {_LONGEST} characters")
    if not duty.clock or len(duty.clock) > _LONGEST_CLOCK or not duty.clock.isprintable():
        raise BreachChangeRefused("clock: there is no such clock; `mailer breach show` shows them")
    if duty.told_at > datetime.now(UTC) + AHEAD:
        raise BreachChangeRefused("told_at: it is ahead; a duty is done once somebody was told")


async def _lock_case(work: UnitOfWork, case_id: UUID) -> asyncpg.Record:
    row = await work.connection.fetchrow(_SQL["lock_case"], case_id)
    if row is None:
        raise BreachChangeRefused("there is no such case; `mailer breach list` shows them")
    return row


def _entry(case: asyncpg.Record, case_id: UUID, what: str, clock: str, said: str, *more: str) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.CONTROL,
        case["brand"],
        category="breach",
        reason=what,
        rule=f"breach:{case_id}",
        fields=(f"clock:{clock}", *more),
        reply=said,
    )
