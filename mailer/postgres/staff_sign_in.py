"""Signing in, in PostgreSQL: failures, one-time links, passwords and sessions."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.writers import LedgerWriters
from mailer.policy.sign_in_rules import FAILURES_FORGOTTEN_AFTER, SESSION_IDLE
from mailer.policy.staff_rights import StaffMember
from mailer.ports.staff import PasswordOfMember, StaffActor, StaffSession
from mailer.postgres.staff_changes import begin_staff_change, member_from_row, new_token, token_digest

_SQL = load_statements("staff_sign_in")


class _MustWait(Exception):
    """Raised to take back what an attempt has counted, as another key of it has to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds


class PostgresStaffSignIn:
    """Implements `ports.staff.StaffSignIn`.

    Args:
        pool: the connections.
        writers: the writers of the ledger, which records each use of a link, and each begin and end of a session.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def count_attempt(self, keys: Mapping[bytes, Sequence[int]]) -> int:
        """See the port. Keys are locked in order, so two attempts never wait for each other."""
        await self._pool.execute(_SQL["forget_failures"], FAILURES_FORGOTTEN_AFTER)
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                for key in sorted(keys):
                    await _count_or_raise(connection, key, keys[key])
        except _MustWait as refused:
            return refused.seconds
        return 0

    async def forgive_attempt(self, account: bytes, others: Collection[bytes] = ()) -> None:
        """See the port."""
        await self._pool.execute(_SQL["forget_failures_of"], account)
        if others:
            await self._pool.execute(_SQL["give_back"], sorted(others))

    async def find_password(self, name: str) -> PasswordOfMember | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["password"], name)
        return PasswordOfMember(member_from_row(row), row["password_hash"]) if row else None

    async def find_member_of_link(self, token: str) -> StaffMember | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["link"], token_digest(token))
        return member_from_row(row) if row else None

    async def use_link(self, token: str, password_hash: str, network: str) -> StaffMember | None:
        """See the port."""
        async with begin_staff_change(self._pool, self._writers) as change:
            connection, digest = change.connection, token_digest(token)
            row = await connection.fetchrow(_SQL["link"], digest)
            if row is None or await connection.fetchval(_SQL["use_link"], digest) is None:
                return None
            member = member_from_row(row)
            if await connection.fetchval(_SQL["set_password"], member.id, password_hash) is None:
                return None
            await connection.execute(_SQL["end_all"], member.id)
            change.note("staff-password-chosen", member.identity, StaffActor(member.identity, network))
        return member

    async def begin_session(
        self, by: StaffActor, staff_id: int, lasts: timedelta, second_factor: str | None, replaces: str | None
    ) -> str:
        """See the port."""
        token = new_token()
        async with begin_staff_change(self._pool, self._writers) as change:
            await change.connection.execute(_SQL["delete_old_sessions"])
            if replaces is not None:
                await change.connection.execute(_SQL["end_by_token"], token_digest(replaces))
            values = (token_digest(token), staff_id, second_factor is not None, lasts, by.network)
            if await change.connection.fetchval(_SQL["begin"], *values) is not None:
                change.note("staff-signed-in", by.identity, by, [second_factor or "password"])
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
        async with begin_staff_change(self._pool, self._writers) as change:
            if await change.connection.fetchval(_SQL["end"], session_id, member.id) is None:
                return False
            change.note("staff-session-ended", member.identity, by)
        return True

    async def set_challenge(self, session_id: int, challenge: bytes) -> None:
        """See the port."""
        await self._pool.execute(_SQL["set_challenge"], session_id, challenge)

    async def take_challenge(self, session_id: int) -> bytes | None:
        """See the port."""
        found: bytes | None = await self._pool.fetchval(_SQL["take_challenge"], session_id)
        return found


async def _count_or_raise(connection: Connection, key: bytes, waits: Sequence[int]) -> None:
    counted = await connection.fetchval(_SQL["count_failure"], key, list(waits), FAILURES_FORGOTTEN_AFTER)
    if counted is None:
        raise _MustWait(await connection.fetchval(_SQL["seconds_to_wait"], key, list(waits)) or 1)


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
        row["challenge"],
    )
