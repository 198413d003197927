"""The trial of a policy: a broken promise makes its line fail, and the line says for whom."""

from collections.abc import Callable

import pytest

from mailer.policy import rules, tracking
from mailer.policy.policy_file import Policy
from mailer.policy.policy_key_types import FrequencyCap
from mailer.policy.policy_library import MODEL
from mailer.policy.standing import Standing
from mailer.rendering import mailing_renderer
from mailer.rendering.open_and_click_tracking import OpenAndClickTracking
from mailer.rendering.template_library import Template
from mailer.trial import refusal_expectations
from mailer.trial.decision_expectations import FLOOR, STATEMENTS
from mailer.trial.message_expectations import SIGHTS
from mailer.trial.refusal_expectations import DOORS
from mailer.trial.sample_people import MOST, sample_people, single_trait_people
from mailer.trial.trial_run import FAILS, HOLDS, NOT_TRIED, try_promises_of_brand
from tests.broken_trials import NOTHING, NOW, Case, edited, setting, stopping, trial_of, whole, without
from tests.factories import policies

NEWS = "InterPals <letters@mail.interpals.example>"
OTHER = "somebody@else.example"
PROFILE = '<a href="https://interpals.example/?is={{ profile.interest }}">x</a></body>'


CAP = {"cap": FrequencyCap(mails=2, days=30)}
OLD = {"purposes": ("rights",)}
SPEAKS = {
    "expected_fate_of_unlisted_purpose": Case("closed-purposes", broken=without("closed-purposes")),
    "expected_fate_if_under_13": Case("under-13", broken=without("under-13")),
    "expected_fate_if_erased": Case("erased", broken=without("erased", "no-address")),
    "expected_fate_if_restricted": Case("restricted", broken=without("restricted")),
    "expected_fate_if_account_closed": Case("deactivated", broken=without("deactivated")),
    "expected_fate_after_marketing_objection": Case("objection", broken=without("objection")),
    "expected_fate_after_opt_out": Case("opt-out", broken=without("opt-out")),
    "expected_fate_after_other_opt_out": Case(
        "own-preference", broken=stopping(lambda facts: facts.category.is_optional and facts.standing.opted_out)
    ),
    "expected_fate_if_person_refused_purpose": Case("refused-purpose", broken=without("refused-purpose")),
    "expected_fate_for_unknown_partner": Case("strangers", broken=without("strangers")),
    "expected_fate_of_partner_mail": Case("partner-request", broken=without("partner-request")),
    "expected_fate_if_no_or_paused_inviter": Case("inviter", broken=without("inviter")),
    "expected_fate_of_reused_invited_address": Case("one-invitation", broken=without("one-invitation")),
    "expected_fate_of_returned_erased_address": Case("erased-before", broken=without("erased-before")),
    "fate_of_marketing_to_unknown_origin": Case("known-basis", broken=without("known-basis")),
    "expected_fate_if_address_not_for_marketing": Case("contest-entry", broken=without("contest-entry")),
    "expected_fate_if_only_topics_asked_for": Case("topic-consent", broken=without("topic-consent")),
    "expected_fate_if_subscription_required": Case(
        "subscription", "paltalk-2006", without("subscription", "promo-basis")
    ),
    "expected_fate_of_marketing": Case("promo-basis", "paltalk-2006", without("subscription", "promo-basis")),
    "expected_fate_of_new_purpose": Case("fresh-consent", broken=without("fresh-consent"), earlier=OLD),
    "expected_fate_if_channel_is_not_email": Case("channel", "paltalk-2006", without("channel")),
    "expected_fate_if_unreachable_by_mail": Case("electronic-consent", broken=without("electronic-consent")),
    "expected_fate_if_address_dead_for_category": Case(
        "dead-address", broken=stopping(lambda facts: facts.standing.dead_in)
    ),
    "expected_fate_before_send_at": Case("not-yet", broken=without("not-yet")),
    "expected_fate_after_expires_at": Case("expired", broken=without("expired")),
    "expected_fate_over_cap": Case("frequency", broken=without("frequency"), policy=CAP),
    "expected_fate_of_announcements": Case(
        "service-scope", broken=stopping(lambda facts: facts.standing.opted_out), everybody=True
    ),
    "expected_fate_of_account_mail": Case("service-scope", broken=stopping(lambda facts: facts.standing.erased_before)),
    "expected_fate_of_breach_notice": Case("breach-alone", broken=stopping(lambda facts: facts.standing.objected)),
    "expected_fate_of_expired_breach_notice": Case(
        "lasting-notice", broken=stopping(lambda facts: facts.mailing.expires_at)
    ),
    "expected_fate_of_change_notice": Case("primary-address", broken=stopping(lambda facts: facts.standing.sent)),
    "expected_fate_of_mandatory_mail": Case(FLOOR, broken=stopping(lambda facts: facts.standing.erased_before)),
    "expected_fate_despite_profiling_refusals": Case(
        "plain-promotions", broken=stopping(lambda facts: facts.standing.personalisation_refused)
    ),
}
"""Faults that contradict the statements about decisions, one for each."""

