"""Suppressions in PostgreSQL. Only `actions` calls the functions that change them."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.standings import OWN_WORDS, build_ledger_rule_text_from_known_source
from mailer.ports.suppressions import NewSuppression, Suppression
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.pending_request_voiding import void_marketing_requests
from mailer.postgres.suppressions_for_partners import suppress_opted_out_for_partners

_COLUMNS = (
    *("id", "brand", "scope", "reason", "source", "actor", "at"),
    *("expires_at", "lifted_at", "lifted_by", "lift_reason", "mailing_id"),
)
_AGAIN = """
ON CONFLICT (controller, address_key, address_hash, brand, scope, reason) WHERE lifted_at IS NULL
DO UPDATE SET at = CASE WHEN p.reason IN {by_person} THEN greatest(p.at, EXCLUDED.at) ELSE p.at END,
    expires_at = CASE WHEN p.expires_at < coalesce(EXCLUDED.expires_at, 'infinity') THEN EXCLUDED.expires_at
                 ELSE p.expires_at END,
    mailing_id = CASE WHEN p.reason IN {by_person} AND EXCLUDED.at >= p.at THEN EXCLUDED.mailing_id
                 ELSE p.mailing_id END
""".replace("{by_person}", "('opt_out', 'complaint', 'objection', 'own_pause', 'own_cap')")
SUPPRESSION_COLUMNS = ", ".join(
    [*(f"p.{column}" for column in _COLUMNS), "encode(p.address_hash, 'hex') AS hash", "p.address_key AS key"]
)
"""The columns of a `Suppression`, of suppressions `p`."""
_SQL = {
    name: text.replace("{again}", _AGAIN).replace("{suppression}", SUPPRESSION_COLUMNS)
    for name, text in load_statements("suppressions").items()
}

Stop = tuple[int, str | None, NewSuppression]
"""A suppression to add: the recipient, the brand (None: all brands of the controller), and the suppression."""
_WHOLE_CONTROLLER = ("objection",)
"""The reasons that hold for all brands of the controller, from any source. A dead address only holds for all brands if
one of our own relays reported it: the list of another system is about the mail that it sent."""
_KINDS = {"import": "import", "processor": "processor"}
"""The actors whose sources are free text, with their names in the ledger's rule. The text itself becomes a note."""
_OF_ADDRESSES_ALIKE_TOO = ("opt_out", "complaint", "objection", "own_pause", "own_cap")
"""The reasons that also hold for similar addresses: they only stop optional mail."""


@asynccontextmanager
async def open_suppression_transaction(
    pool: Pool, writers: LedgerWriters
) -> AsyncIterator[tuple[Connection, list[LedgerEntry]]]:
    """Opens a transaction for changes of suppressions. Yields the connection, and a list for ledger entries.

    Appends the entries in the list to the ledger at the end of the context.
    """
    entries: list[LedgerEntry] = []
    async with open_unit_of_work(pool, writers) as work:
        await people.lock_out_imports_until_transaction_ends(work.connection)
        yield work.connection, entries
        await work.append_entries(entries)


async def insert_or_extend_suppressions(
    connection: Connection, hasher: AddressHasher, stops: Sequence[Stop]
) -> list[asyncpg.Record]:
    """Adds suppressions, and refreshes the standings of all who share the addresses.

    Suppressions that only stop optional mail are also added to known similar addresses.

    Returns:
        The new records, with id and time.
    """
    kin = await _suppressions_for_addresses_alike_in_capitals(connection, hasher, stops)
    every = [*stops, *kin]
    touched = await people.lock_address_sharers_returning_ids(connection, [id_ for id_, _, _ in every])
    made = await _upsert_suppression_rows(connection, stops)
    if kin:
        await _upsert_suppression_rows(connection, kin)
    await people.refresh_standings(connection, touched)
    if objecting := [id_ for id_, _, new in every if new.reason == "objection"]:
        await void_marketing_requests(connection, await people.find_ids_sharing_address(connection, objecting))
    await suppress_opted_out_for_partners(connection, hasher, touched)
    return [row for row in made if row["new"]]


async def _upsert_suppression_rows(connection: Connection, stops: Sequence[Stop]) -> list[asyncpg.Record]:
    ids, brands, news = zip(*stops, strict=True)
    return await connection.fetch(_SQL["suppress"], ids, brands, *_suppressions_as_columns(news))


async def _suppressions_for_addresses_alike_in_capitals(
    connection: Connection, hasher: AddressHasher, stops: Sequence[Stop]
) -> list[Stop]:
    """Returns the same suppressions of like addresses, if the reason is in `_OF_ADDRESSES_ALIKE_TOO`."""
    reaching = [stop for stop in stops if stop[2].reason in _OF_ADDRESSES_ALIKE_TOO]
    kin = await people.find_owners_of_addresses_alike_in_capitals(connection, hasher, [id_ for id_, _, _ in reaching])
    return [(other, brand, new) for id_, brand, new in reaching for of, other in kin if of == id_]


