"""An address that does not exist."""

from mailer.ports.standings import Standings


async def address_dead(standings: Standings, brand: str, recipient_id: int, source: str) -> None:
    """Marks a recipient's address as dead, for every brand of the controller.

    Args:
        standings: where it is kept.
        brand: whose mail was refused.
        recipient_id: whose address it is.
        source: who said so, such as a processor and its status code.
    """
    await standings.address_dead(brand, recipient_id, source)