WHITE = 'style="color:#fff;background-color:#ffffff" href="{{ unsubscribe_url }}"'
PIXEL = '<img src="https://mail.example/o/1.gif" width="1" height="1" alt=""></body>'
UNCHECKED = setting(mailing_renderer.MailingRenderer, "_way_to_leave_faults", lambda *_: [])
"""Lets a message go whose reader does not see how to leave it."""
LEAVING = 'href="{{ leave_url }}"'
LOOKS = {
    "unsubscribe_problems": Case(
        "way-out", "interpals", UNCHECKED, "weekly", edit=("html", 'href="{{ unsubscribe_url }}"', WHITE)
    ),
    "promotion_in_mandatory_mail_problems": Case(
        "not-promotional", template="maintenance", edit=("html", "</body>", PIXEL)
    ),
    "breach_sender_problems": Case(
        "breach-alone", template="breach-notice", broken=setting(Policy, "sender_of", lambda policy, _: NEWS)
    ),
    "missing_service_footer_problems": Case(
        "service-footer", "paltalk-2002", UNCHECKED, "maintenance", ("html", LEAVING, "hidden " + LEAVING)
    ),
    "secret_or_form_problems": Case(
        "no-secrets", template="maintenance", edit=("text", "InterPals", "Your password is Orchid7.")
    ),
    "profile_values_despite_refusal_problems": Case(
        "plain-promotions",
        "peerstream",
        setting(mailing_renderer, "is_personalisation_refused", lambda _: False),
        "spring-offer",
    ),
    "misplaced_profile_problems": Case("profile-stays", template="spring-offer", edit=("html", "</body>", PROFILE)),
    "tracking_despite_refusal_problems": Case(
        "tracking-refused", "interpals", setting(tracking, "has_refused_tracking", lambda _: False), "weekly"
    ),
    "individual_tracking_problems": Case(
        "nobodys-opens",
        broken=setting(OpenAndClickTracking, "tracking_level_of", lambda *_: "individual"),
        template="weekly",
    ),
    "brand_and_controller_name_problems": Case("both-named", template="weekly", edit=("text", "InterPals Inc.", "Us")),
    "advertising_mark_problems": Case(
        "advertising-marks", "peerstream", setting(Policy, "advertising_mark_by_country", {}), "spring-offer"
    ),
    "privacy_seal_name_problems": Case(
        "seal-named", "paltalk-2006", None, "rights-answer", ("text", "TRUSTe", "nobody")
    ),
    "message_language_problems": Case(
        "local-language", broken=setting(Template, "choose_locale", lambda *_: "en"), template="weekly"
    ),
    "sender_alignment_problems": Case(
        "aligned", broken=setting(Policy, "sender_of", lambda *_: "X <x@other.example>"), template="weekly"
    ),
    "report_link_problems": Case("report-link", template="invitation", edit=("text", "{{ report_url }}", "")),
    "recipient_address_problems": Case(
        "address-at-hand-over",
        broken=setting(mailing_renderer, "address_on_record", lambda _: OTHER),
        template="weekly",
    ),
}
"""Faults that contradict the statements about messages, one for each."""

