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
from mailer.ledger.writers import LedgerWriters
from mailer.policy.category import CATEGORIES
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.standings import OWN_WORDS
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.dead_letter_names import brands_of_body, key_of_address, key_of_ref, name_keys_in_body
from mailer.postgres.dead_letters import index_old_dead_letters
from mailer.postgres.erased_mentions import SQL as MENTIONS
from mailer.postgres.erased_mentions import WORDS, PersonMentions
from mailer.postgres.notices import SQL as NOTICES
from mailer.postgres.partners import list_for_partners
from mailer.postgres.suppressions import changing_suppressions

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
class PersonalMarks:
    """Everything by which a text may name a person.

    Attributes:
        keys: of their addresses, of what a person would take for these, and of their ref.
    """

    brand: str
    ref: str
    name: str | None
    keys: frozenset[str]
    hashes: frozenset[bytes]

    def occur_in_text(self, text: str, hasher: AddressHasher) -> bool:
        """Tells whether a text that is about nobody by its place names them."""
        if not self.keys.isdisjoint(name_keys_in_body(text.encode(), self.brand, hasher)):
            return True
        return self.name is not None and len(self.name) >= _SHORT and self.name.casefold() in text.casefold()

    def occur_in_own_text(self, text: str, hasher: AddressHasher) -> bool:
        """Tells it of a text of a mailing to them alone, in which the ref or a short name is theirs, too."""
        words = [word for word in (self.ref, self.name) if word]
        found = (re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in words)
        return any(found) or self.occur_in_text(text, hasher)


