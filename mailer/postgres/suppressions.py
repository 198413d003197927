"""Suppressions in PostgreSQL. Only `actions` calls what changes them."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg

from mailer.database.statements import Connection, Pool, statements
from mailer.ledger.writers import Writers, append
from mailer.ports.ledger_entry import Entry, Kind
from mailer.ports.standings import OWN_WORDS, rule_of
from mailer.ports.suppressions import NewSuppression, Suppression
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.partners import note_suppressed
from mailer.postgres.voided_requests import void_by_objection

_COLUMNS = (
    *("id", "brand", "scope", "reason", "source", "actor", "at"),
    *("expires_at", "lifted_at", "lifted_by", "lift_reason", "mailing_id"),
)
_AGAIN = """
ON CONFLICT (controller, address_key, address_hash, brand, scope, reason) WHERE lifted_at IS NULL
DO UPDATE SET at = CASE WHEN p.reason IN ('opt_out', 'complaint') THEN greatest(p.at, EXCLUDED.at) ELSE p.at END,
    expires_at = CASE WHEN p.expires_at < coalesce(EXCLUDED.expires_at, 'infinity') THEN EXCLUDED.expires_at
                 ELSE p.expires_at END,
    mailing_id = CASE WHEN p.reason IN ('opt_out', 'complaint') AND EXCLUDED.at >= p.at THEN EXCLUDED.mailing_id
                 ELSE p.mailing_id END
"""
_SELECTED = ", ".join(
    [*(f"p.{column}" for column in _COLUMNS), "encode(p.address_hash, 'hex') AS hash", "p.address_key AS key"]
)
_SQL = {
    name: text.replace("{again}", _AGAIN).replace("{suppression}", _SELECTED)
    for name, text in statements("suppressions").items()
}

Stop = tuple[int, str | None, NewSuppression]
"""Whose address is suppressed: the recipient, the brand (None: the whole controller), and with what."""
_WHOLE_CONTROLLER = ("objection",)
"""Reasons that hold for all brands of the controller, whoever says so. A dead address is so for all of them only where
one of our own relays has said it: another system's list is of the mail that it sent."""
_KINDS = {"import": "import", "processor": "processor"}
"""Actors whose sources are texts of others, by what the ledger calls these in plain; the text itself is a note."""
_OF_KIN_TOO = ("opt_out", "complaint", "objection")
"""Reasons that hold for the kin of an address, too: they stop optional mail only."""


@asynccontextmanager
async def changing(pool: Pool, writers: Writers) -> AsyncIterator[tuple[Connection, list[Entry]]]:
    """One transaction for changes of standings, and the entries that are in the list once everything within is done."""
    entries: list[Entry] = []
    async with writers.lease() as writer, pool.acquire() as connection:
        async with connection.transaction():
            await people.keep_imports_out(connection)
            yield connection, entries
            linked = await append(connection, writer, entries)
        writer.advance(linked)


async def suppress_all(connection: Connection, hasher: AddressHasher, stops: Sequence[Stop]) -> list[asyncpg.Record]:
    """Adds suppressions, and refreshes the standings of all who share the addresses; id and time of the new ones.

    What stops optional mail is said of the known kin of an address as well.
    """
    kin = await _kin_of(connection, hasher, stops)
    every = [*stops, *kin]
    touched = await people.lock_sharing(connection, [id_ for id_, _, _ in every])
    made = await _add(connection, stops)
    if kin:
        await _add(connection, kin)
    await people.refresh(connection, touched)
    if objecting := [id_ for id_, _, new in every if new.reason == "objection"]:
        await void_by_objection(connection, await people.sharing(connection, objecting))
    await note_suppressed(connection, hasher, touched)
    return [row for row in made if row["new"]]


async def _add(connection: Connection, stops: Sequence[Stop]) -> list[asyncpg.Record]:
    ids, brands, news = zip(*stops, strict=True)
    return await connection.fetch(_SQL["suppress"], ids, brands, *_columns(news))


