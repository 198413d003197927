"""Transactions that change staff: each writes its entries of the ledger. Rows of staff become values here."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from enum import Enum

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.policy.sign_in_rules import SECRET_WAITS, SESSION_IDLE
from mailer.policy.staff_rights import (
    INDEPENDENT_AGAIN_AFTER,
    RoleAtBrand,
    StaffMember,
    StaffRight,
    has_staff_right,
    parse_role_at_brand,
)
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.staff import RightInSession, StaffActor, StaffSession, StaffSessionEnded


def load_staff_statements(noun: str) -> dict[str, str]:
    """Returns the statements of a file, with the columns of a person, and with the times of the rules as intervals."""
    values = {
        "{member}": load_statements("staff")["member"].partition("\n")[2],
        "{independent_again_after}": _sql_interval(INDEPENDENT_AGAIN_AFTER),
        "{waits_at_most}": _sql_interval(SECRET_WAITS),
    }
    statements = dict(load_statements(noun))
    for blank, value in values.items():
        statements = {name: text.replace(blank, value) for name, text in statements.items()}
    return statements


def _sql_interval(span: timedelta) -> str:
    return f"interval '{round(span.total_seconds())} seconds'"


_LOCK = load_statements("staff")["lock"]
_SESSIONS = load_staff_statements("staff_sign_in")["sessions"]


class SessionStage(Enum):
    """The stages of a session in which a change is allowed."""

    ANY = "any"
    """The second step may still be to come."""
    COMPLETE = "complete"
    """The second step is done, or there is none."""


class StaffChangeTransaction:
    """A transaction that changes staff. Its entries are written at its end."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.entries: list[LedgerEntry] = []

    def add_ledger_entry(self, what: str, target: Identity, by: StaffActor, details: Iterable[str] = ()) -> None:
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
async def open_staff_change_transaction(
    pool: Pool,
    writers: LedgerWriters,
    by: StaffActor,
    people: Collection[int] = (),
    stage: SessionStage = SessionStage.COMPLETE,
    right: StaffRight | None = None,
) -> AsyncIterator[StaffChangeTransaction]:
    """Opens a transaction. Its changes and its ledger entries are committed together, or not at all.

    It locks the people and whoever acts, and checks again what the gate of the route has checked: a session may have
    ended, and a role may have been taken away, since the request began.

    Args:
        pool: the connections.
        writers: the writers of the ledger.
        by: who acts; by a command, nothing is checked.
        people: the ids of all people whose rows, links, sessions or factors are changed.
        stage: the stage that the session must have reached.
        right: the right that the person needs.

    Raises:
        StaffSessionEnded: the session has ended, or its person has lost the right.
    """
    async with open_unit_of_work(pool, writers) as work:
        await work.connection.execute(_LOCK, sorted(people), by.session_id)
        if by.session_id is not None:
            member = await _require_session(work.connection, by.session_id, stage)
            if right is not None and not has_staff_right(member, right):
                raise StaffSessionEnded
        change = StaffChangeTransaction(work.connection)
        yield change
        await work.append_entries(change.entries)


def writers_requiring_session_and_right(writers: LedgerWriters, used: RightInSession | None) -> LedgerWriters:
    """Returns writers that store a change only while the session lasts, and its person has the right.

    The check locks the person and the session: who disables the person waits for the change, or prevents it.
    Without a session, as for a command or an API key, the writers stay as they are.
    """
    if used is None:
        return writers
    needed = used

    async def check_session(connection: Connection) -> None:
        await connection.execute(_LOCK, [], needed.session_id)
        member = await _require_session(connection, needed.session_id, SessionStage.COMPLETE)
        places = [None] if needed.brands is None else needed.brands
        if not all(has_staff_right(member, needed.right, brand) for brand in places):
            raise StaffSessionEnded

    return writers.writers_checking_each_transaction(check_session)


async def _require_session(connection: Connection, session_id: int, stage: SessionStage) -> StaffMember:
    row = await connection.fetchrow(f"{_SESSIONS} AND n.id = $2 FOR UPDATE OF n", SESSION_IDLE, session_id)
    session = session_from_row(row) if row else None
    if session is None or (stage is SessionStage.COMPLETE and session.is_half_signed_in):
        raise StaffSessionEnded
    return session.member


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
        frozenset(_parse_known_roles(row["roles"])),
        row["disabled_at"] is not None,
        frozenset(Identity(IdentityKind.PERSON, name) for name in row["not_independent_of"]),
    )


def session_from_row(row: asyncpg.Record) -> StaffSession:
    """Returns a session for a row of the statement `sessions`."""
    return StaffSession(
        row["session_id"],
        member_from_row(row),
        row["second_factor"],
        row["is_factor_set_up"],
        row["created_at"],
        row["seen_at"],
        row["ends_at"],
        row["network"],
        row["pending_totp"],
    )


def _parse_known_roles(texts: Iterable[str]) -> Iterable[RoleAtBrand]:
    for text in texts:
        role, _, brand = text.partition("@")
        try:
            yield parse_role_at_brand(role, brand)
        except ValueError:
            continue
