"""The facts about a policy that no check can verify, in words, and the keys on which no promise rests."""

from collections.abc import Iterator

from mailer.policy.policy_file import Policy
from mailer.policy.switches import ORDER


def uncheckable_facts(policy: Policy) -> Iterator[str]:
    """Yields the facts that files and tests cannot show, and that a person has to check."""
    yield "that the policy which people read says what this file says"
    yield "that applications tell the truth of people's countries, ages, products and consents"
    if policy.opt_out_mailbox:
        yield f"that somebody reads {policy.opt_out_mailbox}, and does what arrives there"
    yield f"that letters to {policy.controller.postal_address} are opened, and done"
    if policy.processors:
        yield "that processors are in the countries that stand here, and use data for these purposes only"
    if policy.no_retention:
        yield "that processors retain nothing, as they have stated"
    if policy.partners:
        yield "that partners leave those alone of whom they are told that they have opted out"
    if policy.seal:
        yield f"that {policy.seal.name} answers at {policy.seal.url}"


_KEYS = (
    *("purposes", "opt_out_mailbox", "seal", "minimum_cell"),
    *("retention_days", "no_retention", "processors", "partners"),
)
"""The keys that a policy and a promise's needs have in common."""


def policy_keys_without_promise(policy: Policy) -> Iterator[str]:
    """Yields the keys on which no promise rests. A change of them breaks no promise."""
    needs = [promise.needs for promise in policy.promises]
    for name in _KEYS:
        if getattr(policy, name) and not any(getattr(need, name) for need in needs):
            yield name
    for name in ORDER:
        if not any(getattr(need, name) or getattr(need.exactly, name, None) for need in needs):
            yield f"switches.{name}"
    for name in policy.terms:
        if not any(name in need.categories for need in needs):
            yield f"categories.{name}"
