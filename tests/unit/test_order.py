"""The order in which rules are asked: which reason stands in the ledger where several forbid a mail."""

from mailer.policy.deciding import ASKED, SEND, decide
from tests.lattice import facts_with, people, speaking

PRECEDENCE = (
    # What forbids all mail.
    *("closed-purposes", "under-13", "erased", "expired"),
    # What the person wants.
    *("restricted", "deactivated", "objection", "opt-out", "refused-purpose"),
    # What this mail lacks.
    *("strangers", "partner-request", "inviter"),
    # What this person has not asked for.
    *(
        "one-invitation",
        "erased-before",
        "known-basis",
        "contest-entry",
        "topic-consent",
        "subscription",
        "promo-basis",
    ),
    "fresh-consent",
    # What the person wants for a while.
    "own-pause",
    # What goes another way.
    *("channel", "no-address", "dead-address", "electronic-consent"),
    # What may pass.
    *("one-copy", "staging", "not-yet", "frequency", "own-cap", "mail-hours"),
)
"""The rules, in the order in which their reasons are told. A new rule needs a place here, too."""


def test_each_rule_has_its_place() -> None:
    """Every rule that is asked stands in the order, and no other."""
    assert set(PRECEDENCE) == set(ASKED)
    assert len(PRECEDENCE) == len(ASKED)


def test_the_first_reason_is_told() -> None:
    """Two things wrong with a person: the ledger names the one that comes first; each rule is named of somebody."""
    named = set()
    for category, wrongs in people(2):
        facts = facts_with(category, wrongs)
        decision = decide(facts.mailing, facts.standing, facts.policy, facts.now)
        told = min(speaking(facts), key=PRECEDENCE.index, default=SEND)
        assert decision.rule == told, (category, [wrong.name for wrong in wrongs])
        named.add(told)
    assert named == {*PRECEDENCE, SEND}