async def _kin_of(connection: Connection, hasher: AddressHasher, stops: Sequence[Stop]) -> list[Stop]:
    """The same for everyone whose address a person would take for that of somebody here (see `kin`)."""
    reaching = [stop for stop in stops if stop[2].reason in _OF_KIN_TOO]
    kin = await people.kin_of(connection, hasher, [id_ for id_, _, _ in reaching])
    return [(other, brand, new) for id_, brand, new in reaching for of, other in kin if of == id_]


async def lift_all(
    connection: Connection,
    ids: Sequence[int],
    actor: str,
    reason: str,
    at: datetime | None = None,
    *,
    by_owner: bool = True,
) -> list[Entry]:
    """Ends suppressions, and refreshes the standings of all whom they concern; their entries, none if none ended.

    Args:
        connection: in a transaction.
        ids: of the suppressions.
        actor: who ends them.
        reason: why.
        at: only where nobody has said the same again since then.
        by_owner: the person takes it back, or its time is over. Else what was consented to before counts no more.
    """
    concerned = await connection.fetch(_SQL["concerned"], ids)
    await people.lock_all(connection, [row["id"] for row in concerned])
    lifted = {row["id"]: row for row in await connection.fetch(_SQL["lift"], ids, actor, reason, at, not by_owner)}
    if lifted and not by_owner:
        await connection.execute(_SQL["void_before"], list(lifted))
    await people.refresh(connection, [row["id"] for row in concerned])
    whom: dict[int, list[tuple[str, int | None]]] = {id_: [] for id_ in lifted}
    for row in concerned:
        if row["suppression"] in whom:
            whom[row["suppression"]].append((row["brand"], row["id"]))
    return [
        Entry(
            Kind.ACTION,
            brand,
            recipient_id=recipient_id,
            reason=f"lifted {lifted[id_]['reason']}",
            category=lifted[id_]["scope"],
            rule="action:lift",
            reply=f"{actor}: {reason}",
        )
        for id_, owners in whom.items()
        for brand, recipient_id in owners or [(lifted[id_]["brand"] or lifted[id_]["controller"], None)]
    ]


class PostgresSuppressions:
    """Implements `ports.suppressions.Suppressions`."""

    def __init__(self, pool: Pool, writers: Writers, hasher: AddressHasher) -> None:
        self._pool = pool
        self._writers = writers
        self._hasher = hasher

    async def suppress(self, brand: str, recipient_id: int, new: NewSuppression) -> bool:
        """See the port."""
        async with changing(self._pool, self._writers) as (connection, entries):
            if await connection.fetchrow(people.SQL["standing"], brand, recipient_id) is None:
                return False
            await suppress_all(connection, self._hasher, [(recipient_id, _brand(brand, new), new)])
            if new.reason == "objection":
                await connection.execute(_SQL["object"], recipient_id)
            entries.append(_entry(brand, recipient_id, new))
        return True

    async def take(self, brand: str, controller: str, addresses: Sequence[tuple[str, NewSuppression]]) -> int:
        """See the port."""
        if not addresses:
            return 0
        asked = [(self._hasher.hash(address), new) for address, new in addresses]
        kin = [(hashed, new) for address, new in addresses for hashed in self._kin(address, new)]
        key = self._hasher.key_id
        async with changing(self._pool, self._writers) as (connection, entries):
            hashes = [hashed for hashed, _ in (*asked, *kin)]
            owners = await connection.fetch(_SQL["with_addresses"], controller, key, hashes)
            owned = {owner["address_hash"] for owner in owners}
            taken = [(hashed, _brand(brand, new), new) for hashed, new in asked]
            taken += [(hashed, _brand(brand, new), new) for hashed, new in kin if hashed in owned]
            await people.lock_all(connection, [owner["id"] for owner in owners])
            hashes, brands, news = map(list, zip(*taken, strict=True))
            rows = await connection.fetch(_SQL["take"], controller, key, hashes, brands, *_columns(news))
            await people.refresh(connection, [owner["id"] for owner in owners])
            objecting = {hashed for hashed, _, new in taken if new.reason == "objection"}
            if concerned := [owner["id"] for owner in owners if owner["address_hash"] in objecting]:
                await void_by_objection(connection, concerned)
            await note_suppressed(connection, self._hasher, [owner["id"] for owner in owners])
            entries += _taken(brand, owners, taken)
        own = {hashed for hashed, _ in asked}
        return sum(row["new"] for row in rows if row["address_hash"] in own)

    def _kin(self, address: str, new: NewSuppression) -> list[bytes]:
        return self._hasher.kin(address) if new.reason in _OF_KIN_TOO else []

    async def get(self, brand: str, controller: str, id: int) -> Suppression | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["get"], brand, controller, id)
        return _suppression(row) if row else None

    async def lift(
        self, id: int, actor: str, reason: str, at: datetime | None = None, *, by_owner: bool = False
    ) -> bool:
        """See the port."""
        async with changing(self._pool, self._writers) as (connection, entries):
            entries += await lift_all(connection, [id], actor, reason, at, by_owner=by_owner)
            return bool(entries)

    async def of(self, brand: str, recipient_id: int) -> list[Suppression]:
        """See the port."""
        return [_suppression(row) for row in await self._pool.fetch(_SQL["of"], brand, recipient_id)]

    async def of_address(self, brand: str, controller: str, address: str) -> list[Suppression]:
        """See the port."""
        earlier = self._hasher.earlier(address)
        hashes = [self._hasher.hash(address), *([earlier.hash] if earlier else []), *self._hasher.kin(address)]
        rows = await self._pool.fetch(_SQL["of_address"], brand, controller, self._hasher.key_id, hashes)
        return [_suppression(row) for row in rows]

    async def export(self, brand: str, controller: str) -> AsyncIterator[Suppression]:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(_SQL["export"], brand, controller):
                yield _suppression(row)


