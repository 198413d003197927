"""The clocks of a breach case by the rules of its brand, as figures and mails have them."""

from datetime import datetime

from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.rules import breach_rules_of_policy, clocks_of_case
from mailer.policy.policy_file import Policy
from mailer.ports.breach_desk import KeptClock


def kept_clocks_of_case(facts: BreachFacts, policy: Policy, people_told_at: datetime | None) -> list[KeptClock]:
    """Returns the clocks of a case.

    Args:
        facts: of the case.
        policy: of its brand.
        people_told_at: when its first phase was released; None: none was.
    """
    clocks = clocks_of_case(facts, breach_rules_of_policy(policy), people_told_at)
    return [KeptClock(one.key, one.rule, one.whom, one.what, one.because, one.starts_at, one.due_at) for one in clocks]
