"""Looks ahead at a mailing that waits for its release: whom it will reach, and how."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from mailer.pipeline.routing import NoRoute
from mailer.pipeline.transitions import decision_about
from mailer.policy.decision import Divert, Hold, Send, Suppress
from mailer.ports.deliveries import Deliveries, Row
from mailer.rendering.mailing import Press

_AT_ONCE: Final = 5000


@dataclass(slots=True)
class Foreseen:
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
    def total(self) -> int:
        """All recipients."""
        return self.mail + self.diverted.total() + self.suppressed.total() + self.unrouted.total()

    def add(self, row: Row, press: Press, route: NoRoute | None, now: datetime) -> None:
        """Counts one recipient."""
        match decision_about(row, press, now):
            case Divert(channel=channel, reason=reason):
                self.diverted[channel, reason] += 1
            case Suppress(reason=reason):
                self.suppressed[reason] += 1
            case Send() | Hold() if route is not None:
                self.unrouted[route.reason] += 1
            case Send() | Hold():
                self.mail += 1


async def foresee(deliveries: Deliveries, press: Press, route: NoRoute | None, now: datetime) -> Foreseen:
    """Decides about each recipient that waits, as the hand-over would; nothing is changed.

    Args:
        deliveries: read some at a time.
        press: of the mailing.
        route: why no processor may have it; None: one may.
        now: an aware datetime.
    """
    foreseen, after = Foreseen(), 0
    while rows := await deliveries.waiting(press.facts.id, after, _AT_ONCE):
        after = rows[-1].recipient_id
        for row in rows:
            foreseen.add(row, press, route, now)
    return foreseen
