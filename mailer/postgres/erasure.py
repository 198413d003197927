"""Erasure in PostgreSQL: empties all data that lead to a person, in all tables. A keyed hash and numbers remain."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg

from mailer.actions.delivery_transitions import TransitionCause, find_transition
from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.writers import LedgerWriters
from mailer.policy.category import CATEGORIES
from mailer.ports.deliveries import DeliveryState
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.standings import OWN_WORDS
from mailer.postgres import people
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.dead_letters import index_people_in_old_dead_letters
from mailer.postgres.letter_rows import SQL as LETTERS
from mailer.postgres.non_email_notices import SQL as NOTICES
from mailer.postgres.person_keys_in_bodies import (
    brands_perhaps_owning_dead_letter,
    find_person_keys_in_body,
    key_of_address_hash,
    key_of_ref,
)
from mailer.postgres.person_mention_removal import SQL as MENTIONS
from mailer.postgres.person_mention_removal import WORDS, PersonMentionRemover
from mailer.postgres.received_webhooks import empty_webhook_requests_naming_person
from mailer.postgres.suppressions import open_suppression_transaction
from mailer.postgres.suppressions_for_partners import suppress_opted_out_for_partners

SQL = load_statements("erasing")
_AT_ONCE = 10
"""The dead letters or outbox messages that are read at once. Each may have megabytes."""
ANSWERS = [category.name for category in CATEGORIES.values() if category.answers]
"""The categories of mail that answer a person's own request. Such mail still goes out after an erasure."""
ERASED, UNDER_13 = ("erased", "erasure"), ("under_13", "under-13")
"""The reasons for cancelled deliveries, each with its rule."""
ERASED_BY_PROCESSORS = timedelta(days=30)
"""The time that a processor has to erase a person: the month of GDPR Art. 12(3)."""
_FAREWELL = timedelta(days=5)
"""The longest time that name and address are kept for an answer that cannot be delivered yet."""
_EMPTIED_BY_ID = (
    *("empty_mailboxes", "empty_own_limits", "void_consents", "empty_notes"),
    *("forget", "empty_law", "erase_standing"),
)
"""The statements that empty what is kept of a recipient, and take only the recipient's id."""
_RIGHTS = load_statements("rights")
_RECEIVED_MAIL = load_statements("received_mail")
_SHORT = 6
"""The fewest characters of a name that is searched for in texts without a link to its owner."""


@dataclass(frozen=True, slots=True)
class PersonIdentifiers:
    """The texts and keys that identify a person in other texts.

    Attributes:
        keys: the keys of their addresses, of similar addresses, and of their ref.
        hashes: the keyed hashes of these addresses.
    """

    brand: str
    ref: str
    name: str | None
    keys: frozenset[str]
    hashes: frozenset[bytes]

    def has_identifier_in_others_text(self, text: str, hasher: AddressHasher) -> bool:
        """Returns True if a text that does not belong to the person names them."""
        if not self.keys.isdisjoint(find_person_keys_in_body(text.encode(), self.brand, hasher)):
            return True
        return self.name is not None and len(self.name) >= _SHORT and self.name.casefold() in text.casefold()

    def is_named_in_own_mail_text(self, text: str, hasher: AddressHasher) -> bool:
        """Returns True if a text of a mailing to this person alone names them. Also finds the ref or a short name."""
        words = [word for word in (self.ref, self.name) if word]
        found = (re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in words)
        return any(found) or self.has_identifier_in_others_text(text, hasher)


