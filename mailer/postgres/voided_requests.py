"""Refusals void what was asked for before and waits for its confirmation, so that no old link takes them back."""

from collections.abc import Mapping, Sequence

from mailer.database.statements import Connection, statements
from mailer.policy.standing import TRACKING
from mailer.ports.consents import Consent
from mailer.ports.pending_requests import Act
from mailer.ports.standings import Flag

_SQL = statements("wishes")
_OPPOSED: Mapping[tuple[Flag, bool], tuple[str, ...]] = {
    (Flag.PERSONALISATION_REFUSED, True): (Act.PERSONALISED,),
    (Flag.TRACKING_REFUSED, True): (Act.COUNTED, TRACKING),
    (Flag.ELECTRONIC_REFUSED, True): (Act.BY_EMAIL,),
    (Flag.ELECTRONIC_REFUSED, False): (Act.IN_WRITING,),
    (Flag.DEACTIVATED, False): (Act.CLOSED,),
}
"""The wishes that a flag contradicts once it is set (True) or cleared."""


async def void_by_flag(connection: Connection, recipient_id: int, flag: Flag, on: bool) -> None:
    """Voids a person's wishes that a change of a flag contradicts, whether or not the flag was so before.

    Not for the answer to a wish: whatever else its mail asks can still be answered, and the last answer holds.
    """
    if opposed := _OPPOSED.get((flag, on)):
        await connection.execute(_SQL["void"], [recipient_id], opposed)


async def void_by_objection(connection: Connection, recipient_ids: Sequence[int]) -> None:
    """Voids the wishes for marketing of all whom an objection concerns."""
    await connection.execute(_SQL["void"], recipient_ids, [Act.MARKETING])


async def void_by_withdrawal(connection: Connection, said: Sequence[tuple[int, Consent]]) -> None:
    """Voids the wishes for consents that were withdrawn since, given with their recipients.

    A withdrawal from before a wish leaves it, as one in a file may be.
    """
    withdrawn = [(recipient_id, one.scope, one.at) for recipient_id, one in said if not one.given]
    if withdrawn:
        await connection.execute(_SQL["void_withdrawn"], *zip(*withdrawn, strict=True))
