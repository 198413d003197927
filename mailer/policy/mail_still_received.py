"""The mail that a person still gets now. Pages show it as "you still get"."""

from collections.abc import Iterator
from datetime import datetime

from mailer.policy.category import Category
from mailer.policy.deciding import decide
from mailer.policy.decision_types import Hold, Mailing, Send
from mailer.policy.policy_file import Policy
from mailer.policy.standing import Standing

_SOMEBODY = "somebody"
"""An inviter whom nobody has stopped."""


def optional_categories_still_received(policy: Policy, standing: Standing, now: datetime) -> frozenset[str]:
    """Returns the optional categories of which a person would get some mail: `decide` sends or holds it.

    Args:
        policy: the brand's.
        standing: the person's.
        now: an aware datetime.
    """
    return frozenset(
        category.name
        for category in policy.categories.values()
        if category.is_optional
        and any(
            isinstance(decide(mailing, standing, policy, now), Send | Hold)
            for mailing in _possible_mailings_of_category(policy, category, standing)
        )
    )


def is_reached_by_mandatory_announcements(policy: Policy, standing: Standing, now: datetime) -> bool:
    """Tells whether a person gets service announcements that they cannot opt out of.

    Args:
        policy: the brand's.
        standing: the person's.
        now: an aware datetime.
    """
    announcing = [category for category in policy.categories.values() if category.without_product]
    verdicts = (
        decide(Mailing(category, purpose), standing, policy, now)
        for category in announcing
        for purpose in policy.purposes
    )
    return any(isinstance(verdict, Send) and verdict.category.mandatory for verdict in verdicts)


def missing_fields_blocking_promotions(policy: Policy, standing: Standing) -> tuple[str, ...]:
    """Returns the missing fields of a person, as an event names them, without which they get no promotions."""
    is_known = policy.knows_versions(standing.collected_under)
    known = {"source": standing.source, "policy_version": is_known}
    return tuple(name for name, value in known.items() if not value)


def _possible_mailings_of_category(policy: Policy, category: Category, standing: Standing) -> Iterator[Mailing]:
    """Yields the mailings that a category allows: for each purpose, and each topic and partner of the person."""
    topics = [None, *(scope.partition("/")[2] for scope in standing.consents if scope.startswith(f"{category.name}/"))]
    partners = [partner.id for partner in policy.partners] if category.partners else [None]
    for purpose in policy.purposes:
        for topic in topics:
            for partner in partners:
                yield Mailing(category, purpose, topic=topic, partner=partner, inviter=_SOMEBODY)