class PersonEraser:
    """Empties the data that lead to a person.

    Args:
        hasher: hashes addresses and refs.
        controllers: the controller of each brand.
    """

    def __init__(self, hasher: AddressHasher, controllers: Mapping[str, str]) -> None:
        self._hasher = hasher
        self._controllers = controllers

    async def erase_person(
        self, connection: Connection, data: asyncpg.Record, marks: PersonIdentifiers, source: str
    ) -> None:
        """Empties all data that lead to a person. Keeps name and address while an answer to them has to go out.

        Args:
            connection: a connection in a transaction that has locked the standing.
            data: the person's row, as the statement `data` in `rights.sql` returns it.
            marks: the identifiers of the person.
            source: the origin of the request.
        """
        brand, recipient_id = marks.brand, data["id"]
        await connection.execute(SQL["suppress_erased"], recipient_id, source)
        await suppress_opted_out_for_partners(connection, self._hasher, [recipient_id], erased=True)
        ref = self._hasher.hash_replacing_ref(brand, data["ref"])
        await self._hash_event_ids_of_mailings_to_person_alone(connection, brand, recipient_id, marks)
        await connection.execute(SQL["empty_mailings"], brand, recipient_id, ANSWERS)
        await connection.execute(SQL["empty_reports"], brand, recipient_id)
        await connection.execute(SQL["empty_inviter"], brand, data["ref"], ref)
        for name in _EMPTIED_BY_ID:
            await connection.execute(SQL[name], recipient_id)
        for name in ("empty_consents", "empty_suppressions"):
            await connection.execute(SQL[name], recipient_id, OWN_WORDS)
        await connection.execute(NOTICES["close_erased"], recipient_id)
        await connection.execute(LETTERS["unmake_runs_of_erased"], recipient_id)
        await connection.execute(_RECEIVED_MAIL["erase"], recipient_id, sorted(marks.keys))
        await empty_webhook_requests_naming_person(connection, sorted(marks.keys))
        await self._erase_staff_texts_naming_person(connection, marks)
        await self._erase_from_dead_letters(connection, marks)
        await self._build_mention_remover(marks).erase_mentions(connection, recipient_id)
        await connection.execute(SQL["step_aside"], brand, ref, recipient_id)
        if await connection.fetchval(SQL["answers_waiting"], brand, recipient_id, ANSWERS):
            await connection.execute(SQL["say_farewell"], recipient_id, ref, _FAREWELL)
        else:
            await connection.execute(SQL["empty_person"], recipient_id, ref)

    async def identifiers_of_person(
        self, connection: Connection, brand: str, data: asyncpg.Record
    ) -> PersonIdentifiers:
        """Returns the identifiers of a person, from the row that the statement `data` in `rights.sql` returns."""
        had = await connection.fetch(SQL["former_addresses"], data["id"])
        hashes = {bytes(row["address_hash"]) for row in had}
        if data["email"] is not None:
            hashes |= set(self._hasher.hashes_of_mailboxes_alike_in_capitals(data["email"]))
        keys = {key_of_address_hash(hashed) for hashed in hashes} | {key_of_ref(self._hasher, brand, data["ref"])}
        return PersonIdentifiers(brand, data["ref"], data["name"], frozenset(keys), frozenset(hashes))

    async def _hash_event_ids_of_mailings_to_person_alone(
        self, connection: Connection, brand: str, recipient_id: int, marks: PersonIdentifiers
    ) -> None:
        """Replaces the event ids of mailings to this person alone by hashes, and empties texts there that name them."""
        own = await connection.fetch(SQL["own_mailings"], brand, recipient_id)
        new = [
            (row["id"], hidden)
            for row in own
            if (hidden := self._hasher.hash_replacing_event_id(brand, row["event_id"]))
        ]
        if new:
            await connection.execute(SQL["hide_ids"], *zip(*new, strict=True))
        naming = [
            row["id"]
            for row in own
            if any(
                marks.is_named_in_own_mail_text(text, self._hasher) for text in (row["campaign"], row["topic"]) if text
            )
        ]
        await connection.execute(SQL["empty_campaigns"], naming)

    async def _erase_staff_texts_naming_person(self, connection: Connection, marks: PersonIdentifiers) -> None:
        """Erases staff's texts that belong to no recipient (on pauses, releases, imports), if they name the person."""
        rows = await connection.fetch(SQL["texts"])
        naming = [row for row in rows if marks.has_identifier_in_others_text(row["text"], self._hasher)]
        await connection.execute(
            SQL["empty_texts"],
            [row["writer"] for row in naming if row["writer"]],
            [row["n"] for row in naming if row["writer"]],
            [row["scope"] for row in naming if row["scope"]],
            [row["key"] for row in naming if row["scope"]],
        )

    async def erase_from_outbox(self, connection: Connection, marks: PersonIdentifiers) -> None:
        """Removes the person from messages in the outbox. Deletes a message that is about nobody else."""
        ref = self._hasher.hash_replacing_ref(marks.brand, marks.ref)
        found = connection.cursor(SQL["parked"], prefetch=_AT_ONCE)
        mentions = self._build_mention_remover(marks)
        rows = [
            row
            async for row in found
            if not marks.keys.isdisjoint(await self._find_all_person_keys_in_body(row["body"], row["routing_key"]))
            or await asyncio.to_thread(mentions.has_ref_in_text, row["body"])
        ]
        for row in rows:
            left = self._outbox_body_without_person(row["body"], marks, ref, mentions)
            if left is None:
                await connection.execute(SQL["unpark"], row["id"])
            else:
                await connection.execute(SQL["rewrite"], row["id"], left)

    def _build_mention_remover(self, marks: PersonIdentifiers) -> PersonMentionRemover:
        return PersonMentionRemover(marks.brand, marks.ref, marks.keys, self._hasher)

    def _outbox_body_without_person(
        self, body: str, marks: PersonIdentifiers, ref: str, mentions: PersonMentionRemover
    ) -> str | None:
        """Returns a message without the person; None if nothing is left, or if intake would refuse it anyway."""
        try:
            return self._document_without_person(json.loads(body), marks, ref, mentions)
        except (ValueError, RecursionError):  # not JSON, half of a surrogate pair, nested too deep
            return None

    def _document_without_person(
        self, document: Any, marks: PersonIdentifiers, ref: str, mentions: PersonMentionRemover
    ) -> str | None:
        if not isinstance(document, dict):
            return None
        to = document.get("to")
        if isinstance(to, dict):
            for name in ("people", "refs"):
                if isinstance(to.get(name), list):
                    to[name] = [one for one in to[name] if not self._is_recipient_in_event_the_person(one, marks)]
                    if not to[name]:
                        return None
        elif "mailings" not in document:
            return None
        about = _document_with_ref_replaced(document, marks.ref, ref)
        if "to" in about:
            about |= {name: mentions.remove_from_value(about[name]) for name in WORDS if name in about}
            people = about["to"].get("people") if isinstance(about["to"], dict) else None
            for one in people if isinstance(people, list) else ():
                if isinstance(one, dict) and "context" in one:  # ref and address are the other recipient's own
                    one["context"] = mentions.remove_from_value(one["context"])
        left = json.dumps(about)
        return None if marks.has_identifier_in_others_text(left, self._hasher) else left

    def _is_recipient_in_event_the_person(self, one: Any, marks: PersonIdentifiers) -> bool:
        """Returns True if a recipient in an event is the person."""
        if not isinstance(one, dict):
            return str(one) == marks.ref
        email = one.get("email")
        return one.get("ref") == marks.ref or (
            isinstance(email, str) and self._hasher.hash_address(email) in marks.hashes
        )

    async def _find_all_person_keys_in_body(self, body: str, routing_key: str) -> list[str]:
        return await asyncio.to_thread(find_person_keys_in_body, body.encode(), routing_key, self._hasher)

    async def _erase_from_dead_letters(self, connection: Connection, marks: PersonIdentifiers) -> None:
        """Empties the dead letters that name a person by ref, or by a present or former address.

        Skips dead letters of another controller, who erases those, and dead letters of people under a legal hold.
        """
        await index_people_in_old_dead_letters(connection, self._hasher)
        found = connection.cursor(SQL["letters_naming"], list(marks.keys), prefetch=_AT_ONCE)
        reached = [
            row["id"]
            async for row in found
            if await may_dead_letter_belong_to_controller(self._controllers, marks.brand, row)
        ]
        mentions = self._build_mention_remover(marks)
        saying = connection.cursor(MENTIONS["letters"], mentions.like_patterns_for_bytea(), prefetch=_AT_ONCE)
        async for row in saying:
            text = row["body"].decode("utf-8", "replace")
            if await asyncio.to_thread(mentions.has_ref_in_text, text) and await may_dead_letter_belong_to_controller(
                self._controllers, marks.brand, row
            ):
                reached.append(row["id"])
        await connection.execute(SQL["empty_letters"], reached)


