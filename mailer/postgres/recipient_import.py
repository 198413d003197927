"""Imports recipients, one chunk in a transaction, by the same rules as for people in an event."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from asyncpg import Record

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.address_sources import SourceVocabulary
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.ledger_entry import LedgerEntry
from mailer.ports.recipient_import import RecipientImportRow, WrittenRows
from mailer.ports.standings import StandingFlag
from mailer.ports.suppressions import NewSuppression
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.consents import record_consents
from mailer.postgres.standings import build_standing_change_ledger_entry, store_opt_outs_of_people_and_sharers
from mailer.postgres.suppressions import insert_or_extend_suppressions

_SQL = load_statements("recipient_import")
for _name in ("states_by_ref", "states_by_id"):
    _SQL[_name] = _SQL[_name].replace("{state}", _SQL["state"])
_SOURCE = "import"
_OBJECTION = NewSuppression(EVERYTHING_OPTIONAL, "objection", _SOURCE, _SOURCE)

BeforeCommit = Callable[[Connection, WrittenRows], Awaitable[None]]
"""Called in the transaction of some rows once they are written, also in a dry run. An error of it ends all of it."""


class _DryRunDone(Exception):
    """Ends the transaction of a dry run, so that nothing of it stays."""

    def __init__(self, written: WrittenRows) -> None:
        super().__init__()
        self.written = written


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
        before_commit: BeforeCommit | None = None,
    ) -> None:
        """Takes the brand, its controller, the sources of addresses that the brand knows, and what ends a chunk."""
        self._pool = pool
        self._writers = writers
        self._hasher = hasher
        self._brand = brand
        self._controller = controller
        self._vocabulary = vocabulary
        self._before_commit = before_commit

    async def import_rows_in_one_transaction(
        self, rows: Sequence[RecipientImportRow], said_at: datetime | None = None, *, dry_run: bool = False
    ) -> WrittenRows:
        """See the port."""
        try:
            async with open_unit_of_work(self._pool, self._writers) as work:
                written, entries = await self._import_rows(work.connection, rows, said_at)
                if self._before_commit is not None:
                    await self._before_commit(work.connection, written)
                if dry_run:
                    raise _DryRunDone(written)
                await work.append_entries(entries)
        except _DryRunDone as done:
            return done.written
        return written

    async def _import_rows(
        self, connection: Connection, rows: Sequence[RecipientImportRow], said_at: datetime | None
    ) -> tuple[WrittenRows, list[LedgerEntry]]:
        now = datetime.now(UTC)
        await people.lock_out_imports_until_transaction_ends(connection)
        rows = await self._with_known_refs(connection, rows)
        await people.lock_standings_by_ref(connection, [(self._brand, row.person.ref) for row in rows])
        before = await connection.fetch(_SQL["states_by_ref"], self._brand, [row.person.ref for row in rows])
        whose, vocabulary = (self._brand, self._controller), self._vocabulary
        known = [people.dated_person_data(*whose, row.person, now, said=said_at, vocabulary=vocabulary) for row in rows]
        found = await people.upsert_people(connection, self._hasher, known)
        each = [(found[self._brand, row.person.ref], row) for row in rows]
        entries = await self._store_standings(connection, each)
        await self._store_paid_products_and_audiences(connection, each)
        entries += await self._store_attributes_and_postal_addresses(connection, each, min(said_at or now, now))
        after = await connection.fetch(_SQL["states_by_id"], [id_ for id_, _ in each])
        return _effects_of_rows(each, before, after), entries

    async def _with_known_refs(
        self, connection: Connection, rows: Sequence[RecipientImportRow]
    ) -> Sequence[RecipientImportRow]:
        """Gives people whom the file names by their address alone the ref of whoever has it, or one made of it."""
        places = {
            place: row.person.email for place, row in enumerate(rows) if row.is_ref_from_email and row.person.email
        }
        if not places:
            return rows
        hashes = [self._hasher.hash_address(address) for address in places.values()]
        owner = (self._brand, self._controller, self._hasher.key_id)
        found = await connection.fetch(_SQL["refs_of_addresses"], *owner, list(places), hashes)
        refs = {place: self._hasher.ref_of_address(self._brand, address) for place, address in places.items()}
        refs |= {row["place"]: row["ref"] for row in found}
        return [
            replace(row, person=row.person.model_copy(update={"ref": refs[place]})) if place in refs else row
            for place, row in enumerate(rows)
        ]

    async def _store_standings(
        self, connection: Connection, each: Sequence[tuple[int, RecipientImportRow]]
    ) -> list[LedgerEntry]:
        """Stores opt-outs, consents, objections and flags, and returns their ledger entries."""
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
        flagged = {
            StandingFlag.DEACTIVATED: [id_ for id_, row in each if row.deactivated],
            StandingFlag.RESTRICTED: [id_ for id_, row in each if row.restricted],
            StandingFlag.UNDER_13: [id_ for id_, row in each if row.under_13],
        }
        objected = [(id_, _OBJECTION.scope) for id_ in objecting]
        flags = [
            entry
            for flag, ids in flagged.items()
            for entry in await self._set_standing_flag_of_people(connection, flag, ids)
        ]
        return [
            *self._build_ledger_entries_of_imported_changes("opt_out", opt_outs),
            *given,
            *self._build_ledger_entries_of_imported_changes(_OBJECTION.reason, objected),
            *flags,
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

    async def _store_attributes_and_postal_addresses(
        self, connection: Connection, each: Sequence[tuple[int, RecipientImportRow]], said_at: datetime
    ) -> list[LedgerEntry]:
        """Stores attributes and postal addresses, and returns the ledger entries of new postal addresses."""
        attributes: dict[int, tuple[str, bool]] = {}
        lines: dict[int, tuple[Sequence[str], bool]] = {}
        for id_, row in each:
            by_mail = row.person.email is not None
            if row.attributes:
                attributes[id_] = json.dumps(row.attributes), by_mail
            if row.postal_lines:
                lines[id_] = row.postal_lines, by_mail
        if attributes:
            texts, by_mail_of = zip(*attributes.values(), strict=True)
            at = said_at.strftime("%Y-%m-%dT%H:%M:%SZ")
            await connection.execute(_SQL["describe"], self._brand, list(attributes), texts, by_mail_of, at)
        return await store_postal_addresses(connection, self._brand, lines, _SOURCE)


async def store_postal_addresses(
    connection: Connection, brand: str, lines: Mapping[int, tuple[Sequence[str], bool]], source: str
) -> list[LedgerEntry]:
    """Stores postal addresses, and returns the ledger entries of new ones. Nothing is kept of who was erased.

    Args:
        connection: in a transaction.
        brand: of the people.
        lines: by recipient id: the lines, and whether the same row has an e-mail address.
        source: by which they came.
    """
    if not lines:
        return []
    texts = ["\n".join(some) for some, _ in lines.values()]
    by_mail = [is_by_mail for _, is_by_mail in lines.values()]
    posted = await connection.fetch(_SQL["post"], list(lines), texts, by_mail, source)
    ids = [row["recipient_id"] for row in posted]
    return [build_standing_change_ledger_entry(brand, id_, "postal_address", None, source) for id_ in ids]


def _effects_of_rows(
    each: Sequence[tuple[int, RecipientImportRow]], before: Sequence[Record], after: Sequence[Record]
) -> WrittenRows:
    """Compares the people of the rows before and afterwards. Data from before an erasure have no effect."""
    earlier = {row["ref"]: row["state"] for row in before}
    later = {row["id"]: row for row in after}
    new, changed, opted_out = set(), set(), set()
    for place, (id_, row) in enumerate(each):
        now, was = later[id_], earlier.get(row.person.ref)
        is_kept = not now["erased"] and (now["has_email"] or row.person.email is None)
        if was is None and is_kept:
            new.add(place)
        elif was is not None and was != now["state"]:
            changed.add(place)
        if now["opted_out"]:
            opted_out.add(place)
    return WrittenRows(frozenset(new), frozenset(changed), frozenset(opted_out))
