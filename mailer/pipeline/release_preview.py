"""Looks ahead at a mailing that waits for its release: whom it will reach, and how."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from mailer.pipeline.routing import NoRoute
from mailer.pipeline.transitions import decide_row
from mailer.policy.decision import Divert, Hold, Send, Suppress
from mailer.ports.deliveries import DeliveryRow, DeliveryStore
from mailer.rendering.mailing import MailingRenderer

_AT_ONCE: Final = 5000


@dataclass(slots=True)
class ReleasePreview:
    """The ways in which a mailing would reach its recipients, were it released now.

    Attributes:
        mail: how many get it by mail.
        diverted: how many are told on another channel, by channel and reason.
        suppressed: how many get nothing, by reason.
        unrouted: how many no processor may have, by reason.
    """

    mail: int = 0
    diverted: Counter[tuple[str, str]] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    unrouted: Counter[str] = field(default_factory=Counter)

    @property
    def total_recipients(self) -> int:
        """All recipients."""
        return self.mail + self.diverted.total() + self.suppressed.total() + self.unrouted.total()

    def count_recipient(self, row: DeliveryRow, press: MailingRenderer, route: NoRoute | None, now: datetime) -> None:
        """Counts one recipient."""
        match decide_row(row, press, now):
            case Divert(channel=channel, reason=reason):
                self.diverted[channel, reason] += 1
            case Suppress(reason=reason):
                self.suppressed[reason] += 1
            case Send() | Hold() if route is not None:
                self.unrouted[route.reason] += 1
            case Send() | Hold():
                self.mail += 1


async def preview_release(
    deliveries: DeliveryStore, press: MailingRenderer, route: NoRoute | None, now: datetime
) -> ReleasePreview:
    """Decides about each recipient that waits, as the hand-over would; nothing is changed.

    Args:
        deliveries: read some at a time.
        press: of the mailing.
        route: why no processor may have it; None: one may.
        now: an aware datetime.
    """
    foreseen, after = ReleasePreview(), 0
    while rows := await deliveries.list_queued(press.facts.id, after, _AT_ONCE):
        after = rows[-1].recipient_id
        for row in rows:
            foreseen.count_recipient(row, press, route, now)
    return foreseen