def _document_with_ref_replaced(value: Any, old: str, new: str) -> Any:
    """Returns a document with each value that equals `old` replaced by `new`."""
    match value:
        case dict():
            return {name: _document_with_ref_replaced(inner, old, new) for name, inner in value.items()}
        case list():
            return [_document_with_ref_replaced(inner, old, new) for inner in value]
        case _:
            return new if value == old else value


async def cancel_open_deliveries_of_person(
    connection: Connection,
    brand: str,
    recipient_id: int,
    why: tuple[str, str],
    *,
    tell: bool,
    spared: Sequence[str] = (),
) -> list[LedgerEntry]:
    """Cancels the queued, deferred and held deliveries of a person, and returns the ledger entries for them.

    Args:
        connection: a connection in a transaction that has locked the standing.
        brand: the brand of the recipient.
        recipient_id: the recipient.
        why: the reason and the rule.
        tell: True: the outcomes also go into the outbox for `mailer.outcomes`.
        spared: the categories whose deliveries are not cancelled.
    """
    reason, rule = why
    change = find_transition(DeliveryState.QUEUED, TransitionCause.RIGHT_USED, reason)
    rows = await connection.fetch(_RIGHTS["cancel"], brand, recipient_id, change.reason, tell, spared)
    return [
        LedgerEntry(
            EntryKind.DECISION,
            brand,
            mailing_id=row["mailing_id"],
            recipient_id=recipient_id,
            attempt=row["attempt"],
            category=row["category"],
            reason=change.entry_reason,
            rule=rule,
            policy=row["policy_version"],
        )
        for row in rows
    ]


