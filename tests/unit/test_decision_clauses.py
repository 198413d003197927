"""The clauses of the decision's conditions, each with somebody for whom it alone makes the difference."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailer.policy.category import CATEGORIES
from mailer.policy.deciding import ASKED, answers_of_all_rules, facts_for_rules
from mailer.policy.decision_types import FactsForRules, Hold, Send, Suppress
from mailer.policy.limits_set_by_recipient import OwnCap
from mailer.policy.policy_file import Policy
from mailer.policy.policy_key_types import FrequencyCap
from mailer.policy.policy_sections import CategoryTerms, SendingHours
from mailer.policy.rules import SOON, is_service_mail_alarm_rate_exceeded
from mailer.policy.standing import EVERYTHING_OPTIONAL, INVITED, SHARING, WITHIN_OWN_CAP, Standing
from tests.unit.test_decision import (
    ADA,
    HERE,
    NOW,
    OTHER,
    PARTNER,
    POLICY,
    STRICT,
    decided,
    mailing_of,
    reason,
    revised,
)

OPTIONAL = {"newsletter", "promotional", "updates", "notification", "invitation", "partner"}
ENDING = {*OPTIONAL, "service"}
MARKETING = {name for name, category in CATEGORIES.items() if category.markets}
ONLY = {
    **dict.fromkeys(("restricted", "deactivated"), ENDING),
    "channel": {*ENDING, "account"},
    **dict.fromkeys(("objection", "opt-out", "refused-purpose", "one-invitation", "erased-before"), OPTIONAL),
    **dict.fromkeys(("topic-consent", "subscription", "fresh-consent", "frequency", "mail-hours"), OPTIONAL),
    **dict.fromkeys(("own-pause", "own-cap"), OPTIONAL),
    **dict.fromkeys(("known-basis", "contest-entry", "promo-basis"), MARKETING),
    "partner-request": OPTIONAL,
    "inviter": {"invitation"},
    "electronic-consent": {"breach"},
}
"""The only categories that a rule may stop, by rule."""

UNWANTED = replace(
    ADA,
    source=None,
    collected_under="2020",
    consents=frozenset(),
    opted_out=frozenset({EVERYTHING_OPTIONAL, *(f"purpose/{name}" for name in POLICY.purposes)}),
    objected=True,
    restricted=True,
    deactivated=True,
    erased_before=True,
    channel="sms",
    electronic_refused=True,
    paused_until=NOW + timedelta(days=1),
    own_cap=OwnCap.WEEKLY,
    sent=tuple((name, 9) for name in (EVERYTHING_OPTIONAL, WITHIN_OWN_CAP, *CATEGORIES)),
)
"""A person about whom nearly every rule decides."""
STERN = revised(
    POLICY,
    revised(POLICY, version="2020", purposes=()),
    switches=STRICT,
    cap=FrequencyCap(mails=1, days=7),
    hours=SendingHours.model_validate({"from": "08:00", "to": "08:01"}),
)


def facts(category: str, standing: Standing = ADA, policy: Policy = POLICY, **values: Any) -> FactsForRules:
    """All that a rule looks at."""
    return facts_for_rules(mailing_of(category, **values), standing, policy, NOW)


@pytest.mark.parametrize("rule", ONLY)
@pytest.mark.parametrize("source", [None, INVITED, "contest"])
def test_a_rule_stops_only_its_categories(rule: str, source: str | None) -> None:
    """A rule is asked only about its categories. Asked directly about another one, it says nothing."""
    standing = replace(UNWANTED, source=source)
    for name in CATEGORIES:
        given = facts(name, replace(standing, products=frozenset({"*"})), STERN, inviter=None, partner=None)
        asked = {answer.rule for answer in answers_of_all_rules(given) if answer.asked}
        assert (rule in asked) is (name in ONLY[rule])
        assert name in ONLY[rule] or ASKED[rule][1](given) is None


def consenting(*scopes: str, **values: Any) -> Standing:
    """Ada, with these consents only."""
    return replace(ADA, consents=frozenset(scopes), **values)


CONFIRMED = revised(POLICY, terms={"newsletter": CategoryTerms(confirmed=True)})
CAPPED = revised(POLICY, terms={"newsletter": CategoryTerms(cap=FrequencyCap(mails=2, days=7))})
BRAND_CAP = revised(POLICY, cap=FrequencyCap.model_construct(mails=2, days=7))
NEW_PURPOSE = revised(POLICY, revised(POLICY, version="2020", purposes=("offers",)))
ON_REQUEST = revised(POLICY, switches=POLICY.switches.model_copy(update={"partner_mail": "on_request"}))
ALLOWED = revised(POLICY, switches=POLICY.switches.model_copy(update={"partner_mail": "allowed"}))
NEVER = revised(POLICY, switches=POLICY.switches.model_copy(update={"partner_mail": "never"}))
DAY = SendingHours.model_validate({"from": "08:00", "to": "21:00"})
AMERICAN_DAY = revised(POLICY, hours=DAY)
"""A policy with mail hours by day. At noon in UTC it is day in France, and not yet in all of America."""
UNPAID = revised(
    POLICY,
    terms={"service": CategoryTerms()},
    switches=POLICY.switches.model_copy(update={"service_scope": "paid"}),
)
"""A policy without terms for updates. Service mail is an update for non-payers."""

HAD_ONE = ((WITHIN_OWN_CAP, 1),)

PEOPLE: list[tuple[str | None, str, Standing, Policy, dict[str, Any]]] = [
    ("own_pause", "newsletter", replace(ADA, paused_until=NOW + timedelta(seconds=1)), POLICY, {}),
    (None, "newsletter", replace(ADA, paused_until=NOW), POLICY, {}),
    (None, "rights", replace(ADA, paused_until=NOW + timedelta(days=1)), POLICY, {}),
    ("own_pause", "newsletter", replace(ADA, paused_until=NOW + timedelta(days=1)), POLICY, {"send_at": NOW}),
    (
        "not_yet_due",
        "newsletter",
        replace(ADA, paused_until=NOW + timedelta(days=1)),
        POLICY,
        {"send_at": NOW + timedelta(days=1)},
    ),
    (
        "own_pause",
        "newsletter",
        replace(ADA, paused_until=NOW + timedelta(days=1)),
        POLICY,
        {"send_at": NOW - timedelta(days=9)},
    ),
    ("own_cap", "newsletter", replace(ADA, own_cap="weekly", sent=HAD_ONE), POLICY, {}),
    ("own_cap", "newsletter", replace(ADA, own_cap="of a newer version", sent=HAD_ONE), POLICY, {}),
    (None, "newsletter", replace(ADA, own_cap="weekly"), POLICY, {}),
    (None, "newsletter", replace(ADA, sent=HAD_ONE), POLICY, {}),
    (None, "rights", replace(ADA, own_cap="weekly", sent=HAD_ONE), POLICY, {}),
    ("category_not_in_policy", "newsletter", ADA, revised(POLICY, terms={"service": CategoryTerms()}), {}),
    ("purpose_not_in_policy", "newsletter", ADA, revised(POLICY, purposes=()), {}),
    (None, "breach", ADA, POLICY, {"expires_at": NOW}),
    ("expired", "rights", ADA, POLICY, {"expires_at": NOW}),
    (None, "rights", replace(ADA, erased=True), POLICY, {}),
    ("erased", "rights", replace(ADA, erased=True, address=None), POLICY, {}),
    ("objected", "newsletter", replace(ADA, objected=True), POLICY, {}),
    ("opted_out", "newsletter", replace(ADA, opted_out=frozenset({"newsletter/music"})), POLICY, {"topic": "music"}),
    (None, "newsletter", replace(ADA, opted_out=frozenset({"newsletter/music"})), POLICY, {"topic": "chess"}),
    (None, "newsletter", replace(ADA, opted_out=frozenset({"newsletter/music"})), POLICY, {}),
    (None, "newsletter", replace(ADA, opted_out=frozenset({"notification"})), POLICY, {}),
    (None, "newsletter", replace(ADA, opted_out=frozenset({"purpose/offers"})), POLICY, {}),
    ("unrelated_third_party", "newsletter", ADA, POLICY, {"partner": "stranger"}),
    (None, "newsletter", ADA, POLICY, {"partner": PARTNER}),
    ("no_partner_mail", "newsletter", ADA, NEVER, {"partner": PARTNER}),
    ("not_requested", "notification", consenting("notification"), ON_REQUEST, {"partner": PARTNER}),
    ("opted_out", "updates", replace(ADA, opted_out=frozenset({f"partner/{PARTNER}"})), POLICY, {"partner": PARTNER}),
    ("no_partner_mail", "partner", ADA, POLICY, {"partner": None}),
    ("no_partner_mail", "partner", ADA, NEVER, {}),
    ("opted_out", "partner", replace(ADA, opted_out=frozenset({f"partner/{PARTNER}"})), POLICY, {}),
    ("not_requested", "partner", consenting("partner"), ON_REQUEST, {}),
    (None, "partner", ADA, ON_REQUEST, {}),
    (None, "partner", consenting(), ALLOWED, {}),
    (None, "partner", replace(ADA, opted_out=frozenset({"notification"})), ON_REQUEST, {}),
    ("opted_out", "partner", replace(ADA, opted_out=frozenset({SHARING})), ALLOWED, {}),
    (None, "partner", consenting("partner/other"), ALLOWED, {}),
    ("erased_before", "partner", consenting("partner/other", erased_before=True), ALLOWED, {}),
    (None, "partner", consenting(f"partner/{PARTNER}", erased_before=True), ALLOWED, {}),
    ("inviter_paused", "invitation", ADA, POLICY, {"inviter_paused": True}),
    ("no_inviter", "invitation", ADA, POLICY, {"inviter": None}),
    (None, "invitation", replace(ADA, invited_by=HERE), POLICY, {}),
    ("invited_once", "invitation", replace(ADA, invited_by=OTHER), POLICY, {}),
    ("only_invited", "newsletter", consenting(source=INVITED), POLICY, {}),
    (None, "newsletter", consenting("newsletter", source=INVITED), POLICY, {}),
    (None, "newsletter", consenting("newsletter/music", source=INVITED), POLICY, {"topic": "music"}),
    ("only_invited", "newsletter", consenting("newsletter/music", source=INVITED), POLICY, {"topic": "chess"}),
    ("only_invited", "newsletter", replace(ADA, source=INVITED), POLICY, {"partner": PARTNER}),
    (None, "partner", replace(ADA, source=INVITED), POLICY, {}),
    ("erased_before", "newsletter", replace(ADA, erased_before=True), POLICY, {}),
    (None, "newsletter", consenting("newsletter", erased_before=True), POLICY, {}),
    ("contest_is_no_consent", "newsletter", replace(ADA, source="contest"), POLICY, {}),
    (None, "newsletter", consenting("newsletter", source="contest"), POLICY, {}),
    ("no_opt_in", "newsletter", ADA, revised(POLICY, switches=STRICT), {}),
    (None, "newsletter", consenting("newsletter"), revised(POLICY, switches=STRICT), {}),
    ("other_topics_only", "newsletter", consenting("newsletter/chess"), POLICY, {"topic": "music"}),
    (None, "newsletter", consenting("newsletter/chess", "newsletter"), POLICY, {"topic": "music"}),
    (None, "newsletter", consenting("notification/chess"), POLICY, {"topic": "music"}),
    (None, "newsletter", consenting(), POLICY, {"topic": "music"}),
    (None, "partner", consenting(f"partner/{PARTNER}", "partner/other"), POLICY, {}),
    ("not_subscribed", "newsletter", ADA, CONFIRMED, {}),
    (None, "newsletter", consenting("newsletter"), CONFIRMED, {}),
    ("needs_fresh_consent", "newsletter", replace(ADA, collected_under="2020"), NEW_PURPOSE, {}),
    (None, "newsletter", consenting("purpose/newsletter", collected_under="2020"), NEW_PURPOSE, {}),
    (None, "promotional", replace(ADA, collected_under="2020"), NEW_PURPOSE, {}),
    (None, "newsletter", replace(ADA, sent=(("newsletter", 1),)), CAPPED, {}),
    ("category_cap", "newsletter", replace(ADA, sent=(("newsletter", 2),)), CAPPED, {}),
    (None, "newsletter", replace(ADA, sent=((EVERYTHING_OPTIONAL, 1),)), BRAND_CAP, {}),
    ("brand_cap", "newsletter", replace(ADA, sent=((EVERYTHING_OPTIONAL, 2),)), BRAND_CAP, {}),
    (None, "newsletter", replace(ADA, sent=(("newsletter", 9),)), BRAND_CAP, {}),
    (None, "service", ADA, UNPAID, {}),
    ("no_opt_in", "promotional", replace(ADA, country=None), POLICY, {}),
    ("consent_not_confirmed", "promotional", consenting("promotional", country=None), POLICY, {}),
    ("erased_before", "newsletter", consenting("newsletter/None", erased_before=True), POLICY, {}),
    (None, "notification", replace(ADA, country="FR"), AMERICAN_DAY, {}),
    ("outside_hours", "notification", ADA, AMERICAN_DAY, {}),
    (None, "notification", replace(ADA, country=None), AMERICAN_DAY, {}),
    ("outside_hours", "notification", replace(ADA, country=None, locale="en-US"), AMERICAN_DAY, {}),
    (None, "notification", replace(ADA, country="FR", locale="en-US"), AMERICAN_DAY, {}),
    ("no_electronic_consent", "breach", replace(ADA, electronic_refused=True), POLICY, {}),
    ("channel_preference", "service", replace(ADA, channel="sms"), POLICY, {}),
    ("channel_preference", "account", replace(ADA, channel="sms"), POLICY, {"answers": True}),
    (None, "account", replace(ADA, channel="sms"), POLICY, {}),
    (None, "rights", replace(ADA, channel="sms"), POLICY, {"answers": True}),
    (None, "breach", replace(ADA, channel="sms"), POLICY, {}),
    (None, "newsletter", replace(ADA, channel="pigeon"), POLICY, {}),
    (None, "newsletter", replace(ADA, channel="sms"), revised(POLICY, channels=()), {}),
    (None, "newsletter", replace(ADA, dead_in=["promotional", "newsletter/chess"]), POLICY, {"topic": "music"}),
    ("address_dead", "newsletter", replace(ADA, dead_in=["newsletter"]), POLICY, {"topic": "music"}),
    ("address_dead", "newsletter", replace(ADA, dead_in=["newsletter/music"]), POLICY, {"topic": "music"}),
    ("address_dead", "newsletter", replace(ADA, dead_in=["purpose/newsletter"]), POLICY, {}),
    ("address_dead", "partner", replace(ADA, dead_in=[f"partner/{PARTNER}"]), POLICY, {}),
    ("address_dead", "newsletter", replace(ADA, dead_in=["*"]), POLICY, {}),
    (None, "breach", replace(ADA, dead_in=["*"]), POLICY, {}),
    (None, "rights", replace(ADA, dead_in=["rights", "purpose/rights"]), POLICY, {}),
    ("duplicate_address", "service", replace(ADA, copy_of=16), POLICY, {}),
    (None, "service", replace(ADA, copy_known_at=NOW), POLICY, {}),
]


@pytest.mark.parametrize(("why", "category", "standing", "policy", "values"), PEOPLE)
def test_one_clause_decides(
    why: str | None, category: str, standing: Standing, policy: Policy, values: dict[str, Any]
) -> None:
    """The same person a clause further gets another answer."""
    decision = decided(category, standing, policy, **values)
    assert (reason(decision), isinstance(decision, Send)) == (why, why is None)


def test_an_undecided_copy_is_looked_at_again() -> None:
    """The delivery is looked at again when the other copy's state is known, or now if that time is past."""
    for known, base in ((NOW + timedelta(hours=1), NOW + timedelta(hours=1)), (NOW - timedelta(hours=1), NOW)):
        decision = decided("service", replace(ADA, copy_of=16, copy_known_at=known))
        assert decision == Hold(base + SOON, "copy_undecided", "one-copy", "2024")


