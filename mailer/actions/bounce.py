"""An address that does not exist."""

from mailer.ports.standings import Standings


async def address_dead(standings: Standings, brand: str, recipient_id: int, address: str, source: str) -> None:
    """Marks an address as dead, for every brand of the controller. One that its owner has left already is not marked.

    Args:
        standings: where it is kept.
        brand: whose mail was refused.
        recipient_id: whose address it was when the mail went out.
        address: the one that was refused.
        source: who said so, such as a processor and its status code.
    """
    await standings.address_dead(brand, recipient_id, address, source)
