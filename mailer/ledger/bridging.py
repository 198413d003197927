"""Standings of addresses that were hashed by the rule before."""

import asyncio
from collections.abc import Sequence

from mailer.ledger.addresses import AddressHasher
from mailer.ledger.database import Connection, statements

_SQL = statements("rehashing")

SLICE = 100
"""Addresses that are hashed at once: the first of an international domain takes 0.1 ms, and the loop has others."""


async def bridge(connection: Connection, hasher: AddressHasher, addresses: Sequence[tuple[str, str]]) -> None:
    """Carries what was said of addresses under the rule before over to the rule of now: opt-outs, objections, erasures.

    Args:
        connection: the caller's, in a transaction.
        hasher: knows both rules.
        addresses: as (controller, address).
    """
    known: list[tuple[str, bytes, bool, bytes]] = []
    for start in range(0, len(addresses), SLICE):
        if start:
            await asyncio.sleep(0)
        known += [
            (controller, earlier.hash, earlier.alone, hasher.hash(address))
            for controller, address in addresses[start : start + SLICE]
            if not address.isascii() and (earlier := hasher.earlier(address))
        ]
    if known:
        await connection.execute(_SQL["bridge"], hasher.key_id, *zip(*known, strict=True))
