"""Whether a person gets a mailing: `decide` asks the rules in the order of `ASKED`, and the first that speaks decides.

What forbids all mail comes first, then what forbids this category, then what only this person or mailing lacks, then
what may pass.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from mailer.policy import rules
from mailer.policy.category import CATEGORIES, Category
from mailer.policy.decision import Decision, DecisionFacts, Mailing, Send
from mailer.policy.policy_file import Policy
from mailer.policy.rules import Verdict
from mailer.policy.sending_hours import check_mail_hours
from mailer.policy.standing import Standing


def _all_categories(category: Category) -> bool:
    return True


def _is_optional(category: Category) -> bool:
    return category.is_optional


def _ends_at_closing(category: Category) -> bool:
    return not category.outlives_account


ASKED: dict[str, tuple[Callable[[Category], bool], Callable[[DecisionFacts], Verdict]]] = {
    "closed-purposes": (_all_categories, rules.closed_purposes),
    "under-13": (_all_categories, rules.child_under_13),
    "erased": (_all_categories, rules.erased),
    "expired": (lambda category: not category.written_fallback, rules.expired),
    "restricted": (_ends_at_closing, rules.restricted),
    "deactivated": (_ends_at_closing, rules.deactivated),
    "objection": (_is_optional, rules.objection),
    "opt-out": (_is_optional, rules.opted_out),
    "refused-purpose": (_is_optional, rules.refused_purpose),
    "strangers": (_all_categories, rules.third_parties),
    "partner-request": (_is_optional, rules.partner_request),
    "inviter": (lambda category: category.invites, rules.inviter),
    "one-invitation": (_is_optional, rules.one_invitation),
    "erased-before": (_is_optional, rules.erased_before),
    "known-basis": (lambda category: category.markets, rules.known_basis),
    "contest-entry": (lambda category: category.markets, rules.contest_entry),
    "topic-consent": (_is_optional, rules.topic_consent),
    "subscription": (_is_optional, rules.subscription),
    "promo-basis": (lambda category: category.markets, rules.promo_basis),
    "fresh-consent": (_is_optional, rules.fresh_consent),
    "channel": (lambda category: category.may_answer or not category.outlives_account, rules.channel),
    "no-address": (_all_categories, rules.no_address),
    "dead-address": (_all_categories, rules.dead_address),
    "electronic-consent": (lambda category: category.written_fallback, rules.electronic_consent),
    "one-copy": (_all_categories, rules.one_copy),
    "staging": (_all_categories, rules.staging),
    "not-yet": (_all_categories, rules.not_before_time),
    "frequency": (_is_optional, rules.frequency),
    "mail-hours": (_is_optional, check_mail_hours),
}
"""In the order in which they are asked: each rule's name, of which categories it is asked at all, and the rule."""

SEND = "send"
"""The rule of a mail that no other rule forbids."""


def decide(mailing: Mailing, standing: Standing, policy: Policy, now: datetime) -> Decision:
    """The decision for one person. Pure and total.

    Args:
        mailing: category, purpose and times.
        standing: the person's, as of its version.
        policy: the brand's current one, with its earlier versions beside it.
        now: an aware datetime.
    """
    facts = decision_facts(mailing, standing, policy, now)
    for ask in _ASKED_OF[facts.category.name]:
        verdict = ask(facts)
        if verdict is not None:
            return verdict
    return Send(SEND, policy.version, facts.category, rules.is_over_rate(facts))


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """What one rule said.

    Attributes:
        rule: its name. verdict: None where it had nothing to say.
        asked: whether it has a say about this category at all.
        decides: whether it is the first that spoke.
    """

    rule: str
    verdict: Verdict
    asked: bool
    decides: bool


def explain_decision(facts: DecisionFacts) -> Iterator[RuleAnswer]:
    """What every rule says of a person and a mailing, in their order, also those after the one that decides."""
    decided = False
    for name, (concerns, ask) in ASKED.items():
        verdict = ask(facts) if concerns(facts.category) else None
        yield RuleAnswer(name, verdict, concerns(facts.category), not decided and verdict is not None)
        decided = decided or verdict is not None


def decision_facts(mailing: Mailing, standing: Standing, policy: Policy, now: datetime) -> DecisionFacts:
    """Everything that the rules look at."""
    switches = policy.switches_for(standing.collected_under, standing.country)
    category = rules.service_scope(mailing, standing, switches) or mailing.category
    return DecisionFacts(mailing, standing, policy, now, category, switches)


_ASKED_OF = {
    name: tuple(ask for concerns, ask in ASKED.values() if concerns(category)) for name, category in CATEGORIES.items()
}