KNOCKS = {
    "try_unlisted_processors": Case(
        "processor-known", broken=setting(refusal_expectations, "refusal_of_processor_use", lambda *_: None)
    ),
    "try_processor_that_may_retain": Case(
        "no-retention", "paltalk-2006", setting(refusal_expectations, "refusal_of_processor_use", lambda *_: None)
    ),
    "try_service_mail_without_reason": Case(
        "service-reason",
        "paltalk-2006",
        setting(refusal_expectations, "check_event_and_get_template", lambda *_: None),
        "maintenance",
    ),
    "try_alarm_of_service_mail_over_rate": Case(
        "service-rate", "paltalk-2006", setting(rules, "is_service_mail_alarm_rate_exceeded", lambda _: False)
    ),
    "try_change_notice_with_own_addresses": Case(
        "primary-address",
        broken=setting(refusal_expectations, "check_event_and_get_template", lambda *_: None),
        template="policy-change",
    ),
    "try_invitation_without_inviter": Case(
        "inviter",
        broken=setting(refusal_expectations, "check_event_and_get_template", lambda *_: None),
        template="invitation",
    ),
    "try_figures_of_few_people": Case(
        "aggregates", broken=setting(refusal_expectations, "publishable_cells", lambda cells, _: cells)
    ),
    "try_audiences_with_small_difference": Case(
        "no-subtraction", broken=setting(refusal_expectations, "may_subtraction_reveal_small_group", lambda *_: False)
    ),
}
"""Faults that contradict the statements about refusals, one for each."""


KINDS = (
    (SPEAKS, {one.speak.__name__: one.says for one in STATEMENTS}),
    (LOOKS, {one.look.__name__: one.says for one in SIGHTS}),
    (KNOCKS, {one.knock.__name__: one.says for one in DOORS}),
)
"""The cases of each kind of statement, with what its statements say."""


