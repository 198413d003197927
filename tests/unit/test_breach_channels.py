"""The channel of each person, and the thresholds and substitute notices by numbers."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.policy.breach.channels import PersonToTell, choose_channel
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.rule_rows import ChannelReason
from mailer.policy.breach.thresholds import substitutes_due, thresholds_reached
from tests.breach_rules import FACTS, MAILBOX, PEOPLE, PLACES, RULES, facts, rules

ADA = PersonToTell("DE", has_address=True)
CONSENTING = PersonToTell("US-CA", has_address=True, has_electronic_consent=True)
AT_HOME: dict[str, Any] = {"has_postal_address": True}


@pytest.mark.parametrize(
    ("person", "said", "expected"),
    [
        (ADA, facts("DE"), ("mail", "mail", "channel-mail")),
        (replace(ADA, place="GB"), facts(), ("mail", "mail", "channel-mail")),
        (replace(ADA, place="BR"), facts(), ("mail", "mail", "channel-mail")),
        (CONSENTING, facts("US-CA"), ("mail", "mail", "channel-mail")),
        (
            replace(CONSENTING, has_electronic_consent=False, **AT_HOME),
            facts("US-CA"),
            ("letter", "no_electronic_consent", "us-electronic-consent"),
        ),
        (
            replace(CONSENTING, has_electronic_consent=None, **AT_HOME),
            facts("US-CA"),
            ("letter", "no_electronic_consent", "us-electronic-consent"),
        ),
        (
            replace(CONSENTING, has_electronic_consent=None),
            facts("US-CA"),
            ("mail", "no_postal_address", "us-ca-mail-as-substitute"),
        ),
        (
            replace(CONSENTING, place="US-NV", has_electronic_consent=None),
            facts("US-NV"),
            ("mail", "no_postal_address", "us-mail-as-substitute"),
        ),
        (
            replace(ADA, place="", **AT_HOME),
            facts("DE"),
            ("letter", "no_electronic_consent", "us-electronic-consent"),
        ),
        (replace(ADA, has_address=False, **AT_HOME), facts(), ("letter", "no_address", "channel-no-address")),
        (replace(ADA, has_address=False), facts(), ("none", "no_address", "channel-no-address")),
        (replace(ADA, is_address_dead=True, **AT_HOME), facts(), ("letter", "address_dead", "channel-address-dead")),
        (replace(ADA, is_address_dead=True), facts(), ("none", "address_dead", "channel-address-dead")),
        (
            replace(ADA, has_refused_electronic=True, **AT_HOME),
            facts(),
            ("letter", "electronic_refused", "channel-refused"),
        ),
        (replace(ADA, is_under_13=True, **AT_HOME), facts(), ("letter", "under_13", "channel-under-13")),
        (replace(ADA, is_under_13=True), facts(), ("none", "under_13", "channel-under-13")),
        (
            replace(ADA, is_mailbox_compromised=True, **AT_HOME),
            facts(mail_trouble="theirs"),
            ("letter", "own_mailbox_compromised", "channel-own-mailbox"),
        ),
        (
            replace(CONSENTING, is_mailbox_compromised=True, **AT_HOME),
            facts(data=(MAILBOX,), mail_trouble="theirs"),
            ("letter", "own_mailbox_compromised", "us-ca-own-mailbox"),
        ),
        (CONSENTING, facts(data=(MAILBOX,), mail_trouble="theirs"), ("mail", "mail", "channel-mail")),
        (
            replace(CONSENTING, **AT_HOME),
            facts(data=(MAILBOX,)),
            ("letter", "own_mailbox_compromised", "us-ca-own-mailbox"),
        ),
        (
            replace(ADA, **AT_HOME),
            facts(mail_trouble="ours"),
            ("letter", "our_mail_compromised", "channel-our-mail"),
        ),
        (ADA, facts(mail_trouble="ours"), ("none", "our_mail_compromised", "channel-our-mail")),
        (
            replace(CONSENTING, is_under_13=True, is_address_dead=True, has_address=False, **AT_HOME),
            facts(mail_trouble="ours"),
            ("letter", "under_13", "channel-under-13"),
        ),
    ],
)
def test_channel_of_a_person(person: PersonToTell, said: BreachFacts, expected: tuple[str, str, str]) -> None:
    """The weightiest reason against mail decides, and the rule that holds where the person lives."""
    choice = choose_channel(person, said, RULES)
    assert (choice.channel, choice.reason, choice.rule) == expected


_UNSAFE = frozenset(
    {
        *(ChannelReason.UNDER_13, ChannelReason.OUR_MAIL_COMPROMISED, ChannelReason.OWN_MAILBOX_COMPROMISED),
        *(ChannelReason.NO_ADDRESS, ChannelReason.ADDRESS_DEAD, ChannelReason.ELECTRONIC_REFUSED),
    }
)


@settings(max_examples=300, deadline=None)
@given(person=PEOPLE, said=FACTS)
def test_each_person_has_a_channel_that_fits(person: PersonToTell, said: BreachFacts) -> None:
    """No state is left out: mail only goes where it may, a letter only to a postal address, and each has a rule."""
    choice = choose_channel(person, said, RULES)
    assert choice.rule in RULES.by_id
    if choice.channel == "mail":
        assert person.has_address
        against = (person.is_address_dead, person.has_refused_electronic, person.is_under_13)
        assert not any((*against, person.is_mailbox_compromised, said.mail_trouble == "ours"))
        assert choice.reason not in _UNSAFE
    elif choice.channel == "letter":
        assert person.has_postal_address
    else:
        assert not person.has_postal_address
        assert choice.reason in _UNSAFE


@settings(max_examples=200, deadline=None)
@given(person=PEOPLE, said=FACTS, place=PLACES)
def test_an_unknown_place_gets_mail_only_where_each_place_does(
    person: PersonToTell, said: BreachFacts, place: str
) -> None:
    """Somebody whose place nobody knows gets plain mail only if they would get it at any place."""
    if choose_channel(replace(person, place=""), said, RULES).reason is ChannelReason.MAIL:
        assert choose_channel(replace(person, place=place), said, RULES).reason is ChannelReason.MAIL


def test_a_policy_may_let_mail_suffice() -> None:
    """A row of a policy for a place goes before the country's, and a row that is switched off holds for nobody."""
    nevada = rules(
        nv_mail={
            **{"kind": "channel", "name": "Nevada", "law": "NRS 603A.220", "places": ["US-NV"], "source": "counsel"},
            **{"checked": date(2026, 1, 1), "sure": "primary", "reason": "no_electronic_consent", "channel": "mail"},
        }
    )
    person = PersonToTell("US-NV", has_address=True, has_postal_address=True)
    assert choose_channel(person, facts(), nevada).channel == "mail"
    assert choose_channel(replace(person, place="US-TX"), facts(), nevada).channel == "letter"
    off = rules(us_electronic_consent={"off": "counsel: people agreed when they signed up"})
    assert choose_channel(replace(person, place="US-TX"), facts(), off).channel == "mail"


