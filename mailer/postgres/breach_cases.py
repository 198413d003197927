"""Breach cases and their phases in PostgreSQL."""

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import UnitOfWork, open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.ports.breach_cases import (
    BreachCase,
    BreachChangedMeanwhile,
    BreachChangeRefused,
    BreachPhase,
    BreachRevision,
)
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7

_TEXTS = load_statements("breach_cases")
_SQL = {
    name: text.replace("{case_columns}", _TEXTS["case_columns"]).replace("{phase_columns}", _TEXTS["phase_columns"])
    for name, text in _TEXTS.items()
}
MOST_PHASES = 100


class PostgresBreachCases:
    """Implements `ports.breach_cases.BreachCaseStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def create_case(self, brand: str, name: str, facts: BreachFacts, by: str) -> BreachCase:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            values = uuid7(), brand, name, facts.model_dump(mode="json"), by
            case = _case_or_raise(await work.connection.fetchrow(_SQL["create_case"], *values))
            await _store_facts_revision(work.connection, case)
            await _insert_phase(work.connection, case.id, 1, BreachPhaseDraft(), by)
            await _append_entry(work, case, "breach_case_created")
        return case

    async def find_case(self, case_id: UUID) -> BreachCase | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["find_case"], case_id)
        return _case_from_row(row) if row else None

    async def list_cases(self, brands: Collection[str], limit: int) -> Sequence[BreachCase]:
        """See the port."""
        return [_case_from_row(row) for row in await self._pool.fetch(_SQL["list_cases"], sorted(brands), limit)]

    async def save_facts(self, case_id: UUID, expected_revision: int, facts: BreachFacts, by: str) -> BreachCase:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            current = await _lock_open_case(work.connection, case_id)
            if current.revision != expected_revision:
                raise BreachChangedMeanwhile(
                    f"{current.updated_by} has saved the facts since; read them and save again"
                )
            if facts == current.facts:
                return current
            row = await work.connection.fetchrow(_SQL["save_facts"], case_id, facts.model_dump(mode="json"), by)
            case = _case_or_raise(row)
            await _store_facts_revision(work.connection, case)
            await work.connection.execute(_SQL["outdate_manifests"], case_id, None)
            await work.connection.execute(_SQL["uncheck_phases"], case_id)
            await _append_entry(work, case, "breach_facts_saved")
        return case

    async def decide_state(self, case_id: UUID, state: str, reason: str, by: str) -> BreachCase:
        """See the port."""
        if state not in ("open", "not_notified", "closed"):
            raise BreachChangeRefused(f"{state} is no state of a case; write open, not_notified or closed")
        if state != "open" and not reason.strip():
            raise BreachChangeRefused("say why: the reason is kept with the case (GDPR Art. 33(5))")
        if "\0" in reason:
            raise BreachChangeRefused("the reason has the character U+0000, which nobody sees; write it again")
        async with open_unit_of_work(self._pool, self._writers) as work:
            current = _case_or_raise(await work.connection.fetchrow(_SQL["lock_case"], case_id))
            if current.state == state:
                return current
            phases = await work.connection.fetch(_SQL["list_phases"], case_id)
            if state == "not_notified" and any(row["state"] == "released" for row in phases):
                raise BreachChangeRefused("people were told already: close the case instead")
            case = _case_or_raise(await work.connection.fetchrow(_SQL["decide_state"], case_id, state, reason, by))
            await work.connection.execute(_SQL["outdate_manifests"], case_id, None)
            await work.connection.execute(_SQL["uncheck_phases"], case_id)
            await _append_entry(work, case, f"breach_case_{state}", said=reason)
        return case

    async def create_phase(self, case_id: UUID, by: str) -> BreachPhase:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            case = await _lock_open_case(work.connection, case_id)
            last = _phase_from_row((await work.connection.fetch(_SQL["list_phases"], case_id))[-1])
            if last.state not in ("released", "cancelled"):
                raise BreachChangeRefused(f"phase {last.phase} is not released yet: change it, or cancel it first")
            if last.phase >= MOST_PHASES:
                raise BreachChangeRefused(f"a case has at most {MOST_PHASES} phases; begin another case")
            phase = await _insert_phase(work.connection, case_id, last.phase + 1, last.draft, by)
            await _append_entry(work, case, "breach_phase_created", f"phase:{phase.phase}")
        return phase

    async def find_phase(self, case_id: UUID, phase: int) -> BreachPhase | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["find_phase"], case_id, phase)
        return _phase_from_row(row) if row else None

    async def list_phases(self, case_id: UUID) -> Sequence[BreachPhase]:
        """See the port."""
        return [_phase_from_row(row) for row in await self._pool.fetch(_SQL["list_phases"], case_id)]

    async def save_phase(
        self, case_id: UUID, phase: int, expected_revision: int, draft: BreachPhaseDraft, by: str
    ) -> BreachPhase:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            case = await _lock_open_case(work.connection, case_id)
            current = _phase_or_raise(await work.connection.fetchrow(_SQL["lock_phase"], case_id, phase))
            if current.state in ("released", "cancelled"):
                raise BreachChangeRefused(f"phase {phase} is {current.state}: begin another phase to say more")
            if current.revision != expected_revision:
                raise BreachChangedMeanwhile(
                    f"{current.updated_by} has saved phase {phase} since; read it and save again"
                )
            if draft == current.draft:
                return current
            values = case_id, phase, draft.model_dump(mode="json"), by
            saved = _phase_or_raise(await work.connection.fetchrow(_SQL["save_phase"], *values))
            await _store_phase_revision(work.connection, saved)
            await work.connection.execute(_SQL["outdate_manifests"], case_id, phase)
            await _append_entry(work, case, "breach_phase_saved", f"phase:{phase}", f"phase_revision:{saved.revision}")
        return saved

    async def list_revisions_of_facts(self, case_id: UUID) -> Sequence[BreachRevision]:
        """See the port."""
        return [BreachRevision(*row) for row in await self._pool.fetch(_SQL["facts_revisions"], case_id)]

    async def list_revisions_of_phase(self, case_id: UUID, phase: int) -> Sequence[BreachRevision]:
        """See the port."""
        return [BreachRevision(*row) for row in await self._pool.fetch(_SQL["phase_revisions"], case_id, phase)]


async def _lock_open_case(connection: Connection, case_id: UUID) -> BreachCase:
    case = _case_or_raise(await connection.fetchrow(_SQL["lock_case"], case_id))
    if case.state != "open":
        raise BreachChangeRefused(f"the case is {case.state}: open it again first, with a reason")
    return case


async def _insert_phase(
    connection: Connection, case_id: UUID, number: int, draft: BreachPhaseDraft, by: str
) -> BreachPhase:
    values = case_id, number, draft.model_dump(mode="json"), by
    phase = _phase_or_raise(await connection.fetchrow(_SQL["create_phase"], *values))
    await _store_phase_revision(connection, phase)
    return phase


async def _store_facts_revision(connection: Connection, case: BreachCase) -> None:
    values = case.id, case.revision, case.facts.model_dump(mode="json"), case.updated_by
    await connection.execute(_SQL["add_facts_revision"], *values)


async def _store_phase_revision(connection: Connection, phase: BreachPhase) -> None:
    values = phase.case_id, phase.phase, phase.revision, phase.draft.model_dump(mode="json"), phase.updated_by
    await connection.execute(_SQL["add_phase_revision"], *values)


async def _append_entry(work: UnitOfWork, case: BreachCase, what: str, *more: str, said: str = "") -> None:
    entry = LedgerEntry(
        EntryKind.CONTROL,
        case.brand,
        category="breach",
        reason=what,
        rule=f"breach:{case.id}",
        fields=(f"revision:{case.revision}", *more),
        reply=said or None,
    )
    await work.append_entries([entry])


def _case_or_raise(row: asyncpg.Record | None) -> BreachCase:
    if row is None:
        raise BreachChangeRefused("there is no such case; `mailer breach list` shows them")
    return _case_from_row(row)


def _phase_or_raise(row: asyncpg.Record | None) -> BreachPhase:
    if row is None:
        raise BreachChangeRefused("the case has no such phase; `mailer breach show` shows them")
    return _phase_from_row(row)


def _case_from_row(row: asyncpg.Record) -> BreachCase:
    return BreachCase(**{**dict(row), "facts": BreachFacts.model_validate(row["facts"])})


def _phase_from_row(row: asyncpg.Record) -> BreachPhase:
    return BreachPhase(**{**dict(row), "draft": BreachPhaseDraft.model_validate(row["draft"])})