async def lift_suppressions(
    connection: Connection,
    ids: Sequence[int],
    actor: str,
    reason: str,
    at: datetime | None = None,
    *,
    by_owner: bool = True,
) -> list[LedgerEntry]:
    """Lifts suppressions, and refreshes the standings of all recipients with these addresses.

    Args:
        connection: a connection in a transaction.
        ids: the ids of the suppressions.
        actor: the name of who lifts them.
        reason: the reason.
        at: if given, only lifts suppressions that were not set again after this time.
        by_owner: True: the person lifts it, or it expired. False: the consents from before no longer count.

    Returns:
        The ledger entries; empty if nothing was lifted.
    """
    concerned = await connection.fetch(_SQL["concerned"], ids)
    await people.lock_standings(connection, [row["id"] for row in concerned])
    lifted = {row["id"]: row for row in await connection.fetch(_SQL["lift"], ids, actor, reason, at, not by_owner)}
    if lifted and not by_owner:
        await connection.execute(_SQL["void_before"], list(lifted))
    await people.refresh_standings(connection, [row["id"] for row in concerned])
    whom: dict[int, list[tuple[str, int | None]]] = {id_: [] for id_ in lifted}
    for row in concerned:
        if row["suppression"] in whom:
            whom[row["suppression"]].append((row["brand"], row["id"]))
    return [
        LedgerEntry(
            EntryKind.ACTION,
            brand,
            recipient_id=recipient_id,
            reason=f"lifted {lifted[id_]['reason']}",
            category=lifted[id_]["scope"],
            rule="action:lift",
            reply=actor if recipient_id is None else f"{actor}: {reason}",  # no erasure reaches words about nobody
        )
        for id_, owners in whom.items()
        for brand, recipient_id in owners or [(lifted[id_]["brand"] or lifted[id_]["controller"], None)]
    ]


