"""Second factors of staff in PostgreSQL: authenticator apps, recovery codes and passkeys."""

from collections.abc import Collection

from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.ports.staff import Passkey, SecondFactors, StaffActor
from mailer.postgres.staff_changes import (
    SessionStage,
    StaffChangeTransaction,
    load_staff_statements,
    open_staff_change_transaction,
)

_SQL = load_staff_statements("staff_second_factors")


class PostgresStaffSecondFactors:
    """Implements `ports.staff.StaffSecondFactorStore`.

    Args:
        pool: the connections.
        writers: the writers of the ledger, which records each change.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def read_factors(self, staff_id: int) -> SecondFactors:
        """See the port."""
        return SecondFactors(
            await self._pool.fetchval(_SQL["totp"], staff_id),
            await self._pool.fetchval(_SQL["codes_left"], staff_id),
            [Passkey(**dict(row)) for row in await self._pool.fetch(_SQL["passkeys"], staff_id)],
        )

    async def store_pending_totp_secret(self, session_id: int, secret: bytes) -> None:
        """See the port."""
        await self._pool.execute(_SQL["begin_totp"], session_id, secret)

    async def use_up_totp_time_step(self, staff_id: int, step: int) -> bool:
        """See the port."""
        return await self._pool.fetchval(_SQL["take_step"], staff_id, step) is not None

    async def confirm_totp(
        self, by: StaffActor, staff_id: int, secret: bytes, step: int, codes: Collection[bytes]
    ) -> bool:
        """See the port."""
        async with open_staff_change_transaction(self._pool, self._writers, by, [staff_id]) as change:
            if await change.connection.fetchval(_SQL["take_pending_totp"], by.session_id, secret) is None:
                return False
            if await change.connection.fetchval(_SQL["add_totp"], staff_id, secret, step) is None:
                return False
            await _store_recovery_codes(change, staff_id, codes)
            change.add_ledger_entry("staff-factor-added", by.identity, by, ["totp"])
        return True

    async def has_recovery_code(self, staff_id: int, code: bytes) -> bool:
        """See the port."""
        return bool(await self._pool.fetchval(_SQL["has_code"], staff_id, code))

    async def use_recovery_code(self, by: StaffActor, staff_id: int, code: bytes) -> bool:
        """See the port."""
        async with open_staff_change_transaction(self._pool, self._writers, by, [staff_id], SessionStage.ANY) as change:
            if await change.connection.fetchval(_SQL["use_code"], staff_id, code) is None:
                return False
            change.add_ledger_entry("staff-recovery-code-used", by.identity, by)
        return True

    async def replace_recovery_codes(self, by: StaffActor, staff_id: int, codes: Collection[bytes]) -> None:
        """See the port."""
        async with open_staff_change_transaction(self._pool, self._writers, by, [staff_id]) as change:
            await _store_recovery_codes(change, staff_id, codes)
            change.add_ledger_entry("staff-recovery-codes-made", by.identity, by)

    async def remove_totp(self, by: StaffActor, staff_id: int) -> bool:
        """See the port."""
        return await self._remove_factor_unless_last(by, staff_id, "totp", "remove_totp", staff_id)

    async def add_passkey(self, by: StaffActor, staff_id: int, passkey: Passkey, codes: Collection[bytes]) -> bool:
        """See the port."""
        values = (passkey.id, staff_id, passkey.public_key, passkey.sign_count, passkey.name)
        async with open_staff_change_transaction(self._pool, self._writers, by, [staff_id]) as change:
            if await change.connection.fetchval(_SQL["add_passkey"], *values) is None:
                return False
            if codes:
                await _store_recovery_codes(change, staff_id, codes)
            change.add_ledger_entry("staff-factor-added", by.identity, by, ["passkey"])
        return True

    async def advance_passkey_sign_count(self, passkey: Passkey, sign_count: int) -> bool:
        """See the port."""
        return await self._pool.fetchval(_SQL["use_passkey"], passkey.id, sign_count) is not None

    async def remove_passkey(self, by: StaffActor, staff_id: int, passkey_id: bytes) -> bool:
        """See the port."""
        return await self._remove_factor_unless_last(by, staff_id, "passkey", "remove_passkey", staff_id, passkey_id)

    async def _remove_factor_unless_last(
        self, by: StaffActor, staff_id: int, kind: str, statement: str, *values: object
    ) -> bool:
        async with open_staff_change_transaction(self._pool, self._writers, by, [staff_id]) as change:
            if await change.connection.fetchval(_SQL["factors"], staff_id) < 2:
                return False
            if await change.connection.fetchval(_SQL[statement], *values) is None:
                return False
            change.add_ledger_entry("staff-factor-removed", by.identity, by, [kind])
        return True


async def _store_recovery_codes(change: StaffChangeTransaction, staff_id: int, codes: Collection[bytes]) -> None:
    await change.connection.execute(_SQL["delete_codes"], staff_id)
    await change.connection.execute(_SQL["add_codes"], staff_id, list(codes))
