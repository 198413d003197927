"""Who writes the ledger: each writer extends a chain of its own, so that no two wait for one another."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mailer.ledger.chain import GENESIS, Linked, link_all
from mailer.ledger.database import Connection, statements, storable
from mailer.ports.ids import uuid7
from mailer.ports.ledger import Entry
from mailer.ports.rights import KnownEvent

_SQL = statements("ledger")
_MAX_AGE = timedelta(days=1)


class Writer:
    """One chain and its head. Used by one statement at a time."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id: UUID = uuid7()
        self.born = datetime.now(UTC)
        self.event: tuple[str, str] | None = None
        self._n = 0
        self._head = GENESIS

    def link(self, entries: Sequence[Entry]) -> list[Linked]:
        """Chains entries behind the head, which stays where it is until `advance`."""
        stored = [replace(entry, reply=storable(entry.reply)) if entry.reply else entry for entry in entries]
        salts = os.urandom(16 * len(stored))
        return link_all(self._key, self._head, self.id, self._n + 1, datetime.now(UTC), stored, salts)

    def advance(self, linked: Sequence[Linked]) -> None:
        """The entries are committed: the head moves."""
        if linked:
            self._n, self._head = linked[-1].n, linked[-1].hash


class Writers:
    """The writers of a process, as many as write at once."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._free: list[Writer] = []
        self._event: tuple[str, str] | None = None

    def once(self, brand: str, event_id: str) -> "Writers":
        """The same, for the one change that an account event asks for: what they append is only committed if new."""
        limited = copy(self)  # of the same free ones
        limited._event = brand, event_id
        return limited

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Writer]:
        """A writer for one statement or transaction.

        After an error nobody knows whether its entries were committed, so it is never used again.
        """
        while self._free and datetime.now(UTC) - self._free[-1].born > _MAX_AGE:
            self._free.pop()
        writer = self._free.pop() if self._free else Writer(self._key)
        writer.event = self._event
        yield writer
        self._free.append(writer)


def columns(linked: Sequence[Linked]) -> list[list[Any]]:
    """The entries as one list a column, in the order that `sql/ledger.sql` and `sql/deliveries.sql` take them."""
    return [
        [link.writer for link in linked],
        [link.n for link in linked],
        [link.at for link in linked],
        [link.entry.kind.value for link in linked],
        [link.entry.brand for link in linked],
        [link.entry.mailing_id for link in linked],
        [link.entry.recipient_id for link in linked],
        [link.entry.attempt for link in linked],
        [link.entry.category for link in linked],
        [link.entry.reason for link in linked],
        [link.entry.rule for link in linked],
        [link.entry.policy for link in linked],
        [link.entry.processor for link in linked],
        [link.entry.country for link in linked],
        [link.entry.contract for link in linked],
        [link.entry.purpose for link in linked],
        [",".join(link.entry.fields) if link.entry.fields is not None else None for link in linked],
        [link.commitment for link in linked],
        [link.entry.message_id for link in linked],
        [link.hash for link in linked],
        [link.salt for link in linked],
        [link.entry.reply for link in linked],
    ]


async def append(connection: Connection, writer: Writer, entries: Sequence[Entry]) -> list[Linked]:
    """Writes entries within the caller's transaction; the caller advances the writer once that is committed.

    Raises:
        KnownEvent: they are of a change that an account event asks for, and that was made before.
    """
    if writer.event and not await connection.fetchval(_SQL["note_event"], *writer.event):
        raise KnownEvent
    linked = writer.link(entries)
    if linked:
        await connection.execute(_SQL["append"], *columns(linked))
    return linked
