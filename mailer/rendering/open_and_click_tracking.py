"""The pixel and the tracked links of one mailing: the recipients who get them, and the links that are counted."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from mailer.policy.category import Category
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.standing import Standing
from mailer.policy.switches import Switches
from mailer.policy.tracking import is_open_counted_anonymously, tracking_level
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.mailings import MailingFacts
from mailer.rendering.link_tokens import ClickToken, OpenToken
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template_library import PERSONAL, TRACKED, Template

NOT_COUNTED: Final[Mapping[str, None]] = {"pixel_url": None, TRACKED: None}
"""The values of a message without a pixel and without tracked links."""
SMALL = 500
"""Up to this number, all recipients are in one batch, so their reachability is known before the first message."""
_KEPT = 200
"""The most tracked links that are cached."""
Click = Callable[[str], str]
"""A function that returns, for a URL, the link that counts a click and redirects to it."""


class OpenAndClickTracking:
    """Makes the pixels and tracked links that count the opens and clicks of a mailing.

    Args:
        facts: the mailing. policy: the policy of its brand. template, category: those of the mailing.
        links: makes pixels and tracked links.

    Attributes:
        big_enough: whether enough people can get a pixel, so that the mailing may be counted (`minimum_cell`).
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
    def is_recipient_reach_check_needed(self) -> bool:
        """Tells whether each recipient must be checked to know if the mailing is large enough to be counted."""
        return self._counts and self._policy.minimum_cell <= self._facts.audience_size <= SMALL

    def record_whether_countable(self, row: DeliveryRow, reached: bool) -> None:
        """Records whether a recipient can be counted, and updates `big_enough`.

        Recipients who share a mailbox are not counted, since they may be one person.
        """
        reached = (
            reached
            and row.shared is None
            and is_open_counted_anonymously(self._policy_switches_of(row.standing), row.standing)
        )
        (self._unreached.discard if reached else self._unreached.add)(row.recipient_id)
        self.big_enough = self._facts.audience_size - len(self._unreached) >= self._policy.minimum_cell

    def tracking_level_of(self, standing: Standing, category: Category, switches: Switches) -> str | None:
        """Returns the level at which a person's opens and clicks are counted, or None if they may not be counted.

        Mandatory mail is never counted. If so few people get a mailing that an open would identify one of them
        (invariant 6), only people who consented to be counted are.
        """
        if category.mandatory or self._template.uses.isdisjoint(NOT_COUNTED):
            return None
        level = tracking_level(switches, standing)
        return level if level == "individual" or (self.big_enough and level != "off") else None

    def personal_tracking_values(self, row: DeliveryRow, level: str | None) -> dict[str, Any]:
        """Returns the pixel's URL and the function that makes tracked links, both for this message alone."""
        nonce, person = (None, row.recipient_id) if level == "individual" else (secrets.token_hex(16), None)
        of = row.standing.generation if person else None

        def click(url: str) -> str:
            return self._links.click_url(ClickToken(self._facts.id, url, nonce, person, of))

        own: dict[str, Any] = {
            "pixel_url": self._links.pixel_url(OpenToken(self._facts.id, nonce, person, of)),
            TRACKED: click if person else self._tracker_except_personal_urls(click, row.context),
        }
        return {name: value for name, value in own.items() if name in self._template.uses}

    def shared_tracking_values(self, row: DeliveryRow) -> dict[str, Any]:
        """Returns the pixel's URL and the function that makes tracked links, the same for everyone."""
        return {
            "pixel_url": self._links.pixel_url(OpenToken(self._facts.id)),
            TRACKED: self._tracker_except_personal_urls(self._shared_click_url, row.context),
        }

    def _tracker_except_personal_urls(self, click: Click, own: Mapping[str, Any]) -> Click:
        """Returns a function that makes tracked links. It returns a person's own URLs unchanged.

        Args:
            click: makes a tracked link of any URL.
            own: the person's own values. A URL that the template makes with one of them counts only if it is also in
                the template or in the event's context.
        """
        tracks = self._template.tracks
        if tracks.isdisjoint(PERSONAL) and tracks.isdisjoint(own):
            return click
        return lambda url: (
            click(url) if is_shared_url(url, self._texts_of_event_context, self._template.source) else url
        )

    @property
    def _texts_of_event_context(self) -> frozenset[str]:
        if self._stated is None:
            self._stated = frozenset(_texts_in_value(self._facts.context))
        return self._stated

    def _shared_click_url(self, url: str) -> str:
        """Returns the tracked link of a URL, the same for everyone. Cached."""
        counting = self.clicks.get(url)
        if counting is None:
            counting = self._links.click_url(ClickToken(self._facts.id, url))
            if len(self.clicks) < _KEPT:
                self.clicks[url] = counting
        return counting

    def _policy_switches_of(self, standing: Standing) -> Switches:
        return self._policy.strictest_switches_for_person(standing.collected_under, standing.country)


@rule("everybodys-links", "paltalk06-18; invariant 6", idle=True)
def is_shared_url(url: str, stated: frozenset[str], source: str) -> bool:
    """A click counts without a consent only on a URL that stands in the template or in the event's own context.

    Args:
        url: the URL of the link.
        stated: the texts of the event's context.
        source: the source of the template (`Template.source`).
    """
    return url in stated or f"'{url}'" in source or f'\\"{url}\\"' in source


def _texts_in_value(value: object) -> Iterator[str]:
    """Yields every text in a value of an event, without keys of objects."""
    match value:
        case str():
            yield value
        case Mapping():
            for one in value.values():
                yield from _texts_in_value(one)
        case list() | tuple():
            for one in value:
                yield from _texts_in_value(one)
        case _:
            pass
