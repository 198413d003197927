"""The decision: the answer of each rule, the order of the rules, and what holds for every combination."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.category import CATEGORIES
from mailer.policy.consent_validity import format_consent_days
from mailer.policy.deciding import ASKED, SEND, answers_of_all_rules, decide, facts_for_rules
from mailer.policy.decision_types import Decision, Divert, Hold, Mailing, Send, Suppress
from mailer.policy.mail_still_received import missing_fields_blocking_promotions
from mailer.policy.policy_file import Policy
from mailer.policy.policy_key_types import FrequencyCap
from mailer.policy.policy_sections import CategoryTerms, SendingHours
from mailer.policy.required_frequency_counts import (
    frequency_counts_needed_by_policies,
    is_category_counted_for_somebody,
)
from mailer.policy.rule_registry import RULES
from mailer.policy.standing import EVERYTHING_OPTIONAL, INVITED, WRITTEN, Standing
from mailer.policy.switches import ORDER, Switches, SwitchFloor
from tests.factories import law, policies

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = NOW.date()
HERE, OTHER = UUID(int=7), UUID(int=8)
OPTIONAL = [category for category in CATEGORIES.values() if category.is_optional]
MANDATORY = [category for category in CATEGORIES.values() if category.mandatory]
PURPOSE = {
    "account": "service_notice",
    "updates": "service_notice",
    "service": "service_notice",
    "breach": "security_notice",
    "rights": "rights",
    "policy_change": "service_notice",
    "business_transition": "service_notice",
    "newsletter": "newsletter",
    "promotional": "offers",
    "notification": "activity",
    "invitation": "invitation",
    "partner": "partner_offers",
}
PARTNER = "penpal-shop"
ADA = Standing(17, 3, "Ada@People.Example", source="sign-up", country="US", consents=frozenset({f"partner/{PARTNER}"}))


def revised(policy: Policy, earlier: Policy | None = None, **values: Any) -> Policy:
    """A policy with some changed values."""
    return policy.model_copy(update=values).with_earlier_versions({earlier.version: earlier} if earlier else {})


_TERMS = dict.fromkeys(CATEGORIES, CategoryTerms())
POLICY = revised(policies()["interpals"], terms=_TERMS, cap=None, channels=("sms",))
STRICT = Switches(
    promo_basis="opt_in", service_footer="leave", service_scope="any", partner_mail="never", tracking="off"
)


def mailing_of(category: str, **values: Any) -> Mailing:
    """A mailing that lacks nothing."""
    traits = CATEGORIES[category]
    whole = {
        "id": HERE,
        "inviter": "grace" if traits.invites else None,
        "partner": PARTNER if traits.partners else None,
    }
    return Mailing(traits, PURPOSE[category], **whole | values)


def decided(category: str, standing: Standing = ADA, policy: Policy = POLICY, **values: Any) -> Decision:
    """The decision about somebody, now."""
    return decide(mailing_of(category, **values), standing, policy, NOW)


def reason(decision: Decision) -> str | None:
    """The reason why it is not sent; None if it is sent."""
    return None if isinstance(decision, Send) else decision.reason


moments = st.none() | st.datetimes(datetime(2026, 11, 20), datetime(2026, 11, 23), timezones=st.just(UTC))
mailings = st.builds(
    Mailing,
    category=st.sampled_from(list(CATEGORIES.values())),
    purpose=st.sampled_from([*PURPOSE.values(), "astrology"]),
    id=st.just(HERE),
    topic=st.sampled_from([None, "music", "chess"]),
    inviter=st.sampled_from([None, "grace"]),
    inviter_paused=st.booleans(),
    partner=st.sampled_from([None, PARTNER, "stranger"]),
    send_at=moments,
    expires_at=moments,
)
scopes = st.frozensets(
    st.sampled_from(
        [*CATEGORIES, "newsletter/music", EVERYTHING_OPTIONAL, "purpose/offers", f"partner/{PARTNER}", "tracking"]
    ),
    max_size=4,
)
standings = st.builds(
    Standing,
    recipient_id=st.integers(1, 9),
    version=st.integers(1, 9),
    address=st.none() | st.sampled_from(["ada@people.example", "Ada@People.Example", "grace@elsewhere.example"]),
    opted_out=scopes,
    consents=scopes,
    source=st.sampled_from([None, "sign-up", "contest", INVITED]),
    collected_under=st.sampled_from([None, "2024", "2020", "lost"]),
    country=st.sampled_from([None, "US", "DE", "FR", "BR"]),
    channel=st.sampled_from(["email", "sms"]),
    invited_by=st.sampled_from([None, HERE, OTHER]),
    sent=st.sampled_from([(), (("newsletter", 3), ("*", 9)), (("service", 50),)]),
    copy_of=st.none() | st.integers(1, 9),
    **{
        flag: st.booleans()
        for flag in Standing.__dataclass_fields__
        if Standing.__dataclass_fields__[flag].type in (bool, "bool")
    },
)
switches = st.builds(Switches, **{name: st.sampled_from(values) for name, values in ORDER.items()})
floors = st.builds(SwitchFloor, **{name: st.sampled_from([None, *values]) for name, values in ORDER.items()})
terms = st.builds(
    lambda names, cap, alarm, confirmed: {
        name: CategoryTerms(alarm=alarm) if CATEGORIES[name].mandatory else CategoryTerms(cap=cap, confirmed=confirmed)
        for name in names
    },
    st.lists(st.sampled_from(list(CATEGORIES)), unique=True),
    caps := st.none() | st.builds(FrequencyCap, mails=st.integers(1, 5), days=st.integers(1, 30)),
    caps,
    st.booleans(),
)
brands = st.builds(
    lambda earlier, **values: revised(POLICY, revised(POLICY, version="2020", switches=earlier), **values),
    switches,
    switches=switches,
    terms=terms,
    cap=caps,
    jurisdictions=st.dictionaries(st.sampled_from(["BR", "US"]), floors),
    only_deliver_to=st.sampled_from([None, None, (), ("@people.example",)]),
)


@given(mailings, standings, brands)
def test_it_is_total_and_names_its_rule(mailing: Mailing, standing: Standing, policy: Policy) -> None:
    """Each combination has one decision, by a rule of the registry, under the version that was asked."""
    decision = decide(mailing, standing, policy, NOW)
    assert isinstance(decision, Send | Suppress | Hold | Divert)
    assert decision.rule == SEND or decision.rule in ASKED.keys() & RULES.keys()
    assert decision.policy == policy.version


@given(mailings, standings, brands)
def test_an_explanation_agrees_with_the_decision(mailing: Mailing, standing: Standing, policy: Policy) -> None:
    """The rule that an explanation marks is the one that decides; it tells of all, each once and in their order."""
    answers = list(answers_of_all_rules(facts_for_rules(mailing, standing, policy, NOW)))
    assert [answer.rule for answer in answers] == list(ASKED)
    deciding = [answer.verdict for answer in answers if answer.decides]
    decision = decide(mailing, standing, policy, NOW)
    assert deciding == ([] if isinstance(decision, Send) else [decision])


@given(mailings, standings, brands, st.sampled_from(MANDATORY))
def test_nothing_that_is_about_marketing_stops_mandatory_mail(
    mailing: Mailing, standing: Standing, policy: Policy, category: Any
) -> None:
    """Opt-outs, objections, consents and earlier mail make no difference to mandatory mail."""
    mailing, standing = replace(mailing, category=category), replace(standing, products=frozenset({"*"}))
    willing = replace(
        standing,
        opted_out=frozenset(),
        objected=False,
        consents=frozenset(),
        source=None,
        erased_before=False,
        invited_by=None,
        personalisation_refused=False,
        tracking_refused=False,
        sent=(),
    )
    decision, other = (decide(mailing, one, policy, NOW) for one in (standing, willing))
    assert (replace(decision, alarm=False) if isinstance(decision, Send) else decision) == other


@given(mailings, standings, brands, st.sampled_from(OPTIONAL), st.sampled_from(["category", "all", "topic", "objects"]))
def test_optional_mail_never_goes_to_who_left(
    mailing: Mailing, standing: Standing, policy: Policy, category: Any, how: str
) -> None:
    """A person who left a category, its topic or all, or objected, gets none of it, on any channel at any time."""
    mailing = replace(mailing, category=category)
    topic = f"{category.name}/{mailing.topic}" if mailing.topic else category.name
    left = {"category": {category.name}, "all": {EVERYTHING_OPTIONAL}, "topic": {topic}, "objects": set[str]()}[how]
    standing = replace(standing, opted_out=standing.opted_out | left, objected=how == "objects")
    assert isinstance(decide(mailing, standing, policy, NOW), Suppress)


@given(mailings, standings, brands)
def test_mail_only_goes_to_an_address(mailing: Mailing, standing: Standing, policy: Policy) -> None:
    """Mail that is sent is due, not expired and promised. Its person is no child, and has a living address.

    Only the answer to a request for erasure goes to a person who was erased.
    """
    decision = decide(mailing, standing, policy, NOW)
    if isinstance(decision, Send):
        assert standing.address is not None
        assert not standing.erased or mailing.category.answers
        assert not any((standing.under_13, standing.address_dead, standing.copy_of is not None))
        assert mailing.category.name in policy.terms
        assert mailing.purpose in policy.purposes
        assert mailing.send_at is None or mailing.send_at <= NOW
        assert mailing.expires_at is None or mailing.expires_at > NOW
        assert decision.category in (mailing.category, CATEGORIES["updates"])


@given(switches, switches, floors)
def test_the_strictest_of_three_holds(now: Switches, then: Switches, floor: SwitchFloor) -> None:
    """Each switch has the strictest value of the policy, the version collected under, and the jurisdiction's floor."""
    policy = revised(POLICY, revised(POLICY, version="2020", switches=then), switches=now, jurisdictions={"BR": floor})
    found = policy.strictest_switches_for_person("2020", "BR")
    for name, order in ORDER.items():
        stated = [getattr(source, name) for source in (now, then, floor, law().switch_floor("BR"))]
        assert getattr(found, name) == min(filter(None, stated), key=order.index)


