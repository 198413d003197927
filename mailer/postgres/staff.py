"""Staff in PostgreSQL: people, their roles and their one-time links."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager

import asyncpg

from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.sign_in_rules import LINK_LASTS, SESSION_IDLE
from mailer.policy.staff_rights import EVERY_BRAND, RIGHTS_OF_ROLE, RoleAtBrand, StaffMember, StaffRight
from mailer.ports.staff import (
    IssuedOneTimeLink,
    NoAdminWouldRemain,
    StaffActor,
    StaffNameTaken,
    StaffRecord,
    StaffSession,
)
from mailer.postgres.staff_changes import (
    StaffChangeTransaction,
    load_staff_statements,
    member_from_row,
    new_token,
    open_staff_change_transaction,
    session_from_row,
    token_digest,
)

_SQL = load_staff_statements("staff")
_SESSIONS = load_staff_statements("staff_sign_in")["sessions"]
_LINKS_LISTED = 20
_ADMIN_ROLES = [f"{role}@{EVERY_BRAND}" for role, rights in RIGHTS_OF_ROLE.items() if StaffRight.STAFF_MANAGE in rights]
"""The roles of people who can manage staff."""


class PostgresStaff:
    """Implements `ports.staff.StaffDirectory`.

    Args:
        pool: the connections.
        writers: the writers of the ledger, which records each change.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def add_staff_member(
        self, identity: Identity, email: str, roles: Collection[RoleAtBrand], by: StaffActor
    ) -> str:
        """See the port."""
        async with self._open_staff_management_transaction(by) as change:
            staff_id = await change.connection.fetchval(_SQL["add"], identity.form[1], identity.name, email)
            if staff_id is None:
                raise StaffNameTaken(f"there is a person {identity.name} already")
            await _insert_roles(change, staff_id, roles)
            change.add_ledger_entry("staff-added", identity, by, sorted(map(str, roles)))
            return await _create_one_time_link(change, staff_id, "added", by)

    async def list_staff(self) -> Sequence[StaffRecord]:
        """See the port."""
        return [_record_from_row(row) for row in await self._pool.fetch(f"{_SQL['records']} ORDER BY s.name")]

    async def find_staff_record(self, identity: Identity) -> StaffRecord | None:
        """See the port."""
        row = await self._pool.fetchrow(f"{_SQL['records']} WHERE s.name = $1", identity.form[1])
        return _record_from_row(row) if row else None

    async def get_staff_record(self, staff_id: int) -> StaffRecord | None:
        """See the port."""
        row = await self._pool.fetchrow(f"{_SQL['records']} WHERE s.id = $1", staff_id)
        return _record_from_row(row) if row else None

    async def disable_staff_member(self, member: StaffMember, by: StaffActor) -> bool:
        """See the port."""
        # All admins are locked: of two commands that disable the last two, one is refused.
        admins = [row["id"] for row in await self._pool.fetch(_SQL["admins"], _ADMIN_ROLES)]
        async with self._open_staff_management_transaction(by, member.id, *admins) as change:
            if await change.connection.fetchval(_SQL["disable"], member.id) is None:
                return False
            if member.id in admins and not await change.connection.fetch(_SQL["admins"], _ADMIN_ROLES):
                raise NoAdminWouldRemain(member.identity.name)
            for statement in ("end_sessions", "delete_links"):
                await change.connection.execute(_SQL[statement], member.id)
            change.add_ledger_entry("staff-disabled", member.identity, by)
        return True

    async def enable_staff_member(self, member: StaffMember, by: StaffActor) -> bool:
        """See the port."""
        async with self._open_staff_management_transaction(by, member.id) as change:
            if await change.connection.fetchval(_SQL["enable"], member.id) is None:
                return False
            change.add_ledger_entry("staff-enabled", member.identity, by)
        return True

    async def reset_staff_member(self, member: StaffMember, by: StaffActor) -> str | None:
        """See the port."""
        async with self._open_staff_management_transaction(by, member.id) as change:
            if await change.connection.fetchval(_SQL["forget_password"], member.id) is None:
                return None
            factors = ("delete_totp", "delete_codes", "delete_passkeys")
            for statement in ("end_sessions", "delete_links", *factors, "delete_subject"):
                await change.connection.execute(_SQL[statement], member.id)
            change.add_ledger_entry("staff-reset", member.identity, by)
            return await _create_one_time_link(change, member.id, "reset", by)

    async def replace_roles(self, member: StaffMember, roles: Collection[RoleAtBrand], by: StaffActor) -> bool:
        """See the port."""
        async with self._open_staff_management_transaction(by, member.id) as change:
            held = await change.connection.fetchval(_SQL["held_roles"], member.id)
            if frozenset(held) != frozenset(map(str, member.roles)):
                return False
            await change.connection.execute(_SQL["delete_roles"], member.id)
            await _insert_roles(change, member.id, roles)
            change.add_ledger_entry("staff-roles", member.identity, by, sorted(map(str, roles)))
        return True

    async def list_sessions(self, staff_id: int) -> Sequence[StaffSession]:
        """See the port."""
        rows = await self._pool.fetch(
            f"{_SESSIONS} AND n.staff_id = $2 ORDER BY n.created_at DESC, n.id", SESSION_IDLE, staff_id
        )
        return [session_from_row(row) for row in rows]

    async def list_issued_one_time_links(self, staff_id: int) -> Sequence[IssuedOneTimeLink]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["issued_links"], staff_id, _LINKS_LISTED)
        return [IssuedOneTimeLink(row["what"], row["shown_giver"], row["network"], row["at"]) for row in rows]

    def _open_staff_management_transaction(
        self, by: StaffActor, *people: int
    ) -> AbstractAsyncContextManager[StaffChangeTransaction]:
        return open_staff_change_transaction(self._pool, self._writers, by, people, right=StaffRight.STAFF_MANAGE)


async def _insert_roles(change: StaffChangeTransaction, staff_id: int, roles: Collection[RoleAtBrand]) -> None:
    given = sorted(roles, key=str)
    await change.connection.execute(
        _SQL["add_roles"], staff_id, [held.role.value for held in given], [held.brand for held in given]
    )


async def _create_one_time_link(change: StaffChangeTransaction, staff_id: int, what: str, by: StaffActor) -> str:
    """Makes a one-time link, and notes who has seen it: they could use it themselves."""
    token, giver = new_token(), by.identity
    await change.connection.execute(_SQL["note_issued_link"], staff_id, what, giver.form[1], giver.name, by.network)
    await change.connection.execute(_SQL["add_link"], token_digest(token), staff_id, LINK_LASTS)
    return token


def _record_from_row(row: asyncpg.Record) -> StaffRecord:
    return StaffRecord(
        member_from_row(row),
        row["created_at"],
        row["disabled_at"],
        row["has_password"],
        row["has_totp"],
        row["passkeys"],
    )
