"""The decision about a person and a mailing. `decide` asks the rules in the order of `ASKED`; the first answer counts.

The order: rules that forbid all mail, rules that forbid a category, rules about something that this person or mailing
lacks, and rules that only delay or limit.
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
"""The rules in the order in which they are asked, by name: a test for the categories that it concerns, and the rule."""

SEND = "send"
"""The rule of a mail that no other rule forbids."""


def decide(mailing: Mailing, standing: Standing, policy: Policy, now: datetime) -> Decision:
    """Decides about one person and one mailing. Pure and total.

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
    """The answer of one rule.

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
    """Yields the answer of each rule about a person and a mailing, in order, also of rules after the deciding one."""
    decided = False
    for name, (concerns, ask) in ASKED.items():
        verdict = ask(facts) if concerns(facts.category) else None
        yield RuleAnswer(name, verdict, concerns(facts.category), not decided and verdict is not None)
        decided = decided or verdict is not None


def decision_facts(mailing: Mailing, standing: Standing, policy: Policy, now: datetime) -> DecisionFacts:
    """Collects the facts that the rules read about a person and a mailing."""
    switches = policy.switches_for(standing.collected_under, standing.country)
    category = rules.service_scope(mailing, standing, switches) or mailing.category
    return DecisionFacts(mailing, standing, policy, now, category, switches)


_ASKED_OF = {
    name: tuple(ask for concerns, ask in ASKED.values() if concerns(category)) for name, category in CATEGORIES.items()
}
