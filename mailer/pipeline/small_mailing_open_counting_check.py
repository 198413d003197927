"""The check, before the first message of a small mailing, that enough people may get it for its opens to be counted."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from mailer.metrics_and_logger import log
from mailer.policy.deciding import decide
from mailer.policy.decision_types import Hold, Send
from mailer.ports.deliveries import Claim, DeliveryRow
from mailer.rendering.mailing_renderer import MailingRenderer


def record_who_may_get_small_mailings(claim: Claim, renderers: Mapping[UUID, MailingRenderer], now: datetime) -> None:
    """Records, for each small mailing of a claim, the recipients who may get it.

    The references of an event need not exist, and most people may have opted out. So the audience size does not show
    how many can read it. Larger mailings are left out: their pixel counts only once enough people got it.
    """
    for mailing_id, renderer in renderers.items():
        if renderer.counting.is_recipient_reach_check_needed:
            for row in claim.rows_of_mailing(mailing_id):
                renderer.counting.record_whether_countable(row, _may_get_countable_mail(row, renderer, now))


def _may_get_countable_mail(row: DeliveryRow, renderer: MailingRenderer, now: datetime) -> bool:
    """Returns True if a person may get the mailing, now or later, as optional mail, which can be counted."""
    try:
        decision = decide(renderer.mailing_with_inviter_pause_of_row(row), row.standing, renderer.policy, now)
    except Exception as error:  # the preparation of the row meets it again, and handles it
        log.debug("a row could not be looked at", error=type(error).__name__)
        return False
    return isinstance(decision, Hold) or (isinstance(decision, Send) and decision.category.is_optional)
