"""Dead letters in PostgreSQL."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.database.storable_text import storable_text
from mailer.events import MAX_EVENT_BYTES
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.dead_letter_brands import brands_of_dead_letter
from mailer.ports.broker import BrokerMessage, HeaderName
from mailer.ports.dead_letters import (
    ALL,
    DeadLetter,
    DeadLetterCauseKind,
    DeadLetterFilter,
    DeadLetterPage,
    ListedDeadLetter,
    ReplayableDeadLetterPage,
)
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.person_keys_in_bodies import find_person_keys_in_body

_CHOSEN = load_statements("dead_letters")["chosen"]
_SQL = {name: text.replace("{chosen}", _CHOSEN) for name, text in load_statements("dead_letters").items()}
_AMONG = {True: "", False: "d.replayed_at IS NULL AND"}
_READ_AT_ONCE = 100
_REPLAYED_TOGETHER = 100
_FIRST_LOOK = 4
"""A page looks at four times its dead letters first: that is nearly always enough, and more take ten milliseconds."""
LOOKED_AT = 2000
"""The most dead letters that one page looks at."""


class PostgresDeadLetters:
    """Implements `ports.dead_letters.DeadLetterRecorder` and `DeadLetterDesk`."""

    def __init__(self, pool: Pool, hasher: AddressHasher, writers: LedgerWriters, looked_at: int | None = None) -> None:
        self._pool = pool
        self._hasher = hasher
        self._writers = writers
        self._looked_at = looked_at or LOOKED_AT

    async def add_dead_letter(
        self,
        message: BrokerMessage,
        exchange: str,
        routing_key: str,
        reason: str,
        publisher: str,
        kind: DeadLetterCauseKind,
    ) -> None:
        """See the port."""
        # A dead letter may name thousands of people.
        named = await asyncio.to_thread(
            find_person_keys_in_body, message.body, routing_key, self._hasher, message.message_id
        )
        await self._pool.execute(
            _SQL["keep"],
            storable_text(reason),
            storable_text(exchange),
            storable_text(routing_key),
            message.message_id and storable_text(message.message_id),
            storable_text(publisher),
            message.body,
            kind,
            named,
        )

    async def list_dead_letters(self, limit: int, chosen: DeadLetterFilter = ALL) -> Sequence[DeadLetter]:
        """Returns the newest dead letters that fit the filter, the newest first."""
        rows = await self._pool.fetch(_SQL["latest"], *_filter_parameters(chosen), limit)
        return [_dead_letter_from_row(row) for row in rows]

    async def list_page(self, chosen: DeadLetterFilter, limit: int) -> DeadLetterPage:
        """See the port."""
        statement = _SQL["page" if chosen.replayed else "page_of_open"]
        for most in sorted({min(_FIRST_LOOK * limit, self._looked_at), self._looked_at}):
            rows = await self._pool.fetch(statement, *_filter_parameters(chosen), most)
            fitting = [row for row in rows if row["fits"] and chosen.fits_shown_reason(row["reason"])]
            if len(fitting) > limit or len(rows) < most:
                break
        shown = fitting[:limit]
        last = shown[-1] if len(fitting) > limit else rows[-1] if len(rows) == most else None
        older_than = last["id"] - 1 if last is not None and last["id"] > chosen.first else None
        return DeadLetterPage([_listed_dead_letter_from_row(row) for row in shown], older_than)

    async def get_dead_letter(self, letter_id: int) -> DeadLetter | None:
        """Returns a dead letter, or None if there is none with this id."""
        row = await self._pool.fetchrow(_SQL["one"], letter_id)
        return _dead_letter_from_row(row) if row else None

    async def find_replayable_ids(self, chosen: DeadLetterFilter) -> Sequence[int]:
        """See the port. Replayable are events of a known publisher whose bodies were kept."""
        rows = await self._pool.fetch(_SQL["replayable"], *_filter_parameters(chosen), MAX_EVENT_BYTES)
        return [row["id"] for row in rows]

    async def find_replayable_page(self, chosen: DeadLetterFilter, limit: int) -> ReplayableDeadLetterPage:
        """See the port."""
        statement = _SQL["replayable_page"].replace("{among}", _AMONG[chosen.replayed])
        most = limit + 1 if chosen.reason is None else self._looked_at
        [row] = await self._pool.fetch(
            statement, *_filter_parameters(chosen), MAX_EVENT_BYTES, most, self._looked_at, chosen.reason is not None
        )
        reasons = dict(zip(row["ids"], row["reasons"] or (), strict=False))
        ids = [id_ for id_ in row["ids"] if chosen.fits_shown_reason(reasons.get(id_, ""))]
        if len(ids) > limit:
            return ReplayableDeadLetterPage(ids[:limit], ids[limit])
        is_more_left = row["looked_at"] == self._looked_at and row["last_id"] < chosen.last
        return ReplayableDeadLetterPage(ids, row["last_id"] + 1 if is_more_left else None)

    async def replay_dead_letters(
        self, letter_ids: Sequence[int], *, again: bool = True, brands: frozenset[str] | None = None
    ) -> list[int]:
        """See the port."""
        done: list[int] = []
        for start in range(0, len(letter_ids), _REPLAYED_TOGETHER):
            done += await self._replay_in_one_transaction(letter_ids[start : start + _REPLAYED_TOGETHER], again, brands)
        return done

    async def _replay_in_one_transaction(
        self, letter_ids: Sequence[int], again: bool, brands: frozenset[str] | None
    ) -> list[int]:
        """Replays dead letters in one transaction. One body at a time is in memory: each may have four megabytes."""
        entries: dict[int, LedgerEntry] = {}
        async with open_unit_of_work(self._pool, self._writers) as work:
            for letter_id in letter_ids:
                if (key := await _put_dead_letter_into_outbox(work.connection, letter_id, again, brands)) is not None:
                    entries[letter_id] = _build_dead_letter_ledger_entry(letter_id, key, "dead_replayed")
            await work.append_entries(list(entries.values()))
        return list(entries)

    async def record_that_dead_letter_was_read(self, letter: DeadLetter) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            entry = _build_dead_letter_ledger_entry(letter.id, letter.message.routing_key, "dead_read")
            await work.append_entries([entry])


async def _put_dead_letter_into_outbox(
    connection: Connection, letter_id: int, again: bool, brands: frozenset[str] | None
) -> str | None:
    """Makes the event of a dead letter a row of the outbox. Returns its routing key; None if it cannot be replayed."""
    found = await connection.fetchrow(_SQL["one"], letter_id)
    if found is None or not await _concerns_only_given_brands(found, brands):
        return None
    body = _body_text_if_storable(found["body"])
    row = await connection.fetchrow(_SQL["replayed"], letter_id, again) if body is not None else None
    if row is None:
        return None
    await connection.execute(_SQL["park"], row["routing_key"], row["message_id"], body, row["publisher"])
    return str(row["routing_key"])


def _build_dead_letter_ledger_entry(letter_id: int, routing_key: str, what: str) -> LedgerEntry:
    """Returns the entry that somebody has done something with a dead letter. A routing key may name nobody's brand."""
    brand = routing_key.partition(".")[0]
    is_slug = brand.isascii() and brand.replace("-", "").isalnum() and len(brand) <= 100
    return LedgerEntry(EntryKind.CONTROL, brand if is_slug else "", reason=what, rule=f"dead:{letter_id}")