class Eraser:
    """Empties what leads to people.

    Args:
        hasher: of addresses and refs.
        controllers: each brand's.
    """

    def __init__(self, hasher: AddressHasher, controllers: Mapping[str, str]) -> None:
        self._hasher = hasher
        self._controllers = controllers

    async def erase_person(
        self, connection: Connection, data: asyncpg.Record, marks: PersonalMarks, source: str
    ) -> None:
        """Empties all that leads to a person, but for what an answer to them needs that still has to go.

        Args:
            connection: in a transaction, with the standing locked.
            data: the row of `data` in `rights.sql`.
            marks: of the person.
            source: who asked, and how.
        """
        brand, recipient_id = marks.brand, data["id"]
        await connection.execute(SQL["suppress_erased"], recipient_id, source)
        await list_for_partners(connection, self._hasher, [recipient_id], erased=True)
        ref = self._hasher.erased_ref(brand, data["ref"])
        await self._replace_event_ids(connection, brand, recipient_id, marks)
        await connection.execute(SQL["empty_mailings"], brand, recipient_id, ANSWERS)
        await connection.execute(SQL["empty_reports"], brand, recipient_id)
        await connection.execute(SQL["empty_inviter"], brand, data["ref"], ref)
        for name in ("empty_mailboxes", "void_consents", "empty_notes", "forget", "empty_law", "erase_standing"):
            await connection.execute(SQL[name], recipient_id)
        for name in ("empty_consents", "empty_suppressions"):
            await connection.execute(SQL[name], recipient_id, OWN_WORDS)
        await connection.execute(NOTICES["close_erased"], recipient_id)
        await self._erase_staff_texts(connection, marks)
        await self._erase_from_dead_letters(connection, marks)
        await self._mentions_of(marks).erase_mentions(connection, recipient_id)
        await connection.execute(SQL["step_aside"], brand, ref, recipient_id)
        if await connection.fetchval(SQL["answers_waiting"], brand, recipient_id, ANSWERS):
            await connection.execute(SQL["say_farewell"], recipient_id, ref, _FAREWELL)
        else:
            await connection.execute(SQL["empty_person"], recipient_id, ref)

    async def marks_of_person(self, connection: Connection, brand: str, data: asyncpg.Record) -> PersonalMarks:
        """Everything by which a text may name a person, given as the row of `data` in `rights.sql`."""
        had = await connection.fetch(SQL["former_addresses"], data["id"])
        hashes = {bytes(row["address_hash"]) for row in had}
        if data["email"] is not None:
            hashes |= set(self._hasher.similar_address_hashes(data["email"]))
        keys = {key_of_address(hashed) for hashed in hashes} | {key_of_ref(self._hasher, brand, data["ref"])}
        return PersonalMarks(brand, data["ref"], data["name"], frozenset(keys), frozenset(hashes))

    async def _replace_event_ids(
        self, connection: Connection, brand: str, recipient_id: int, marks: PersonalMarks
    ) -> None:
        """Puts hashes in the place of the ids of mailings to them alone, and empties the names that these have."""
        own = await connection.fetch(SQL["own_mailings"], brand, recipient_id)
        new = [(row["id"], hidden) for row in own if (hidden := self._hasher.erased_event_id(brand, row["event_id"]))]
        if new:
            await connection.execute(SQL["hide_ids"], *zip(*new, strict=True))
        naming = [
            row["id"]
            for row in own
            if any(marks.occur_in_own_text(text, self._hasher) for text in (row["campaign"], row["topic"]) if text)
        ]
        await connection.execute(SQL["empty_campaigns"], naming)

    async def _erase_staff_texts(self, connection: Connection, marks: PersonalMarks) -> None:
        """Empties what staff wrote about everything, a brand or a mailing, where it names the person."""
        rows = await connection.fetch(SQL["texts"])
        naming = [row for row in rows if marks.occur_in_text(row["text"], self._hasher)]
        await connection.execute(
            SQL["empty_texts"],
            [row["writer"] for row in naming if row["writer"]],
            [row["n"] for row in naming if row["writer"]],
            [row["scope"] for row in naming if row["scope"]],
            [row["key"] for row in naming if row["scope"]],
        )

    async def erase_from_outbox(self, connection: Connection, marks: PersonalMarks) -> None:
        """Takes the person out of messages that wait in the outbox; one that is about nobody else goes."""
        ref = self._hasher.erased_ref(marks.brand, marks.ref)
        found = connection.cursor(SQL["parked"], prefetch=_AT_ONCE)
        mentions = self._mentions_of(marks)
        rows = [
            row
            async for row in found
            if not marks.keys.isdisjoint(await self._named_brands(row["body"], row["routing_key"]))
            or await asyncio.to_thread(mentions.occur_in, row["body"])
        ]
        for row in rows:
            left = self._body_without_person(row["body"], marks, ref, mentions)
            if left is None:
                await connection.execute(SQL["unpark"], row["id"])
            else:
                await connection.execute(SQL["rewrite"], row["id"], left)

    def _mentions_of(self, marks: PersonalMarks) -> PersonMentions:
        return PersonMentions(marks.brand, marks.ref, marks.keys, self._hasher)

    def _body_without_person(self, body: str, marks: PersonalMarks, ref: str, mentions: PersonMentions) -> str | None:
        """A message without the person; None: nothing is left of it, or it is none that intake would take."""
        try:
            return self._document_without_person(json.loads(body), marks, ref, mentions)
        except (ValueError, RecursionError):  # not JSON, half of a surrogate pair, nested too deep
            return None

    def _document_without_person(
        self, document: Any, marks: PersonalMarks, ref: str, mentions: PersonMentions
    ) -> str | None:
        if not isinstance(document, dict):
            return None
        to = document.get("to")
        if isinstance(to, dict):
            for name in ("people", "refs"):
                if isinstance(to.get(name), list):
                    to[name] = [one for one in to[name] if not self._is_person(one, marks)]
                    if not to[name]:
                        return None
        elif "mailings" not in document:
            return None
        about = _document_with_ref_replaced(document, marks.ref, ref)
        if "to" in about:
            about |= {name: mentions.remove_from_value(about[name]) for name in WORDS if name in about}
            people = about["to"].get("people") if isinstance(about["to"], dict) else None
            for one in people if isinstance(people, list) else ():
                if isinstance(one, dict) and "context" in one:  # to whom and where the mail goes is theirs
                    one["context"] = mentions.remove_from_value(one["context"])
        left = json.dumps(about)
        return None if marks.occur_in_text(left, self._hasher) else left

    def _is_person(self, one: Any, marks: PersonalMarks) -> bool:
        """Tells whether somebody in an event is the person."""
        if not isinstance(one, dict):
            return str(one) == marks.ref
        email = one.get("email")
        return one.get("ref") == marks.ref or (
            isinstance(email, str) and self._hasher.hash_address(email) in marks.hashes
        )

    async def _named_brands(self, body: str, routing_key: str) -> list[str]:
        return await asyncio.to_thread(name_keys_in_body, body.encode(), routing_key, self._hasher)

    async def _erase_from_dead_letters(self, connection: Connection, marks: PersonalMarks) -> None:
        """Empties the dead letters that name a person: by ref, or by an address that they have or had.

        Those of another controller are that one's own to erase; those that also name somebody under a legal hold stay.
        """
        await index_old_dead_letters(connection, self._hasher)
        found = connection.cursor(SQL["letters_naming"], list(marks.keys), prefetch=_AT_ONCE)
        reached = [row["id"] async for row in found if await self._is_letter_of_brand(marks.brand, row)]
        mentions = self._mentions_of(marks)
        saying = connection.cursor(MENTIONS["letters"], mentions.find_octet_patterns(), prefetch=_AT_ONCE)
        async for row in saying:
            text = row["body"].decode("utf-8", "replace")
            if await asyncio.to_thread(mentions.occur_in, text) and await self._is_letter_of_brand(marks.brand, row):
                reached.append(row["id"])
        await connection.execute(SQL["empty_letters"], reached)

    async def _is_letter_of_brand(self, brand: str, letter: asyncpg.Record) -> bool:
        """Tells whether an erasure at a brand reaches a dead letter: not one of other controllers' brands alone."""
        named = await asyncio.to_thread(brands_of_body, letter["body"], letter["routing_key"])
        controllers = {self._controllers[name] for name in named if name in self._controllers}
        return not controllers or self._controllers.get(brand) in controllers


