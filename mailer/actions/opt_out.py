"""Leaving optional mail."""

from datetime import datetime, timedelta
from uuid import UUID

from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.scopes import can_be_left, category_of_scope, describe_scopes
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.standings import OptOutResult, StandingStore
from mailer.ports.suppressions import SuppressionStore
from mailer.rendering.signed_links import UndoToken

UNDO_WITHIN = timedelta(minutes=10)
"""The time in which the page that says "you are unsubscribed" can undo it."""


class OptOutRefused(Exception):
    """What was to be left cannot be left, or nobody is there to leave it."""


async def record_opt_out(
    standings: StandingStore, policy: Policy, recipient_id: int, scope: str, source: str, mailing_id: UUID | None = None
) -> OptOutResult:
    """Leaves a category, a topic, a purpose, a partner, or all optional mail of the brand. At once, and for ever.

    Again without harm. It also withdraws the consents that it covers.

    Args:
        standings: where it is kept.
        policy: the brand's.
        recipient_id: who leaves.
        scope: an optional category's name, `category/topic`, `purpose/…`, `partner/…`, or `EVERYTHING_OPTIONAL`.
        source: how it was said, such as `one-click` or `import`; it stands in the ledger.
        mailing_id: of the mail whose link was used, if one was.

    Returns:
        The record that it made, if it made one.

    Raises:
        OptOutRefused: the category is mandatory, the scope unknown, or the brand has no such recipient.
    """
    check_scope(policy, scope)
    done = await standings.record_opt_out(policy.brand, recipient_id, scope, source, mailing_id)
    if done is None:
        raise OptOutRefused(f"{policy.brand} has no such recipient")
    return done


def check_scope(policy: Policy, scope: str) -> None:
    """Looks whether a scope can be left.

    Raises:
        OptOutRefused: the category is mandatory, or the scope unknown.
    """
    if not can_be_left(policy, scope):
        raise OptOutRefused(
            f"{scope} mail of {policy.brand} is not optional; "
            f"what can be left is {describe_scopes(policy)} or {EVERYTHING_OPTIONAL}"
        )


async def undo_opt_out(suppressions: SuppressionStore, press: UndoToken, now: datetime) -> bool:
    """Ends the opt-out that one press made, for who pressed by mistake; nothing that was left before or since.

    Args:
        suppressions: where opt-outs are kept.
        press: which one.
        now: an aware time.

    Returns:
        False: it is too late, was undone already, or somebody has left again since.
    """
    if now > press.at + UNDO_WITHIN:
        return False
    return await suppressions.lift_suppression(
        press.suppression, "recipient", "undone on the same page", press.at, by_owner=True
    )


@rule("own-preference", "interpals-09", idle=EVERYTHING_OPTIONAL)
def scope_of_link(policy: Policy, category: str) -> str:
    """A link leaves the category of its mail and nothing else, so that each has a preference of its own.

    The category may have gone from the policy since the link was sent: then all that is optional is left.
    """
    return category if category_of_scope(policy, category) is not None else EVERYTHING_OPTIONAL
