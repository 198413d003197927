"""Looking people up, for operators: by ref, by address in any spelling, or by the number that the ledger has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailer.database.statements import Pool, statements
from mailer.postgres.address_hashing import AddressHasher

_LISTED = statements("directory")["listed"]
_SQL = {name: text.replace("{listed}", _LISTED) for name, text in statements("directory").items()}
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ListedRecipient:
    """A recipient of a brand.

    Attributes:
        id: the number that the ledger has for them. brand, ref: as the application names them; of who was erased, a
            keyed hash.
        email, name, locale, country: as they are known now.
        state: active, deactivated, restricted, under_13, address_dead or erased.
        opted_out: the scopes that they have left.
        since: when they became known.
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
    """Reads recipients.

    Args:
        pool: connections. hasher: of addresses.
        brands: whose recipients are looked at, by brand with its controller.
    """

    def __init__(self, pool: Pool, hasher: AddressHasher, brands: dict[str, str]) -> None:
        self._pool = pool
        self._hasher = hasher
        self._brands = brands

    async def list_recipients(self, limit: int, after: int = 0) -> Sequence[ListedRecipient]:
        """Recipients in the order in which they became known, those with a number above `after`."""
        return [ListedRecipient(*row) for row in await self._pool.fetch(_SQL["list"], [*self._brands], after, limit)]

    async def find_recipients(self, text: str) -> Sequence[ListedRecipient]:
        """All whom a text means: as a ref (also of who was erased), as an address, or as the ledger's number."""
        refs = [(brand, ref) for brand in self._brands for ref in (text, self._hasher.erased_ref(brand, text))]
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
        hashes = [self._hasher.hash_address(text)] if "@" in text else []
        controllers = list(set(self._brands.values()))
        rows = await self._pool.fetch(
            _SQL["find"], *zip(*refs, strict=True), [*self._brands], number, controllers, self._hasher.key_id, hashes
        )
        return [ListedRecipient(*row) for row in rows]
