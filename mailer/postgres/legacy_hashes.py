"""Standings of addresses that were hashed by the rule before."""

import asyncio
from collections.abc import Iterator, Sequence

from mailer.database.statements import Connection, statements
from mailer.postgres.address_hashing import AddressHasher

_SQL = statements("rehashing")

SLICE = 100
"""Addresses that are hashed at once: the first of an international domain takes 0.1 ms, and the loop has others."""


async def bridge(connection: Connection, hasher: AddressHasher, addresses: Sequence[tuple[str, str]]) -> None:
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
                known += _said_under(hasher, controller, address)
    if known:
        await connection.execute(_SQL["bridge"], hasher.key_id, *zip(*known, strict=True))


def _said_under(hasher: AddressHasher, controller: str, address: str) -> Iterator[tuple[str, bytes, bool, bool, bytes]]:
    """The other hashes under which something may have been said that holds for an address, as `bridge` takes them."""
    own = hasher.hash(address)
    if earlier := hasher.earlier(address):
        yield controller, earlier.hash, earlier.alone, False, own
    yield from ((controller, other, False, True, own) for other in hasher.kin(address))