@pytest.mark.parametrize(
    ("counts", "sectors", "reached"),
    [
        ({"US-CA": 500}, set(), {}),
        ({"US-CA": 501}, set(), {"us-ca-attorney-general": 501}),
        ({"US-TX": 249}, set(), {}),
        ({"US-TX": 250}, set(), {"us-tx-attorney-general": 250}),
        ({"US-FL": 500, "US-CO": 499}, set(), {"us-fl-legal-affairs": 500}),
        ({"US-NY": 5000}, set(), {}),
        ({"US-NY": 5001}, set(), {"us-ny-credit-agencies": 5001}),
        ({"US-OH": 1001, "US-NV": 1000}, set(), {"us-credit-agencies": 1001}),
        ({"US-OH": 499, "US-NV": 1}, {"hipaa"}, {"hipaa-secretary": 500}),
        ({"US-OH": 501}, {"hipaa"}, {"hipaa-secretary": 501, "hipaa-media": 501}),
        ({"US": 400, "PR": 100}, {"ftc-safeguards"}, {"ftc-safeguards": 500}),
        ({"DE": 10**6, "": 10**6}, {"hipaa"}, {}),
    ],
)
def test_thresholds(counts: dict[str, int], sectors: set[str], reached: dict[str, int]) -> None:
    """Each number is met exactly where the law says, for one place or for all together."""
    found = thresholds_reached(counts, facts(sector_laws=sectors), RULES)
    assert {one.rule: one.people for one in found} == reached
    assert all(RULES.by_id[one.rule].law in one.because for one in found)


