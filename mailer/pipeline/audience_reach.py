"""Looks ahead, before the first message of a small mailing: may so many be handed it that it can be counted?"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from mailer.pipeline.transitions import decide_row
from mailer.policy.decision import Hold, Send
from mailer.ports.deliveries import Claim, DeliveryRow
from mailer.rendering.mailing import MailingRenderer
from mailer.telemetry import log


def note_audience_reach(claim: Claim, presses: Mapping[UUID, MailingRenderer], now: datetime) -> None:
    """Notes of each small mailing of a claim who of its recipients may be handed it.

    The references of an event need not exist, and most may have opted out: the audience says nothing about who reads.
    Larger mailings are not looked at. Their pixel counts only once enough were handed it.
    """
    for mailing_id, press in presses.items():
        if press.counting.is_near_minimum:
            for row in claim.rows_of_mailing(mailing_id):
                press.counting.record_reachability(row, _is_reachable(row, press, now))


def _is_reachable(row: DeliveryRow, press: MailingRenderer, now: datetime) -> bool:
    """Tells whether a person may get the mailing as mail that can be counted, now or later."""
    try:
        decision = decide_row(row, press, now)
    except Exception as error:  # it is met again, and settled, when the row is prepared
        log.debug("a row could not be looked at", error=type(error).__name__)
        return False
    return isinstance(decision, Hold) or (isinstance(decision, Send) and decision.category.is_optional)
