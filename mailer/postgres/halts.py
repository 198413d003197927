"""Halts and the lineage of the database, in PostgreSQL."""

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, Fresh, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.category import Category
from mailer.ports.halts import (
    OPERATOR,
    Halt,
    HaltInForce,
    HaltsAndMissingEntries,
    HaltScope,
    Head,
    JournaledStandingChange,
    MailingControlRefused,
)
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.non_email_notices import SQL as NOTICES
from mailer.postgres.stream_pauses import lift_pauses_of_processor

_SQL = {
    name: text.replace("{timeline}", load_statements("control")["timeline"]).replace(
        "{missing}", load_statements("control")["missing"]
    )
    for name, text in load_statements("control").items()
}
_PATIENCE = 1.0
"""Seconds to wait for an answer of the database."""
HALTED = _SQL["halted"]
"""The SQL condition that a batch `b` is halted."""


class PostgresHalts:
    """Implements `ports.halts.HaltStore` and `ports.halts.HaltLister`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def read_halts_and_missing_ledger_entries(
        self, seals: Collection[int], heads: Collection[Head], witnesses: Sequence[UUID]
    ) -> HaltsAndMissingEntries:
        """See the port."""
        # The limit also holds for the return of the connection to the pool: a dead connection is closed.
        async with self._pool.acquire(timeout=_PATIENCE) as connection:
            return await query_halts_and_missing_ledger_entries(connection, seals, heads, witnesses)

    async def record_process_found_no_data_loss(self, label: str, witnesses: Sequence[UUID]) -> None:
        """See the port."""
        async with self._pool.acquire(timeout=_PATIENCE) as connection:
            await connection.execute(_SQL["attest"], witnesses[0], label, witnesses[1:], timeout=_PATIENCE)

    async def record_process_end_without_data_loss(self, witness: UUID) -> None:
        """See the port."""
        async with self._pool.acquire(timeout=_PATIENCE) as connection:
            await connection.execute(_SQL["leave"], witness, timeout=_PATIENCE)

    async def find_lost_standing_changes(
        self, changes: Sequence[JournaledStandingChange]
    ) -> Sequence[tuple[JournaledStandingChange, bool]]:
        """See the port."""
        if not changes:
            return ()
        names = ("writer", "n", "brand", "recipient_id", "known_since", "at", "reason", "scope")
        columns = [[getattr(change, name) for change in changes] for name in names]
        rows = await self._pool.fetch(_SQL["lost"], *columns)
        return [(changes[row["place"] - 1], row["stands"]) for row in rows]

    async def add_halt(self, halt: Halt) -> bool:
        """See the port."""
        stopped = "stopped" if halt.key == OPERATOR else "went_back"
        what = stopped if halt.scope is HaltScope.EVERYTHING else "paused"
        entry = _build_halt_change_ledger_entry(halt.scope, halt.key, halt.by, what, halt.reason)
        return await self._change_halt(entry, "halt", halt.scope, halt.key, halt.by, halt.reason)

    async def lift_halt(self, scope: HaltScope, key: str, by: str) -> bool:
        """See the port."""
        what = "started" if scope is HaltScope.EVERYTHING else "resumed"
        return await self._change_halt(_build_halt_change_ledger_entry(scope, key, by, what), "lift", scope, key)

    async def resume_processor(self, name: str, by: str) -> tuple[bool, int]:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            lifted = bool(await work.connection.fetchval(_SQL["lift"], HaltScope.PROCESSOR, name))
            streams = await lift_pauses_of_processor(work.connection, name)
            said = [*(["resumed"] if lifted else []), *([f"streams_resumed {streams}"] if streams else [])]
            await work.append_entries(
                [_build_halt_change_ledger_entry(HaltScope.PROCESSOR, name, by, what) for what in said]
            )
        return lifted, streams

    async def _change_halt(self, entry: LedgerEntry, statement: str, *arguments: object) -> bool:
        async with open_unit_of_work(self._pool, self._writers) as work:
            changed = await work.connection.fetchval(_SQL[statement], *arguments)
            if changed and (statement, arguments[0]) == ("lift", HaltScope.PROMOTIONAL):
                await work.connection.execute(_SQL["release_promotions"], arguments[1])
            await work.append_entries([entry] if changed else [])
        return bool(changed)

    async def list_halts_in_force(
        self, limit: int, brands: Collection[str] | None = None, mailing_id: UUID | None = None
    ) -> list[HaltInForce]:
        """See the port."""
        named = None if brands is None else sorted(brands)
        return await self._list_halts("in_force", limit, named, None if mailing_id is None else str(mailing_id))

    async def list_halts_except_those_of_mailings(self, limit: int) -> list[HaltInForce]:
        """See the port."""
        return await self._list_halts("above_mailings", limit)

    async def _list_halts(self, statement: str, *arguments: object) -> list[HaltInForce]:
        return [
            HaltInForce(Halt(HaltScope(scope), *rest), brand, event_id)
            for scope, *rest, brand, event_id in await self._pool.fetch(_SQL[statement], *arguments)
        ]

    async def pause_mailing(self, mailing_id: UUID, by: str, reason: str) -> bool:
        """See the port."""
        return await self._pause_resume_or_cancel_mailing(mailing_id, "paused", by, reason)

    async def resume_mailing(self, mailing_id: UUID, by: str) -> bool:
        """See the port."""
        return await self._pause_resume_or_cancel_mailing(mailing_id, "resumed", by, "")

    async def cancel_mailing(self, mailing_id: UUID, by: str, reason: str) -> bool:
        """See the port."""
        return await self._pause_resume_or_cancel_mailing(mailing_id, "cancelled", by, reason)

    async def _pause_resume_or_cancel_mailing(self, mailing_id: UUID, what: str, by: str, reason: str) -> bool:
        async with open_unit_of_work(self._pool, self._writers) as work:
            row = await work.connection.fetchrow(_SQL["mailing"], mailing_id)
            if (refusal := _refusal_of_mailing_change(row, what)) or row is None:
                raise MailingControlRefused(refusal)
            changed = await _halt_lift_or_cancel_mailing(work.connection, mailing_id, row["state"], what, by, reason)
            entry = _build_halt_change_ledger_entry(
                HaltScope.MAILING, str(mailing_id), by, what, reason, row["brand"], row["category"]
            )
            await work.append_entries([entry] if changed else [])
        return changed

    async def begin_lineage_and_lift_restore_halt(
        self, by: str, ended: Collection[Category] | None
    ) -> tuple[UUID, int]:
        """See the port."""
        lineage = uuid7()
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.connection.execute(_SQL["alone"])
            await work.connection.execute(_SQL["begin_lineage"], lineage, by)
            names = [category.name for category in ended or ()]
            mailings = await work.connection.fetch(_SQL["end_mailings"], names, by)
            await work.connection.execute(_SQL["lift_restored"])
            await work.connection.execute(_SQL["no_witnesses"])
            what = "restored resume" if ended is None else "restored end"
            entries = [_build_halt_change_ledger_entry(HaltScope.EVERYTHING, "", by, what, str(lineage))]
            entries += [
                _build_halt_change_ledger_entry(
                    HaltScope.MAILING, str(row["id"]), by, "ended", "", row["brand"], row["category"]
                )
                for row in mailings
            ]
            await work.append_entries(entries)
        return lineage, len(mailings)


async def query_halts_and_missing_ledger_entries(
    connection: Connection | Fresh,
    seals: Collection[int],
    heads: Collection[Head],
    witnesses: Sequence[UUID],
    patience: float = _PATIENCE,
) -> HaltsAndMissingEntries:
    """Reads the halts on a connection of the caller; see `ports.halts.HaltStore.read_halts_and_missing_ledger_entries`.

    Args:
        connection: the connection, pooled or new.
        seals: the numbers of the seals whose digests are asked for.
        heads: the ledger entries that should exist.
        witnesses: the ids of this process, and of those that it speaks for.
        patience: the seconds to wait for the answer.
    """
    columns = [writer for writer, _ in heads], [n for _, n in heads]
    [row] = await connection.fetch(_SQL["ask"], list(seals), *columns, witnesses, timeout=patience)
    halted = [row[column] or () for column in ("scopes", "keys", "people", "reasons", "times")]
    return HaltsAndMissingEntries(
        tuple(Halt(HaltScope(scope), *rest) for scope, *rest in zip(*halted, strict=True)),
        row["lineage"],
        frozenset(row["supersedes"]),
        row["seal"],
        dict(zip(row["seals"] or (), row["digests"] or (), strict=True)),
        frozenset(zip(row["writers"] or (), row["numbers"] or (), strict=True)),
        row["timeline"],
        row["attested"],
        tuple(row["waiting"]),
    )


async def _halt_lift_or_cancel_mailing(
    connection: Connection, mailing_id: UUID, state: str, what: str, by: str, reason: str
) -> bool:
    """Pauses, resumes or cancels a mailing. Returns True if that changed anything."""
    key = str(mailing_id)
    if what == "resumed":
        return bool(await connection.fetchval(_SQL["lift"], HaltScope.MAILING, key))
    if what == "cancelled":
        if state == "cancelled":
            return False
        await connection.execute(_SQL["cancel"], mailing_id)
        await connection.execute(NOTICES["close_cancelled"], mailing_id, by)
        await connection.fetchval(_SQL["lift"], HaltScope.MAILING, key)  # the cancellation replaces a pause
    return bool(await connection.fetchval(_SQL["halt"], HaltScope.MAILING, key, by, reason))


def _refusal_of_mailing_change(row: asyncpg.Record | None, what: str) -> str | None:
    """Returns the reason why a mailing cannot be paused, resumed or cancelled; None if it can."""
    if row is None:
        return "there is no such mailing; `mailer mailing list` shows them"
    if row["state"] == "ended" or (row["state"] == "cancelled" and what != "cancelled"):
        return f"the mailing is {row['state']}, and that is for good; publish it as a new event to send it after all"
    if row["finished_at"] is not None and row["state"] != "cancelled":
        return "the mailing is finished: nothing of it is left to be sent"
    return None


def _build_halt_change_ledger_entry(
    scope: HaltScope, key: str, by: str, what: str, reason: str = "", brand: str = "", category: str | None = None
) -> LedgerEntry:
    """Returns the ledger entry of a change of a halt. The reason is a note: its words may identify people."""
    mailing = scope is HaltScope.MAILING
    return LedgerEntry(
        EntryKind.MAILING if mailing else EntryKind.CONTROL,
        key if scope in (HaltScope.BRAND, HaltScope.PROMOTIONAL) else brand,
        mailing_id=UUID(key) if mailing else None,
        category="promotional" if scope is HaltScope.PROMOTIONAL else category,
        reason=what,
        rule=f"action:{by}",
        processor=key if scope is HaltScope.PROCESSOR else None,
        reply=reason or None,
    )
