"""Erasure in PostgreSQL: whatever leads to a person is emptied, wherever it stands; a keyed hash and numbers remain."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg

from mailer.database.statements import Connection, Pool, statements
from mailer.ledger.writers import Writers
from mailer.policy.category import CATEGORIES
from mailer.ports.ledger_entry import Entry, Kind
from mailer.ports.standings import OWN_WORDS
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.dead_letter_names import brands_in, key_of_address, key_of_ref, names_in
from mailer.postgres.dead_letters import read_unread
from mailer.postgres.erased_mentions import SQL as MENTIONS
from mailer.postgres.erased_mentions import WORDS, Mentions
from mailer.postgres.notices import SQL as NOTICES
from mailer.postgres.partners import note_suppressed
from mailer.postgres.suppressions import changing

SQL = statements("erasing")
_AT_ONCE = 10
"""Dead letters and parked messages that are read at once; each may have megabytes."""
ANSWERS = [category.name for category in CATEGORIES.values() if category.answers]
"""Categories of mail that answers a person's own request: what is on its way when they are erased goes out first."""
ERASED, UNDER_13 = ("erased", "erasure"), ("under_13", "under-13")
"""Reasons for which deliveries are cancelled, each with its rule."""
ERASED_BY_PROCESSORS = timedelta(days=30)
"""Until when a processor is to have erased a person: the month of GDPR Art. 12(3)."""
_FAREWELL = timedelta(days=5)
"""The longest time for which an answer that cannot be delivered keeps name and address, as long as it is tried."""
_RIGHTS = statements("rights")
_SHORT = 6
"""Characters from which on a name is looked for in texts that are not tied to its owner by an id."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Everything by which a text may name a person.

    Attributes:
        keys: of their addresses, of what a person would take for these, and of their ref.
    """

    brand: str
    ref: str
    name: str | None
    keys: frozenset[str]
    hashes: frozenset[bytes]

    def are_in(self, text: str, hasher: AddressHasher) -> bool:
        """Tells whether a text that is about nobody by its place names them."""
        if not self.keys.isdisjoint(names_in(text.encode(), self.brand, hasher)):
            return True
        return self.name is not None and len(self.name) >= _SHORT and self.name.casefold() in text.casefold()

    def are_in_own(self, text: str, hasher: AddressHasher) -> bool:
        """Tells it of a text of a mailing to them alone, in which the ref or a short name is theirs, too."""
        words = [word for word in (self.ref, self.name) if word]
        found = (re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in words)
        return any(found) or self.are_in(text, hasher)


