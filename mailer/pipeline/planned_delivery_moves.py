"""The values that pass through a hand-over: planned messages, steps of deliveries, and their transitions."""

from dataclasses import dataclass
from typing import NamedTuple

from mailer.policy.category import Category
from mailer.policy.decision_types import Send
from mailer.ports.deliveries import DeliveryMove, DeliveryRow, IntentToSendTextToSharedAddress
from mailer.ports.ledger_entry import LedgerEntry
from mailer.ports.processor import Processor
from mailer.ports.rates import RateAdmissionRequest
from mailer.rendering.mailing_renderer import MailingRenderer, RenderedMessage


class Transition(NamedTuple):
    """The move of one delivery, and its ledger entries."""

    move: DeliveryMove
    entries: tuple[LedgerEntry, ...]


@dataclass(slots=True)
class PlannedDeliveryMove:
    """The result of a decision about a row. No code changes it; `frozen` would make its creation five times slower.

    Attributes:
        category: the category of the mail for this person.
    """

    row: DeliveryRow
    renderer: MailingRenderer
    category: Category
    change: Transition


@dataclass(slots=True)
class PlannedHandOver(PlannedDeliveryMove):
    """The intent to hand a message over.

    Attributes:
        wanted: the request for rate tokens that was granted.
    """

    processor: Processor
    wanted: RateAdmissionRequest
    rendered: RenderedMessage


@dataclass(slots=True)
class RoutedDelivery:
    """A delivery that may be sent: its processor, its request for rate tokens, and its text for a shared address."""

    row: DeliveryRow
    renderer: MailingRenderer
    send: Send
    processor: Processor
    wanted: RateAdmissionRequest
    carries: IntentToSendTextToSharedAddress | None = None
