from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.category import CATEGORIES, Category, Lane
from mailer.policy.decision import RULES, WRITTEN, Decision, Divert, Hold, Mailing, Send, Suppress, decide
from mailer.policy.document import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL, Standing
from tests.factories import policies

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POLICY = policies()["interpals"].model_copy(update={"category_names": tuple(CATEGORIES)})
ADA = Standing(17, 3, "Ada@People.Example")

categories = st.sampled_from(list(CATEGORIES.values())) | st.builds(
    Category,
    name=st.sampled_from(["digest", "recall", "newsletter"]),
    mandatory=st.booleans(),
    lane=st.sampled_from(Lane),
    outlives_account=st.booleans(),
    needs_release=st.booleans(),
    written_fallback=st.booleans(),
)
moments = st.none() | st.datetimes(datetime(2026, 11, 20), datetime(2026, 11, 23), timezones=st.just(UTC))
mailings = st.builds(Mailing, category=categories, send_at=moments, expires_at=moments)
scopes = st.frozensets(st.sampled_from([*CATEGORIES, "digest", EVERYTHING_OPTIONAL]), max_size=4)
standings = st.builds(
    Standing,
    recipient_id=st.integers(1, 9),
    version=st.integers(1, 9),
    address=st.none() | st.sampled_from(["ada@people.example", "Ada@People.Example", "grace@elsewhere.example"]),
    opted_out=scopes,
    deactivated=st.booleans(),
    erased=st.booleans(),
    address_dead=st.booleans(),
    copy_of=st.none() | st.integers(1, 9),
)
fences = st.none() | st.lists(st.sampled_from(["ada@people.example", "@people.example", "@x.example"])).map(tuple)
brands = st.builds(
    lambda names, fence, version: POLICY.model_copy(
        update={"category_names": tuple(names), "only_deliver_to": fence, "version": version}
    ),
    st.lists(st.sampled_from([*CATEGORIES, "digest", "recall"]), unique=True),
    fences,
    st.sampled_from(["2024", "2026-01"]),
)


def decided(category: str, standing: Standing = ADA, policy: Policy = POLICY, **times: datetime) -> Decision:
    """The decision about somebody, now."""
    return decide(Mailing(CATEGORIES[category], **times), standing, policy, NOW)


@given(mailings, standings, brands)
def test_it_is_total_and_names_its_rule(mailing: Mailing, standing: Standing, policy: Policy) -> None:
    """Whatever comes together, there is one decision, by a rule of the registry, under the version that was asked."""
    decision = decide(mailing, standing, policy, NOW)
    assert isinstance(decision, Send | Suppress | Hold | Divert)
    assert decision.rule in {rule.name for rule in RULES}
    assert decision.policy == policy.version


@given(mailings, standings, brands)
def test_an_opt_out_never_stops_mandatory_mail(mailing: Mailing, standing: Standing, policy: Policy) -> None:
    """For mandatory mail it makes no difference at all what somebody has left."""
    mailing = replace(mailing, category=replace(mailing.category, mandatory=True))
    loyal = replace(standing, opted_out=frozenset())
    assert decide(mailing, standing, policy, NOW) == decide(mailing, loyal, policy, NOW)


@given(mailings, standings, brands, st.booleans())
def test_optional_mail_never_goes_to_who_left(
    mailing: Mailing, standing: Standing, policy: Policy, everything: bool
) -> None:
    """Who has left a category, or everything optional, gets none of it, on no channel and at no time."""
    mailing = replace(mailing, category=replace(mailing.category, mandatory=False, written_fallback=False))
    left = {EVERYTHING_OPTIONAL if everything else mailing.category.name}
    decision = decide(mailing, replace(standing, opted_out=standing.opted_out | left), policy, NOW)
    assert isinstance(decision, Suppress)


@given(mailings, standings, brands)
def test_mail_only_goes_to_an_address(mailing: Mailing, standing: Standing, policy: Policy) -> None:
    """What is sent is due, not expired, promised, and for somebody who is there, with an address that lives."""
    if isinstance(decide(mailing, standing, policy, NOW), Send):
        assert standing.address is not None
        assert (standing.erased, standing.address_dead, standing.copy_of) == (False, False, None)
        assert mailing.category.name in policy.category_names
        assert mailing.send_at is None or mailing.send_at <= NOW
        assert mailing.expires_at is None or mailing.expires_at > NOW