def _document_with_ref_replaced(value: Any, old: str, new: str) -> Any:
    """A document in which one text stands for another, wherever it is a whole value."""
    match value:
        case dict():
            return {name: _document_with_ref_replaced(inner, old, new) for name, inner in value.items()}
        case list():
            return [_document_with_ref_replaced(inner, old, new) for inner in value]
        case _:
            return new if value == old else value


async def cancel_open_deliveries(
    connection: Connection,
    brand: str,
    recipient_id: int,
    why: tuple[str, str],
    *,
    tell: bool,
    spared: Sequence[str] = (),
) -> list[LedgerEntry]:
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
        LedgerEntry(
            EntryKind.DECISION,
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


async def erase_answered_people(pool: Pool, writers: LedgerWriters, limit: int) -> int:
    """Empties the rest of people whose answer has gone out, or could not for days; returns how many."""
    if not await pool.fetch(SQL["farewells_over"], ANSWERS, 1):
        return 0
    async with changing_suppressions(pool, writers) as (connection, entries):
        over = await connection.fetch(SQL["farewells_over"], ANSWERS, limit)
        await people.lock_standings(connection, [row["recipient_id"] for row in over])
        for brand, recipient_id, ref in ((row["brand"], row["recipient_id"], row["ref"]) for row in over):
            entries += await cancel_open_deliveries(connection, brand, recipient_id, ERASED, tell=False)
            await connection.execute(_RIGHTS["list_keepers"], brand, recipient_id, ERASED_BY_PROCESSORS)
            await connection.execute(SQL["empty_mailings"], brand, recipient_id, [])
            await connection.execute(SQL["empty_notes"], recipient_id)
            await connection.execute(SQL["empty_person"], recipient_id, ref)
            await connection.execute(SQL["end_farewell"], recipient_id)
    return len(over)


async def delete_erased_stubs(pool: Pool, limit: int) -> int:
    """Ends what was left of erased people, on the day: stub, hash and row; returns how many. Numbers stay."""
    async with pool.acquire() as connection, connection.transaction():
        over = [row["recipient_id"] for row in await connection.fetch(SQL["stubs_over"], limit)]
        if over:
            await people.lock_out_imports(connection)
            back = [row["id"] for row in await connection.fetch(SQL["having_the_address"], over)]
            await people.lock_standings(connection, back)
            await connection.execute(SQL["end_hashes"], over)
            await connection.execute(SQL["end_stubs"], over)
            if back:
                await people.refresh_standings(connection, back)
    return len(over)


async def dead_letter_keys_of(
    connection: Connection, hasher: AddressHasher, brand: str, data: asyncpg.Record
) -> Sequence[str]:
    """The keys under which dead letters name a person, for a legal hold that keeps these."""
    had = await connection.fetch(SQL["former_addresses"], data["id"])
    keys = {key_of_address(row["address_hash"]) for row in had} | {key_of_ref(hasher, brand, data["ref"])}
    return sorted(keys)
