"""Hard refusals in PostgreSQL: their counters, the quarantine, and the verdicts of persons."""

from collections.abc import Collection, Mapping, Sequence

import asyncpg

from mailer.database.connections import execute_with_long_timeout
from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.refusal_suspicion import RefusalTally
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.deliveries import DeliveryState
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.refusal_quarantine import (
    HardRefusal,
    ProcessorRefusalCounts,
    QuarantinedRefusal,
    QuarantinedRefusalGroup,
    RefusalSelection,
    RefusalVerdict,
)
from mailer.ports.suppressions import NewSuppression
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.returned_breach_mail import add_notices_for_returned_mail, close_notices_of_doubted_refusals
from mailer.postgres.suppressions import insert_or_extend_suppressions, lift_suppressions, open_suppression_transaction

_SQL = load_statements("quarantine")
_PROCESSOR = "processor"
"""The actor of a dead address without a verdict of a person."""


class PostgresRefusalQuarantine:
    """Implements `ports.refusal_quarantine.HardRefusalStore` and `QuarantinedRefusalStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters, hasher: AddressHasher) -> None:
        self._pool = pool
        self._writers = writers
        self._hasher = hasher

    async def add_and_read_refusal_counts(
        self, processor: str, new: Mapping[str | None, RefusalTally], domains: Collection[str]
    ) -> ProcessorRefusalCounts:
        """See the port."""
        tallies = new.values()
        rows = await self._pool.fetch(
            _SQL["count"],
            processor,
            list(new),
            [tally.answered for tally in tallies],
            [tally.refused for tally in tallies],
            list(domains),
        )
        hour: dict[str | None, RefusalTally] = dict(new)
        usual = RefusalTally()
        for row in rows:
            tally = RefusalTally(row["answered"], row["refused"])
            if row["usual"]:
                usual = tally
            else:
                hour[row["domain"]] = hour.get(row["domain"], RefusalTally()) + tally
        return ProcessorRefusalCounts(
            hour.pop(None, RefusalTally()), usual, {name: tally for name, tally in hour.items() if name is not None}
        )

    async def count_reported_refusal(self, processor: str, recipient_id: int) -> tuple[int, int]:
        """See `ports.received_mail.ReportedRefusalStore`."""
        [row] = await self._pool.fetch(_SQL["count_reported"], processor, recipient_id)
        return row["reported"], row["answered"]

    async def store_refusals_without_suppressing(
        self, processor: str, believed: Sequence[HardRefusal], doubted: Sequence[HardRefusal]
    ) -> None:
        """See the port."""
        refusals = [*believed, *doubted]
        await self._pool.execute(
            _SQL["record"],
            processor,
            *_refusals_as_columns(refusals),
            [refusal.domain for refusal in refusals],
            [refusal.status for refusal in refusals],
            [self._hasher.hash_address(refusal.address) for refusal in refusals],
            [RefusalVerdict.BELIEVED.value] * len(believed) + [None] * len(doubted),
            self._hasher.key_id,
        )

    async def suppress_addresses_of_believed_refusals(self, processor: str, believed: Sequence[HardRefusal]) -> None:
        """See the port."""
        async with open_suppression_transaction(self._pool, self._writers) as (connection, entries):
            rows = await connection.fetch(_SQL["believed"], *_refusals_as_columns(believed))
            entries += await self._suppress_dead_addresses(
                connection, [(row, f"{processor} {row['status']}") for row in rows]
            )
            returned = [(row["mailing_id"], row["recipient_id"], f"{processor} {row['status']}") for row in rows]
            entries += await add_notices_for_returned_mail(connection, returned)

    async def quarantine_recently_believed_refusals(self, processor: str, domains: Collection[str] | None) -> int:
        """See the port."""
        which = processor, None if domains is None else list(domains)
        if not await self._pool.fetchval(_SQL["any_to_retract"], *which):
            return 0
        async with open_suppression_transaction(self._pool, self._writers) as (connection, entries):
            entries += await close_notices_of_doubted_refusals(connection, processor, domains)
            ids = [row["id"] for row in await connection.fetch(_SQL["retract"], *which)]
            entries += await lift_suppressions(connection, ids, "mailer", "its refusal is quarantined")
        return len(ids)

    async def list_quarantined_groups(self, processor: str | None) -> list[QuarantinedRefusalGroup]:
        """See the port."""
        return [QuarantinedRefusalGroup(**row) for row in await self._pool.fetch(_SQL["groups"], processor)]

    async def list_quarantined_refusals(self, selection: RefusalSelection, limit: int) -> list[QuarantinedRefusal]:
        """See the port."""
        rows = await self._pool.fetch(
            _SQL["cases"], selection.processor, selection.domain, selection.since, selection.until, limit
        )
        return [
            QuarantinedRefusal(**{**row, "state": DeliveryState(row["state"]) if row["state"] else None})
            for row in rows
        ]

    async def suppress_refused_addresses_if_owner_unchanged(self, cases: Sequence[QuarantinedRefusal], by: str) -> None:
        """See the port."""
        async with open_suppression_transaction(self._pool, self._writers) as (connection, entries):
            rows = await connection.fetch(_SQL["believe"], [case.id for case in cases])
            entries += await self._suppress_dead_addresses(
                connection, [(row, f"{row['processor']} {row['status']}") for row in rows], by
            )

    async def record_verdict_and_reopen_mailings(
        self, cases: Sequence[QuarantinedRefusal], verdict: RefusalVerdict, by: str
    ) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.connection.execute(_SQL["close"], [case.id for case in cases], verdict.value, by)
            if verdict is RefusalVerdict.DISMISSED:
                again = {case.mailing_id for case in cases if case.state is not None}
                await work.connection.execute(_SQL["reopen"], list(again))
            # Whatever the verdict on the address: such a mail has come back, and nobody sends it again.
            returned = [(case.mailing_id, case.recipient_id, f"{case.processor} {case.status}") for case in cases]
            await work.append_entries(await add_notices_for_returned_mail(work.connection, returned))

    async def _suppress_dead_addresses(
        self, connection: Connection, dead: Sequence[tuple[asyncpg.Record, str]], by: str = _PROCESSOR
    ) -> list[LedgerEntry]:
        """Suppresses the addresses of recipients as dead, each with its source. Returns the ledger entries."""
        if not dead:
            return []
        await insert_or_extend_suppressions(
            connection,
            self._hasher,
            [
                (row["recipient_id"], None, NewSuppression(EVERYTHING_OPTIONAL, "address_dead", source, by))
                for row, source in dead
            ],
        )
        return [
            LedgerEntry(
                EntryKind.ACTION,
                row["brand"],
                recipient_id=row["recipient_id"],
                reason="address_dead",
                rule=f"action:{source}",
                reply=None if by == _PROCESSOR else by,
            )
            for row, source in dead
        ]


async def fold_counters_and_delete_old_refusals(pool: Pool) -> None:
    """Adds up the counts of processors' answers by minute or hour, and deletes old counts and believed refusals."""
    for name in ("fold", "forget_answers", "forget_believed"):
        await execute_with_long_timeout(pool, _SQL[name])


def _refusals_as_columns(refusals: Sequence[HardRefusal]) -> tuple[list[object], list[object], list[object]]:
    """Returns the mailing ids, recipient ids and attempts of refusals, as columns."""
    return (
        [refusal.mailing_id for refusal in refusals],
        [refusal.recipient_id for refusal in refusals],
        [refusal.attempt for refusal in refusals],
    )
