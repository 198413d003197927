"""The outside processors that have stated that they retain nothing (paltalk06-13)."""

from collections.abc import Iterable

from mailer.policy.policy_file import Policy


def brand_processors_stating_no_retention(policies: Iterable[Policy]) -> frozenset[tuple[str, str]]:
    """Returns (brand, processor) for each brand that promises no retention, and each processor that has stated it."""
    return frozenset(
        (policy.brand, terms.name)
        for policy in policies
        if policy.no_retention
        for terms in policy.processors
        if terms.no_retention
    )
