"""Mentions of an erased person in mail to others: found by the words that were typed, and taken out."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from mailer.database.statements import Connection, statements
from mailer.policy.text_folding import normalized
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.dead_letter_names import names_in, readings

SQL = statements("mentions")
GONE = "erased"
"""Stands in the place of a mention: a word that any text, slug and URL may have."""
WORDS = ("context", "reason", "campaign", "topic")
"""Fields of an event, and of its mailing, that say something; the others are keys and addresses."""
MOST = 20_000
"""Mailings of a brand, the newest, and values for others in these, in which an erasure looks for mentions."""
_SHORT = 6
"""Characters from which on a ref or a name is looked for in texts about others."""


class Mentions:
    """The ways in which a text names a person.

    These are the ref, where it cannot be taken for a word: whole, in any case and form (NFKC). Besides, the addresses.
    A name is none: people choose it, and who is called Happy Birthday would take these words from everybody's mail.

    Args:
        brand: whose the ref is.
        keys: of the addresses and the ref, as `names_in` returns them.
    """

    def __init__(self, brand: str, ref: str, keys: frozenset[str], hasher: AddressHasher) -> None:
        self._brand, self._keys, self._hasher = brand, keys, hasher
        self._typed = [ref] if is_telling(ref) else []
        forms = (re.escape(_form(one)) for one in self._typed)
        self._pattern = re.compile("|".join(rf"(?<![^\W_])(?<!@)(?:{one})(?![^\W_]|@)" for one in forms) or r"(?!)")

    def find_patterns(self) -> list[str]:
        """Patterns of LIKE, one of which every text in lower case has that names the person by ref."""
        return [f"%{_like(one)}%" for one in sorted(self._forms())]

    def find_octet_patterns(self) -> list[str]:
        """The same for octets, as PostgreSQL writes these in its format `escape`, in each code of JSON and of URLs."""
        codes = {code for one in self._forms() for code in (one, json.dumps(one)[1:-1], quote(one, safe=" "))}
        return [f"%{_like(_escaped(code).lower())}%" for code in sorted(codes)]

    def _forms(self) -> set[str]:
        return {form for one in self._typed for form in (_form(one), normalized("NFKC", one).lower())}

    def are_in(self, text: str) -> bool:
        """Tells whether a text names the person by ref, in whatever code."""
        return any(self._pattern.search(_form(reading)) for reading in readings(text))

    def without(self, value: Any) -> Any:
        """Returns a value of JSON without the mentions; what is read only in a code goes as a whole."""
        match value:
            case str():
                return self._without(value)
            case dict():
                return {name: self.without(inner) for name, inner in value.items()}  # a template knows it by its name
            case list():
                return [self.without(inner) for inner in value]
            case _:
                return value

    def _without(self, text: str) -> str:
        left = re.sub(self._pattern.pattern, GONE, text, flags=re.IGNORECASE)
        if self.are_in(left) or ("@" in left and not self._keys.isdisjoint(self._named(left))):
            return GONE
        return left

    def _named(self, text: str) -> list[str]:
        return names_in(json.dumps(text).encode(), self._brand, self._hasher)

    async def _left(self, row: Any) -> dict[str, Any]:
        left: dict[str, Any] = await asyncio.to_thread(self.without, _said(row))
        return left

    async def empty(self, connection: Connection, recipient_id: int) -> None:
        """Takes the person out of the brand's newest mailings, and of the values for others in these."""
        like = self.find_patterns()
        for row in await connection.fetch(SQL["mailings"], self._brand, like, MOST):
            if await self._left(row) == _said(row):
                continue
            locked = await connection.fetchrow(SQL["mailing"], row["id"])  # another erasure may have rewritten it since
            if locked and (left := await self._left(locked)) != (said := _said(locked)):
                named = (None if left[name] != said[name] else said[name] for name in ("campaign", "topic"))
                await connection.execute(SQL["rewrite_mailing"], row["id"], left["context"], left["reason"], *named)
        for row in await connection.fetch(SQL["deliveries"], self._brand, like, recipient_id, MOST):
            context = await asyncio.to_thread(self.without, row["context"])
            if context != row["context"]:
                await connection.execute(SQL["rewrite_delivery"], row["mailing_id"], row["recipient_id"], context)


def _said(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in WORDS}


def is_telling(ref: str) -> bool:
    """Tells whether a ref can be told from words and numbers: it is not short, and has letters beside figures."""
    return len(ref) >= _SHORT and any(map(str.isalpha, ref)) and any(map(str.isdecimal, ref))


def _form(text: str) -> str:
    return normalized("NFKC", text).casefold()


def _like(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _escaped(text: str) -> str:
    return "".join(_octets(text))


def _octets(text: str) -> Iterator[str]:
    for octet in text.encode():
        yield "\\\\" if octet == 0x5C else chr(octet) if 0 < octet < 0x80 else f"\\{octet:03o}"
