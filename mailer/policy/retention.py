"""Which outside systems are to keep nothing of what they were handed (paltalk06-13)."""

from collections.abc import Iterable

from mailer.policy.policy_file import Policy


def non_keeping_processors(policies: Iterable[Policy]) -> frozenset[tuple[str, str]]:
    """As (brand, processor): those whose statement a brand relies on that has promised that they retain nothing."""
    return frozenset(
        (policy.brand, terms.name)
        for policy in policies
        if policy.no_retention
        for terms in policy.processors
        if terms.no_retention
    )
