"""Processors in PostgreSQL: the data that they got, their duties to erase and purge, and their states."""

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.privacy_rights import BrandHandOversToProcessor, ErasureDuty, MailingPurgeDuty
from mailer.ports.processor_states import ReportedProcessorState

_SQL = load_statements("rights")
_STATES = load_statements("relays")


class PostgresProcessorDutiesAndStates:
    """Implements `ports.privacy_rights.ProcessorDutyStore` and `ports.processor_states.ProcessorStateStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def list_all_processors_handed_data(self) -> list[BrandHandOversToProcessor]:
        """See the port."""
        return [BrandHandOversToProcessor(**row) for row in await self._pool.fetch(_SQL["holders"])]

    async def store_processor_states_seen_by_worker(
        self, worker: str, states: Sequence[ReportedProcessorState]
    ) -> None:
        """See `ports.processor_states`."""
        columns = [(one.relay, one.state, one.since, one.error, one.remedy, one.times) for one in states]
        await self._pool.execute(_STATES["note"], worker, *map(list, zip(*columns, strict=True)))

    async def delete_processor_states_seen_by_worker(self, worker: str) -> None:
        """See `ports.processor_states`."""
        await self._pool.execute(_STATES["forget"], worker)

    async def list_processor_states_over_all_workers(self) -> list[ReportedProcessorState]:
        """See `ports.processor_states`."""
        return [ReportedProcessorState(**row) for row in await self._pool.fetch(_STATES["states"])]

    async def list_all_erasure_duties(self) -> list[ErasureDuty]:
        """See the port."""
        return [ErasureDuty(**row) for row in await self._pool.fetch(_SQL["keepers"], None)]

    async def list_all_mailing_purge_duties(self) -> list[MailingPurgeDuty]:
        """See the port."""
        return [MailingPurgeDuty(**row) for row in await self._pool.fetch(_SQL["purges"])]

    async def confirm_erasure_by_processor(self, recipient_id: int, processor: str, person: str) -> bool:
        """See the port."""
        return await self._confirm_duty("erasure", recipient_id, processor, person)

    async def confirm_mailing_purge_by_processor(self, mailing_id: UUID, processor: str, person: str) -> bool:
        """See the port."""
        return await self._confirm_duty("purge", mailing_id, processor, person)

    async def _confirm_duty(self, what: str, about: int | UUID, processor: str, person: str) -> bool:
        """Marks a duty as confirmed, with a ledger entry that names the person. False: there is no such duty."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            row = await work.connection.fetchrow(_SQL[f"confirm_{what}"], about, processor, person)
            if row is None:
                return False
            entry = LedgerEntry(
                EntryKind.ACTION if isinstance(about, int) else EntryKind.MAILING,
                row["brand"],
                mailing_id=None if isinstance(about, int) else about,
                recipient_id=about if isinstance(about, int) else None,
                reason=f"{what}_confirmed",
                rule=f"action:{person}",
                processor=processor,
                country=row["country"],
                contract=row["contract"],
            )
            await work.append_entries([entry])
        return True


async def insert_purge_duties_of_finished_mailings(
    connection: Connection, finished: Sequence[UUID], outside: Collection[tuple[str, str]]
) -> list[LedgerEntry]:
    """Adds the purges that processors owe for finished mailings, and returns their ledger entries.

    Args:
        connection: a connection in a transaction.
        finished: the ids of the mailings.
        outside: (brand, processor), if the brand has promised that outside systems retain nothing.
    """
    if not finished or not outside:
        return []
    brands, processors = zip(*sorted(outside), strict=True)
    return [
        _purge_ledger_entry_from_row(row)
        for row in await connection.fetch(_SQL["note_purges"], finished, brands, processors)
    ]


def _purge_ledger_entry_from_row(row: asyncpg.Record) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.MAILING,
        row["brand"],
        mailing_id=row["mailing_id"],
        reason="purge_due",
        rule="no-retention",
        processor=row["processor"],
        country=row["country"],
        contract=row["contract"],
    )
