"""A person's own limits on a brand's optional mail: a pause of 30 or 90 days, a cap of one mail a week or a month."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, get_args

from mailer.policy.category import Category
from mailer.policy.decision_types import FactsForRules, Suppress
from mailer.policy.policy_file import Policy
from mailer.policy.required_frequency_counts import is_category_counted
from mailer.policy.rule_registry import rule
from mailer.policy.rules import Verdict
from mailer.policy.standing import WITHIN_OWN_CAP, Standing

PauseDays = Literal[30, 90]
"""The lengths of a pause, in days."""
PAUSE_DAYS: Final[tuple[int, ...]] = get_args(PauseDays)
"""The lengths of a pause that a person can choose, in days."""
OWN_PAUSE, OWN_CAP = "own_pause", "own_cap"
"""The names of both limits, as the ledger, the suppressions and the reasons of deliveries have them."""


class OwnCap(StrEnum):
    """The own caps: at most one optional mail of the brand in a week, or in a month. They count as policies' caps."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


OWN_CAP_DAYS: Final[Mapping[OwnCap, int]] = {OwnCap.WEEKLY: 7, OwnCap.MONTHLY: 30}
"""The number of days in which a person with an own cap gets one optional mail."""


@dataclass(frozen=True, slots=True)
class OwnPause:
    """A pause of all optional mail of a brand, for one of `PAUSE_DAYS`."""

    days: int


OwnLimit = OwnPause | OwnCap
"""A limit that a person sets."""


@rule("own-pause", "the person's own choice; invariant 3", sees=("standing.paused_until", "mailing.send_at", "now"))
def suppress_optional_in_pause_set_by_recipient(facts: FactsForRules) -> Verdict:
    """A person who paused optional mail gets none that is due before the pause ends, then or later."""
    until = facts.standing.paused_until
    if until is None or facts.category.mandatory:
        return None
    due = facts.now if facts.mailing.send_at is None else max(facts.now, facts.mailing.send_at)
    return Suppress(OWN_PAUSE, "own-pause", facts.policy.version) if due < until else None


@rule("own-cap", "the person's own choice; invariant 3", sees=("standing.own_cap", "standing.sent"))
def suppress_over_cap_set_by_recipient(facts: FactsForRules) -> Verdict:
    """Optional mail stays within the one a week or a month that the person chose."""
    standing = facts.standing
    if standing.own_cap is None or facts.category.mandatory or standing.count_sent(WITHIN_OWN_CAP) < 1:
        return None
    return Suppress(OWN_CAP, "own-cap", facts.policy.version)


def is_mail_counted_for_cap_or_alarm(policy: Policy, category: Category, standing: Standing) -> bool:
    """Tells whether a mail to a person counts for a cap or an alarm of the policy, or for the person's own cap."""
    return (standing.own_cap is not None and category.is_optional) or is_category_counted(policy, category)


def has_brand_optional_mail(policy: Policy) -> bool:
    """Tells whether a brand has optional mail, which is all that a pause and an own cap are about."""
    return any(category.is_optional for category in policy.categories.values())
