"""Refusals void what was asked for before and waits for its confirmation, so that no old link takes them back."""

from collections.abc import Mapping, Sequence

from mailer.database.statements import Connection, statements
from mailer.policy.standing import TRACKING
from mailer.ports.consents import Consent
from mailer.ports.pending_requests import RequestedAct
from mailer.ports.standings import StandingFlag

_SQL = statements("wishes")
_OPPOSED: Mapping[tuple[StandingFlag, bool], tuple[str, ...]] = {
    (StandingFlag.PERSONALISATION_REFUSED, True): (RequestedAct.PERSONALISED,),
    (StandingFlag.TRACKING_REFUSED, True): (RequestedAct.COUNTED, TRACKING),
    (StandingFlag.ELECTRONIC_REFUSED, True): (RequestedAct.BY_EMAIL,),
    (StandingFlag.ELECTRONIC_REFUSED, False): (RequestedAct.IN_WRITING,),
    (StandingFlag.DEACTIVATED, False): (RequestedAct.CLOSED,),
}
"""The wishes that a flag contradicts once it is set (True) or cleared."""


async def void_requests_by_flag(connection: Connection, recipient_id: int, flag: StandingFlag, on: bool) -> None:
    """Voids a person's wishes that a change of a flag contradicts, whether or not the flag was so before.

    Not for the answer to a wish: whatever else its mail asks can still be answered, and the last answer holds.
    """
    if opposed := _OPPOSED.get((flag, on)):
        await connection.execute(_SQL["void"], [recipient_id], opposed)


async def void_requests_by_objection(connection: Connection, recipient_ids: Sequence[int]) -> None:
    """Voids the wishes for marketing of all whom an objection concerns."""
    await connection.execute(_SQL["void"], recipient_ids, [RequestedAct.MARKETING])


async def void_requests_by_withdrawal(connection: Connection, said: Sequence[tuple[int, Consent]]) -> None:
    """Voids the wishes for consents that were withdrawn since, given with their recipients.

    A withdrawal from before a wish leaves it, as one in a file may be.
    """
    withdrawn = [(recipient_id, one.scope, one.at) for recipient_id, one in said if not one.given]
    if withdrawn:
        await connection.execute(_SQL["void_withdrawn"], *zip(*withdrawn, strict=True))
