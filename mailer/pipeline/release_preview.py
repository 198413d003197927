"""The preview of a mailing that waits for its release: the recipients that it would reach, and by which channel."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from mailer.pipeline.no_route import NoRoute
from mailer.policy.deciding import decide
from mailer.policy.decision_types import Divert, Hold, Send, Suppress
from mailer.ports.deliveries import DeliveryRow, DeliveryStore
from mailer.rendering.mailing_renderer import MailingRenderer

_AT_ONCE: Final = 5000


@dataclass(slots=True)
class ReleasePreview:
    """The numbers of recipients by result, if the mailing were released now.

    Attributes:
        mail: recipients who would get it by mail.
        diverted: recipients who would be told on another channel, by channel and reason.
        suppressed: recipients who would get nothing, by reason.
        unrouted: recipients whose mail no processor may take, by reason.
    """

    mail: int = 0
    diverted: Counter[tuple[str, str]] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    unrouted: Counter[str] = field(default_factory=Counter)

    @property
    def audience_size(self) -> int:
        """The number of all recipients."""
        return self.mail + self.diverted.total() + self.suppressed.total() + self.unrouted.total()

    def decide_and_count_recipient(
        self, row: DeliveryRow, renderer: MailingRenderer, route: NoRoute | None, now: datetime
    ) -> None:
        """Decides about one recipient and adds it to the counts."""
        match decide(renderer.mailing_with_inviter_pause_of_row(row), row.standing, renderer.policy, now):
            case Divert(channel=channel, reason=reason):
                self.diverted[channel, reason] += 1
            case Suppress(reason=reason):
                self.suppressed[reason] += 1
            case Send() | Hold() if route is not None:
                self.unrouted[route.reason] += 1
            case Send() | Hold():
                self.mail += 1


async def preview_release(
    deliveries: DeliveryStore, renderer: MailingRenderer, route: NoRoute | None, now: datetime
) -> ReleasePreview:
    """Decides about each queued recipient as the hand-over would, and returns the counts. It changes nothing.

    Args:
        deliveries: the store; rows are read in portions.
        renderer: the renderer of the mailing.
        route: the reason for which no processor may take it; None: one may.
        now: an aware datetime.
    """
    foreseen, after = ReleasePreview(), 0
    while rows := await deliveries.list_queued_deliveries_of_mailing(renderer.facts.id, after, _AT_ONCE):
        after = rows[-1].recipient_id
        for row in rows:
            foreseen.decide_and_count_recipient(row, renderer, route, now)
    return foreseen
