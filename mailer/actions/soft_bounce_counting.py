"""Counts soft bounces, and stops optional mail to mailboxes that take none on too many days.

Replies at SMTP time and reports that come by mail later count in the same way.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time

from mailer.policy.hand_over_outcome import Outcome
from mailer.policy.policy_file import Policy
from mailer.policy.soft_bounces import SOFT_BOUNCES, SoftBounceVerdict, is_out_of_storage, judge_soft_bounce_days
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.soft_bounces import SoftBounce, SoftBounceStore
from mailer.ports.suppressions import NewSuppression, SuppressionStore

ACTOR = "processor"
"""The actor of the suppressions: what processors and receivers said."""


class SoftBounceCounter:
    """Counts soft bounces by the policies of their brands.

    Mandatory mail is still tried: a mailbox that is full today may have space when a notice comes.

    Args:
        bounces: the store of the days.
        suppressions: the store of the suppressions that follow.
        policies: the policies by brand.
    """

    def __init__(
        self, bounces: SoftBounceStore, suppressions: SuppressionStore, policies: Mapping[str, Policy]
    ) -> None:
        self._bounces = bounces
        self._suppressions = suppressions
        self._policies = policies

    async def count_soft_bounces(
        self,
        bounces: Sequence[SoftBounce],
        store_for: Callable[[SoftBounceVerdict], SuppressionStore] | None = None,
    ) -> list[SoftBounceVerdict]:
        """Counts soft bounces of today, and suppresses optional mail to mailboxes that have too many.

        Args:
            bounces: of different people.
            store_for: returns the store for the suppression that follows from a verdict; None: the counter's own.

        Returns:
            The verdicts; none about an address that is nobody's any more, or of a brand without a policy.
        """
        verdicts = list[SoftBounceVerdict]()
        for counted in await self._bounces.count_soft_bounces(bounces):
            policy = self._policies.get(counted.brand)
            if policy is None:
                continue
            verdict = judge_soft_bounce_days(counted.days, policy.soft_bounces)
            verdicts.append(verdict)
            if verdict.stops:
                store = store_for(verdict) if store_for else self._suppressions
                await store.suppress_recipient(counted.brand, counted.recipient_id, _build_suppression(verdict))
        return verdicts


def soft_bounce_of_reply(row: DeliveryRow, outcome: Outcome) -> SoftBounce:
    """Returns the soft bounce of a reply at SMTP time."""
    status = outcome.status or str(outcome.code)
    is_full = is_out_of_storage(outcome.status, outcome.text, outcome.code)
    return SoftBounce(row.recipient_id, row.standing.address or "", status, is_full)


def _build_suppression(verdict: SoftBounceVerdict) -> NewSuppression:
    until = datetime.combine(verdict.until, time(), UTC) if verdict.until else None
    source = f"no mail taken on {verdict.counted} days"
    return NewSuppression(EVERYTHING_OPTIONAL, SOFT_BOUNCES, source, ACTOR, expires_at=until)
