"""The outcomes of breach cases in PostgreSQL: counted by the timekeeper, read by pages, and exported."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import asyncpg

from mailer.database.connections import UNHURRIED_SECONDS
from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.metrics_and_logger import log
from mailer.policy.breach.outcomes import (
    BreachFigures,
    Outcome,
    PersonInPhase,
    count_outcomes,
    next_count_of_case,
    outcome_in_case,
)
from mailer.policy.breach.returned_mail import CAME_BACK_EFFECTS
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.ports.breach_outcomes import CountedBreachFigures, PersonOutcomeRow, ReleasedPhase
from mailer.ports.ledger_entry import EntryKind, LedgerEntry

_TEXTS: Final = load_statements("breach_outcomes")
_EFFECTS: Final = "(" + ", ".join(f"'{effect}'" for effect in sorted(CAME_BACK_EFFECTS)) + ")"
_SQL: Final = {
    name: text.replace("{lines}", _TEXTS["lines"]).replace("{came_back}", _EFFECTS) for name, text in _TEXTS.items()
}
_PAGE: Final = 2000
"""The people of one statement."""
_INFINITE: Final = datetime.max.replace(tzinfo=UTC)


class PostgresBreachOutcomes:
    """Implements `ports.breach_outcomes.BreachOutcomeReader`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def case_figures(self, case_id: UUID) -> CountedBreachFigures:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["figures"], case_id)
        if row is None or row["counted_at"] is None:
            return CountedBreachFigures(BreachFigures(), None, is_final=False)
        return CountedBreachFigures(BreachFigures.model_validate(row["figures"]), row["counted_at"], row["is_final"])

    async def list_released_phases(self, case_id: UUID) -> Sequence[ReleasedPhase]:
        """See the port."""
        return [
            ReleasedPhase(
                row["phase"],
                row["released_at"],
                row["released_by"],
                {name: ManifestTemplate(*template) for name, template in row["templates"].items()},
                {name: row[name] for name in ("facts", "draft", "rules")},
            )
            for row in await self._pool.fetch(_SQL["released_phases"], case_id)
        ]

    async def count_deliveries(self, case_id: UUID) -> Mapping[str, int]:
        """See the port."""
        return {row["state"]: row["people"] for row in await self._pool.fetch(_SQL["live"], case_id)}

    async def export_people(self, case_id: UUID, brand: str) -> AsyncIterator[Sequence[PersonOutcomeRow]]:
        """See the port."""
        entry = LedgerEntry(
            EntryKind.ACCESS, brand, category="breach", reason="people_exported", rule=f"breach:{case_id}"
        )
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.append_entries([entry])
        is_public = bool(await self._pool.fetchval(_SQL["is_public"], case_id))
        after = 0
        while rows := await self._pool.fetch(_SQL["page"], case_id, after, _PAGE):
            after = rows[-1]["recipient_id"]
            yield [
                _person_from_rows(list(phases), is_public=is_public)
                for _, phases in groupby(rows, key=itemgetter("recipient_id"))
            ]


class PostgresBreachFigureCounts:
    """Implements `ports.breach_outcomes.BreachFigureCounter`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def count_next_case(self) -> UUID | None:
        """See the port. A case that cannot be counted is put off, so that it stops no other."""
        await self._pool.execute(_SQL["add_missing"])
        case_id: UUID | None = None
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(f"SET LOCAL statement_timeout = '{UNHURRIED_SECONDS}s'")
                case_id = await connection.fetchval(_SQL["take_due"])
                if case_id is not None:
                    await _count_and_store(connection, case_id)
        except (asyncpg.PostgresError, ValueError) as error:
            if case_id is None:
                raise
            log.error("the figures of a breach case cannot be counted", case=str(case_id), error=type(error).__name__)
            await self._pool.execute(_SQL["postpone"], case_id)
        return case_id


async def _count_and_store(connection: Connection, case_id: UUID) -> None:
    began, now = time.monotonic(), datetime.now(UTC)
    is_public = bool(await connection.fetchval(_SQL["is_public"], case_id))
    released_at = await connection.fetchval(_SQL["released_at"], case_id)
    rows = await connection.fetch(_SQL["outcomes"], case_id)
    people = (([_line_from_array(line) for line in row["lines"]], row["people"]) for row in rows)
    figures = count_outcomes(people, is_public=is_public)
    is_final = not any(one.outcome is Outcome.WAITING for one in figures.counts)
    took = timedelta(seconds=time.monotonic() - began)
    after = next_count_of_case(released_at or now, now, took)
    await connection.execute(_SQL["store"], case_id, figures.model_dump(mode="json"), now, is_final, after or _INFINITE)


def _line_from_array(line: Sequence[str]) -> PersonInPhase:
    values: dict[str, Any] = dict(zip(PersonInPhase._fields, line, strict=True))
    flags = {name: values[name] == "true" for name in ("is_stopped", "has_postal_address")}
    return PersonInPhase(**{**values, **flags, "phase": int(values["phase"])})


def _person_from_rows(rows: Sequence[asyncpg.Record], *, is_public: bool) -> PersonOutcomeRow:
    """Returns a person of the export, with the phase that tells the outcome."""
    line, outcome = outcome_in_case([_line_from_array(row["line"]) for row in rows], is_public=is_public)
    row = next(row for row in rows if row["phase"] == line.phase)
    told_at, reply = _told_at_and_reply(row, outcome.outcome, line)
    return PersonOutcomeRow(
        *(row["ref"], row["email"], row["name"], line.place, line.variant, row["locale"], line.phase),
        *(line.channel, line.reason, outcome.outcome.value, outcome.reason, outcome.next.value, told_at, reply),
    )


def _told_at_and_reply(row: asyncpg.Record, outcome: Outcome, line: PersonInPhase) -> tuple[str, str]:
    match outcome:
        case Outcome.TOLD_BY_LETTER:
            return (row["day"].isoformat() if row["day"] else ""), row["reference"] or ""
        case Outcome.TOLD_WRONGLY if line.notice:
            return (row["day"].isoformat() if row["day"] else ""), row["reference"] or ""
        case Outcome.TOLD_BY_MAIL | Outcome.TOLD_WRONGLY:
            return (row["tried_at"].isoformat() if row["tried_at"] else ""), row["reply"] or ""
        case _:
            return "", row["reply"] or ""
