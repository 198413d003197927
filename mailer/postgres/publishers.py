"""Publishers in PostgreSQL. An API key is random, 256 bits, and kept as a digest: a slow hash would add nothing."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from mailer.database.statements import Connection, Pool, statements
from mailer.ledger.chain import Links
from mailer.ledger.writers import Writer, Writers, append
from mailer.policy.identity import Identity, IdentityKind
from mailer.policy.publisher_rights import Publisher, Rights
from mailer.ports.ledger_entry import Entry, Kind

_SQL = statements("publishers")


@dataclass(frozen=True, slots=True)
class Known:
    """A publisher as operators see it, also after it was revoked."""

    publisher: Publisher
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
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
    """Implements `ports.publishers.Publishers`, and what operators do with them.

    Args:
        pool: of connections.
        writers: of the ledger, in which each change stands.
    """

    def __init__(self, pool: Pool, writers: Writers) -> None:
        self._pool = pool
        self._writers = writers

    async def of_key(self, key: str) -> Publisher | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["of_key"], _digest(key))
        return _publisher(row) if row else None

    async def everybody(self) -> Mapping[Identity, Publisher]:
        """See the port."""
        found = [_publisher(row) for row in await self._pool.fetch(_SQL["everybody"])]
        return {publisher.identity: publisher for publisher in found}

    async def note_broker_user(self, name: str | None) -> None:
        """Notes as which user of RabbitMQ a worker consumes, where it does."""
        if name is not None:
            await self._pool.execute(_SQL["note_broker_user"], name)

    async def broker_user(self) -> str | None:
        """The user of RabbitMQ as whom the worker that started last consumes; None: none has started."""
        found: str | None = await self._pool.fetchval(_SQL["broker_user"])
        return found

    async def list(self) -> Sequence[Known]:
        """All of them, also those that were revoked, by kind and name."""
        return [_known(row) for row in await self._pool.fetch(_SQL["list"])]

    async def get(self, identity: Identity) -> Known | None:
        """One of them."""
        row = await self._pool.fetchrow(_SQL["one"], identity.kind, _name(identity))
        return _known(row) if row else None

    async def add(self, identity: Identity, rights: Rights) -> str | None:
        """Grants rights, to what a publisher has already; one that was revoked begins anew with these only.

        Returns:
            The key, for the only time, where the publisher is the holder of one that it has not had so far.
        """
        key = f"mk_{secrets.token_urlsafe(32)}" if identity.kind is IdentityKind.KEY else None
        columns = (sorted(rights.brands), sorted(rights.categories), sorted(rights.actions), sorted(rights.reads))
        async with self._writers.lease() as writer, self._pool.acquire() as connection:
            async with connection.transaction():
                taken = await connection.fetchval(
                    _SQL["add"], identity.kind, _name(identity), *columns, key and _digest(key)
                )
                linked = await _note(connection, writer, identity, "granted", words_of(rights))
            writer.advance(linked)
        return key if taken else None

    async def revoke(self, identity: Identity) -> bool:
        """Ends a publisher's rights. False: there is no such publisher, or it was revoked before."""
        async with self._writers.lease() as writer, self._pool.acquire() as connection:
            async with connection.transaction():
                if await connection.fetchval(_SQL["revoke"], identity.kind, _name(identity)) is None:
                    return False
                linked = await _note(connection, writer, identity, "revoked", ())
            writer.advance(linked)
        return True

    async def changes(self, identity: Identity) -> Sequence[Change]:
        """The ledger's entries about a publisher, the oldest first."""
        rows = await self._pool.fetch(_SQL["changes"], identity.kind, _name(identity))
        return [Change(row["at"], row["reason"], row["fields"] or (), row["actor"]) for row in rows]


def words_of(rights: Rights) -> tuple[str, ...]:
    """The rights as they stand in the ledger: `brand:NAME`, `category:NAME`, `action:NAME`, `read:NAME`."""
    named = (
        ("brand", rights.brands),
        ("category", rights.categories),
        ("action", rights.actions),
        ("read", rights.reads),
    )
    return tuple(f"{what}:{name}" for what, names in named for name in sorted(names))


async def _note(
    connection: Connection, writer: Writer, identity: Identity, what: str, rights: tuple[str, ...]
) -> Links:
    """Appends what was done with a publisher's rights to the ledger, and notes where it stands."""
    entry = Entry(Kind.CONTROL, "", reason=what, rule=f"publisher:{identity}", fields=rights or None)
    linked = await append(connection, writer, [entry])
    await connection.execute(_SQL["note"], identity.kind, _name(identity), linked.writer, linked.first)
    return linked


def _name(identity: Identity) -> str:
    """The name under which an identity stands: that of a person in the form in which persons are compared."""
    return identity.form[1]


def _publisher(row: asyncpg.Record) -> Publisher:
    rights = Rights(*(frozenset(row[name]) for name in ("brands", "categories", "actions", "reads")))
    return Publisher(Identity(IdentityKind(row["kind"]), row["name"]), rights)


def _known(row: asyncpg.Record) -> Known:
    return Known(_publisher(row), row["created_at"], row["revoked_at"])


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