@pytest.mark.parametrize("country", [*law().reviewed_countries, "AR", "EU", "XK"])
def test_no_policy_goes_below_the_floor(country: str) -> None:
    """The law that asks for an opt-in, or an unknown law, holds for an opt-out brand. People who asked are mailed."""
    asks = law().switch_floor(country).promo_basis == "opt_in"
    decision = decided("promotional", replace(ADA, country=country))
    assert reason(decision) == ("no_opt_in" if asks else None)
    willing = replace(
        ADA,
        country=country,
        consents=frozenset({"promotional"}),
        consent_days=format_consent_days(["promotional"], TODAY, TODAY),
    )
    assert isinstance(decided("promotional", willing), Send)


_NEW_PURPOSE = revised(POLICY, revised(POLICY, version="2020", purposes=("offers",)))
CASES: dict[str, Decision] = {
    "closed-purposes": decided("newsletter", policy=revised(POLICY, terms={})),
    "under-13": decided("newsletter", replace(ADA, under_13=True)),
    "erased": decided("newsletter", replace(ADA, erased=True, address=None)),
    "expired": decided("newsletter", expires_at=NOW),
    "restricted": decided("newsletter", replace(ADA, restricted=True)),
    "deactivated": decided("newsletter", replace(ADA, deactivated=True)),
    "objection": decided("newsletter", replace(ADA, objected=True)),
    "opt-out": decided("newsletter", replace(ADA, opted_out=frozenset({"newsletter"}))),
    "refused-purpose": decided("newsletter", replace(ADA, opted_out=frozenset({"purpose/newsletter"}))),
    "strangers": decided("newsletter", partner="stranger"),
    "partner-request": decided("partner", replace(ADA, consents=frozenset())),
    "inviter": decided("invitation", inviter_paused=True),
    "one-invitation": decided("invitation", replace(ADA, invited_by=OTHER)),
    "erased-before": decided("newsletter", replace(ADA, erased_before=True)),
    "known-basis": decided("promotional", replace(ADA, source=None)),
    "contest-entry": decided("newsletter", replace(ADA, source="contest")),
    "topic-consent": decided("newsletter", replace(ADA, consents=frozenset({"newsletter/chess"})), topic="music"),
    "promo-basis": decided("newsletter", policy=revised(POLICY, switches=STRICT)),
    "subscription": decided("newsletter", policy=revised(POLICY, terms={"newsletter": CategoryTerms(confirmed=True)})),
    "fresh-consent": decided("newsletter", replace(ADA, collected_under="2020"), _NEW_PURPOSE),
    "channel": decided("newsletter", replace(ADA, channel="sms")),
    "no-address": decided("newsletter", replace(ADA, address=None)),
    "dead-address": decided("newsletter", replace(ADA, address_dead=True)),
    "electronic-consent": decided("breach", replace(ADA, electronic_refused=True)),
    "one-copy": decided("newsletter", replace(ADA, copy_of=16)),
    "staging": decided("newsletter", policy=revised(POLICY, only_deliver_to=())),
    "not-yet": decided("newsletter", send_at=NOW + timedelta(seconds=1)),
    "frequency": decided(
        "newsletter", replace(ADA, sent=(("*", 2),)), revised(POLICY, cap=FrequencyCap.model_construct(mails=2, days=7))
    ),
    "own-pause": decided("newsletter", replace(ADA, paused_until=NOW + timedelta(seconds=1))),
    "own-cap": decided("newsletter", replace(ADA, own_cap="weekly", sent=(("own_cap", 1),))),
    "mail-hours": decided(
        "newsletter", policy=revised(POLICY, hours=SendingHours.model_validate({"from": "08:00", "to": "21:00"}))
    ),
}


