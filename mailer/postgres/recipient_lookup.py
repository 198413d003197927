"""Finds recipients for operators: by ref, by address in any spelling, or by their number in the ledger."""

from collections.abc import Collection, Mapping, Sequence

from mailer.database.statements import Pool, load_statements
from mailer.ports.person_history import ListedRecipient
from mailer.postgres.address_hashing import AddressHasher

_LISTED = load_statements("directory")["listed"]
_SQL = {name: text.replace("{listed}", _LISTED) for name, text in load_statements("directory").items()}
_MOST_DIGITS = 18


class RecipientLookup:
    """Finds and lists recipients of some brands.

    Args:
        pool: the connections. hasher: hashes addresses and refs.
        brands: the controller of each brand whose recipients may be found.
    """

    def __init__(self, pool: Pool, hasher: AddressHasher, brands: Mapping[str, str]) -> None:
        self._pool = pool
        self._hasher = hasher
        self._brands = brands

    def limited_to_brands(self, brands: Collection[str]) -> "RecipientLookup":
        """Returns the look-up among some of these brands."""
        return RecipientLookup(
            self._pool, self._hasher, {brand: self._brands[brand] for brand in brands if brand in self._brands}
        )

    async def get_recipient(self, recipient_id: int) -> ListedRecipient | None:
        """Returns the recipient with a number; None if none of the brands has it."""
        row = await self._pool.fetchrow(_SQL["get"], [*self._brands], recipient_id)
        return ListedRecipient(*row) if row else None

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
