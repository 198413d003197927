"""What the frequency caps and the alarm on service mail count, and over how many days."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailer.policy.category import CATEGORIES, Category
from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL

LONGEST_DAYS = 366
"""What was sent before so many days counts nowhere: no cap looks further back."""


@dataclass(frozen=True, slots=True)
class FrequencyCount:
    """Something to be counted before a mailing of a category is decided on.

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


def is_counted(policy: Policy, category: Category) -> bool:
    """Whether a mail of a category adds to what a cap or an alarm of the policy counts."""
    terms = policy.terms.get(category.name)
    limited = terms is not None and (terms.cap is not None or terms.alarm is not None)
    return limited or (category.is_optional and policy.cap is not None)


def may_count(policy: Policy, category: Category) -> bool:
    """Whether a mailing of a category is counted mail to somebody."""
    return any(is_counted(policy, meant) for meant in _possible_categories(category))


def frequency_counts(policies: Iterable[Policy]) -> tuple[FrequencyCount, ...]:
    """All that has to be counted."""
    return tuple(
        rate
        for policy in policies
        for category in policy.categories.values()
        for rate in _counts_of_category(policy, category)
    )


def _counts_of_category(policy: Policy, category: Category) -> Iterator[FrequencyCount]:
    meant = _possible_categories(category)
    for one in meant:
        terms = policy.terms.get(one.name)
        limit = (terms.cap or terms.alarm) if terms else None
        if limit is not None:
            yield FrequencyCount(policy.brand, category.name, one.name, one.name, limit.days)
    if policy.cap is not None and any(one.is_optional for one in meant):
        for other in CATEGORIES.values():
            if other.is_optional:
                yield FrequencyCount(policy.brand, category.name, EVERYTHING_OPTIONAL, other.name, policy.cap.days)


def _possible_categories(category: Category) -> tuple[Category, ...]:
    """What a category may be to somebody (see the rule `service-scope`)."""
    return (category, CATEGORIES[category.without_product]) if category.without_product else (category,)
