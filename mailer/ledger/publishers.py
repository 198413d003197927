"""Publishers in PostgreSQL. An API key is random, 256 bits, and kept as a digest: a slow hash would add nothing."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from mailer.ledger.database import Pool, statements
from mailer.policy.identity import Identity, IdentityKind
from mailer.policy.publishers import Publisher, Rights

_SQL = statements("publishers")


@dataclass(frozen=True, slots=True)
class Known:
    """A publisher as operators see it, also after it was revoked."""

    publisher: Publisher
    created_at: datetime
    revoked_at: datetime | None


class PostgresPublishers:
    """Implements `ports.publishers.Publishers`, and what operators do with them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of_key(self, key: str) -> Publisher | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["of_key"], _digest(key))
        return _publisher(row) if row else None

    async def everybody(self) -> Mapping[Identity, Publisher]:
        """See the port."""
        found = [_publisher(row) for row in await self._pool.fetch(_SQL["everybody"])]
        return {publisher.identity: publisher for publisher in found}

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
        granted = (sorted(rights.brands), sorted(rights.categories), sorted(rights.actions), sorted(rights.reads))
        taken = await self._pool.fetchval(_SQL["add"], identity.kind, _name(identity), *granted, key and _digest(key))
        return key if taken else None

    async def revoke(self, identity: Identity) -> bool:
        """Ends a publisher's rights. False: there is no such publisher, or it was revoked before."""
        return await self._pool.fetchval(_SQL["revoke"], identity.kind, _name(identity)) is not None


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
