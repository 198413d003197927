"""Publishers in PostgreSQL. An API key is random, 256 bits, and kept as a digest: a slow hash would add nothing."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from mailer.database.statements import Connection, Pool, statements
from mailer.ledger.chain import ChainedEntries
from mailer.ledger.writers import ChainWriter, LedgerWriters, append_entries
from mailer.policy.identity import Identity, IdentityKind
from mailer.policy.publisher_rights import Publisher, PublisherRights
from mailer.ports.ledger_entry import EntryKind, LedgerEntry

_SQL = statements("publishers")


@dataclass(frozen=True, slots=True)
class KnownPublisher:
    """A publisher as operators see it, also after it was revoked."""

    publisher: Publisher
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class PublisherChange:
    """An entry of the ledger about a publisher.

    Attributes:
        what: `granted` or `revoked`.
        rights: those that were granted then, each as `brand:NAME`, `category:NAME`, `action:NAME` or `read:NAME`.
        actor: the identity that did it.
    """

    at: datetime
    what: str
    rights: Sequence[str]
    actor: str | None


class PostgresPublishers:
    """Implements `ports.publishers.PublisherStore`, and what operators do with them.

    Args:
        pool: of connections.
        writers: of the ledger, in which each change stands.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def find_by_key(self, key: str) -> Publisher | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["of_key"], _key_digest(key))
        return _publisher_from_row(row) if row else None

    async def all_publishers(self) -> Mapping[Identity, Publisher]:
        """See the port."""
        found = [_publisher_from_row(row) for row in await self._pool.fetch(_SQL["everybody"])]
        return {publisher.identity: publisher for publisher in found}

    async def save_broker_user(self, name: str | None) -> None:
        """Notes as which user of RabbitMQ a worker consumes, where it does."""
        if name is not None:
            await self._pool.execute(_SQL["note_broker_user"], name)

    async def read_broker_user(self) -> str | None:
        """The user of RabbitMQ as whom the worker that started last consumes; None: none has started."""
        found: str | None = await self._pool.fetchval(_SQL["broker_user"])
        return found

    async def list_publishers(self) -> Sequence[KnownPublisher]:
        """All of them, also those that were revoked, by kind and name."""
        return [_known_from_row(row) for row in await self._pool.fetch(_SQL["list"])]

    async def get_publisher(self, identity: Identity) -> KnownPublisher | None:
        """One of them."""
        row = await self._pool.fetchrow(_SQL["one"], identity.kind, _stored_name(identity))
        return _known_from_row(row) if row else None

    async def grant_rights(self, identity: Identity, rights: PublisherRights) -> str | None:
        """Grants rights, to what a publisher has already; one that was revoked begins anew with these only.

        Returns:
            The key, for the only time, where the publisher is the holder of one that it has not had so far.
        """
        key = f"mk_{secrets.token_urlsafe(32)}" if identity.kind is IdentityKind.KEY else None
        columns = (sorted(rights.brands), sorted(rights.categories), sorted(rights.actions), sorted(rights.reads))
        async with self._writers.lease_writer() as writer, self._pool.acquire() as connection:
            async with connection.transaction():
                taken = await connection.fetchval(
                    _SQL["add"], identity.kind, _stored_name(identity), *columns, key and _key_digest(key)
                )
                linked = await _append_change(connection, writer, identity, "granted", rights_as_text(rights))
            writer.advance_head(linked)
        return key if taken else None

    async def revoke_rights(self, identity: Identity) -> bool:
        """Ends a publisher's rights. False: there is no such publisher, or it was revoked before."""
        async with self._writers.lease_writer() as writer, self._pool.acquire() as connection:
            async with connection.transaction():
                if await connection.fetchval(_SQL["revoke"], identity.kind, _stored_name(identity)) is None:
                    return False
                linked = await _append_change(connection, writer, identity, "revoked", ())
            writer.advance_head(linked)
        return True

    async def publisher_changes(self, identity: Identity) -> Sequence[PublisherChange]:
        """The ledger's entries about a publisher, the oldest first."""
        rows = await self._pool.fetch(_SQL["changes"], identity.kind, _stored_name(identity))
        return [PublisherChange(row["at"], row["reason"], row["fields"] or (), row["actor"]) for row in rows]


def rights_as_text(rights: PublisherRights) -> tuple[str, ...]:
    """The rights as they stand in the ledger: `brand:NAME`, `category:NAME`, `action:NAME`, `read:NAME`."""
    named = (
        ("brand", rights.brands),
        ("category", rights.categories),
        ("action", rights.actions),
        ("read", rights.reads),
    )
    return tuple(f"{what}:{name}" for what, names in named for name in sorted(names))


async def _append_change(
    connection: Connection, writer: ChainWriter, identity: Identity, what: str, rights: tuple[str, ...]
) -> ChainedEntries:
    """Appends what was done with a publisher's rights to the ledger, and notes where it stands."""
    entry = LedgerEntry(EntryKind.CONTROL, "", reason=what, rule=f"publisher:{identity}", fields=rights or None)
    linked = await append_entries(connection, writer, [entry])
    await connection.execute(_SQL["note"], identity.kind, _stored_name(identity), linked.writer, linked.first)
    return linked


def _stored_name(identity: Identity) -> str:
    """The name under which an identity stands: that of a person in the form in which persons are compared."""
    return identity.form[1]


def _publisher_from_row(row: asyncpg.Record) -> Publisher:
    rights = PublisherRights(*(frozenset(row[name]) for name in ("brands", "categories", "actions", "reads")))
    return Publisher(Identity(IdentityKind(row["kind"]), row["name"]), rights)


def _known_from_row(row: asyncpg.Record) -> KnownPublisher:
    return KnownPublisher(_publisher_from_row(row), row["created_at"], row["revoked_at"])


def _key_digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