@pytest.mark.parametrize("rule", ASKED)
def test_every_rule_can_decide(rule: str) -> None:
    """No rule is dead: each of them is the one that decides for somebody, and nobody else is in its way."""
    assert CASES[rule].rule == rule
    assert all(isinstance(decided(category), Send) for category in CATEGORIES)


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("flag", ["deactivated", "restricted", "under_13", "erased"])
def test_invariant_3(category: str, flag: str) -> None:
    """A closed or restricted account gets account, legal and security mail; a child nothing; the erased, an answer."""
    legal = category in ("account", "breach", "rights", "policy_change", "business_transition")
    reached = (legal and flag in ("deactivated", "restricted")) or (category, flag) == ("rights", "erased")
    change: dict[str, Any] = {flag: True}
    decision = decided(category, replace(ADA, **change))
    assert isinstance(decision, Send) if reached else decision == Suppress(flag, flag.replace("_", "-"), "2024")


@pytest.mark.parametrize(
    ("lacks", "known"),
    [
        ({"source": None}, False),
        ({"collected_under": "lost"}, False),
        ({"collected_under": None}, True),
    ],
)
def test_an_unknown_basis(lacks: dict[str, Any], known: bool) -> None:
    """Marketing needs a source and a known policy version. Without them, not even requested offers go out."""
    standing = replace(ADA, **lacks)
    unknown = None if known else "unknown_basis"
    assert [reason(decided(name, standing)) for name in ("promotional", "newsletter")] == [unknown, unknown]
    asked = replace(standing, consents=frozenset({"promotional", "newsletter"}))
    assert [reason(decided(name, asked)) for name in ("promotional", "newsletter")] == [unknown, None]
    assert [reason(decided(name, standing)) for name in ("account", "notification")] == [None, None]
    named = {"source": "source", "collected_under": "policy_version"}
    missing = () if known else tuple(named[name] for name in lacks)
    assert missing_fields_blocking_promotions(POLICY, standing) == missing
    for category in ("account", "breach", "rights", "policy_change", "business_transition"):
        assert isinstance(decided(category, standing), Send)