async def _concerns_only_given_brands(row: asyncpg.Record, brands: frozenset[str] | None) -> bool:
    """Tells whether a dead letter concerns no other brands than these; None: any."""
    if brands is None:
        return True
    return await asyncio.to_thread(brands_of_dead_letter, row["routing_key"], row["body"]) <= brands


def _body_text_if_storable(body: bytes) -> str | None:
    """Returns a body as text, or None if the outbox cannot store it unchanged (UTF-8 without U+0000)."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if storable_text(text) == text else None


async def index_people_in_old_dead_letters(connection: Connection, hasher: AddressHasher) -> None:
    """Stores the keys of the people in dead letters that an earlier version has stored without them."""
    while rows := await connection.fetch(_SQL["unread"], _READ_AT_ONCE):
        for row in rows:
            named = await asyncio.to_thread(
                find_person_keys_in_body, row["body"], row["routing_key"], hasher, row["message_id"]
            )
            await connection.execute(_SQL["read"], row["id"], named)


async def delete_old_dead_letters(pool: Pool, older: timedelta, limit: int) -> None:
    """Deletes up to `limit` dead letters that are older than `older`."""
    await pool.execute(_SQL["forget"], older, limit)


def _filter_parameters(chosen: DeadLetterFilter) -> tuple[object, ...]:
    """Returns the parameters of the SQL condition `chosen`, in their order."""
    return (
        chosen.first,
        chosen.last,
        chosen.since,
        chosen.until,
        chosen.kind,
        chosen.reason,
        chosen.key,
        chosen.replayed,
        None if chosen.brands is None else sorted(chosen.brands),
    )


def _dead_letter_from_row(row: asyncpg.Record) -> DeadLetter:
    message = BrokerMessage(
        row["body"], row["routing_key"], row["message_id"], {HeaderName.PUBLISHER: row["publisher"]}
    )
    return DeadLetter(
        row["id"],
        row["at"],
        row["reason"],
        row["exchange"],
        row["publisher"],
        message,
        row["replayed_at"],
        DeadLetterCauseKind(row["kind"]),
    )


def _listed_dead_letter_from_row(row: asyncpg.Record) -> ListedDeadLetter:
    values = {name: value for name, value in row.items() if name != "fits"}
    return ListedDeadLetter(**{**values, "kind": DeadLetterCauseKind(row["kind"])})
