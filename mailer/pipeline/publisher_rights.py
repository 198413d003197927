"""Publishers and their rights, in memory. While events come in, the database is read once a second at most."""

import time
from collections.abc import Callable, Mapping

from mailer.account_event_types import AccountEvent
from mailer.events import MessageEvent
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import ITSELF, Identity
from mailer.policy.publisher_rights import (
    PIPELINE,
    AccountActionAttempt,
    PublishAttempt,
    Publisher,
    Wish,
    refusal_of_publisher_without_right,
)
from mailer.ports.publishers import PublisherStore

PERIOD = 1.0
"""Seconds for which the rights in memory are used. A revocation takes effect after that."""
_MOST_GRANTED = 1000
"""The most granted wishes that are kept in memory. So equal events are checked only once."""
_AGAIN = 0.1
"""Seconds. Before a refusal, rights that are older are read again, so that a new publisher is found."""


def required_right(policies: Mapping[str, Policy], event: MessageEvent | AccountEvent) -> Wish | None:
    """Returns the right that an event needs. None: brand or category is unknown; another check refuses the event."""
    policy = policies.get(event.brand)
    if policy is None:
        return None
    if not isinstance(event, MessageEvent):
        return AccountActionAttempt(event.brand, event.account)
    return PublishAttempt(event.brand, event.category, event.template) if event.category in policy.terms else None


class PublisherRegister:
    """The publishers' rights, at most a second old.

    Args:
        publishers: the store of publishers.
        clock: monotonic seconds.
    """

    def __init__(self, publishers: PublisherStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._publishers = publishers
        self._clock = clock
        self._known: Mapping[Identity, Publisher] = {}
        self._granted = set[tuple[Identity, type[Wish], Wish]]()  # wishes of two kinds can be equal as tuples
        self._asked_at = float("-inf")

    async def refresh_rights_if_old(self) -> None:
        """Reads the rights from the database if those in memory are older than `PERIOD`."""
        if self._clock() - self._asked_at > PERIOD:
            await self._load_publishers()

    async def reason_right_is_missing_or_none(self, identity: Identity, wish: Wish) -> str | None:
        """Returns the reason for which an identity may not do something, or None if it may."""
        key = (identity, type(wish), wish)
        if key in self._granted:
            return None
        problem = self._refusal_from_known_rights(identity, wish)
        if problem is not None and self._clock() - self._asked_at > _AGAIN:
            await self._load_publishers()
            problem = self._refusal_from_known_rights(identity, wish)
        if problem is None and len(self._granted) < _MOST_GRANTED:
            self._granted.add(key)
        return problem

    def _refusal_from_known_rights(self, identity: Identity, wish: Wish) -> str | None:
        return refusal_of_publisher_without_right(
            identity, PIPELINE if identity == ITSELF else self._known.get(identity), wish
        )

    async def _load_publishers(self) -> None:
        asked_at = self._clock()
        self._known = await self._publishers.unrevoked_publishers_by_identity()
        self._granted.clear()
        self._asked_at = asked_at