def test_beyond_the_rate_service_mail_is_sent_and_noticed() -> None:
    """The alarm goes off with the mail that is one too many, and stops nothing (paltalk06-04)."""
    policy = revised(POLICY, terms={"service": CategoryTerms(alarm=FrequencyCap(mails=2, days=30))})
    for n, alarm in ((1, False), (2, True)):
        decision = decided(
            "service", replace(ADA, products=frozenset({"*"}), sent=(("service", n), ("updates", 9))), policy
        )
        assert decision == Send(SEND, "2024", CATEGORIES["service"], alarm)


def test_a_cap_counts_what_the_mail_is_to_the_person() -> None:
    """Service mail to a non-payer counts as an update, and is counted before the decision."""
    capped = {"service": CategoryTerms(), "updates": CategoryTerms(cap=FrequencyCap(mails=1, days=7))}
    policy = revised(POLICY, terms=capped)
    unpaid = replace(ADA, sent=(("updates", 1),))
    assert decided("service", unpaid, policy) == Suppress("category_cap", "frequency", "2024")
    assert isinstance(decided("service", replace(unpaid, products=frozenset({"*"})), policy), Send)
    assert {(rate.category, rate.counted) for rate in frequency_counts_needed_by_policies([policy])} == {
        ("service", "updates"),
        ("updates", "updates"),
    }
    assert is_category_counted_for_somebody(policy, CATEGORIES["service"])
    assert not is_category_counted_for_somebody(policy, CATEGORIES["breach"])


