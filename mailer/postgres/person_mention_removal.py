"""Finds mentions of an erased person in mail to others, and removes them."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from mailer.database.statements import Connection, load_statements
from mailer.policy.text_folding_for_comparison import normalized
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.person_keys_in_bodies import find_person_keys_in_body, iterate_possible_decodings_of_text

SQL = load_statements("mentions")
GONE = "erased"
"""The word that replaces a mention. Any text, slug or URL may contain it."""
WORDS = ("context", "reason", "campaign", "topic")
"""The fields of an event and its mailing that contain free text. The others are keys and addresses."""
MOST = 20_000
"""The most mailings of a brand (the newest), and values for others in them, that an erasure searches for mentions."""
_SHORT = 6
"""The fewest characters of a ref that is searched for in texts about others."""


class PersonMentionRemover:
    """Finds and removes the mentions of one person in texts.

    A mention is the whole ref, in any case and form (NFKC), if it cannot be mistaken for a word; or one of the
    addresses. A name is not a mention: people choose their names, and the erasure of a person called Happy Birthday
    would remove these words from everybody's mail.

    Args:
        brand: the brand of the ref.
        ref: the ref of the person.
        keys: the keys of the addresses and the ref, as `find_person_keys_in_body` returns them.
        hasher: hashes addresses and refs.
    """

    def __init__(self, brand: str, ref: str, keys: frozenset[str], hasher: AddressHasher) -> None:
        self._brand, self._keys, self._hasher = brand, keys, hasher
        self._typed = [ref] if is_distinctive_ref(ref) else []
        forms = (re.escape(_casefolded_nfkc(one)) for one in self._typed)
        self._pattern = re.compile("|".join(rf"(?<![^\W_])(?<!@)(?:{one})(?![^\W_]|@)" for one in forms) or r"(?!)")

    def like_patterns_of_ref(self) -> list[str]:
        """Returns LIKE patterns. Each lower-case text that names the person by ref matches one of them."""
        return [f"%{_escape_like_wildcards(one)}%" for one in sorted(self._normalized_ref_forms())]

    def like_patterns_for_bytea(self) -> list[str]:
        """Returns LIKE patterns for bytea columns in PostgreSQL's `escape` format, also for JSON and URL codes."""
        codes = {
            code for one in self._normalized_ref_forms() for code in (one, json.dumps(one)[1:-1], quote(one, safe=" "))
        }
        return [f"%{_escape_like_wildcards(_bytea_escape_text(code).lower())}%" for code in sorted(codes)]

    def _normalized_ref_forms(self) -> set[str]:
        return {form for one in self._typed for form in (_casefolded_nfkc(one), normalized("NFKC", one).lower())}

    def has_ref_in_text(self, text: str) -> bool:
        """Returns True if a text names the person by ref, plain or in codes."""
        return any(
            self._pattern.search(_casefolded_nfkc(reading)) for reading in iterate_possible_decodings_of_text(text)
        )

    def remove_from_value(self, value: Any) -> Any:
        """Returns a JSON value without the mentions. A text with a mention in codes is replaced as a whole."""
        match value:
            case str():
                return self._remove_from_text(value)
            case dict():
                return {
                    name: self.remove_from_value(inner) for name, inner in value.items()
                }  # names of fields stay: the template uses them
            case list():
                return [self.remove_from_value(inner) for inner in value]
            case _:
                return value

    def _remove_from_text(self, text: str) -> str:
        left = re.sub(self._pattern.pattern, GONE, text, flags=re.IGNORECASE)
        if self.has_ref_in_text(left) or (
            "@" in left and not self._keys.isdisjoint(self._find_all_person_keys_in_text(left))
        ):
            return GONE
        return left

    def _find_all_person_keys_in_text(self, text: str) -> list[str]:
        return find_person_keys_in_body(json.dumps(text).encode(), self._brand, self._hasher)

    async def _text_fields_with_mentions_removed(self, row: Any) -> dict[str, Any]:
        left: dict[str, Any] = await asyncio.to_thread(self.remove_from_value, _text_fields_of_row(row))
        return left

    async def erase_mentions(self, connection: Connection, recipient_id: int) -> None:
        """Removes the person from the texts of the brand's newest mailings, and from the values for others in them."""
        like = self.like_patterns_of_ref()
        for row in await connection.fetch(SQL["mailings"], self._brand, like, MOST):
            if await self._text_fields_with_mentions_removed(row) == _text_fields_of_row(row):
                continue
            locked = await connection.fetchrow(SQL["mailing"], row["id"])  # another erasure may have rewritten it since
            if locked and (left := await self._text_fields_with_mentions_removed(locked)) != (
                said := _text_fields_of_row(locked)
            ):
                named = (None if left[name] != said[name] else said[name] for name in ("campaign", "topic"))
                await connection.execute(SQL["rewrite_mailing"], row["id"], left["context"], left["reason"], *named)
        for row in await connection.fetch(SQL["deliveries"], self._brand, like, recipient_id, MOST):
            context = await asyncio.to_thread(self.remove_from_value, row["context"])
            if context != row["context"]:
                await connection.execute(SQL["rewrite_delivery"], row["mailing_id"], row["recipient_id"], context)


def _text_fields_of_row(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in WORDS}


def is_distinctive_ref(ref: str) -> bool:
    """Returns True if a ref cannot be mistaken for a word or a number: at least 6 characters, letters and digits."""
    return len(ref) >= _SHORT and any(map(str.isalpha, ref)) and any(map(str.isdecimal, ref))


def _casefolded_nfkc(text: str) -> str:
    return normalized("NFKC", text).casefold()


def _escape_like_wildcards(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _bytea_escape_text(text: str) -> str:
    return "".join(_bytea_escaped_octets(text))


def _bytea_escaped_octets(text: str) -> Iterator[str]:
    for octet in text.encode():
        yield "\\\\" if octet == 0x5C else chr(octet) if 0 < octet < 0x80 else f"\\{octet:03o}"