def test_rules_that_are_asked_directly_miss_nothing() -> None:
    """A fence without an address, terms without a category, or mail of another kind are nothing to a rule by itself."""
    fenced = revised(POLICY, only_deliver_to=())
    assert ASKED["staging"][1](facts("newsletter", replace(ADA, address=None), fenced)) is None
    nothing = revised(POLICY, terms={})
    for rule in ("subscription", "frequency"):
        assert ASKED[rule][1](facts("newsletter", replace(ADA, sent=(("newsletter", 9),)), nothing)) is None
    assert is_service_mail_alarm_rate_exceeded(facts("service", replace(ADA, sent=(("updates", 9),)), UNPAID)) is False
    answered = facts("rights", replace(ADA, channel="sms"), answers=True)
    assert ASKED["channel"][1](answered) is None
    some = consenting("service/outages", products=frozenset({"*"}))
    assert ASKED["topic-consent"][1](facts("service", some, topic="plans")) is None
    nobodys = consenting("partner/None", erased_before=True)
    assert ASKED["erased-before"][1](facts("partner", nobodys, partner=None)) is not None


def test_an_explanation_marks_one_rule() -> None:
    """Only the first rule that speaks decides, even if later ones speak."""
    answers = list(answers_of_all_rules(facts("newsletter", UNWANTED, STERN)))
    assert [answer.rule for answer in answers if answer.decides] == ["restricted"]
    assert len([answer for answer in answers if answer.verdict]) > 5
    assert isinstance(decided("newsletter"), Send)
    assert isinstance(decided("newsletter", UNWANTED, STERN), Suppress)