def test_an_invitee_is_asked_once_and_never_for_anything_else() -> None:
    """An invitation needs an inviter and an address that no other one has used; an invitee gets nothing else."""
    invitee = replace(ADA, source=INVITED, consents=frozenset())
    assert isinstance(decided("invitation", replace(invitee, invited_by=HERE)), Send)
    assert reason(decided("invitation", replace(invitee, invited_by=OTHER))) == "invited_once"
    assert reason(decided("invitation", invitee, inviter=None)) == "no_inviter"
    assert reason(decided("newsletter", invitee)) == "only_invited"
    assert isinstance(decided("newsletter", replace(invitee, consents=frozenset({"newsletter"}))), Send)


def test_an_address_known_dead() -> None:
    """Nobody mails a dead address; of a breach its owner is told in writing, and so is who has no address."""
    dead, unknown = replace(ADA, address_dead=True), replace(ADA, address=None)
    assert decided("service", dead) == Suppress("address_dead", "dead-address", "2024")
    assert decided("breach", dead) == Divert(WRITTEN, "address_dead", "dead-address", "2024")
    assert decided("service", unknown) == Suppress("no_address", "no-address", "2024")
    assert decided("breach", unknown) == Divert(WRITTEN, "no_address", "no-address", "2024")
    assert decided("breach", replace(unknown, erased=True)) == Suppress("erased", "erased", "2024")


def test_times() -> None:
    """An event waits until it is due, and is over at its end, to the microsecond. Final reasons come first."""
    soon, late = NOW + timedelta(microseconds=1), NOW - timedelta(microseconds=1)
    assert decided("service", send_at=soon) == Hold(soon, "not_yet_due", "not-yet", "2024")
    assert isinstance(decided("service", send_at=NOW), Send)
    assert decided("service", expires_at=NOW) == Suppress("expired", "expired", "2024")
    assert decided("service", send_at=soon, expires_at=late) == Suppress("expired", "expired", "2024")
    assert isinstance(decided("service", expires_at=soon), Send)
    assert isinstance(decided("newsletter", replace(ADA, opted_out=frozenset({"*"})), send_at=soon), Suppress)


@pytest.mark.parametrize(
    ("allowed", "through"),
    [
        (("ada@people.example",), True),
        (("@people.example",), True),
        (("ADA@PEOPLE.EXAMPLE",), True),
        (("@People.Example",), True),
        (("people.example",), False),
        (("@example",), False),
        (("a@people.example",), False),
        ((), False),
        (None, True),
    ],
)
def test_the_staging_fence(allowed: tuple[str, ...] | None, through: bool) -> None:
    """Staging mail leaves only for the addresses and domains named, in any case of letters."""
    policy = Policy.model_validate(POLICY.model_dump(by_alias=True) | {"only_deliver_to": allowed})
    decision = decided("breach", policy=policy)
    assert through or decision == Suppress("only_deliver_to", "staging", "2024")
    assert isinstance(decision, Send) is through
