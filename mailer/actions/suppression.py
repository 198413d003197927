"""Suppresses addresses, and lifts suppressions. Both need a reason and an actor, and stay on record for ever."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mailer.policy.consent_and_opt_out_scopes import is_opt_out_scope, possible_opt_out_scopes_text
from mailer.policy.limits_set_by_recipient import OWN_CAP, OWN_PAUSE
from mailer.policy.policy_file import Policy
from mailer.policy.soft_bounces import SOFT_BOUNCES
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.suppressions import NewSuppression, SuppressionStore

OBJECTION = "objection"
LIFTABLE = ("opt_out", "complaint", OBJECTION, "address_dead", SOFT_BOUNCES, OWN_PAUSE, OWN_CAP)
"""The reasons of suppressions that can be lifted. Those of an erasure or an invitation stay."""
TAKEN_OVER = ("opt_out", "complaint", "address_dead", OBJECTION)
"""The reasons that an operator or another system may give for a suppression."""


class SuppressionRefused(ValueError):
    """A suppression that cannot be recorded or lifted. The message gives the reason."""


@dataclass(frozen=True, slots=True)
class SuppressionImportCounts:
    """The result of an import of suppressions: the number of lines, and of those that were new."""

    taken: int
    new: int


async def object_to_marketing(
    suppressions: SuppressionStore, policy: Policy, recipient_id: int, source: str, actor: str
) -> None:
    """Records an objection to marketing at all brands of the controller (GDPR Art. 21(3)). It overrides any consent.

    Raises:
        SuppressionRefused: the brand has no such recipient.
    """
    await _store_suppression_of_recipient(
        suppressions, policy, recipient_id, NewSuppression(EVERYTHING_OPTIONAL, OBJECTION, source, actor)
    )


async def suppress_recipient(
    suppressions: SuppressionStore, policy: Policy, recipient_id: int, new: NewSuppression
) -> None:
    """Records a suppression of a recipient, such as a complaint or an opt-out that an operator was told of.

    It stays for ever, or until `expires_at`.

    Raises:
        SuppressionRefused: the actor is missing, the scope cannot be left, it has expired, or the brand has no such
            recipient.
    """
    check_suppression_may_be_recorded(policy, new)
    await _store_suppression_of_recipient(suppressions, policy, recipient_id, new)


async def import_suppressed_addresses(
    suppressions: SuppressionStore, policy: Policy, addresses: Sequence[tuple[str, NewSuppression]]
) -> SuppressionImportCounts:
    """Records suppressions of another system. Stores only the hash of an address that belongs to no recipient here.

    Raises:
        SuppressionRefused: one of the suppressions cannot be recorded.
    """
    for _, new in addresses:
        check_suppression_may_be_recorded(policy, new)
    return SuppressionImportCounts(
        len(addresses), await suppressions.suppress_addresses(policy.brand, policy.controller.id, addresses)
    )


async def lift_suppression(
    suppressions: SuppressionStore,
    policy: Policy,
    id: int,
    seen_at: datetime,
    actor: str,
    reason: str,
    *,
    by_owner: bool = False,
) -> None:
    """Lifts a suppression, for everybody who shares the address. The record stays, with the actor and the reason.

    Args:
        suppressions: the store of suppressions.
        policy: the policy of the brand.
        id: the suppression.
        seen_at: its time, as whoever lifts it has seen it. What the person has said again since then stays.
        actor: the identity of who lifts it.
        reason: the reason.
        by_owner: True: the owner of the address lifts it. False: consents from before it no longer count.

    Raises:
        SuppressionRefused: the actor or the reason is missing, or the suppression cannot be lifted.
    """
    if not actor.strip() or not reason.strip():
        raise SuppressionRefused("a suppression is lifted with a reason and by a person; name both")
    found = await suppressions.get_suppression_by_id(policy.brand, policy.controller.id, id)
    if found is None:
        raise SuppressionRefused(f"{policy.brand} has no suppression {id}")
    if found.reason not in LIFTABLE:
        raise SuppressionRefused(f"suppression {id} is for {found.reason}, which stays; {', '.join(LIFTABLE)} can end")
    if found.lifted_at is not None:
        raise SuppressionRefused(f"suppression {id} ended already")
    is_as_seen = found.at <= seen_at
    if not is_as_seen or not await suppressions.lift_suppression(id, actor, reason, found.at, by_owner=by_owner):
        raise SuppressionRefused(f"suppression {id} was said again or ended meanwhile; look at it again, then decide")


def check_suppression_may_be_recorded(policy: Policy, new: NewSuppression) -> None:
    """Checks that a suppression may be recorded.

    Raises:
        SuppressionRefused: it may not be recorded. The message gives the reason.
    """
    if not is_opt_out_scope(policy, new.scope):
        possible = possible_opt_out_scopes_text(policy)
        raise SuppressionRefused(f"scope: {new.scope!r} cannot be left; it takes {possible} or {EVERYTHING_OPTIONAL}")
    if new.reason not in TAKEN_OVER:
        raise SuppressionRefused(f"reason: {new.reason!r} is none of {', '.join(TAKEN_OVER)}")
    if new.reason == OBJECTION and (new.scope != EVERYTHING_OPTIONAL or new.expires_at is not None):
        raise SuppressionRefused(
            "an objection is to all marketing, and does not expire; leave scope and expires_at empty, or write opt_out"
        )
    if not new.actor.strip() or not new.source.strip():
        raise SuppressionRefused("a suppression needs a source and an actor; name both")
    if new.expires_at is not None and new.expires_at <= datetime.now(UTC):
        raise SuppressionRefused("expires_at is over already")


async def _store_suppression_of_recipient(
    suppressions: SuppressionStore, policy: Policy, recipient_id: int, new: NewSuppression
) -> None:
    if not await suppressions.suppress_recipient(policy.brand, recipient_id, new):
        raise SuppressionRefused(f"{policy.brand} has no such recipient")
