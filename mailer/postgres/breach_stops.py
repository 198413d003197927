"""Stops of released breach phases in PostgreSQL."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.ports.breach_release import BreachReleaseRefused, BreachStop, ToldFigure, ToldPerson
from mailer.ports.ledger_entry import EntryKind, LedgerEntry

_RAW = load_statements("breach_stops")
_SQL = {
    name: text.replace("{told}", _RAW["told"]).replace("{of_phase}", _RAW["of_phase"]) for name, text in _RAW.items()
}
_LISTS = load_statements("audience_lists")
_CATEGORY: Final = "breach"
_TOLD: Final = {"handed_over": "told", "in_doubt": "maybe", "queued": "not_told", "posted": "told"}
"""The word for people by the state of a delivery or letter. Deliveries that a worker has in hand count as queued."""
_EVERYBODY: Final = 10**9


class PostgresBreachStops:
    """Implements `ports.breach_release.BreachStopStore` and `ports.breach_release.StoppedPhaseKeeper`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def find_stop(self, case_id: UUID, phase: int) -> BreachStop | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["find"], case_id, phase)
        return BreachStop(*row) if row else None

    async def begin_stop(self, case_id: UUID, phase: int, by: str, reason: str) -> bool:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            released = await _lock_released_phase(work.connection, case_id, phase)
            begun = bool(await work.connection.fetchval(_SQL["begin"], case_id, phase, by, reason))
            if begun:
                await work.append_entries([_stop_entry(released, case_id, phase, "breach_stopped", by, reason)])
        return begun

    async def end_stop(self, case_id: UUID, phase: int, ended: str, by: str) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            released = await _lock_released_phase(work.connection, case_id, phase)
            if not await work.connection.fetchval(_SQL["end"], case_id, phase, ended, by):
                raise BreachReleaseRefused("this phase does not stand still; its page says how it is")
            if ended == "resumed":
                await work.connection.execute(_SQL["free_letters"], case_id, phase, by)
            await work.append_entries([_stop_entry(released, case_id, phase, f"breach_{ended}", by)])

    async def hold_letters(self, case_id: UUID, phase: int, by: str) -> int:
        """See the port."""
        return _rows_of(await self._pool.execute(_SQL["hold_letters"], case_id, phase, by))

    async def hold_stopped_phases(self) -> int:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            halted = await work.connection.fetch(_SQL["halt_again"])
            held = _rows_of(await work.connection.execute(_SQL["hold_again"]))
            if halted:
                ids = [row["mailing_id"] for row in halted]
                brands = {row["id"]: row["brand"] for row in await work.connection.fetch(_SQL["brands_of"], ids)}
                await work.append_entries([_halt_entry(row, brands[row["mailing_id"]]) for row in halted])
        return len(halted) + held

    async def count_told(self, case_id: UUID, phase: int) -> Sequence[ToldFigure]:
        """See the port."""
        found = [
            ToldFigure("mail", row["state"], _TOLD.get(row["state"], "not_told"), row["people"])
            for row in await self._pool.fetch(_SQL["count_mail"], case_id, phase)
        ]
        letters = await self._pool.fetchrow(_SQL["count_letters"], case_id, phase)
        assert letters is not None  # noqa: S101 - an aggregate has one row
        counts = (("posted", "told", letters["posted"]), ("not_posted", "not_told", letters["others"]))
        return found + [ToldFigure("letter", state, told, people) for state, told, people in counts if people]

    async def list_told(self, case_id: UUID, phase: int, after: int, limit: int) -> Sequence[ToldPerson]:
        """See the port."""
        return [ToldPerson(*row) for row in await self._pool.fetch(_SQL["told"], case_id, phase, after, limit)]

    async def record_export(self, case_id: UUID, phase: int, by: str) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            released = await _lock_released_phase(work.connection, case_id, phase)
            entry = _stop_entry(released, case_id, phase, "breach_told_exported", by)
            await work.append_entries([entry._replace(kind=EntryKind.ACCESS)])

    async def keep_told_as_list(self, case_id: UUID, phase: int, by: str) -> tuple[str, int]:
        """See the port."""
        name = name_of_told_list(case_id, phase)
        async with open_unit_of_work(self._pool, self._writers) as work:
            released = await _lock_released_phase(work.connection, case_id, phase)
            brand = released["brand"]
            await work.connection.execute(_LISTS["lock_name"], brand, name)
            await work.connection.execute(_LISTS["delete"], brand, name)  # whoever else is on a list of this name
            await work.connection.execute(_SQL["keep_told"], case_id, phase, 0, _EVERYBODY, brand, name)
            people = await work.connection.fetchval(_LISTS["count"], brand, name)
            if not people:
                raise BreachReleaseRefused("this phase has told nobody; there is nobody to correct it to")
            await work.connection.execute(_LISTS["keep_list"], brand, name, people, "", by)
            await work.append_entries([_stop_entry(released, case_id, phase, "breach_told_listed", by)])
        return name, people


def name_of_told_list(case_id: UUID, phase: int) -> str:
    """Returns the name of the list of people whom a phase has told: `told-`, 12 digits of the case, and the phase."""
    return f"told-{case_id.hex[:12]}-{phase}"


async def _lock_released_phase(connection: Connection, case_id: UUID, phase: int) -> asyncpg.Record:
    row = await connection.fetchrow(_SQL["lock_phase"], case_id, phase)
    if row is None:
        raise BreachReleaseRefused("this phase is not released: nothing of it goes out")
    return row


def _rows_of(done: str) -> int:
    """Returns the number of rows in the answer to a statement, such as `UPDATE 3`."""
    return int(done.rpartition(" ")[2])


def _stop_entry(
    released: asyncpg.Record, case_id: UUID, phase: int, reason: str, by: str, said: str | None = None
) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.CONTROL,
        released["brand"],
        category=_CATEGORY,
        reason=reason,
        rule=f"breach:{case_id}",
        fields=(f"manifest:{released['manifest_id']}", f"phase:{phase}"),
        reply=said,
        actor=by,
    )


def _halt_entry(row: asyncpg.Record, brand: str) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.MAILING,
        brand,
        mailing_id=row["mailing_id"],
        category=_CATEGORY,
        reason="paused",
        rule=f"action:{row['by']}",
        reply=row["reason"],
    )