class PostgresSuppressions:
    """Implements `ports.suppressions.SuppressionStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters, hasher: AddressHasher) -> None:
        self._pool = pool
        self._writers = writers
        self._hasher = hasher

    async def suppress_recipient(self, brand: str, recipient_id: int, new: NewSuppression) -> bool:
        """See the port."""
        async with open_suppression_transaction(self._pool, self._writers) as (connection, entries):
            if await connection.fetchrow(people.SQL["standing"], brand, recipient_id) is None:
                return False
            await insert_or_extend_suppressions(
                connection, self._hasher, [(recipient_id, _brand_unless_whole_controller(brand, new), new)]
            )
            if new.reason == "objection":
                await connection.execute(_SQL["object"], recipient_id)
            entries.append(_build_suppression_ledger_entry(brand, recipient_id, new))
        return True

    async def suppress_addresses(
        self, brand: str, controller: str, addresses: Sequence[tuple[str, NewSuppression]]
    ) -> int:
        """See the port."""
        if not addresses:
            return 0
        asked = [(self._hasher.hash_address(address), new) for address, new in addresses]
        kin = [
            (hashed, new)
            for address, new in addresses
            for hashed in self._hashes_alike_in_capitals_to_suppress(address, new)
        ]
        key = self._hasher.key_id
        async with open_suppression_transaction(self._pool, self._writers) as (connection, entries):
            hashes = [hashed for hashed, _ in (*asked, *kin)]
            owners = await connection.fetch(_SQL["with_addresses"], controller, key, hashes)
            owned = {owner["address_hash"] for owner in owners}
            chosen = [*asked, *((hashed, new) for hashed, new in kin if hashed in owned)]
            taken = [(hashed, _brand_unless_whole_controller(brand, new), new) for hashed, new in chosen]
            await people.lock_standings(connection, [owner["id"] for owner in owners])
            hashes, brands, news = map(list, zip(*taken, strict=True))
            rows = await connection.fetch(
                _SQL["take"], controller, key, hashes, brands, *_suppressions_as_columns(news)
            )
            await people.refresh_standings(connection, [owner["id"] for owner in owners])
            objecting = {hashed for hashed, _, new in taken if new.reason == "objection"}
            if concerned := [owner["id"] for owner in owners if owner["address_hash"] in objecting]:
                await void_marketing_requests(connection, concerned)
            await suppress_opted_out_for_partners(connection, self._hasher, [owner["id"] for owner in owners])
            entries += _ledger_entries_of_import(brand, owners, taken)
        own = {hashed for hashed, _ in asked}
        return sum(row["new"] for row in rows if row["address_hash"] in own)

    def _hashes_alike_in_capitals_to_suppress(self, address: str, new: NewSuppression) -> list[bytes]:
        return (
            self._hasher.hashes_of_mailboxes_alike_in_capitals(address) if new.reason in _OF_ADDRESSES_ALIKE_TOO else []
        )

    async def get_suppression_by_id(self, brand: str, controller: str, id: int) -> Suppression | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["get"], brand, controller, id)
        return _suppression_from_row(row) if row else None

    async def lift_suppression(self, id: int, actor: str, reason: str, at: datetime, *, by_owner: bool = False) -> bool:
        """See the port."""
        async with open_suppression_transaction(self._pool, self._writers) as (connection, entries):
            entries += await lift_suppressions(connection, [id], actor, reason, at, by_owner=by_owner)
            return bool(entries)

    async def all_suppressions_of_recipient(self, brand: str, recipient_id: int) -> list[Suppression]:
        """See the port."""
        return [_suppression_from_row(row) for row in await self._pool.fetch(_SQL["of"], brand, recipient_id)]

    async def all_suppressions_of_address(self, brand: str, controller: str, address: str) -> list[Suppression]:
        """See the port."""
        earlier = self._hasher.hash_by_former_spelling_rule(address)
        hashes = [
            self._hasher.hash_address(address),
            *([earlier.hash] if earlier else []),
            *self._hasher.hashes_of_mailboxes_alike_in_capitals(address),
        ]
        rows = await self._pool.fetch(_SQL["of_address"], brand, controller, self._hasher.key_id, hashes)
        return [_suppression_from_row(row) for row in rows]

    async def list_suppressions_in_force(
        self, brand: str, controller: str, before: int | None, limit: int
    ) -> list[Suppression]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["page"], brand, controller, before or 2**63 - 1, limit)
        return [_suppression_from_row(row) for row in rows]

    async def iterate_suppressions_in_force(self, brand: str, controller: str) -> AsyncIterator[Suppression]:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(_SQL["export"], brand, controller):
                yield _suppression_from_row(row)


async def end_expired_suppressions(pool: Pool, writers: LedgerWriters, limit: int) -> int:
    """Lifts up to `limit` expired suppressions. Returns their number."""
    if not await pool.fetchval(_SQL["any_lapsed"]):
        return 0
    async with open_suppression_transaction(pool, writers) as (connection, entries):
        ids = [row["id"] for row in await connection.fetch(_SQL["lapsed"], limit)]
        entries += await lift_suppressions(connection, ids, "timekeeper", "expired")
    return len(ids)


def _brand_unless_whole_controller(brand: str, new: NewSuppression) -> str | None:
    return None if new.reason in _WHOLE_CONTROLLER else brand


def _suppressions_as_columns(news: Sequence[NewSuppression]) -> list[list[Any]]:
    return [
        [new.scope for new in news],
        [new.reason for new in news],
        [new.source for new in news],
        [new.actor for new in news],
        [new.at for new in news],
        [new.expires_at for new in news],
        [new.mailing_id for new in news],
    ]


def _ledger_entries_of_import(
    brand: str, owners: Sequence[asyncpg.Record], taken: Sequence[tuple[bytes, str | None, NewSuppression]]
) -> Iterator[LedgerEntry]:
    """Yields a ledger entry for each recipient with an imported suppression.

    Equal suppressions of unknown addresses have one entry together, with their number.
    """
    by_hash: defaultdict[bytes, list[asyncpg.Record]] = defaultdict(list)
    for owner in owners:
        by_hash[owner["address_hash"]].append(owner)
    unknown: Counter[NewSuppression] = Counter()
    for hashed, only, new in taken:
        concerned = [owner for owner in by_hash[hashed] if only in (None, owner["brand"])]
        for owner in concerned:
            yield _build_suppression_ledger_entry(owner["brand"], owner["id"], new)
        unknown[replace(new, at=None, expires_at=None)] += not concerned
    for new, n in unknown.items():
        if n:
            yield _build_suppression_ledger_entry(
                brand, None, replace(new, reason=f"{new.reason} unknown_addresses {n}")
            )


def _build_suppression_ledger_entry(brand: str, recipient_id: int | None, new: NewSuppression) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.ACTION,
        brand,
        recipient_id=recipient_id,
        reason=new.reason,
        category=new.scope,
        rule=build_ledger_rule_text_from_known_source(new.source, _KINDS.get(new.actor, "operator")),
        reply=new.actor if new.source in OWN_WORDS else f"{new.actor}: {new.source}",
    )


def _suppression_from_row(row: asyncpg.Record) -> Suppression:
    return Suppression(**row)
