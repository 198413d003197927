"""What was said of addresses that were hashed by the rule before."""

from collections.abc import Iterable

from mailer.ledger.addresses import AddressHasher
from mailer.ledger.database import Connection, statements

_SQL = statements("rehashing")


async def bridge(connection: Connection, hasher: AddressHasher, addresses: Iterable[tuple[str, str]]) -> None:
    """What was said of addresses under the rule before holds under the rule of now: opt-outs, objections, erasures.

    Args:
        connection: the caller's, in a transaction.
        hasher: knows both rules.
        addresses: as (controller, address).
    """
    known = [
        (controller, earlier.hash, earlier.alone, hasher.hash(address))
        for controller, address in addresses
        if not address.isascii() and (earlier := hasher.earlier(address))
    ]
    if known:
        await connection.execute(_SQL["bridge"], hasher.key_id, *zip(*known, strict=True))
