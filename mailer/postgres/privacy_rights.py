"""People's rights in PostgreSQL: the copy of their data, erasure, correction, legal holds and disclosures."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mailer.database.statements import Connection, Pool, load_statements
from mailer.events import Person
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.privacy_rights import (
    DataCorrection,
    ErasureDuty,
    ErasureResult,
    ForbiddenByLegalHold,
    LegalDisclosure,
    NoLegalHold,
    RecipientErased,
    SameLegalHoldAlreadyStands,
)
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.data_requests import mark_erasure_requests_as_answered
from mailer.postgres.dead_letters import index_people_in_old_dead_letters
from mailer.postgres.erasure import (
    ANSWERS,
    ERASED,
    ERASED_BY_PROCESSORS,
    UNDER_13,
    PersonEraser,
    cancel_open_deliveries_of_person,
    keys_naming_person_in_dead_letters,
)
from mailer.postgres.personal_data_copy import copy_personal_data, hide_staff_in_row
from mailer.postgres.standings import PostgresStandings, build_standing_change_ledger_entry

_SQL = load_statements("rights")

_CHILD = people.SQL["set_flag"].replace("{flag}", "under_13_at")


class PostgresPrivacyRights:
    """Implements `ports.privacy_rights.PrivacyRightsStore`.

    Args:
        pool: the connections. hasher: hashes addresses and refs.
        standings: opens the transaction of each change.
        controllers: the controller of each brand.
        tell: True: cancelled deliveries also go into the outbox for `mailer.outcomes`.
    """

    def __init__(
        self,
        pool: Pool,
        hasher: AddressHasher,
        standings: PostgresStandings,
        controllers: Mapping[str, str],
        *,
        tell: bool = False,
    ) -> None:
        self._pool = pool
        self._hasher = hasher
        self._standings = standings
        self._controllers = controllers
        self._eraser = PersonEraser(hasher, controllers)
        self._tell = tell

    async def find_or_create_recipient(self, brand: str, controller: str, ref: str) -> int:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            known = await people.find_or_create_recipients_by_ref(connection, self._hasher, [(brand, ref, controller)])
        return known[brand, ref]

    async def read_all_recipient_data(self, brand: str, recipient_id: int) -> dict[str, Any] | None:
        """See the port."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await self._copy_data(connection, brand, recipient_id, hide_staff_in_row)

    async def _copy_data(
        self, connection: Connection, brand: str, recipient_id: int, shown: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any] | None:
        return await copy_personal_data(connection, self._hasher, self._controllers, brand, recipient_id, shown)

    async def erase_recipient(
        self,
        brand: str,
        recipient_id: int,
        source: str,
        *,
        basis: str,
        keep: timedelta,
        blocks: Callable[[Sequence[str]], str | None],
    ) -> ErasureResult | None:
        """See the port."""
        also: list[LedgerEntry] = []
        until = (datetime.now(UTC) + keep).date()
        entry = build_standing_change_ledger_entry(brand, recipient_id, f"erased until {until}", None, source)
        async with self._standings.open_standing_transaction_with_entry(entry, also=also) as connection:
            if connection is None:
                return None
            holds = await connection.fetch(_SQL["standing_holds"], recipient_id)
            if reason := blocks([hold["reference"] for hold in holds]):
                raise ForbiddenByLegalHold(reason)
            touched = await people.lock_address_sharers_returning_ids(connection, [recipient_id])
            data = await connection.fetchrow(_SQL["data"], brand, recipient_id)
            marks = (
                await self._eraser.identifiers_of_person(connection, brand, data)
                if data and not data["erased_at"]
                else None
            )
            if marks:
                await self._eraser.erase_from_outbox(connection, marks)
            cancelled = await cancel_open_deliveries_of_person(
                connection, brand, recipient_id, ERASED, tell=self._tell, spared=ANSWERS
            )
            await connection.execute(_SQL["list_keepers"], brand, recipient_id, ERASED_BY_PROCESSORS)
            expires_at = await connection.fetchval(_SQL["keep_stub"], recipient_id, basis, source, keep)
            if data and marks:
                await self._eraser.erase_person(connection, data, marks, source)
            also += cancelled + await mark_erasure_requests_as_answered(connection, brand, recipient_id, source)
            await people.refresh_standings(connection, touched)
            keepers = await connection.fetch(_SQL["keepers"], recipient_id)
        return ErasureResult(
            recipient_id, len(cancelled), tuple(ErasureDuty(**keeper) for keeper in keepers), expires_at
        )

    async def mark_recipient_under_13_and_cancel_deliveries(self, brand: str, recipient_id: int, source: str) -> bool:
        """See the port."""
        cancelled: list[LedgerEntry] = []
        entry = build_standing_change_ledger_entry(brand, recipient_id, "under_13", None, source)
        async with self._standings.open_standing_transaction_with_entry(entry, also=cancelled) as connection:
            if connection is not None:
                await connection.execute(_CHILD, [recipient_id])
                cancelled += await cancel_open_deliveries_of_person(
                    connection, brand, recipient_id, UNDER_13, tell=self._tell
                )
        return connection is not None

    async def rectify_recipient(
        self,
        brand: str,
        recipient_id: int,
        correction: DataCorrection,
        source: str,
        *,
        blocks: Callable[[Sequence[str]], str | None],
    ) -> bool:
        """See the port."""
        entry = build_standing_change_ledger_entry(
            brand, recipient_id, f"rectified {' '.join(correction.corrected_values)}", None, source
        )
        async with self._standings.open_standing_transaction_with_entry(entry) as connection:
            if connection is None:
                return False
            data = await connection.fetchrow(_SQL["data"], brand, recipient_id)
            if data is None or data["erased_at"] is not None:
                raise RecipientErased(
                    f"{brand} has erased this person; publish an event with what is known of them now"
                )
            holds = await connection.fetch(_SQL["standing_holds"], recipient_id)
            if reason := blocks([hold["reference"] for hold in holds]):
                raise ForbiddenByLegalHold(reason)
            if data["email"] is None and correction.email is None:
                raise ValueError("nobody has made an address known; the correction needs an email")
            person = Person.model_validate({"ref": data["ref"], "email": data["email"], **correction.corrected_values})
            await people.lock_address_sharers_returning_ids(connection, [recipient_id])
            now = datetime.now(UTC)
            others = []
            if correction.country is not None:
                email, country = data["email"], correction.country
                others = await people.correct_country_of_address_owner(
                    connection, self._hasher, recipient_id, email, country
                )
            await people.upsert_people(
                connection, self._hasher, [people.dated_person_data(brand, data["controller"], person, now)]
            )
            await people.refresh_standings(connection, others)
        return True

    async def place_legal_hold(self, brand: str, recipient_id: int, reference: str, actor: str, *, named: bool) -> bool:
        """See the port."""
        entries = [_build_legal_act_ledger_entry(brand, recipient_id, "legal_hold", reference, actor)]
        async with self._standings.open_legal_act_transaction(brand, recipient_id, entries) as connection:
            if connection is None:
                return False
            await people.lock_standings(connection, [recipient_id])
            holds = await connection.fetch(_SQL["standing_holds"], recipient_id)
            if reference in {hold["reference"] for hold in holds}:
                entries.clear()  # the order counts all the same: sent again after a lift, it sets no hold
            else:
                await self._insert_legal_hold_with_data_copy(
                    connection, brand, recipient_id, reference, actor, named=named
                )
        if not entries:
            raise SameLegalHoldAlreadyStands(f"a legal hold {reference!r} stands already for this recipient of {brand}")
        return True

    async def _insert_legal_hold_with_data_copy(
        self, connection: Connection, brand: str, recipient_id: int, reference: str, actor: str, *, named: bool
    ) -> None:
        data = await connection.fetchrow(_SQL["data"], brand, recipient_id)
        kept = await self._copy_data(connection, brand, recipient_id, dict)
        await index_people_in_old_dead_letters(connection, self._hasher)
        named_as = await keys_naming_person_in_dead_letters(connection, self._hasher, brand, data) if data else []
        await connection.execute(_SQL["hold"], recipient_id, reference, named, actor, kept, named_as)
        await connection.execute(_SQL["held"], recipient_id)

    async def lift_legal_hold(self, brand: str, recipient_id: int, reference: str, actor: str) -> bool:
        """See the port."""
        entries = [_build_legal_act_ledger_entry(brand, recipient_id, "legal_hold_lifted", reference, actor)]
        async with self._standings.open_legal_act_transaction(brand, recipient_id, entries) as connection:
            if connection is None:
                return False
            if not await connection.fetch(_SQL["lift"], recipient_id, reference, actor):
                raise NoLegalHold(f"no legal hold {reference!r} stands for this recipient of {brand}")
            await connection.execute(_SQL["held"], recipient_id)
        return True

    async def record_legal_disclosure(
        self, brand: str, recipient_id: int, disclosure: LegalDisclosure, actor: str
    ) -> bool:
        """See the port."""
        note = f"{disclosure.authority}, {disclosure.reference}"
        entries = [_build_legal_act_ledger_entry(brand, recipient_id, "disclosed", note, actor, disclosure.fields)]
        async with self._standings.open_legal_act_transaction(brand, recipient_id, entries) as connection:
            if connection is not None:
                values = disclosure.authority, disclosure.reference, disclosure.fields, actor
                await connection.execute(_SQL["disclose"], recipient_id, *values)
        return connection is not None


def _build_legal_act_ledger_entry(
    brand: str, recipient_id: int, reason: str, note: str, actor: str, fields: tuple[str, ...] | None = None
) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.ACTION,
        brand,
        recipient_id=recipient_id,
        reason=reason,
        rule=f"action:{actor}",
        fields=fields,
        reply=note,
    )