@pytest.mark.parametrize(
    ("unreachable", "counts", "changes", "due"),
    [
        ({}, {"US-CA": 500_000}, {}, []),
        ({"US-CA": 1}, {"US-CA": 10}, {}, [("us-ca-substitute", False)]),
        ({}, {"US-CA": 500_001}, {}, [("us-ca-substitute", False)]),
        ({}, {"US-CA": 10}, {"notice_cost": 250_000}, []),
        ({}, {"US-CA": 10}, {"notice_cost": 250_001}, [("us-ca-substitute", False)]),
        ({"US-CA": 1}, {"US-CA": 10}, {"is_encrypted": True}, []),
        ({"DE": 1}, {"DE": 10}, {}, [("gdpr-public", False)]),
        ({"DE": 1}, {"DE": 10}, {"risk": "some"}, []),
        ({"US-MA": 1, "GB": 2}, {}, {}, [("gb-public", False), ("us-ma-substitute", False)]),
        ({"US-NV": 1, "": 1}, {"US-NV": 10}, {}, [("us-ca-substitute", True)]),
        ({"US-NV": 9}, {"US-NV": 10}, {"sector_laws": {"hipaa"}}, [("us-ca-substitute", True)]),
        (
            {"US-NV": 6, "US-OH": 4},
            {"US-NV": 10},
            {"sector_laws": {"hipaa"}},
            [("hipaa-substitute", False), ("us-ca-substitute", True)],
        ),
    ],
)
def test_substitutes(
    unreachable: dict[str, int], counts: dict[str, int], changes: dict[str, Any], due: list[tuple[str, bool]]
) -> None:
    """A substitute notice is due when its number or cost is passed; elsewhere the one with the most steps is."""
    found = substitutes_due(unreachable, counts, facts(**changes), RULES)
    assert [(one.rule, one.is_strictest) for one in found] == due
    assert all(RULES.by_id[one.rule].law in one.because for one in found)


def test_a_substitute_says_what_to_do() -> None:
    """California's has mail, 30 days on the home page, and media; the sentence has the reason and the article."""
    [due] = substitutes_due({"US-CA": 1200}, {"US-CA": 5000}, facts(), RULES)
    assert [(step.step, step.days) for step in due.steps] == [("email", None), ("home_page", 30), ("media", None)]
    assert due.because == (
        "California: mail to everybody whose address is known; a conspicuous posting with a link on the home page for"
        " 30 days; notice to major statewide media, since 1,200 people cannot be reached, Civ. Code 1798.82(j)(3)"
    )


def test_one_person_is_counted_in_the_singular() -> None:
    """The sentence about one person reads like one."""
    [due] = substitutes_due({"DE": 1}, {"DE": 10}, facts(), RULES)
    assert "since 1 person cannot be reached, GDPR" in due.because


@settings(max_examples=100, deadline=None)
@given(said=FACTS, unreachable=st.dictionaries(PLACES | st.just(""), st.integers(1, 100), min_size=1))
def test_unreachable_people_always_have_a_substitute(said: BreachFacts, unreachable: dict[str, int]) -> None:
    """No place with people whom nothing reaches is left without a substitute notice, if a notice is due to them."""
    worst = said.model_copy(update={"risk": "high", "is_encrypted": False})
    found = substitutes_due(unreachable, said.people_by_place, worst, RULES)
    assert set(unreachable) <= {place for one in found for place in one.places}