class Eraser:
    """Empties what leads to people.

    Args:
        hasher: of addresses and refs.
        controllers: each brand's.
    """

    def __init__(self, hasher: AddressHasher, controllers: Mapping[str, str]) -> None:
        self._hasher = hasher
        self._controllers = controllers

    async def forget(self, connection: Connection, data: asyncpg.Record, marks: Marks, source: str) -> None:
        """Empties all that leads to a person, but for what an answer to them needs that still has to go.

        Args:
            connection: in a transaction, with the standing locked.
            data: the row of `data` in `rights.sql`.
            marks: of the person.
            source: who asked, and how.
        """
        brand, recipient_id = marks.brand, data["id"]
        await connection.execute(SQL["suppress_erased"], recipient_id, source)
        await note_suppressed(connection, self._hasher, [recipient_id], erased=True)
        ref = self._hasher.erased_ref(brand, data["ref"])
        await self._empty_ids(connection, brand, recipient_id, marks)
        await connection.execute(SQL["empty_mailings"], brand, recipient_id, ANSWERS)
        await connection.execute(SQL["empty_reports"], brand, recipient_id)
        await connection.execute(SQL["empty_inviter"], brand, data["ref"], ref)
        for name in ("empty_mailboxes", "void_consents", "empty_notes", "forget", "empty_law", "erase_standing"):
            await connection.execute(SQL[name], recipient_id)
        for name in ("empty_consents", "empty_suppressions"):
            await connection.execute(SQL[name], recipient_id, OWN_WORDS)
        await connection.execute(NOTICES["close_erased"], recipient_id)
        await self._empty_texts(connection, marks)
        await self._empty_letters(connection, marks)
        await self._mentions(marks).empty(connection, recipient_id)
        await connection.execute(SQL["step_aside"], brand, ref, recipient_id)
        if await connection.fetchval(SQL["answers_waiting"], brand, recipient_id, ANSWERS):
            await connection.execute(SQL["say_farewell"], recipient_id, ref, _FAREWELL)
        else:
            await connection.execute(SQL["empty_person"], recipient_id, ref)

    async def marks(self, connection: Connection, brand: str, data: asyncpg.Record) -> Marks:
        """Everything by which a text may name a person, given as the row of `data` in `rights.sql`."""
        had = await connection.fetch(SQL["former_addresses"], data["id"])
        hashes = {bytes(row["address_hash"]) for row in had}
        if data["email"] is not None:
            hashes |= set(self._hasher.kin(data["email"]))
        keys = {key_of_address(hashed) for hashed in hashes} | {key_of_ref(self._hasher, brand, data["ref"])}
        return Marks(brand, data["ref"], data["name"], frozenset(keys), frozenset(hashes))

    async def _empty_ids(self, connection: Connection, brand: str, recipient_id: int, marks: Marks) -> None:
        """Puts hashes in the place of the ids of mailings to them alone, and empties the names that these have."""
        own = await connection.fetch(SQL["own_mailings"], brand, recipient_id)
        new = [(row["id"], hidden) for row in own if (hidden := self._hasher.hidden_id(brand, row["event_id"]))]
        if new:
            await connection.execute(SQL["hide_ids"], *zip(*new, strict=True))
        naming = [
            row["id"]
            for row in own
            if any(marks.are_in_own(text, self._hasher) for text in (row["campaign"], row["topic"]) if text)
        ]
        await connection.execute(SQL["empty_campaigns"], naming)

    async def _empty_texts(self, connection: Connection, marks: Marks) -> None:
        """Empties what staff wrote about everything, a brand or a mailing, where it names the person."""
        rows = await connection.fetch(SQL["texts"])
        naming = [row for row in rows if marks.are_in(row["text"], self._hasher)]
        await connection.execute(
            SQL["empty_texts"],
            [row["writer"] for row in naming if row["writer"]],
            [row["n"] for row in naming if row["writer"]],
            [row["scope"] for row in naming if row["scope"]],
            [row["key"] for row in naming if row["scope"]],
        )

    async def empty_parked(self, connection: Connection, marks: Marks) -> None:
        """Takes the person out of messages that wait in the outbox; one that is about nobody else goes."""
        ref = self._hasher.erased_ref(marks.brand, marks.ref)
        found = connection.cursor(SQL["parked"], prefetch=_AT_ONCE)
        mentions = self._mentions(marks)
        rows = [
            row
            async for row in found
            if not marks.keys.isdisjoint(await self._named(row["body"], row["routing_key"]))
            or await asyncio.to_thread(mentions.are_in, row["body"])
        ]
        for row in rows:
            left = self._without(row["body"], marks, ref, mentions)
            if left is None:
                await connection.execute(SQL["unpark"], row["id"])
            else:
                await connection.execute(SQL["rewrite"], row["id"], left)

    def _mentions(self, marks: Marks) -> Mentions:
        return Mentions(marks.brand, marks.ref, marks.keys, self._hasher)

    def _without(self, body: str, marks: Marks, ref: str, mentions: Mentions) -> str | None:
        """A message without the person; None: nothing is left of it, or it is none that intake would take."""
        try:
            return self._rewritten(json.loads(body), marks, ref, mentions)
        except (ValueError, RecursionError):  # not JSON, half of a surrogate pair, nested too deep
            return None

    def _rewritten(self, document: Any, marks: Marks, ref: str, mentions: Mentions) -> str | None:
        if not isinstance(document, dict):
            return None
        to = document.get("to")
        if isinstance(to, dict):
            for name in ("people", "refs"):
                if isinstance(to.get(name), list):
                    to[name] = [one for one in to[name] if not self._is(one, marks)]
                    if not to[name]:
                        return None
        elif "mailings" not in document:
            return None
        about = _with_ref(document, marks.ref, ref)
        if "to" in about:
            about |= {name: mentions.without(about[name]) for name in WORDS if name in about}
            people = about["to"].get("people") if isinstance(about["to"], dict) else None
            for one in people if isinstance(people, list) else ():
                if isinstance(one, dict) and "context" in one:  # to whom and where the mail goes is theirs
                    one["context"] = mentions.without(one["context"])
        left = json.dumps(about)
        return None if marks.are_in(left, self._hasher) else left

    def _is(self, one: Any, marks: Marks) -> bool:
        """Tells whether somebody in an event is the person."""
        if not isinstance(one, dict):
            return str(one) == marks.ref
        email = one.get("email")
        return one.get("ref") == marks.ref or (isinstance(email, str) and self._hasher.hash(email) in marks.hashes)

    async def _named(self, body: str, routing_key: str) -> list[str]:
        return await asyncio.to_thread(names_in, body.encode(), routing_key, self._hasher)

    async def _empty_letters(self, connection: Connection, marks: Marks) -> None:
        """Empties the dead letters that name a person: by ref, or by an address that they have or had.

        Those of another controller are that one's own to erase; those that also name somebody under a legal hold stay.
        """
        await read_unread(connection, self._hasher)
        found = connection.cursor(SQL["letters_naming"], list(marks.keys), prefetch=_AT_ONCE)
        reached = [row["id"] async for row in found if await self._is_reached(marks.brand, row)]
        mentions = self._mentions(marks)
        saying = connection.cursor(MENTIONS["letters"], mentions.find_octet_patterns(), prefetch=_AT_ONCE)
        async for row in saying:
            text = row["body"].decode("utf-8", "replace")
            if await asyncio.to_thread(mentions.are_in, text) and await self._is_reached(marks.brand, row):
                reached.append(row["id"])
        await connection.execute(SQL["empty_letters"], reached)

    async def _is_reached(self, brand: str, letter: asyncpg.Record) -> bool:
        """Tells whether an erasure at a brand reaches a dead letter: not one of other controllers' brands alone."""
        named = await asyncio.to_thread(brands_in, letter["body"], letter["routing_key"])
        controllers = {self._controllers[name] for name in named if name in self._controllers}
        return not controllers or self._controllers.get(brand) in controllers


