"""The decision about a person and a mailing. `decide` asks the rules in the order of `ASKED`; the first answer counts.

The order: rules that forbid all mail, rules that forbid a category, rules about something that this person or mailing
lacks, and rules that only delay or limit.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from mailer.policy import rules
from mailer.policy.category import CATEGORIES, Category
from mailer.policy.decision_types import Decision, FactsForRules, Mailing, Send
from mailer.policy.limits_set_by_recipient import (
    suppress_optional_in_pause_set_by_recipient,
    suppress_over_cap_set_by_recipient,
)
from mailer.policy.policy_file import Policy
from mailer.policy.rules import Verdict
from mailer.policy.sending_hours import hold_until_mail_hours
from mailer.policy.standing import Standing
from mailer.policy.unpaid_product_category import category_if_product_unpaid


def _is_true_for_every_category(category: Category) -> bool:
    return True


def _is_optional_category(category: Category) -> bool:
    return category.is_optional


def _is_ended_by_account_closing(category: Category) -> bool:
    return not category.outlives_account


ASKED: dict[str, tuple[Callable[[Category], bool], Callable[[FactsForRules], Verdict]]] = {
    "closed-purposes": (_is_true_for_every_category, rules.suppress_unlisted_category_or_purpose),
    "under-13": (_is_true_for_every_category, rules.suppress_if_under_13),
    "erased": (_is_true_for_every_category, rules.suppress_if_erased),
    "expired": (lambda category: not category.written_fallback, rules.suppress_if_expired),
    "restricted": (_is_ended_by_account_closing, rules.suppress_most_if_restricted),
    "deactivated": (_is_ended_by_account_closing, rules.suppress_most_if_account_closed),
    "objection": (_is_optional_category, rules.suppress_optional_after_objection),
    "opt-out": (_is_optional_category, rules.suppress_after_opt_out),
    "refused-purpose": (_is_optional_category, rules.suppress_refused_purpose),
    "strangers": (_is_true_for_every_category, rules.suppress_for_unregistered_partner),
    "partner-request": (_is_optional_category, rules.suppress_disallowed_partner_mail),
    "inviter": (lambda category: category.invites, rules.suppress_if_no_or_paused_inviter),
    "one-invitation": (_is_optional_category, rules.suppress_reuse_of_invited_address),
    "erased-before": (_is_optional_category, rules.suppress_optional_if_erased_before),
    "known-basis": (lambda category: category.markets, rules.suppress_marketing_to_unknown_origin),
    "contest-entry": (lambda category: category.markets, rules.suppress_marketing_if_address_given_otherwise),
    "topic-consent": (_is_optional_category, rules.suppress_if_only_other_topics_consented),
    "subscription": (_is_optional_category, rules.suppress_without_confirmed_subscription),
    "promo-basis": (lambda category: category.markets, rules.suppress_marketing_without_opt_in),
    "fresh-consent": (_is_optional_category, rules.suppress_new_purpose_without_consent),
    "own-pause": (_is_optional_category, suppress_optional_in_pause_set_by_recipient),
    "channel": (lambda category: category.may_answer or not category.outlives_account, rules.divert_to_wished_channel),
    "no-address": (_is_true_for_every_category, rules.divert_breach_or_suppress_if_no_address),
    "dead-address": (_is_true_for_every_category, rules.divert_breach_or_suppress_dead_address),
    "electronic-consent": (lambda category: category.written_fallback, rules.divert_breach_if_electronic_refused),
    "one-copy": (_is_true_for_every_category, rules.suppress_or_hold_duplicate_copy),
    "staging": (_is_true_for_every_category, rules.suppress_outside_staging_fence),
    "not-yet": (_is_true_for_every_category, rules.hold_until_send_at),
    "frequency": (_is_optional_category, rules.suppress_over_frequency_cap),
    "own-cap": (_is_optional_category, suppress_over_cap_set_by_recipient),
    "mail-hours": (_is_optional_category, hold_until_mail_hours),
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
    facts = facts_for_rules(mailing, standing, policy, now)
    for ask in _ASKED_OF[facts.category.name]:
        verdict = ask(facts)
        if verdict is not None:
            return verdict
    return Send(SEND, policy.version, facts.category, rules.is_service_mail_alarm_rate_exceeded(facts))


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


def answers_of_all_rules(facts: FactsForRules) -> Iterator[RuleAnswer]:
    """Yields the answer of each rule about a person and a mailing, in order, also of rules after the deciding one."""
    decided = False
    for name, (concerns, ask) in ASKED.items():
        verdict = ask(facts) if concerns(facts.category) else None
        yield RuleAnswer(name, verdict, concerns(facts.category), not decided and verdict is not None)
        decided = decided or verdict is not None


def facts_for_rules(mailing: Mailing, standing: Standing, policy: Policy, now: datetime) -> FactsForRules:
    """Collects the facts that the rules read about a person and a mailing."""
    switches = policy.strictest_switches_for_person(standing.collected_under, standing.country)
    category = category_if_product_unpaid(mailing, standing, switches) or mailing.category
    return FactsForRules(mailing, standing, policy, now, category, switches)


_ASKED_OF = {
    name: tuple(ask for concerns, ask in ASKED.values() if concerns(category)) for name, category in CATEGORIES.items()
}
