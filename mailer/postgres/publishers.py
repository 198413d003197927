"""Publishers in PostgreSQL. An API key has 256 random bits, and is stored as a digest; it needs no slow hash."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from mailer.database.statements import Pool, load_statements
from mailer.ledger.unit_of_work import UnitOfWork, open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.policy.publisher_rights import Publisher, RightsOfOnePublisher, names_of_rights, subtract_rights
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.publishers import PublisherRecord, PublisherRightsChange

_SQL = load_statements("publishers")


class PostgresPublishers:
    """Implements `ports.publishers.PublisherStore` and `ports.publishers.PublisherDesk`.

    Args:
        pool: the connections.
        writers: the writers of the ledger, which records each change.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def find_publisher_by_api_key(self, key: str) -> Publisher | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["of_key"], _key_digest(key))
        return _publisher_from_row(row) if row else None

    async def unrevoked_publishers_by_identity(self) -> Mapping[Identity, Publisher]:
        """See the port."""
        found = [_publisher_from_row(row) for row in await self._pool.fetch(_SQL["everybody"])]
        return {publisher.identity: publisher for publisher in found}

    async def save_broker_user_of_worker(self, name: str | None) -> None:
        """Stores the RabbitMQ user of a worker; does nothing for None."""
        if name is not None:
            await self._pool.execute(_SQL["note_broker_user"], name)

    async def read_broker_user_of_worker(self) -> str | None:
        """Returns the RabbitMQ user of the worker that started last; None if none has started."""
        found: str | None = await self._pool.fetchval(_SQL["broker_user"])
        return found

    async def list_publishers(self) -> Sequence[PublisherRecord]:
        """Returns all publishers, including revoked ones, ordered by kind and name."""
        return [_publisher_record_from_row(row) for row in await self._pool.fetch(_SQL["list"])]

    async def get_publisher(self, identity: Identity) -> PublisherRecord | None:
        """Returns a publisher, also a revoked one; None if it does not exist."""
        row = await self._pool.fetchrow(_SQL["one"], identity.kind, _stored_name(identity))
        return _publisher_record_from_row(row) if row else None

    async def grant_rights_and_missing_key(self, identity: Identity, rights: RightsOfOnePublisher) -> str | None:
        """Adds rights to those of a publisher. A revoked or new publisher has only these.

        Returns:
            The new API key, if the identity is that of a key and the publisher was new or revoked; else None. The key
                is never shown again.
        """
        key = f"mk_{secrets.token_urlsafe(32)}" if identity.kind is IdentityKind.KEY else None
        async with open_unit_of_work(self._pool, self._writers) as work:
            taken = await work.connection.fetchval(
                _SQL["add"], *_publisher_column_values(identity, rights), key and _key_digest(key)
            )
            change = ("granted", names_of_rights(rights))
            await _append_rights_changes_to_ledger(work, identity, change)
        return key if taken else None

    async def take_rights_back(self, identity: Identity, rights: RightsOfOnePublisher) -> bool:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            if await work.connection.fetchrow(_SQL["restrict"], *_publisher_column_values(identity, rights)) is None:
                return False
            change = ("restricted", names_of_rights(rights))
            await _append_rights_changes_to_ledger(work, identity, change)
        return True

    async def change_rights(self, identity: Identity, seen: RightsOfOnePublisher, wanted: RightsOfOnePublisher) -> bool:
        """See the port."""
        lost, gained = subtract_rights(seen, wanted), subtract_rights(wanted, seen)
        changes = [("restricted", names_of_rights(lost)), ("granted", names_of_rights(gained))]
        async with open_unit_of_work(self._pool, self._writers) as work:
            row = await work.connection.fetchrow(_SQL["lock"], identity.kind, _stored_name(identity))
            if row is None or _publisher_from_row(row).rights != seen:
                return False
            await work.connection.execute(_SQL["replace"], *_publisher_column_values(identity, wanted))
            await _append_rights_changes_to_ledger(work, identity, *((what, names) for what, names in changes if names))
        return True

    async def revoke_all_rights(self, identity: Identity) -> bool:
        """Revokes a publisher's rights. False: there is no such publisher, or it was revoked before."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            if await work.connection.fetchval(_SQL["revoke"], identity.kind, _stored_name(identity)) is None:
                return False
            await _append_rights_changes_to_ledger(work, identity, ("revoked", ()))
        return True

    async def read_rights_changes(self, identity: Identity) -> Sequence[PublisherRightsChange]:
        """Returns the changes of a publisher's rights from the ledger, the oldest first."""
        rows = await self._pool.fetch(_SQL["changes"], identity.kind, _stored_name(identity))
        return [PublisherRightsChange(row["at"], row["reason"], row["fields"] or (), row["actor"]) for row in rows]


async def _append_rights_changes_to_ledger(
    work: UnitOfWork, identity: Identity, *changes: tuple[str, tuple[str, ...]]
) -> None:
    """Appends changes of a publisher's rights to the ledger, and stores the numbers of their entries."""
    rule = f"publisher:{identity}"
    entries = [
        LedgerEntry(EntryKind.CONTROL, "", reason=what, rule=rule, fields=names or None) for what, names in changes
    ]
    linked = await work.append_entries(entries)
    for n in range(linked.first, linked.first + len(entries)):
        await work.connection.execute(_SQL["note"], identity.kind, _stored_name(identity), linked.writer, n)


def _publisher_column_values(identity: Identity, rights: RightsOfOnePublisher) -> tuple[Any, ...]:
    """Returns the columns of a publisher with some rights, as the statements take them."""
    named = (rights.brands, rights.categories, rights.actions, rights.reads)
    return (identity.kind, _stored_name(identity), *(sorted(names) for names in named))


def _stored_name(identity: Identity) -> str:
    """Returns the name in the form that is stored. A person's name has the form in which names are compared."""
    return identity.form[1]


def _publisher_from_row(row: asyncpg.Record) -> Publisher:
    rights = RightsOfOnePublisher(*(frozenset(row[name]) for name in ("brands", "categories", "actions", "reads")))
    return Publisher(Identity(IdentityKind(row["kind"]), row["name"]), rights)


def _publisher_record_from_row(row: asyncpg.Record) -> PublisherRecord:
    return PublisherRecord(_publisher_from_row(row), row["created_at"], row["revoked_at"])


def _key_digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
