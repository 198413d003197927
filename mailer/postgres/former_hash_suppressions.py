"""Suppressions of addresses that were hashed by the former rule."""

import asyncio
from collections.abc import Iterator, Sequence

from mailer.database.statements import Connection, load_statements
from mailer.postgres.address_hashing import AddressHasher

_SQL = load_statements("rehashing")

SLICE = 100
"""The most addresses that are hashed in one turn of the event loop: an international domain can take 0.1 ms."""


async def carry_over_suppressions(
    connection: Connection, hasher: AddressHasher, addresses: Sequence[tuple[str, str]]
) -> None:
    """Copies suppressions from the former hashes of addresses to their current hashes.

    Suppressions that stop optional mail are also copied from similar addresses.

    Args:
        connection: a connection in a transaction.
        hasher: hashes by both rules.
        addresses: the addresses as (controller, address).
    """
    known: list[tuple[str, bytes, bool, bool, bytes]] = []
    for start in range(0, len(addresses), SLICE):
        if start:
            await asyncio.sleep(0)
        for controller, address in addresses[start : start + SLICE]:
            if not address.isascii():
                known += _former_hashes_and_those_alike_in_capitals(hasher, controller, address)
    if known:
        await connection.execute(_SQL["bridge"], hasher.key_id, *zip(*known, strict=True))


def _former_hashes_and_those_alike_in_capitals(
    hasher: AddressHasher, controller: str, address: str
) -> Iterator[tuple[str, bytes, bool, bool, bytes]]:
    """Yields the other hashes of an address that may have suppressions, as `carry_over_suppressions` needs them."""
    own = hasher.hash_address(address)
    if earlier := hasher.hash_by_former_spelling_rule(address):
        yield controller, earlier.hash, earlier.alone, False, own
    yield from (
        (controller, other, False, True, own) for other in hasher.hashes_of_mailboxes_alike_in_capitals(address)
    )
