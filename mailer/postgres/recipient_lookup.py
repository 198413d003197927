"""Finds recipients for operators: by ref, by address in any spelling, or by their number in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailer.database.statements import Pool, load_statements
from mailer.postgres.address_hashing import AddressHasher

_LISTED = load_statements("directory")["listed"]
_SQL = {name: text.replace("{listed}", _LISTED) for name, text in load_statements("directory").items()}
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ListedRecipient:
    """A recipient of a brand.

    Attributes:
        id: their number in the ledger.
        brand, ref: the names that the application uses; the ref of an erased person is a keyed hash.
        email, name, locale, country: the current data.
        state: active, deactivated, restricted, under_13, address_dead or erased.
        opted_out: the scopes of their opt-outs.
        since: the time when they became known.
    """

    id: int
    brand: str
    ref: str
    email: str | None
    name: str | None
    locale: str | None
    country: str | None
    state: str
    opted_out: Sequence[str]
    since: datetime


class RecipientLookup:
    """Finds and lists recipients of some brands.

    Args:
        pool: the connections. hasher: hashes addresses and refs.
        brands: the controller of each brand whose recipients may be found.
    """

    def __init__(self, pool: Pool, hasher: AddressHasher, brands: dict[str, str]) -> None:
        self._pool = pool
        self._hasher = hasher
        self._brands = brands

    async def list_recipients(self, limit: int, after: int = 0) -> Sequence[ListedRecipient]:
        """Returns recipients with a number above `after`, in the order in which they became known."""
        return [ListedRecipient(*row) for row in await self._pool.fetch(_SQL["list"], [*self._brands], after, limit)]

    async def find_recipients(self, text: str) -> Sequence[ListedRecipient]:
        """Returns all recipients with this ref (also erased ones), this address, or this number in the ledger."""
        refs = [(brand, ref) for brand in self._brands for ref in (text, self._hasher.hash_replacing_ref(brand, text))]
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
        hashes = [self._hasher.hash_address(text)] if "@" in text else []
        controllers = list(set(self._brands.values()))
        rows = await self._pool.fetch(
            _SQL["find"], *zip(*refs, strict=True), [*self._brands], number, controllers, self._hasher.key_id, hashes
        )
        return [ListedRecipient(*row) for row in rows]
