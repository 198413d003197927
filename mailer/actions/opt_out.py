"""Leaving optional mail."""

from mailer.policy.document import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.standings import Standings


class OptOutRefused(Exception):
    """What was to be left cannot be left, or nobody is there to leave it."""


async def opt_out(standings: Standings, policy: Policy, recipient_id: int, scope: str, source: str) -> None:
    """Leaves one category, or all optional mail of the brand. At once, for ever, and again without harm.

    Args:
        standings: where it is kept.
        policy: the brand's.
        recipient_id: who leaves.
        scope: an optional category's name, or `EVERYTHING_OPTIONAL`.
        source: how it was said, such as `one-click` or `import`; it stands in the ledger.

    Raises:
        OptOutRefused: the category is mandatory or unknown, or the brand has no such recipient.
    """
    category = policy.categories.get(scope)
    if scope != EVERYTHING_OPTIONAL and (category is None or category.mandatory):
        raise OptOutRefused(f"{scope} mail of {policy.brand} is not optional; there is nothing to leave")
    if not await standings.opt_out(policy.brand, recipient_id, scope, source):
        raise OptOutRefused(f"{policy.brand} has no such recipient")
