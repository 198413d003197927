"""Imports recipients, one chunk in a transaction, by the same rules as for people in an event."""

from collections.abc import Sequence
from datetime import UTC, datetime

from mailer.database.statements import Connection, Pool
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.address_sources import SourceVocabulary
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.ledger_entry import LedgerEntry
from mailer.ports.recipient_import import RecipientImportRow
from mailer.ports.standings import StandingFlag
from mailer.ports.suppressions import NewSuppression
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.consents import record_consents
from mailer.postgres.standings import build_standing_change_ledger_entry, store_opt_outs_of_people_and_sharers
from mailer.postgres.suppressions import insert_or_extend_suppressions

_SOURCE = "import"
_OBJECTION = NewSuppression(EVERYTHING_OPTIONAL, "objection", _SOURCE, _SOURCE)


class PostgresRecipientImporter:
    """Implements `ports.recipient_import.RecipientImporter`."""

    def __init__(
        self,
        pool: Pool,
        writers: LedgerWriters,
        hasher: AddressHasher,
        brand: str,
        controller: str,
        vocabulary: SourceVocabulary,
    ) -> None:
        """Takes the brand, its controller, and the sources of addresses that the brand knows."""
        self._pool = pool
        self._writers = writers
        self._hasher = hasher
        self._brand = brand
        self._controller = controller
        self._vocabulary = vocabulary

    async def import_rows_in_one_transaction(self, rows: Sequence[RecipientImportRow]) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            entries = await self._import_rows(work.connection, rows)
            await work.append_entries(entries)

    async def _import_rows(self, connection: Connection, rows: Sequence[RecipientImportRow]) -> list[LedgerEntry]:
        now = datetime.now(UTC)
        await people.lock_out_imports_until_transaction_ends(connection)
        await people.lock_standings_by_ref(connection, [(self._brand, row.person.ref) for row in rows])
        whose, vocabulary = (self._brand, self._controller), self._vocabulary
        known = [people.dated_person_data(*whose, row.person, now, vocabulary=vocabulary) for row in rows]
        found = await people.upsert_people(connection, self._hasher, known)
        ids = [found[self._brand, row.person.ref] for row in rows]
        each = list(zip(ids, rows, strict=True))
        opt_outs = [(id_, scope) for id_, row in each for scope in row.opted_out]
        if opt_outs:
            await store_opt_outs_of_people_and_sharers(connection, self._hasher, opt_outs, _SOURCE)
        consents = [(id_, consent) for id_, row in each for consent in row.consents]
        given = await record_consents(connection, self._brand, consents, imported=True) if consents else []
        objecting = [id_ for id_, row in each if row.objected]
        if objecting:
            await insert_or_extend_suppressions(
                connection, self._hasher, [(id_, None, _OBJECTION) for id_ in objecting]
            )
        await self._store_paid_products_and_audiences(connection, each)
        objected = [(id_, _OBJECTION.scope) for id_ in objecting]
        return [
            *self._build_ledger_entries_of_imported_changes("opt_out", opt_outs),
            *given,
            *self._build_ledger_entries_of_imported_changes(_OBJECTION.reason, objected),
            *await self._set_standing_flag_of_people(
                connection, StandingFlag.DEACTIVATED, [id_ for id_, row in each if row.deactivated]
            ),
            *await self._set_standing_flag_of_people(
                connection, StandingFlag.RESTRICTED, [id_ for id_, row in each if row.restricted]
            ),
        ]

    def _build_ledger_entries_of_imported_changes(
        self, reason: str, changed: Sequence[tuple[int, str]]
    ) -> list[LedgerEntry]:
        return [build_standing_change_ledger_entry(self._brand, id_, reason, scope, _SOURCE) for id_, scope in changed]

    async def _set_standing_flag_of_people(
        self, connection: Connection, flag: StandingFlag, ids: Sequence[int]
    ) -> list[LedgerEntry]:
        """Sets a flag of some people, and returns a ledger entry for each."""
        if ids:
            await connection.execute(people.SQL["set_flag"].replace("{flag}", f"{flag.value}_at"), ids)
        return [build_standing_change_ledger_entry(self._brand, id_, flag.value, None, _SOURCE) for id_ in ids]

    async def _store_paid_products_and_audiences(
        self, connection: Connection, each: Sequence[tuple[int, RecipientImportRow]]
    ) -> None:
        """Stores the paid products and the audiences of imported recipients."""
        if paid := [(id_, ";".join(row.products)) for id_, row in each if row.products is not None]:
            await connection.execute(people.SQL["products"], *zip(*paid, strict=True))
        if joined := [(self._brand, audience, id_) for id_, row in each for audience in row.audiences]:
            await connection.execute(people.SQL["join_audiences"], *zip(*joined, strict=True))
