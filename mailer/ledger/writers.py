"""Who writes the ledger: each writer extends a chain of its own, so that no two wait for one another."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mailer.crashing import CrashPoint, reach
from mailer.ledger.chain import GENESIS, Links, link_all
from mailer.ledger.database import Connection, int_array, statements, text_array
from mailer.macs import Mac
from mailer.ports.ids import uuid7
from mailer.ports.ledger import Entry
from mailer.ports.rights import KnownEvent

_SQL = statements("ledger")
_APPEND = _SQL["append"].replace("{entries}", _SQL["entries"])
_SHAPE = (
    "shape",
    "kind",
    "brand",
    "category",
    "reason",
    "rule",
    "policy",
    "processor",
    "country",
    "contract",
    "purpose",
    "fields",
)
_MAX_AGE = timedelta(days=1)


class Writer:
    """One chain and its head. Used by one statement at a time."""

    def __init__(self, key: bytes) -> None:
        self._mac = Mac(key)
        self.id: UUID = uuid7()
        self.born = datetime.now(UTC)
        self.event: tuple[str, str] | None = None
        self.n = 0
        self._head = GENESIS

    def link(self, entries: Sequence[Entry]) -> Links:
        """Chains entries behind the head, which stays where it is until `advance`."""
        salts = os.urandom(16 * len(entries))
        links = link_all(self._mac, self._head, self.id, self.n + 1, datetime.now(UTC), entries, salts)
        reach(CrashPoint.IN_CHAIN)
        return links

    def advance(self, links: Links) -> None:
        """The entries are committed: the head moves."""
        if links.hashes:
            self.n, self._head = links.first + len(links.hashes) - 1, links.hashes[-1]


@dataclass(slots=True)
class _Shelf:
    """The writers of a process that nobody uses at the moment, and what all of them have committed."""

    free: list[Writer] = field(default_factory=list)
    heads: dict[UUID, int] = field(default_factory=dict)


class Writers:
    """The writers of a process, as many as write at once. Implements `ports.control.Chains`.

    Attributes:
        epoch: how often the database was found to have lost what was committed.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._shelf = _Shelf()
        self.epoch = 0
        self._event: tuple[str, str] | None = None

    def heads(self) -> Mapping[UUID, int]:
        """The newest committed number of each writer that was used lately."""
        return dict(self._shelf.heads)

    def renew(self) -> None:
        """Never extends the chains that there are: the database has lost entries of them."""
        self._shelf = _Shelf()
        self.epoch += 1

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
        shelf = self._shelf
        while shelf.free and datetime.now(UTC) - shelf.free[-1].born > _MAX_AGE:
            shelf.heads.pop(shelf.free.pop().id, None)
        writer = shelf.free.pop() if shelf.free else Writer(self._key)
        writer.event = self._event
        try:
            yield writer
        except BaseException:
            shelf.heads.pop(writer.id, None)
            raise
        if writer.n:
            shelf.heads[writer.id] = writer.n
        shelf.free.append(writer)


def columns(links: Links) -> list[Any]:
    """The entries as `sql/ledger.sql` and `sql/deliveries.sql` take them."""
    return [
        links.writer,
        links.first,
        links.at,
        [dict(zip(_SHAPE, (shape.number, *shape.columns), strict=True)) for shape in links.shapes],
        links.mailings,
        int_array(links.numbers),
        int_array(links.places),
        int_array(links.recipients),
        int_array(links.attempts),
        text_array(links.message_ids),
        text_array(links.texts),
        b"".join(links.hashes),
        b"".join(links.commitments),
        links.salts,
    ]


async def append(connection: Connection, writer: Writer, entries: Sequence[Entry]) -> Links:
    """Writes entries within the caller's transaction; the caller advances the writer once that is committed.

    Raises:
        KnownEvent: they are of a change that an account event asks for, and that was made before.
    """
    if writer.event and not await connection.fetchval(_SQL["note_event"], *writer.event):
        raise KnownEvent
    links = writer.link(entries)
    if entries:
        await connection.execute(_APPEND, *columns(links))
    return links