@pytest.mark.parametrize(
    ("case", "said"), [pytest.param(case, says[name], id=name) for cases, says in KINDS for name, case in cases.items()]
)
def test_a_broken_promise_fails(case: Case, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A promise's line holds until it is broken. Then it fails by this statement, and says for whom or where."""
    before = case.try_it(None)
    assert said in before.statements
    assert said not in before.contradicted
    after = case.try_it(monkeypatch)
    assert (after.result, said in after.contradicted) == (FAILS, True)
    assert after.failure


def test_each_statement_is_contradicted_by_something() -> None:
    """Nothing stands in the trial that no fault contradicts."""
    for cases, says in KINDS:
        assert cases.keys() == says.keys()


@pytest.mark.parametrize("brand", [brand for brand in sorted(policies()) if brand != MODEL])
def test_what_the_shipped_brands_promise_holds(brand: str) -> None:
    """No promise of theirs fails, nor does the floor; most are tried, and each that is not says why."""
    own = [whole(brand)[promise.id] for promise in policies()[brand].promises]
    assert [line for line in (*own, whole(brand)[FLOOR]) if line.result == FAILS] == []
    assert sum(line.result == HOLDS for line in own) > len(own) / 2
    assert all(line.not_tried for line in own if line.result == NOT_TRIED)
    assert not any("no statement" in why for line in own for why in line.not_tried)


def test_a_trial_tells_products_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A payer for another product can leave announcements; that any product counted for all would be found."""
    monkeypatch.setattr(Standing, "pays_for", lambda standing, _: bool(standing.products))
    policy = policies()["interpals"]
    line = trial_of(policy, NOTHING, ["service-scope"], sample_people(policy))["service-scope"]
    assert line.result == FAILS
    assert "pays for another product only" in (line.failure or "")


def test_a_trial_knows_that_the_law_asks_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline that ignores countries sends offers to Germany, and to people whose country is unknown."""
    monkeypatch.setattr(Policy, "strictest_switches_for_person", lambda policy, *_: policy.switches)
    line = trial_of(policies()["interpals"], NOTHING, ["promo-basis"])["promo-basis"]
    assert line.result == FAILS
    assert (line.failure or "").startswith("a person in DE, ")


def test_a_message_that_is_never_sent_breaks_its_promise() -> None:
    """A template whose message the renderer refuses is named by the promise of a way out, with the reason."""
    line = trial_of(
        policies()["interpals"], edited("interpals", "weekly", *LOOKS["unsubscribe_problems"].edit), ["way-out"], ()
    )["way-out"]
    assert line.result == FAILS
    assert (line.failure or "").startswith("weekly is not sent, as the HTML part ")


def switched(**values: str) -> Callable[[Policy], Policy]:
    """Gives switches other values, as no file could that says what its promises need."""
    return lambda policy: policy.model_copy(update={"switches": policy.switches.model_copy(update=values)})


def unconfirmed(policy: Policy) -> Policy:
    """Sends newsletters to people who did not subscribe."""
    terms = {**policy.terms, "newsletter": policy.terms["newsletter"].model_copy(update={"confirmed": False})}
    return switched(promo_basis="opt_out")(policy.model_copy(update={"terms": terms}))


def mailing_for_partners(policy: Policy) -> Policy:
    """Opens a brand without partners to them."""
    partners = policies()["interpals"].partners
    terms = {**policy.terms, "partner": policies()["interpals"].terms["partner"]}
    purposes = (*policy.purposes, "partner_offers")
    return switched(partner_mail="allowed")(
        policy.model_copy(update={"partners": partners, "terms": terms, "purposes": purposes})
    )


@pytest.mark.parametrize(
    ("promise", "turned", "template"),
    [
        ("interpals-05", switched(partner_mail="allowed"), None),
        ("interpals-08", switched(service_scope="any"), None),
        ("interpals-14", switched(tracking="unlinkable"), "weekly"),
        ("interpals-24", switched(promo_basis="opt_in"), None),
        ("paltalk02-02", switched(promo_basis="opt_in"), None),
        ("paltalk02-04", switched(partner_mail="on_request"), None),
        ("paltalk02-08", switched(service_footer="none"), "maintenance"),
        ("paltalk06-03", unconfirmed, None),
        ("paltalk06-05", switched(service_scope="paid"), None),
        ("paltalk06-06", switched(service_footer="none"), "maintenance"),
        ("paltalk06-09", mailing_for_partners, None),
        ("paltalk06-12", switched(promo_basis="opt_out"), None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_policy_turned_round_breaks_its_promise(
    promise: str, turned: Callable[[Policy], Policy], template: str | None
) -> None:
    """A promise fails if the policy or its rules contradict what it needs."""
    brand = next(name for name, policy in policies().items() if promise in {one.id for one in policy.promises})
    library = NOTHING if template is None else edited(brand, template, "text", "", "")
    policy = policies()[brand]
    own = tuple(one.model_copy(update={"rules": ()}) for one in policy.promises if one.id == promise)

    def result(policy: Policy) -> str:
        told = policy.model_copy(update={"promises": own})
        return try_promises_of_brand(told, library, NOW, people=single_trait_people(told)).lines[0].result

    assert result(policy) == (NOT_TRIED if "partner" not in policy.terms and turned is mailing_for_partners else HOLDS)
    assert result(turned(policy)) == FAILS


def test_the_people_of_a_large_policy_are_bounded() -> None:
    """A policy with hundreds of partners and purposes has somebody for each, and a bounded number of people."""
    policy = policies()["interpals"]
    many = tuple(policy.partners[0].model_copy(update={"id": f"partner-{n}"}) for n in range(120))
    purposes = tuple(f"purpose_{n}" for n in range(120))
    people = sample_people(policy.model_copy(update={"partners": many, "purposes": purposes}))
    assert len(people) <= MOST + len(single_trait_people(policy)) + 5 * 120
    met = set[str]().union(*(person.standing.opted_out for person in people))
    assert met >= {f"partner/partner-{n}" for n in range(120)} | {f"purpose/purpose_{n}" for n in range(120)}


def test_two_trials_of_a_policy_are_the_same() -> None:
    """Nothing is drawn by lot: the same people in the same order, and the same report."""
    policy = policies()["peerstream"]
    assert sample_people(policy) == sample_people(policy)
    first, second = (try_promises_of_brand(policy, NOTHING, NOW, people=single_trait_people(policy)) for _ in range(2))
    assert first == second
