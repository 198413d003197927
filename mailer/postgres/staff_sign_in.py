"""Signing in, in PostgreSQL: failures, one-time links, passwords and sessions."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mailer.database.statements import Connection, Pool
from mailer.ledger.writers import LedgerWriters
from mailer.policy.sign_in_rules import FAILURES_FORGOTTEN_AFTER, HALF_SESSION_LASTS, SESSION_IDLE, SESSION_LASTS
from mailer.policy.staff_rights import StaffMember
from mailer.ports.staff import PasswordOfMember, StaffActor, StaffSession, StaffSessionEnded
from mailer.postgres.staff_changes import (
    SessionStage,
    load_staff_statements,
    member_from_row,
    new_token,
    open_staff_change_transaction,
    session_from_row,
    token_digest,
)

_SQL = load_staff_statements("staff_sign_in")


class _MustWait(Exception):
    """Raised to take back what an attempt has counted, as another key of it has to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds


class PostgresStaffSignIn:
    """Implements `ports.staff.StaffSignInStore`.

    Args:
        pool: the connections.
        writers: the writers of the ledger, which records each use of a link, and each begin and end of a session.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def count_attempt_as_failed_unless_it_must_wait(self, keys: Mapping[bytes, Sequence[int]]) -> int:
        """See the port. Keys are locked in order, so two attempts never wait for each other."""
        await self._pool.execute(_SQL["forget_failures"], FAILURES_FORGOTTEN_AFTER)
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                for key in sorted(keys):
                    await _count_failure_or_raise(connection, key, keys[key])
        except _MustWait as refused:
            return refused.seconds
        return 0

    async def forget_failed_attempts(self, keys: Collection[bytes], others: Collection[bytes] = ()) -> None:
        """See the port."""
        for key in keys:
            await self._pool.execute(_SQL["forget_failures_of"], key)
        if others:
            await self._pool.execute(_SQL["give_back"], sorted(others))

    async def find_member_and_password_hash(self, name: str) -> PasswordOfMember | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["password"], name)
        return PasswordOfMember(member_from_row(row), row["password_hash"]) if row else None

    async def find_member_of_one_time_link(self, token: str) -> StaffMember | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["link"], token_digest(token))
        return member_from_row(row) if row else None

    async def set_password_by_one_time_link(self, token: str, password_hash: str, network: str) -> StaffMember | None:
        """See the port."""
        member = await self.find_member_of_one_time_link(token)
        if member is None:
            return None
        by = StaffActor(member.identity, network)
        async with open_staff_change_transaction(self._pool, self._writers, by, [member.id]) as change:
            connection = change.connection
            if await connection.fetchval(_SQL["use_link"], token_digest(token)) is None:
                return None
            if await connection.fetchval(_SQL["set_password"], member.id, password_hash) is None:
                return None
            await connection.execute(_SQL["end_all"], member.id)
            change.add_ledger_entry("staff-password-chosen", member.identity, by)
        return member

    async def begin_session(
        self, by: StaffActor, staff_id: int, password_hash: str, second_factor: str | None, replaces: str | None
    ) -> str | None:
        """See the port."""
        token = new_token()
        values = (second_factor is not None, SESSION_LASTS, HALF_SESSION_LASTS, by.network, password_hash)
        async with open_staff_change_transaction(self._pool, self._writers, by, [staff_id]) as change:
            await change.connection.execute(_SQL["delete_old_sessions"])
            if replaces is not None:
                await change.connection.execute(_SQL["end_by_token"], token_digest(replaces))
            if await change.connection.fetchval(_SQL["begin"], token_digest(token), staff_id, *values) is None:
                return None
            change.add_ledger_entry("staff-signed-in", by.identity, by, [second_factor or "password"])
        return token

    async def replace_session_after_second_factor(self, by: StaffActor, second_factor: str) -> str:
        """See the port."""
        token = new_token()
        values = (token_digest(token), by.session_id, SESSION_LASTS, by.network)
        async with open_staff_change_transaction(self._pool, self._writers, by, stage=SessionStage.ANY) as change:
            if await change.connection.fetchval(_SQL["continue"], *values) is None:
                raise StaffSessionEnded
            change.add_ledger_entry("staff-signed-in", by.identity, by, [second_factor])
        return token

    async def find_session(self, token: str) -> StaffSession | None:
        """See the port."""
        row = await self._pool.fetchrow(f"{_SQL['sessions']} AND n.digest = $2", SESSION_IDLE, token_digest(token))
        if row is None:
            return None
        await self._pool.execute(_SQL["touch"], row["session_id"])
        return session_from_row(row)

    async def end_session(self, member: StaffMember, session_id: int, by: StaffActor) -> bool:
        """See the port."""
        by_anybody = replace(by, session_id=None)  # who is out already may still end what is theirs
        async with open_staff_change_transaction(self._pool, self._writers, by_anybody, [member.id]) as change:
            if await change.connection.fetchval(_SQL["end"], session_id, member.id) is None:
                return False
            change.add_ledger_entry("staff-session-ended", member.identity, by)
        return True

    async def set_challenge(self, session_id: int, challenge: bytes) -> None:
        """See the port."""
        await self._pool.execute(_SQL["set_challenge"], session_id, challenge)

    async def pop_session_challenge(self, session_id: int) -> bytes | None:
        """See the port."""
        found: bytes | None = await self._pool.fetchval(_SQL["take_challenge"], session_id)
        return found

    async def mark_sessionless_challenge_used(self, challenge: bytes) -> bool:
        """See the port."""
        await self._pool.execute(_SQL["delete_old_challenges"])
        return await self._pool.fetchval(_SQL["use_challenge"], hashlib.sha256(challenge).digest()) is not None


async def _count_failure_or_raise(connection: Connection, key: bytes, waits: Sequence[int]) -> None:
    counted = await connection.fetchval(_SQL["count_failure"], key, list(waits), FAILURES_FORGOTTEN_AFTER)
    if counted is None:
        raise _MustWait(await connection.fetchval(_SQL["seconds_to_wait"], key, list(waits)) or 1)
