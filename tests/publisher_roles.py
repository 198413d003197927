"""Kinds of publishers by their rights, for the role matrix: with and without what a request needs."""

from dataclasses import replace

from mailer.policy.publisher_rights import (
    AccountActionAttempt,
    OperationAttempt,
    PublishAttempt,
    ReadDataAttempt,
    RightsOfOnePublisher,
    Wish,
)
from tests.factories import BRAND, policies
from tests.publishers import everything

OTHER = "peerstream"
"""A brand that is not the one of the tests."""


def just(wish: Wish) -> RightsOfOnePublisher:
    """Returns what just lets it."""
    at = RightsOfOnePublisher(brands=frozenset({wish.brand}))
    match wish:
        case PublishAttempt(_, category):
            return replace(at, categories=frozenset({category}))
        case AccountActionAttempt(_, action) | OperationAttempt(_, action):
            return replace(at, actions=frozenset({action}))
        case ReadDataAttempt(_, read):
            return replace(at, reads=frozenset({read}))


def without(wish: Wish) -> RightsOfOnePublisher:
    """Everything but that."""
    rights, missing = everything(), just(wish)
    return RightsOfOnePublisher(
        rights.brands,
        rights.categories - missing.categories,
        rights.actions - missing.actions,
        rights.reads - missing.reads,
    )


def roles(wish: Wish, is_everywhere: bool = False) -> dict[str, tuple[RightsOfOnePublisher | None, bool]]:
    """The kinds of publishers, by their rights (None: not known), and the answer if they may do it."""
    if is_everywhere:
        enough = replace(just(wish), brands=frozenset(policies()))
        return {
            **{name: (rights, False) for name, (rights, _) in roles(wish).items()},
            "with just this, everywhere": (enough, True),
            "with all but this, everywhere": (replace(without(wish), brands=enough.brands), False),
            "with just this, at all brands but one": (replace(enough, brands=enough.brands - {OTHER}), False),
        }
    return {
        "nobody": (None, False),
        "without rights": (RightsOfOnePublisher(), False),
        "of the brand, with nothing granted": (RightsOfOnePublisher(brands=frozenset({BRAND})), False),
        "of the other brand": (everything(OTHER), False),
        "with all but this": (without(wish), False),
        "with just this": (just(wish), True),
        "with everything": (everything(), True),
    }
