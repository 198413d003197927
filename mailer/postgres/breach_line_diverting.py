"""The people of released manifests whom no mail goes to: deliveries that are diverted from the start, with notices."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.database.statements import Connection, Pool
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.standing import WRITTEN
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.postgres.breach_release_rows import SQL
from mailer.postgres.non_email_notices import SQL as NOTICES

_CATEGORY = "breach"
PORTION = 5000
"""People of one transaction."""


class PostgresBreachLineDiverter:
    """Implements `ports.breach_release.BreachLineDiverter`.

    Args:
        pool: the connections. writers: of the ledger.
        portion: people of one transaction.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters, portion: int = PORTION) -> None:
        self._pool = pool
        self._writers = writers
        self._portion = portion

    async def divert_next_lines(self) -> int | None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            taken = await work.connection.fetchrow(SQL["take_expansion"])
            if taken is None:
                return None
            manifest_id = taken["manifest_id"]
            after = taken["channel"], taken["reason"], taken["recipient_id"]
            lines = await work.connection.fetch(SQL["next_lines"], manifest_id, *after, self._portion)
            if not lines:
                await work.connection.execute(SQL["end_expansion"], manifest_id)
                return 0
            await _divert_lines(work.connection, manifest_id, lines)
            crash_if_armed(CrashPoint.IN_BREACH_EXPANSION)
            await work.append_entries([_decision_entry(taken, line) for line in lines])
        return len(lines)


async def _divert_lines(connection: Connection, manifest_id: UUID, lines: Sequence[asyncpg.Record]) -> None:
    mailings, people = [line["mailing_id"] for line in lines], [line["recipient_id"] for line in lines]
    await connection.execute(SQL["lock_people"], people)
    await connection.execute(SQL["divert"], mailings, people, [line["locale"] for line in lines], WRITTEN)
    reasons = [line["reason"] for line in lines]
    channels, categories = [WRITTEN] * len(lines), [_CATEGORY] * len(lines)
    await connection.execute(NOTICES["note"], mailings, people, channels, categories, reasons)
    last = lines[-1]
    values = last["channel"], last["reason"], last["recipient_id"], len(lines)
    await connection.execute(SQL["note_expansion"], manifest_id, *values)


def _decision_entry(taken: asyncpg.Record, line: asyncpg.Record) -> LedgerEntry:
    """Returns the entry of a person whom no mail goes to: the reason of the manifest's line."""
    return LedgerEntry(
        EntryKind.DECISION,
        taken["brand"],
        line["mailing_id"],
        line["recipient_id"],
        attempt=0,
        category=_CATEGORY,
        reason=line["reason"],
        rule=f"manifest:{taken['manifest_id']}",
        policy=taken["policy_version"],
    )
