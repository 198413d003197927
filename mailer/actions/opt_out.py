"""Records opt-outs from optional mail."""

from datetime import datetime, timedelta
from uuid import UUID

from mailer.policy.consent_and_opt_out_scopes import category_of_scope, is_opt_out_scope, possible_opt_out_scopes_text
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.standings import OptOutResult, StandingStore
from mailer.ports.suppressions import SuppressionStore
from mailer.rendering.link_tokens import UndoToken

UNDO_WITHIN = timedelta(minutes=10)
"""The time in which the page "you are unsubscribed" can undo the opt-out."""


class OptOutRefused(Exception):
    """The scope cannot be left, or the brand has no such recipient."""


async def record_opt_out(
    standings: StandingStore, policy: Policy, recipient_id: int, scope: str, source: str, mailing_id: UUID | None = None
) -> OptOutResult:
    """Records an opt-out from a category, a topic, a purpose, a partner, or all optional mail of the brand.

    It takes effect at once and does not expire. A repeated call does no harm. It also withdraws the consents in its
    scope.

    Args:
        standings: the store of standings.
        policy: the policy of the brand.
        recipient_id: the person who opts out.
        scope: an optional category's name, `category/topic`, `purpose/…`, `partner/…`, or `EVERYTHING_OPTIONAL`.
        source: how the person said it, such as `one-click` or `import`; the ledger stores it.
        mailing_id: the mailing whose link was used, if there was one.

    Returns:
        The result, with the new record if there is one.

    Raises:
        OptOutRefused: the category is mandatory, the scope unknown, or the brand has no such recipient.
    """
    check_scope_allows_opt_out(policy, scope)
    done = await standings.record_opt_out(policy.brand, recipient_id, scope, source, mailing_id)
    if done is None:
        raise OptOutRefused(f"{policy.brand} has no such recipient")
    return done


def check_scope_allows_opt_out(policy: Policy, scope: str) -> None:
    """Checks that a person can opt out of a scope.

    Raises:
        OptOutRefused: the category is mandatory, or the scope unknown.
    """
    if not is_opt_out_scope(policy, scope):
        raise OptOutRefused(
            f"{scope} mail of {policy.brand} is not optional; "
            f"what can be left is {possible_opt_out_scopes_text(policy)} or {EVERYTHING_OPTIONAL}"
        )


async def undo_recent_opt_out(suppressions: SuppressionStore, press: UndoToken, now: datetime) -> bool:
    """Ends the opt-out of one click, for a person who clicked by mistake. Earlier and later opt-outs stay.

    Args:
        suppressions: the store of opt-outs.
        press: names the click and its opt-out.
        now: the current time, with its zone.

    Returns:
        False if it is too late, if it was undone already, or if there was another opt-out since.
    """
    if now > press.at + UNDO_WITHIN:
        return False
    return await suppressions.lift_suppression(
        press.suppression, "recipient", "undone on the same page", press.at, by_owner=True
    )


@rule("own-preference", "interpals-09", idle=EVERYTHING_OPTIONAL)
def opt_out_scope_of_link(policy: Policy, category: str) -> str:
    """A link leaves the category of its mail and nothing else, so that each has a preference of its own.

    If the policy no longer has the category, the scope is all optional mail.
    """
    return category if category_of_scope(policy, category) is not None else EVERYTHING_OPTIONAL
