"""The preview of a mailing that waits for its release: the recipients that it would reach, and by which channel."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from mailer.pipeline.no_route import NoRoute
from mailer.policy.category import Lane
from mailer.policy.deciding import decide
from mailer.policy.decision_types import Divert, Hold, Send, Suppress
from mailer.policy.policy_file import Policy
from mailer.ports.deliveries import DeliveryRow, DeliveryStore
from mailer.ports.mailing_release_previews import ReleasePreview, UnpreviewableMailing
from mailer.ports.mailings import MailingStatus, MailingStore
from mailer.rendering.localized_texts import describe_missing_languages_of_context
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.renderer_cache import MailingRendererCache, UnknownTemplate

_AT_ONCE: Final = 5000
_AT_ONCE_FOR_PAGE: Final = 100
"""Recipients about whom is decided before other requests have their turn."""

FindObstacle = Callable[[Policy, str, Lane], Awaitable[NoRoute | None]]
"""Returns why no processor may have a mail of a policy, purpose and lane; None: one may."""


class MailingReleasePreviewer:
    """Implements `ports.mailing_release_previews.ReleasePreviewer`.

    Args:
        mailings: the store of mailings.
        deliveries: the store of deliveries; rows are read in portions.
        make_renderers: makes an empty cache of renderers. It is called when it is needed, as it loads templates.
        find_obstacle: finds out whether a processor may have the mail.
    """

    def __init__(
        self,
        mailings: MailingStore,
        deliveries: DeliveryStore,
        make_renderers: Callable[[], MailingRendererCache],
        find_obstacle: FindObstacle,
    ) -> None:
        self._mailings = mailings
        self._deliveries = deliveries
        self._make_renderers = make_renderers
        self._find_obstacle = find_obstacle

    async def preview_release(self, status: MailingStatus, most: int | None = None) -> ReleasePreview:
        """See the port."""
        try:
            renderer = await self._renderer_as_if_released(status)
        except UnknownTemplate as error:
            raise UnpreviewableMailing(str(error)) from error
        route = await self._find_obstacle(renderer.policy, renderer.template.purpose, renderer.category.lane)
        foreseen = await self._decide_about_recipients(renderer, route, most)
        foreseen.lacks = tuple(describe_missing_languages_of_context(renderer.template, renderer.facts.context))
        return foreseen

    async def _renderer_as_if_released(self, status: MailingStatus) -> MailingRenderer:
        facts = (await self._mailings.read_facts_of_mailings([status.id]))[status.id]
        renderers = self._make_renderers()
        source = (
            None
            if renderers.is_template_version_deployed(facts)
            else await self._mailings.read_template_source_by_version(facts.template_version)
        )
        free_at = max(datetime.now(UTC), facts.send_at or datetime.now(UTC))
        return renderers.make_and_cache_renderer(replace(facts, released_at=free_at), source)

    async def _decide_about_recipients(
        self, renderer: MailingRenderer, route: NoRoute | None, most: int | None
    ) -> ReleasePreview:
        foreseen, after, mailing_id = ReleasePreview(), 0, renderer.facts.id
        at_once = _AT_ONCE if most is None else min(_AT_ONCE_FOR_PAGE, most)
        while rows := await self._deliveries.list_queued_deliveries_of_mailing(mailing_id, after, at_once):
            after = rows[-1].recipient_id
            for row in rows:
                _decide_about_recipient_and_count(foreseen, row, renderer, route)
            if most is not None and foreseen.audience_size >= most:
                foreseen.is_complete = not await self._deliveries.list_queued_deliveries_of_mailing(
                    mailing_id, after, 1
                )
                break
        return foreseen


def _decide_about_recipient_and_count(
    foreseen: ReleasePreview, row: DeliveryRow, renderer: MailingRenderer, route: NoRoute | None
) -> None:
    """Decides about one recipient and adds it to the counts."""
    mailing, now = renderer.mailing_with_inviter_pause_of_row(row), renderer.facts.released_at
    match decide(mailing, row.standing, renderer.policy, now):
        case Divert(channel=channel, reason=reason):
            foreseen.diverted[channel, reason] += 1
        case Suppress(reason=reason):
            foreseen.suppressed[reason] += 1
        case Send() | Hold() if route is not None:
            foreseen.unrouted[route.reason] += 1
        case Send() | Hold():
            foreseen.mail += 1
