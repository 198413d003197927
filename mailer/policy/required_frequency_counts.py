"""The counts that the frequency caps and the alarm on service mail need, each with its number of days."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailer.policy.category import CATEGORIES, Category
from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL

LONGEST_DAYS = 366
"""No cap looks further back than this number of days."""


@dataclass(frozen=True, slots=True)
class RequiredFrequencyCount:
    """A count that decisions about a category need.

    Attributes:
        brand, category: whose mailings, of which category.
        name: what the number is of: a category, or `EVERYTHING_OPTIONAL` for all the brand's optional mail.
        counted: a category whose mails add to it. days: how far back.
    """

    brand: str
    category: str
    name: str
    counted: str
    days: int


def is_category_counted(policy: Policy, category: Category) -> bool:
    """Tells whether a cap or an alarm of the policy counts mails of a category."""
    terms = policy.terms.get(category.name)
    limited = terms is not None and (terms.cap is not None or terms.alarm is not None)
    return limited or (category.is_optional and policy.cap is not None)


def is_category_counted_for_somebody(policy: Policy, category: Category) -> bool:
    """Tells whether a cap or an alarm counts mails of a category for at least some people."""
    return any(is_category_counted(policy, meant) for meant in _category_and_unpaid_variant(category))


def frequency_counts_needed_by_policies(policies: Iterable[Policy]) -> tuple[RequiredFrequencyCount, ...]:
    """Returns all counts that the policies need."""
    return tuple(
        rate
        for policy in policies
        for category in policy.categories.values()
        for rate in _required_counts_of_category(policy, category)
    )


def _required_counts_of_category(policy: Policy, category: Category) -> Iterator[RequiredFrequencyCount]:
    meant = _category_and_unpaid_variant(category)
    for one in meant:
        terms = policy.terms.get(one.name)
        limit = (terms.cap or terms.alarm) if terms else None
        if limit is not None:
            yield RequiredFrequencyCount(policy.brand, category.name, one.name, one.name, limit.days)
    if policy.cap is not None and any(one.is_optional for one in meant):
        for other in CATEGORIES.values():
            if other.is_optional:
                yield RequiredFrequencyCount(
                    policy.brand, category.name, EVERYTHING_OPTIONAL, other.name, policy.cap.days
                )


def _category_and_unpaid_variant(category: Category) -> tuple[Category, ...]:
    """Returns the categories that a mail can have for different people (see the rule `service-scope`)."""
    return (category, CATEGORIES[category.without_product]) if category.without_product else (category,)