async def finish_erasures_after_answering_person(pool: Pool, writers: LedgerWriters, limit: int) -> int:
    """Finishes the erasure of people whose answer went out, or failed for `_FAREWELL`. Returns their number."""
    if not await pool.fetch(SQL["farewells_over"], ANSWERS, 1):
        return 0
    async with open_suppression_transaction(pool, writers) as (connection, entries):
        over = await connection.fetch(SQL["farewells_over"], ANSWERS, limit)
        await people.lock_standings(connection, [row["recipient_id"] for row in over])
        for brand, recipient_id, ref in ((row["brand"], row["recipient_id"], row["ref"]) for row in over):
            entries += await cancel_open_deliveries_of_person(connection, brand, recipient_id, ERASED, tell=False)
            await connection.execute(_RIGHTS["list_keepers"], brand, recipient_id, ERASED_BY_PROCESSORS)
            await connection.execute(SQL["empty_mailings"], brand, recipient_id, [])
            await connection.execute(SQL["empty_notes"], recipient_id)
            await connection.execute(SQL["empty_person"], recipient_id, ref)
            await connection.execute(SQL["end_farewell"], recipient_id)
    return len(over)


async def delete_erased_stubs(pool: Pool, limit: int) -> int:
    """Deletes stub, hash and row of erased people whose day has come. Returns their number. Counts stay."""
    async with pool.acquire() as connection, connection.transaction():
        over = [row["recipient_id"] for row in await connection.fetch(SQL["stubs_over"], limit)]
        if over:
            await people.lock_out_imports_until_transaction_ends(connection)
            back = [row["id"] for row in await connection.fetch(SQL["having_the_address"], over)]
            await people.lock_standings(connection, back)
            await connection.execute(SQL["end_hashes"], over)
            await connection.execute(SQL["end_stubs"], over)
            if back:
                await people.refresh_standings(connection, back)
    return len(over)


async def may_dead_letter_belong_to_controller(
    controllers: Mapping[str, str], brand: str, letter: asyncpg.Record
) -> bool:
    """Returns False if a dead letter belongs only to brands of other controllers than that of a brand; else True."""
    named = await asyncio.to_thread(brands_perhaps_owning_dead_letter, letter["body"], letter["routing_key"])
    known = {controllers[name] for name in named if name in controllers}
    return not known or controllers.get(brand) in known


async def keys_naming_person_in_dead_letters(
    connection: Connection, hasher: AddressHasher, brand: str, data: asyncpg.Record
) -> Sequence[str]:
    """Returns the keys that dead letters may name a person by. A legal hold keeps these dead letters."""
    had = await connection.fetch(SQL["former_addresses"], data["id"])
    keys = {key_of_address_hash(row["address_hash"]) for row in had} | {key_of_ref(hasher, brand, data["ref"])}
    return sorted(keys)
