"""One mailing's pixel and tracked links: who gets them, and which links count."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from mailer.policy.category import Category
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.standing import Standing
from mailer.policy.switches import Switches
from mailer.policy.tracking import is_counted_anonymously, tracking_level
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.mailings import MailingFacts
from mailer.rendering.signed_links import ClickToken, OpenToken, SignedLinks
from mailer.rendering.template_library import PERSONAL, TRACKED, Template

NOT_COUNTED: Final[Mapping[str, None]] = {"pixel_url": None, TRACKED: None}
"""The values of a message without a pixel and without tracked links."""
SMALL = 500
"""Up to so many recipients are one batch, so it is known before its first message how many of them may get one."""
_KEPT = 200
"""Tracked links that are kept ready."""
Click = Callable[[str], str]
"""Makes of a URL one that counts a click and leads there."""


class OpenTracking:
    """Gives the messages of a mailing what counts their opens and clicks.

    Args:
        facts: the mailing. policy: its brand's. template, category: its own.
        links: makes pixels and tracked links.

    Attributes:
        big_enough: so many may be handed a pixel that the mailing can be counted (`minimum_cell`).
    """

    def __init__(
        self, facts: MailingFacts, policy: Policy, template: Template, category: Category, links: SignedLinks
    ) -> None:
        self._facts = facts
        self._policy = policy
        self._template = template
        self._links = links
        self._counts = category.is_optional and not template.uses.isdisjoint(NOT_COUNTED)
        self._unreached = set[int]()
        self._stated: frozenset[str] | None = None
        self.clicks: dict[str, str] = {}
        self.big_enough = facts.audience_size >= policy.minimum_cell

    @property
    def is_near_minimum(self) -> bool:
        """Tells whether it takes a look at each person to know if the mailing is large enough to be counted."""
        return self._counts and self._policy.minimum_cell <= self._facts.audience_size <= SMALL

    def record_reachability(self, row: DeliveryRow, reached: bool) -> None:
        """Notes whether a person may be handed the mailing at all.

        A mailbox that several share counts for none of them: it may be one person's.
        """
        reached = (
            reached and row.shared is None and is_counted_anonymously(self._switches_of(row.standing), row.standing)
        )
        (self._unreached.discard if reached else self._unreached.add)(row.recipient_id)
        self.big_enough = self._facts.audience_size - len(self._unreached) >= self._policy.minimum_cell

    def tracking_level_of(self, standing: Standing, category: Category, switches: Switches) -> str | None:
        """Tells how a person's opens and clicks are counted; None where they may not be.

        That is so in all mandatory mail; and where so few get a mailing that an open would be somebody's (invariant 6),
        only who has consented to be counted is.
        """
        if category.mandatory or self._template.uses.isdisjoint(NOT_COUNTED):
            return None
        level = tracking_level(switches, standing)
        return level if level == "individual" or (self.big_enough and level != "off") else None

    def personal_tracking(self, row: DeliveryRow, level: str | None) -> dict[str, Any]:
        """Returns the pixel and what makes tracked links, where they are this message's own."""
        nonce, person = (None, row.recipient_id) if level == "individual" else (secrets.token_hex(16), None)
        of = row.standing.generation if person else None

        def click(url: str) -> str:
            return self._links.click_url(ClickToken(self._facts.id, url, nonce, person, of))

        own: dict[str, Any] = {
            "pixel_url": self._links.pixel_url(OpenToken(self._facts.id, nonce, person, of)),
            TRACKED: click if person else self._untracked_personal_urls(click, row.context),
        }
        return {name: value for name, value in own.items() if name in self._template.uses}

    def shared_tracking(self, row: DeliveryRow) -> dict[str, Any]:
        """Returns the pixel and what makes tracked links, the same for everyone."""
        return {
            "pixel_url": self._links.pixel_url(OpenToken(self._facts.id)),
            TRACKED: self._untracked_personal_urls(self._shared_click_url, row.context),
        }

    def _untracked_personal_urls(self, click: Click, own: Mapping[str, Any]) -> Click:
        """Returns what makes tracked links of all URLs, but of a person's own: these stay as they are.

        Args:
            click: makes any.
            own: the person's own values. A URL that the template makes with one of them counts only if it stands in the
                template or the event's own context, too.
        """
        tracks = self._template.tracks
        if tracks.isdisjoint(PERSONAL) and tracks.isdisjoint(own):
            return click
        return lambda url: click(url) if is_shared_url(url, self._shared_urls, self._template.source) else url

    @property
    def _shared_urls(self) -> frozenset[str]:
        if self._stated is None:
            self._stated = frozenset(_iterate_texts(self._facts.context))
        return self._stated

    def _shared_click_url(self, url: str) -> str:
        """Returns what counts a click on a link, the same for everyone."""
        counting = self.clicks.get(url)
        if counting is None:
            counting = self._links.click_url(ClickToken(self._facts.id, url))
            if len(self.clicks) < _KEPT:
                self.clicks[url] = counting
        return counting

    def _switches_of(self, standing: Standing) -> Switches:
        return self._policy.switches_for(standing.collected_under, standing.country)


@rule("everybodys-links", "paltalk06-18; invariant 6", idle=True)
def is_shared_url(url: str, stated: frozenset[str], source: str) -> bool:
    """A click counts without a consent only on a URL that stands in the template or in the event's own context.

    Args:
        url: the link's.
        stated: the texts of the event's context.
        source: the template's (`Template.source`).
    """
    return url in stated or f"'{url}'" in source or f'\\"{url}\\"' in source


def _iterate_texts(value: object) -> Iterator[str]:
    """Yields every text in a value of an event."""
    match value:
        case str():
            yield value
        case Mapping():
            for one in value.values():
                yield from _iterate_texts(one)
        case list() | tuple():
            for one in value:
                yield from _iterate_texts(one)
        case _:
            pass