async def lapse(pool: Pool, writers: Writers, limit: int) -> int:
    """Ends those whose time has passed; returns how many."""
    if not await pool.fetchval(_SQL["any_lapsed"]):
        return 0
    async with changing(pool, writers) as (connection, entries):
        ids = [row["id"] for row in await connection.fetch(_SQL["lapsed"], limit)]
        entries += await lift_all(connection, ids, "timekeeper", "expired")
    return len(ids)


def _brand(brand: str, new: NewSuppression) -> str | None:
    return None if new.reason in _WHOLE_CONTROLLER else brand


def _columns(news: Sequence[NewSuppression]) -> list[list[Any]]:
    return [
        [new.scope for new in news],
        [new.reason for new in news],
        [new.source for new in news],
        [new.actor for new in news],
        [new.at for new in news],
        [new.expires_at for new in news],
        [new.mailing_id for new in news],
    ]


def _taken(
    brand: str, owners: Sequence[asyncpg.Record], taken: Sequence[tuple[bytes, str | None, NewSuppression]]
) -> Iterator[Entry]:
    """An entry for each whom a suppression that was taken over concerns; one for all alike that concern nobody here."""
    by_hash: defaultdict[bytes, list[asyncpg.Record]] = defaultdict(list)
    for owner in owners:
        by_hash[owner["address_hash"]].append(owner)
    unknown: Counter[NewSuppression] = Counter()
    for hashed, only, new in taken:
        concerned = [owner for owner in by_hash[hashed] if only in (None, owner["brand"])]
        for owner in concerned:
            yield _entry(owner["brand"], owner["id"], new)
        unknown[replace(new, at=None, expires_at=None)] += not concerned
    for new, n in unknown.items():
        if n:
            yield _entry(brand, None, replace(new, reason=f"{new.reason} unknown_addresses {n}"))


def _entry(brand: str, recipient_id: int | None, new: NewSuppression) -> Entry:
    return Entry(
        Kind.ACTION,
        brand,
        recipient_id=recipient_id,
        reason=new.reason,
        category=new.scope,
        rule=rule_of(new.source, _KINDS.get(new.actor, "operator")),
        reply=new.actor if new.source in OWN_WORDS else f"{new.actor}: {new.source}",
    )


def _suppression(row: asyncpg.Record) -> Suppression:
    return Suppression(**row)
