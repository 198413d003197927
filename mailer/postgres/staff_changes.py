"""Transactions that change staff: each writes its entries of the ledger. Rows of staff become values here."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg

from mailer.database.statements import Connection, Pool
from mailer.ledger.writers import LedgerWriters, append_entries
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.policy.staff_rights import RoleAtBrand, StaffMember, parse_role_at_brand
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.staff import StaffActor


class StaffChange:
    """A transaction that changes staff. Its entries are written at its end."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.entries: list[LedgerEntry] = []

    def note(self, what: str, target: Identity, by: StaffActor, details: Iterable[str] = ()) -> None:
        """Adds an entry: what happened to a person, who did it, and from which masked network."""
        entry = LedgerEntry(
            EntryKind.CONTROL,
            "",
            reason=what,
            rule=f"staff:{target.name}",
            fields=tuple(details) or None,
            reply=f"from {by.network}",
            actor=str(by.identity),
        )
        self.entries.append(entry)


@asynccontextmanager
async def begin_staff_change(pool: Pool, writers: LedgerWriters) -> AsyncIterator[StaffChange]:
    """Opens a transaction. Its changes and its ledger entries are committed together, or not at all."""
    async with writers.borrow_writer() as writer, pool.acquire() as connection:
        async with connection.transaction():
            change = StaffChange(connection)
            yield change
            linked = await append_entries(connection, writer, change.entries)
        writer.advance_head(linked)


def new_token() -> str:
    """Returns a token of 256 random bits."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """Returns the digest under which a token is stored. Random tokens need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def member_from_row(row: asyncpg.Record) -> StaffMember:
    """Returns a person for a row. A role that this version does not know gives no right."""
    return StaffMember(
        row["id"],
        Identity(IdentityKind.PERSON, row["shown_name"]),
        row["email"],
        frozenset(_known_roles(row["roles"])),
        row["disabled_at"] is not None,
    )


def _known_roles(texts: Iterable[str]) -> Iterable[RoleAtBrand]:
    for text in texts:
        role, _, brand = text.partition("@")
        try:
            yield parse_role_at_brand(role, brand)
        except ValueError:
            continue
