"""A unit of work: one transaction, and its entries at the end of a chain of the ledger."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mailer.database.statements import Connection, Pool
from mailer.ledger.chain import ChainedEntries
from mailer.ledger.writers import (
    ChainWriter,
    LedgerWriters,
    append_entries,
    store_account_event_of_writer,
)
from mailer.ports.ledger_entry import LedgerEntry


class UnitOfWork:
    """A transaction that may append entries to the ledger.

    Attributes:
        connection: a connection in the transaction.
    """

    def __init__(self, connection: Connection, writer: ChainWriter) -> None:
        self.connection = connection
        self._writer = writer
        self._linked: list[ChainedEntries] = []

    async def append_entries(self, entries: Sequence[LedgerEntry]) -> ChainedEntries:
        """Writes entries in the transaction, also those that stand beside them. Call it once, as a last step.

        It also checks whether the actor may still act, and stores the account event. So a transaction that only reads
        does not call it.

        Raises:
            AccountEventAlreadyApplied: the change of the writer's account event was made before.
            EventIdTakenByDifferentEvent: the id of the writer's account event belongs to another event.
            StaffSessionEnded: the writer's check found that whoever acts may no longer act.
        """
        links = await append_entries(self.connection, self._writer, entries)
        self._linked.append(links)
        return links

    async def store_account_event(self) -> None:
        """Stores the account event before anything else. `append_entries` stores one that is not stored yet.

        Raises:
            AccountEventAlreadyApplied: the change of the event was made before.
            EventIdTakenByDifferentEvent: the id of the event belongs to another event.
        """
        await store_account_event_of_writer(self.connection, self._writer)

    def advance_chain_head_after_commit(self) -> None:
        """Moves the head of the chain to the last entry, once the transaction is committed."""
        for links in self._linked:
            self._writer.advance_head(links)


@asynccontextmanager
async def open_unit_of_work(pool: Pool, writers: LedgerWriters) -> AsyncIterator[UnitOfWork]:
    """Opens a unit of work, and commits it at the end of the context. An error rolls all of it back."""
    async with writers.borrow_writer() as writer, pool.acquire() as connection:
        work = UnitOfWork(connection, writer)
        async with connection.transaction():
            yield work
        work.advance_chain_head_after_commit()
