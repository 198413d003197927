"""The effects of another policy on people: who would newly get a kind of mail, and who would no longer. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mailer.policy.deciding import decide
from mailer.policy.decision_types import Decision, Divert, Hold, Mailing, Send, Suppress
from mailer.policy.policy_file import Policy
from mailer.policy.policy_library import version_in_force
from mailer.policy.standing import Standing

RuleAndReason = tuple[str, str]
"""The rule that stops a mail, and its reason."""


@dataclass(slots=True)
class PolicyChangeEffectsOnMail:
    """The effects on one kind of mail.

    Attributes:
        category, purpose: of the mail.
        before, after: how many people get it under each policy.
        newly_mailed: how many get it only under the other policy, by the rule that stops it now.
        no_longer_mailed: how many get it only now, by the rule that would stop it.
    """

    category: str
    purpose: str
    before: int = 0
    after: int = 0
    newly_mailed: Counter[RuleAndReason] = field(default_factory=Counter)
    no_longer_mailed: Counter[RuleAndReason] = field(default_factory=Counter)

    def count_person(self, before: Decision, after: Decision) -> None:
        """Counts one person, by the decisions under both policies."""
        stopped_before, stopped_after = _rule_that_stops(before), _rule_that_stops(after)
        self.before += stopped_before is None
        self.after += stopped_after is None
        if stopped_before is not None and stopped_after is None:
            self.newly_mailed[stopped_before] += 1
        if stopped_before is None and stopped_after is not None:
            self.no_longer_mailed[stopped_after] += 1


class PolicyEffectCounter:
    """Decides about people under two policies, and counts the differences for each kind of mail.

    Args:
        before: the policy in force.
        after: the policy that would hold instead; its brand's other versions stand beside it.
        kinds: one mailing of each kind of mail.
        now: an aware datetime.
    """

    def __init__(self, before: Policy, after: Policy, kinds: Iterable[Mailing], now: datetime) -> None:
        self._before, self._after, self._now = before, _version_in_force_on_day_policy_takes_effect(after), now
        self._kinds = [(kind, PolicyChangeEffectsOnMail(kind.category.name, kind.purpose)) for kind in kinds]

    def count_people(self, people: Iterable[Standing]) -> None:
        """Counts people."""
        for standing in people:
            for kind, effects in self._kinds:
                before = decide(kind, standing, self._before, self._now)
                effects.count_person(before, decide(kind, standing, self._after, self._now))

    def counted_effects(self) -> Sequence[PolicyChangeEffectsOnMail]:
        """Returns the effects on each kind of mail, in the order of the kinds."""
        return [effects for _, effects in self._kinds]


def build_sample_mailing_of_each_kind(
    policy: Policy, uses: Iterable[tuple[str, str]], now: datetime
) -> Iterator[Mailing]:
    """Yields a mailing for each category and purpose that the templates of a brand use, as an application sends it.

    Args:
        policy: the brand's.
        uses: the category and the purpose of each template.
        now: an aware datetime; a partner is one of that day. Partner mail of a brand without partners is left out.
    """
    wanted = set(uses)
    partner = next((one.id for one in policy.partners if one.is_in_force_on(now.date())), None)
    for name, category in policy.categories.items():
        for purpose in sorted({purpose for used, purpose in wanted if used == name}):
            if not category.partners:
                yield Mailing(category, purpose, inviter="a member" if category.invites else None)
            elif partner is not None:
                yield Mailing(category, purpose, partner=partner)


def _version_in_force_on_day_policy_takes_effect(policy: Policy) -> Policy:
    return version_in_force(policy.all_versions, policy.effective)


def _rule_that_stops(decision: Decision) -> RuleAndReason | None:
    """Returns the rule and the reason for which a mail does not go to a person; None if it goes, now or later."""
    match decision:
        case Send() | Hold():
            return None
        case Suppress(reason=reason, rule=rule):
            return rule, reason
        case Divert(channel=channel, rule=rule):
            return rule, f"told by {channel}"