def test_every_rule_has_a_name_and_a_source() -> None:
    """The registry names each rule once and says where it comes from."""
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.source for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_can_decide(rule: object) -> None:
    """No rule is dead: each of them is the one that decides for somebody."""
    cases = [
        decided("newsletter", policy=POLICY.model_copy(update={"category_names": ("service",)})),
        decided("newsletter", replace(ADA, erased=True, address=None)),
        decided("newsletter", expires_at=NOW),
        decided("newsletter", replace(ADA, deactivated=True)),
        decided("newsletter", replace(ADA, opted_out=frozenset({"newsletter"}))),
        decided("newsletter", replace(ADA, address=None)),
        decided("newsletter", replace(ADA, address_dead=True)),
        decided("newsletter", replace(ADA, copy_of=16)),
        decided("newsletter", policy=POLICY.model_copy(update={"only_deliver_to": ()})),
        decided("newsletter", send_at=NOW + timedelta(seconds=1)),
        decided("newsletter"),
    ]
    assert [decision.rule for decision in cases] == [rule.name for rule in RULES]
    assert rule in RULES


@pytest.mark.parametrize("category", ["service", "notification", "newsletter", "promotional", "invitation", "partner"])
def test_who_closed_the_account_gets_nothing_about_it(category: str) -> None:
    """A deactivated account gets no service mail and no optional mail."""
    assert decided(category, replace(ADA, deactivated=True)) == Suppress("deactivated", "deactivated", "2024")


@pytest.mark.parametrize("category", ["breach", "rights", "policy_change", "business_transition"])
def test_legal_and_security_mail_outlives_the_account(category: str) -> None:
    """Legal and security mail reaches who has closed the account."""
    assert isinstance(decided(category, replace(ADA, deactivated=True)), Send)


def test_an_address_known_dead() -> None:
    """Nobody mails a dead address; of a breach its owner is told in writing."""
    dead = replace(ADA, address_dead=True)
    assert decided("service", dead) == Suppress("address_dead", "dead-address", "2024")
    assert decided("breach", dead) == Divert(WRITTEN, "address_dead", "dead-address", "2024")


def test_somebody_without_an_address_was_not_erased() -> None:
    """A ref that was never made known has no address, which is not called an erasure; a breach is told in writing."""
    unknown = replace(ADA, address=None)
    assert decided("service", unknown) == Suppress("no_address", "no-address", "2024")
    assert decided("breach", unknown) == Divert(WRITTEN, "no_address", "no-address", "2024")
    assert decided("breach", replace(unknown, erased=True)) == Suppress("erased", "erased", "2024")


def test_times() -> None:
    """An event holds until it is due, and is over at its end, to the microsecond."""
    soon, late = NOW + timedelta(microseconds=1), NOW - timedelta(microseconds=1)
    assert decided("service", send_at=soon) == Hold(soon, "not_yet_due", "not-yet", "2024")
    assert isinstance(decided("service", send_at=NOW), Send)
    assert decided("service", expires_at=NOW) == Suppress("expired", "expired", "2024")
    assert decided("service", send_at=soon, expires_at=late) == Suppress("expired", "expired", "2024")
    assert isinstance(decided("service", expires_at=soon), Send)


def test_what_is_final_comes_before_what_may_pass() -> None:
    """Nobody is held for a mailing that they will not get in the end."""
    soon = NOW + timedelta(days=1)
    assert isinstance(decided("newsletter", replace(ADA, opted_out=frozenset({"*"})), send_at=soon), Suppress)
    assert isinstance(decided("newsletter", replace(ADA, address=None), send_at=soon), Suppress)


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
    """In staging, mail leaves for the addresses and domains named, in whatever case they are written."""
    policy = Policy.model_validate(POLICY.model_dump(by_alias=True) | {"only_deliver_to": allowed})
    decision = decided("breach", policy=policy)
    assert isinstance(decision, Send) is through
    assert through or decision == Suppress("only_deliver_to", "staging", "2024")


def test_one_copy() -> None:
    """The second ref of one address says whose copy counts for it, even for mandatory mail."""
    assert decided("breach", replace(ADA, copy_of=4)) == Suppress("duplicate_address", "one-copy", "2024")
