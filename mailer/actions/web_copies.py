"""The web copy of a mail: its text, rendered again from what the mailing and the delivery keep."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from uuid import UUID

from mailer.actions.names_of_mentioned_people import load_names_of_mentioned_people
from mailer.metrics_and_logger import log
from mailer.policy.policy_file import Policy
from mailer.ports.deliveries import DeliveryState, DeliveryStore
from mailer.ports.mail_origins import DeliveryToPerson, MailAndAddressOriginReader
from mailer.ports.mailings import MailingFacts, MailingStore
from mailer.rendering.mail_for_everybody import render_mail_for_everybody
from mailer.rendering.mailing_renderer import MailingRenderer, WebCopy
from mailer.rendering.renderer_cache import MailingRendererCache, UnknownTemplate
from mailer.rendering.template_library import RenderError

_SENT = frozenset({DeliveryState.HANDED_OVER, DeliveryState.IN_DOUBT, DeliveryState.INTENDED})
"""The states of a delivery that a processor was offered, so that the mail may have arrived."""


class NoWebCopyReason(StrEnum):
    """The reasons for which a mail cannot be shown. The values are the names of texts."""

    GONE = "gone"
    """The mailing, or the person's delivery, has been deleted."""
    NOT_SENT = "view_not_sent"
    UNSHOWABLE = "view_unshowable"
    """The template or a value of the mail is no longer kept."""


@dataclass(frozen=True, slots=True)
class ShownMail:
    """A mail as a page shows it.

    Attributes:
        sent_at: the last hand-over, an aware time; None if none is on record.
        has_attachments: True if the mail had files, which the page does not show.
    """

    copy: WebCopy
    sent_at: datetime | None
    has_attachments: bool


class WebCopyRenderer:
    """Renders web copies.

    Args:
        origins, mailings, deliveries: the stores.
        make_renderers: makes an empty cache of renderers. Each copy has its own, to see an erasure at once, and
            shares what is compiled.
    """

    def __init__(
        self,
        origins: MailAndAddressOriginReader,
        mailings: MailingStore,
        deliveries: DeliveryStore,
        make_renderers: Callable[[], MailingRendererCache],
    ) -> None:
        self._origins = origins
        self._mailings = mailings
        self._deliveries = deliveries
        self._make_renderers = cache(make_renderers)

    async def render_copy(self, policy: Policy, recipient_id: int, mailing_id: UUID) -> ShownMail | NoWebCopyReason:
        """Returns a mail of a brand to a person, or why there is nothing to show."""
        delivery = await self._origins.read_delivery_to_person(policy.brand, recipient_id, mailing_id)
        facts = (await self._mailings.read_facts_of_mailings([mailing_id])).get(mailing_id) if delivery else None
        if delivery is None or facts is None:
            return NoWebCopyReason.GONE
        if delivery.state not in _SENT and delivery.handed_over_at is None:
            return NoWebCopyReason.NOT_SENT
        try:
            copy = await self._render(policy, facts, recipient_id, delivery)
        except (UnknownTemplate, RenderError, KeyError) as error:
            log.warning("a web copy cannot be rendered", mailing=str(mailing_id), error=type(error).__name__)
            return NoWebCopyReason.UNSHOWABLE
        return ShownMail(copy, delivery.handed_over_at, bool(facts.attachments))

    async def render_for_everybody(
        self, mailing_id: UUID, locale: str, way_to_leave: str, own_page: str
    ) -> WebCopy | None:
        """Returns a mail without any person's values (`render_mail_for_everybody`), or None if it cannot."""
        facts = (await self._mailings.read_facts_of_mailings([mailing_id])).get(mailing_id)
        if facts is None:
            return None
        try:
            renderer = await self._make_renderer_of_mailing(facts)
            return render_mail_for_everybody(facts, renderer.template, locale, way_to_leave, own_page)
        except (UnknownTemplate, RenderError, KeyError) as error:
            log.warning("a mail cannot be shown to everybody", mailing=str(mailing_id), error=type(error).__name__)
            return None

    async def _render(
        self, policy: Policy, facts: MailingFacts, recipient_id: int, delivery: DeliveryToPerson
    ) -> WebCopy:
        """Renders the mail with the template's version that the mailing keeps.

        Raises:
            UnknownTemplate, RenderError, KeyError: it cannot be rendered any more.
        """
        renderer = await self._make_renderer_of_mailing(facts)
        [row] = await self._deliveries.read_mailing_deliveries_of_recipients(facts.id, [recipient_id])
        await load_names_of_mentioned_people(self._mailings, [row], [renderer])
        return renderer.render_web_copy(row, policy.get_category(delivery.category))

    async def _make_renderer_of_mailing(self, facts: MailingFacts) -> MailingRenderer:
        renderers = self._make_renderers().new_empty_cache()
        source = None
        if not renderers.is_template_version_deployed(facts):
            source = await self._mailings.read_template_source_by_version(facts.template_version)
            if source is None:
                raise UnknownTemplate(f"mailing {facts.id}: its version of {facts.template} is not stored")
        return renderers.make_and_cache_renderer(facts, source)
