"""A refusal voids earlier wishes that wait for a confirmation. So no old link can undo the refusal."""

from collections.abc import Mapping, Sequence

from mailer.database.statements import Connection, load_statements
from mailer.policy.standing import TRACKING
from mailer.ports.consents import Consent
from mailer.ports.pending_requests import RequestedAct
from mailer.ports.standings import StandingFlag

_SQL = load_statements("wishes")
_OPPOSED: Mapping[tuple[StandingFlag, bool], tuple[str, ...]] = {
    (StandingFlag.PERSONALISATION_REFUSED, True): (RequestedAct.PERSONALISED,),
    (StandingFlag.TRACKING_REFUSED, True): (RequestedAct.COUNTED, TRACKING),
    (StandingFlag.ELECTRONIC_REFUSED, True): (RequestedAct.BY_EMAIL,),
    (StandingFlag.ELECTRONIC_REFUSED, False): (RequestedAct.IN_WRITING,),
    (StandingFlag.DEACTIVATED, False): (RequestedAct.CLOSED,),
}
"""The wishes that a flag contradicts when it is set (True) or cleared (False)."""


async def void_requests_contradicting_flag(
    connection: Connection, recipient_id: int, flag: StandingFlag, on: bool
) -> None:
    """Voids a person's wishes that contradict a flag, also if the flag had this value before.

    Not for an answer to a wish: the other questions of the same mail can still be answered, and the last answer holds.
    """
    if opposed := _OPPOSED.get((flag, on)):
        await connection.execute(_SQL["void"], [recipient_id], opposed)


async def void_marketing_requests(connection: Connection, recipient_ids: Sequence[int]) -> None:
    """Voids the wishes for marketing of the recipients that an objection concerns."""
    await connection.execute(_SQL["void"], recipient_ids, [RequestedAct.MARKETING])


async def void_requests_of_withdrawn_consents(connection: Connection, said: Sequence[tuple[int, Consent]]) -> None:
    """Voids wishes for consents that were withdrawn later. The consents are given as (recipient id, consent).

    A withdrawal from before a wish, in an imported file for example, does not void it.
    """
    withdrawn = [(recipient_id, one.scope, one.at) for recipient_id, one in said if not one.given]
    if withdrawn:
        await connection.execute(_SQL["void_withdrawn"], *zip(*withdrawn, strict=True))
