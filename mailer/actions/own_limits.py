"""Limits optional mail as its reader asks: a pause of 30 or 90 days, or at most one mail a week or a month.

A limit takes effect at once. What ends it early, or loosens it, widens, and so waits for a confirmation by mail.
"""

from datetime import datetime, timedelta
from uuid import UUID

from mailer.policy.limits_set_by_recipient import (
    OWN_CAP,
    OWN_PAUSE,
    OwnCap,
    OwnLimit,
    OwnPause,
    has_brand_optional_mail,
)
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.ports.standings import OptOutResult, StandingStore
from mailer.ports.suppressions import Suppression, SuppressionStore


class OwnLimitRefused(ValueError):
    """A limit that cannot be set. The message gives the reason."""


async def record_own_limit(
    standings: StandingStore,
    policy: Policy,
    recipient_id: int,
    limit: OwnLimit,
    source: str,
    actor: str = "recipient",
    mailing_id: UUID | None = None,
    since: datetime | None = None,
) -> OptOutResult:
    """Limits a person's optional mail. It takes effect at once, also for queued mail, and never loosens a limit.

    Args:
        standings: the store of standings.
        policy: the policy of the brand.
        recipient_id: the person.
        limit: the pause or the own cap. It never shortens a pause, and never loosens a cap.
        source: how it was said; the ledger stores it.
        actor: who said it.
        mailing_id: the mailing whose link was used, if there was one.
        since: the beginning of the limit, an aware time; None: now.

    Raises:
        OwnLimitRefused: the brand has no optional mail, or no such recipient.
    """
    check_brand_takes_own_limits(policy)
    done = await standings.record_own_limit(policy.brand, recipient_id, limit, source, actor, mailing_id, since)
    if done is None:
        raise OwnLimitRefused(f"{policy.brand} has no such recipient")
    return done


def check_brand_takes_own_limits(policy: Policy) -> None:
    """Checks that a brand has optional mail, which is all that a pause or an own cap is about.

    Raises:
        OwnLimitRefused: it has none.
    """
    if not has_brand_optional_mail(policy):
        raise OwnLimitRefused(f"{policy.brand} has no optional mail that could be paused or limited")


@rule("own-limit-ends", "invariant 5", idle=True)
async def end_own_limits_older_than_request(
    standings: StandingStore,
    suppressions: SuppressionStore,
    policy: Policy,
    recipient_id: int,
    name: str,
    asked_at: datetime,
    left: OwnCap | None = None,
) -> bool:
    """A confirmed request ends the pause, or loosens the own cap, that is older than the request, and no later one.

    Args:
        standings: the store of standings.
        suppressions: the store of suppressions.
        policy: the policy of the brand.
        recipient_id: the person.
        name: `OWN_PAUSE` or `OWN_CAP`.
        asked_at: the time of the request, an aware time.
        left: the looser cap that the person asked for in place of a stricter one; None: no cap is left.

    Returns:
        False if a newer limit stays.
    """
    found = [
        one
        for one in await suppressions.all_suppressions_of_recipient(policy.brand, recipient_id)
        if one.reason == name and one.lifted_at is None and one.scope != left
    ]
    older = [one for one in found if one.at < asked_at]
    if left is not None:
        await record_own_limit(standings, policy, recipient_id, left, "confirmed")
    for one in older:
        await _lift_own_limit_after_confirmation(suppressions, one)
    return older == found


async def _lift_own_limit_after_confirmation(suppressions: SuppressionStore, one: Suppression) -> None:
    """Lifts a limit, unless it was set again meanwhile."""
    await suppressions.lift_suppression(one.id, "recipient", "taken back, and confirmed by mail", one.at, by_owner=True)


def parse_own_limit_of_ledger_reason(name: str, scope: str | None, at: datetime, now: datetime) -> OwnLimit | None:
    """Returns a limit that the ledger names, such as `own_pause 30`. A name that is not known is the strictest.

    None: it is a pause, and over.
    """
    if name == OWN_CAP:
        return OwnCap(scope) if scope in list(OwnCap) else OwnCap.MONTHLY
    days = 30 if name == f"{OWN_PAUSE} 30" else 90
    return OwnPause(days) if at + timedelta(days=days) > now else None
