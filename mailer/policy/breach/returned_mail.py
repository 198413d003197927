"""Breach mail that comes back after its hand-over. Pure."""

from typing import Final

from mailer.policy.category import CATEGORIES
from mailer.policy.rule_registry import rule

MAIL_CAME_BACK: Final = "mail_came_back"
"""The reason of a notice in writing, and of its ledger entry: the mail was handed over, and came back."""
REFUSAL_DOUBTED: Final = "refusal_doubted"
"""The note of such a notice that was closed, as the refusal is one of too many at once. A verdict opens it again."""
CAME_BACK_EFFECTS: Final = frozenset({"address_dead", "quarantined", "soft_bounce", "sender_fault"})
"""The effects of received messages that tell of a final failure."""


@rule("breach-moves-on", "interpals-16, interpals-18; invariant 3", idle=())
def categories_moving_on_to_writing() -> tuple[str, ...]:
    """A breach notice that comes back by mail is told in writing, however late it comes back.

    Returns:
        The names of the categories of such mail.
    """
    return tuple(category.name for category in CATEGORIES.values() if category.written_fallback)
