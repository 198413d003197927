"""Standings of addresses that were hashed by the rule before."""

import asyncio
from collections.abc import Iterator, Sequence

from mailer.database.statements import Connection, statements
from mailer.postgres.address_hashing import AddressHasher

_SQL = statements("rehashing")

SLICE = 100
"""Addresses that are hashed at once: the first of an international domain takes 0.1 ms, and the loop has others."""


async def carry_over_standings(
    connection: Connection, hasher: AddressHasher, addresses: Sequence[tuple[str, str]]
) -> None:
    """Carries over to addresses what was said of them under the rule before: opt-outs, objections, erasures.

    What stops optional mail is carried over from the kin of an address, too.

    Args:
        connection: the caller's, in a transaction.
        hasher: knows both rules.
        addresses: as (controller, address).
    """
    known: list[tuple[str, bytes, bool, bool, bytes]] = []
    for start in range(0, len(addresses), SLICE):
        if start:
            await asyncio.sleep(0)
        for controller, address in addresses[start : start + SLICE]:
            if not address.isascii():
                known += _legacy_hashes_of(hasher, controller, address)
    if known:
        await connection.execute(_SQL["bridge"], hasher.key_id, *zip(*known, strict=True))


def _legacy_hashes_of(
    hasher: AddressHasher, controller: str, address: str
) -> Iterator[tuple[str, bytes, bool, bool, bytes]]:
    """Other hashes of an address under which statements may stand, as `carry_over_standings` takes them."""
    own = hasher.hash_address(address)
    if earlier := hasher.legacy_hash(address):
        yield controller, earlier.hash, earlier.alone, False, own
    yield from ((controller, other, False, True, own) for other in hasher.similar_address_hashes(address))
