"""A mailing as the hand-over sees it, and its renderer, for tests without a database."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

from mailer.pipeline.hand_over_tally import HandOverTally
from mailer.pipeline.pauses_for_blocked_mail import PausesForBlockedMail
from mailer.pipeline.planned_delivery_moves import PlannedDeliveryMove
from mailer.pipeline.preparation import SendChecks, WindowPreparation
from mailer.pipeline.routing import ProcessorRoutes
from mailer.pipeline.shared_address_copies import Key
from mailer.policy.hand_over_outcome import Outcome
from mailer.ports.deliveries import DeliveryRow, LastDeliveryOfTextToSharedAddress
from mailer.ports.feedback import FeedbackKey, HandOverCount
from mailer.ports.mailings import MailingFacts
from mailer.ports.processor import Processor
from mailer.ports.rates import RateAdmissionRequest, RateAdmissionResult
from mailer.ports.stream_pauses import StreamPause
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from tests.factories import KEY, make_event, new_mailing, policies, templates
from tests.halts import FakeHalts


def facts_of(category: str = "newsletter", **values: Any) -> MailingFacts:
    """A mailing as the hand-over sees it, released an hour ago, to many."""
    event = make_event({"refs": ["u1"]}, category)
    mailing = new_mailing(event)
    stated: dict[str, Any] = {
        "id": mailing.id,
        "brand": event.brand,
        "event_id": event.id,
        "category": category,
        "lane": mailing.category.lane.value,
        "template": event.template,
        "template_version": mailing.template_version,
        "campaign": None,
        "reason": None,
        "context": event.context,
        "reply_to": None,
        "send_at": None,
        "expires_at": None,
        "released_at": datetime.now(UTC) - timedelta(hours=1),
        "audience_size": 1000,
        "topic": None,
        "inviter": None,
        "partner": None,
    }
    return MailingFacts(**stated | values)


def renderer_of(category: str = "newsletter", **values: Any) -> MailingRenderer:
    """The renderer of a mailing."""
    renderers = MailingRendererCache(policies(), templates(), SignedLinks("https://mail.example", (KEY,)), None)
    return renderers.make_and_cache_renderer(facts_of(category, **values), None)


class NoLimits:
    """A meter without limits."""

    async def admit_messages(self, wanted: Sequence[RateAdmissionRequest]) -> RateAdmissionResult:
        """Admits all messages."""
        return RateAdmissionResult((True,) * len(wanted), inf)

    def put_tokens_back(self, admission: RateAdmissionResult, unsent: Sequence[RateAdmissionRequest]) -> None:
        """Does nothing: no tokens were taken."""

    def count_reply_for_pace(self, processor: str, domain: str, outcome: Outcome) -> None:
        """Does nothing: the pace has no limit here."""


class NoPauses:
    """A store of pauses that has none."""

    async def list_current_pauses(self) -> list[StreamPause]:
        """See `ports.stream_pauses`."""
        return []

    async def add_pauses(self, pauses: Sequence[StreamPause]) -> None:
        """See `ports.stream_pauses`."""


class NoCounts:
    """A store of counts that keeps none."""

    async def add_hand_over_counts(self, counts: Mapping[FeedbackKey, HandOverCount]) -> None:
        """See `ports.feedback`."""


async def nobody(texts: Mapping[Key, tuple[bytes, bytes]]) -> dict[Key, LastDeliveryOfTextToSharedAddress]:
    """Finds no delivery that sent a text before."""
    return {}


def plan(row: DeliveryRow, renderer: MailingRenderer, processor: Processor, now: datetime) -> PlannedDeliveryMove:
    """The step that is prepared for one row, without any limit."""
    checks = SendChecks(
        FakeHalts(),
        ProcessorRoutes([processor], lambda name: None),
        NoLimits(),
        PausesForBlockedMail(NoPauses()),
        HandOverTally(NoCounts()),
    )
    prepared = asyncio.run(
        WindowPreparation(checks, None, nobody).prepare_window([row], {renderer.facts.id: renderer}, {}, {}, now)
    )
    [step] = prepared.steps
    return step