def _with_ref(value: Any, old: str, new: str) -> Any:
    """A document in which one text stands for another, wherever it is a whole value."""
    match value:
        case dict():
            return {name: _with_ref(inner, old, new) for name, inner in value.items()}
        case list():
            return [_with_ref(inner, old, new) for inner in value]
        case _:
            return new if value == old else value


async def cancel(
    connection: Connection,
    brand: str,
    recipient_id: int,
    why: tuple[str, str],
    *,
    tell: bool,
    spared: Sequence[str] = (),
) -> list[Entry]:
    """Cancels what is queued, deferred or held; the entries to be written for it.

    Args:
        connection: in a transaction, with the standing locked.
        brand: whose recipient.
        recipient_id: who.
        why: reason and rule.
        tell: whether it is also put into the outbox for `mailer.outcomes`.
        spared: categories of which nothing is cancelled.
    """
    reason, rule = why
    rows = await connection.fetch(_RIGHTS["cancel"], brand, recipient_id, reason, tell, spared)
    return [
        Entry(
            Kind.DECISION,
            brand,
            mailing_id=row["mailing_id"],
            recipient_id=recipient_id,
            attempt=row["attempt"],
            category=row["category"],
            reason=f"cancelled {reason}",
            rule=rule,
            policy=row["policy_version"],
        )
        for row in rows
    ]


async def end_farewells(pool: Pool, writers: Writers, limit: int) -> int:
    """Empties the rest of people whose answer has gone out, or could not for days; returns how many."""
    if not await pool.fetch(SQL["farewells_over"], ANSWERS, 1):
        return 0
    async with changing(pool, writers) as (connection, entries):
        over = await connection.fetch(SQL["farewells_over"], ANSWERS, limit)
        await people.lock_all(connection, [row["recipient_id"] for row in over])
        for brand, recipient_id, ref in ((row["brand"], row["recipient_id"], row["ref"]) for row in over):
            entries += await cancel(connection, brand, recipient_id, ERASED, tell=False)
            await connection.execute(_RIGHTS["list_keepers"], brand, recipient_id, ERASED_BY_PROCESSORS)
            await connection.execute(SQL["empty_mailings"], brand, recipient_id, [])
            await connection.execute(SQL["empty_notes"], recipient_id)
            await connection.execute(SQL["empty_person"], recipient_id, ref)
            await connection.execute(SQL["end_farewell"], recipient_id)
    return len(over)


async def end_stubs(pool: Pool, limit: int) -> int:
    """Ends what was left of erased people, on the day: stub, hash and row; returns how many. Numbers stay."""
    async with pool.acquire() as connection, connection.transaction():
        over = [row["recipient_id"] for row in await connection.fetch(SQL["stubs_over"], limit)]
        if over:
            await people.keep_imports_out(connection)
            back = [row["id"] for row in await connection.fetch(SQL["having_the_address"], over)]
            await people.lock_all(connection, back)
            await connection.execute(SQL["end_hashes"], over)
            await connection.execute(SQL["end_stubs"], over)
            if back:
                await people.refresh(connection, back)
    return len(over)


async def names_of(connection: Connection, hasher: AddressHasher, brand: str, data: asyncpg.Record) -> Sequence[str]:
    """The keys under which dead letters name a person, for a legal hold that keeps these."""
    had = await connection.fetch(SQL["former_addresses"], data["id"])
    keys = {key_of_address(row["address_hash"]) for row in had} | {key_of_ref(hasher, brand, data["ref"])}
    return sorted(keys)
