"""Accounts at an identity provider, in PostgreSQL."""

import asyncpg

from mailer.database.statements import Pool, load_statements
from mailer.ledger.writers import LedgerWriters
from mailer.policy.sign_in_rules import HALF_SESSION_LASTS, SESSION_LASTS
from mailer.policy.staff_rights import StaffMember, StaffRight
from mailer.ports.staff import StaffActor
from mailer.ports.staff_oidc_accounts import OidcAccount, OidcAccountTaken
from mailer.postgres.staff_changes import (
    load_staff_statements,
    member_from_row,
    new_token,
    open_staff_change_transaction,
    token_digest,
)

_SQL = load_staff_statements("staff_subjects")
_SESSIONS = load_statements("staff_sign_in")
_SIGNED_IN_BY = "oidc"


class PostgresStaffOidcAccounts:
    """Implements `ports.staff_oidc_accounts.StaffOidcAccountStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def bind_oidc_account(self, member: StaffMember, account: OidcAccount, by: StaffActor) -> bool:
        """See the port."""
        try:
            async with open_staff_change_transaction(
                self._pool, self._writers, by, [member.id], right=StaffRight.STAFF_MANAGE
            ) as change:
                if await change.connection.fetchval(_SQL["bind"], member.id, account.issuer, account.subject) is None:
                    return False
                await change.connection.execute(_SESSIONS["end_all"], member.id)
                change.add_ledger_entry("staff-account-bound", member.identity, by)
        except asyncpg.UniqueViolationError:
            raise OidcAccountTaken from None
        return True

    async def unbind_oidc_account(self, member: StaffMember, by: StaffActor) -> bool:
        """See the port."""
        async with open_staff_change_transaction(
            self._pool, self._writers, by, [member.id], right=StaffRight.STAFF_MANAGE
        ) as change:
            if await change.connection.fetchval(_SQL["unbind"], member.id) is None:
                return False
            await change.connection.execute(_SESSIONS["end_all"], member.id)
            change.add_ledger_entry("staff-account-unbound", member.identity, by)
        return True

    async def find_member_of_oidc_account(self, account: OidcAccount) -> StaffMember | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["find"], account.issuer, account.subject)
        return member_from_row(row) if row else None

    async def begin_session_by_oidc_account(
        self, by: StaffActor, staff_id: int, account: OidcAccount, has_second_factor: bool, replaces: str | None
    ) -> str | None:
        """See the port."""
        token = new_token()
        values = (has_second_factor, SESSION_LASTS, HALF_SESSION_LASTS, by.network, account.issuer, account.subject)
        async with open_staff_change_transaction(self._pool, self._writers, by, [staff_id]) as change:
            await change.connection.execute(_SESSIONS["delete_old_sessions"])
            if replaces is not None:
                await change.connection.execute(_SESSIONS["end_by_token"], token_digest(replaces))
            if await change.connection.fetchval(_SQL["begin"], token_digest(token), staff_id, *values) is None:
                return None
            details = [_SIGNED_IN_BY, "second factor"] if has_second_factor else [_SIGNED_IN_BY]
            change.add_ledger_entry("staff-signed-in", by.identity, by, details)
        return token
