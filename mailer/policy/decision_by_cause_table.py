"""The table of causes: the decision about mail of each category for each fact about a person or a mailing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from mailer.policy.category import CATEGORIES
from mailer.policy.consent_validity import format_consent_days
from mailer.policy.deciding import decide
from mailer.policy.decision_types import Decision, Divert, Hold, Mailing, Send, Suppress
from mailer.policy.limits_set_by_recipient import OwnCap
from mailer.policy.policy_file import Policy
from mailer.policy.policy_key_types import FrequencyCap
from mailer.policy.policy_sections import CategoryTerms, SendingHours
from mailer.policy.standing import EVERY_PRODUCT, EVERYTHING_OPTIONAL, SHARING, WITHIN_OWN_CAP, Standing
from mailer.policy.switches import Switches
from mailer.policy.third_parties import Partner

_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
_HERE, _ELSEWHERE = UUID(int=1), UUID(int=2)
_PURPOSE, _PARTNER, _CHANNEL = "any-purpose", "a-partner", "telephone"
_OPTIONAL = tuple(name for name, category in CATEGORIES.items() if category.is_optional)
_OF_UPDATES = next(category.without_product for category in CATEGORIES.values() if category.without_product)


def _unchanged_policy(policy: Policy) -> Policy:
    return policy


@dataclass(frozen=True, slots=True)
class CauseAgainstSending:
    """One fact that may stop mail. Nothing else is in the way.

    Attributes:
        says: the fact in words; the name of the row.
        standing, mailing: the fields that differ from the usual standing and mailing.
        policy: makes the policy for this row from the laxest policy.
    """

    says: str
    standing: dict[str, Any] = field(default_factory=dict)
    mailing: dict[str, Any] = field(default_factory=dict)
    policy: Callable[[Policy], Policy] = _unchanged_policy


def _build_function_setting_switches(**values: str) -> Callable[[Policy], Policy]:
    return lambda policy: policy.model_copy(update={"switches": policy.switches.model_copy(update=values)})


def _build_function_setting_policy_fields(**values: Any) -> Callable[[Policy], Policy]:
    return lambda policy: policy.model_copy(update=values)


def _policy_with_earlier_version(policy: Policy) -> Policy:
    return policy.with_earlier_versions(
        {"0": policy.model_copy(update={"version": "0", "purposes": ("another-purpose",)})}
    )


def _policy_needing_confirmation(policy: Policy) -> Policy:
    return policy.model_copy(update={"terms": dict.fromkeys(policy.terms, CategoryTerms(confirmed=True))})


def _policy_with_category_caps(policy: Policy) -> Policy:
    return policy.model_copy(
        update={"terms": {name: CategoryTerms(cap=FrequencyCap(mails=1, days=7)) for name in policy.terms}, "cap": None}
    )


def _fields_of_subscribed_standing(country: str, given_on: date, confirmed_on: date | None) -> dict[str, Any]:
    """Returns the fields of a standing with consents to all optional mail, in a country."""
    scopes = frozenset({*_OPTIONAL, f"partner/{_PARTNER}"})
    return {
        "country": country,
        "consents": scopes,
        "consent_days": format_consent_days(scopes, given_on, confirmed_on),
    }


_LEFT = {"opted_out": frozenset({EVERYTHING_OPTIONAL})}

CAUSES: tuple[CauseAgainstSending, ...] = (
    CauseAgainstSending("nothing is in the way"),
    CauseAgainstSending("all optional mail was left", _LEFT),
    CauseAgainstSending(
        "all optional mail was left, and `service_scope` is `any`",
        _LEFT,
        {},
        _build_function_setting_switches(service_scope="any"),
    ),
    *(CauseAgainstSending(f"`{name}` was left", {"opted_out": frozenset({name})}) for name in _OPTIONAL),
    CauseAgainstSending(
        "the mailing's topic was left", {"opted_out": frozenset(f"{n}/t" for n in CATEGORIES)}, {"topic": "t"}
    ),
    CauseAgainstSending("the mailing's purpose was refused", {"opted_out": frozenset({f"purpose/{_PURPOSE}"})}),
    CauseAgainstSending("the partner's mail was left", {"opted_out": frozenset({f"partner/{_PARTNER}"})}),
    CauseAgainstSending("the browser asked not to be shared (GPC)", {"opted_out": frozenset({SHARING})}),
    CauseAgainstSending("a complaint about mail of the category", {"opted_out": frozenset(CATEGORIES)}),
    CauseAgainstSending("an objection to marketing", {"objected": True}),
    CauseAgainstSending("personalisation was refused", {"personalisation_refused": True}),
    CauseAgainstSending("being counted was refused", {"tracking_refused": True}),
    CauseAgainstSending(
        "the person asked for other topics only", {"consents": frozenset(f"{n}/x" for n in CATEGORIES)}
    ),
    CauseAgainstSending(
        "`promo_basis` is `opt_in`, and nobody asked", {}, {}, _build_function_setting_switches(promo_basis="opt_in")
    ),
    CauseAgainstSending(
        "the policy wants confirmed subscriptions, and there is none", {}, {}, _policy_needing_confirmation
    ),
    CauseAgainstSending(
        "`partner_mail` is `on_request`, and nobody asked",
        {},
        {},
        _build_function_setting_switches(partner_mail="on_request"),
    ),
    CauseAgainstSending("`partner_mail` is `never`", {}, {}, _build_function_setting_switches(partner_mail="never")),
    CauseAgainstSending("nobody knows how the address was collected", {"source": None}),
    CauseAgainstSending("nobody knows where the person lives", {"country": None}),
    CauseAgainstSending(
        "another country was said before that of the person, whose law asks for an opt-in", {"country": "US\nDE"}
    ),
    CauseAgainstSending(
        "asked for, and not confirmed, which the law wants", _fields_of_subscribed_standing("DE", _NOW.date(), None)
    ),
    CauseAgainstSending(
        "asked for, and confirmed, as the law wants", _fields_of_subscribed_standing("DE", _NOW.date(), _NOW.date())
    ),
    CauseAgainstSending(
        "asked for longer ago than the law lets a consent count",
        _fields_of_subscribed_standing("KR", date(2024, 11, 20), date(2024, 11, 20)),
    ),
    CauseAgainstSending(
        "the purpose is newer than the address", {"collected_under": "0"}, {}, _policy_with_earlier_version
    ),
    CauseAgainstSending("the address was only invited", {"source": "invitation", "invited_by": _ELSEWHERE}),
    CauseAgainstSending("the address entered a contest", {"source": "contest"}),
    CauseAgainstSending("the address is a partner's", {"source": "partner"}),
    CauseAgainstSending("the address was erased before", {"erased_before": True}),
    CauseAgainstSending("the person was erased", {"erased": True, "address": None}),
    CauseAgainstSending("the person was erased, and an answer to the request is under way", {"erased": True}),
    CauseAgainstSending("known to be under 13", {"under_13": True}),
    CauseAgainstSending("the account is closed", {"deactivated": True}),
    CauseAgainstSending("processing is restricted", {"restricted": True}),
    CauseAgainstSending(
        "another channel is wished",
        {"channel": _CHANNEL},
        {},
        _build_function_setting_policy_fields(channels=(_CHANNEL,)),
    ),
    CauseAgainstSending(
        "another channel is wished for answers",
        {"channel": _CHANNEL},
        {"answers": True},
        _build_function_setting_policy_fields(channels=(_CHANNEL,)),
    ),
    CauseAgainstSending("another channel is wished, and the policy has none", {"channel": _CHANNEL}),
    CauseAgainstSending("electronic notices are refused", {"electronic_refused": True}),
    CauseAgainstSending("no address is known", {"address": None}),
    CauseAgainstSending("the address is dead", {"address_dead": True}),
    *(CauseAgainstSending(f"the address is dead for `{name}`", {"dead_in": (name,)}) for name in _OPTIONAL),
    CauseAgainstSending(
        "the address is dead for the mailing's topic", {"dead_in": tuple(f"{n}/t" for n in CATEGORIES)}, {"topic": "t"}
    ),
    CauseAgainstSending("the address is dead for the mailing's purpose", {"dead_in": (f"purpose/{_PURPOSE}",)}),
    CauseAgainstSending(
        "the category's cap is reached", {"sent": tuple((n, 1) for n in CATEGORIES)}, {}, _policy_with_category_caps
    ),
    CauseAgainstSending(
        "the brand's cap is reached",
        {"sent": ((EVERYTHING_OPTIONAL, 1),)},
        {},
        _build_function_setting_policy_fields(cap=FrequencyCap(mails=1, days=7)),
    ),
    CauseAgainstSending("the person paused optional mail", {"paused_until": _NOW + timedelta(days=30)}),
    CauseAgainstSending(
        "the person paused optional mail, and the pause is over", {"paused_until": _NOW - timedelta(seconds=1)}
    ),
    CauseAgainstSending(
        "the person wants one optional mail a week, and had it",
        {"own_cap": OwnCap.WEEKLY, "sent": ((WITHIN_OWN_CAP, 1),)},
    ),
    CauseAgainstSending(
        "it is outside the policy's hours",
        {},
        {},
        _build_function_setting_policy_fields(hours=SendingHours.model_validate({"from": "00:00", "to": "00:01"})),
    ),
    CauseAgainstSending("it is before `send_at`", {}, {"send_at": _NOW + timedelta(hours=1)}),
    CauseAgainstSending("it is after `expires_at`", {}, {"expires_at": _NOW - timedelta(hours=1)}),
    CauseAgainstSending("another account of the mailbox has the same text", {"copy_of": 2}),
    CauseAgainstSending("another account of the mailbox may get the same text", {"copy_of": 2, "copy_known_at": _NOW}),
    CauseAgainstSending("the inviter was stopped after a report", {}, {"inviter_paused": True}),
    CauseAgainstSending("the mail is for somebody who is no partner", {}, {"partner": "a-stranger"}),
    CauseAgainstSending("the policy does not name the purpose", {}, {"purpose": "another-purpose"}),
    CauseAgainstSending(
        "the policy does not name the category", {}, {}, _build_function_setting_policy_fields(terms={})
    ),
    CauseAgainstSending(
        "staging, and the address is not among those named",
        {},
        {},
        _build_function_setting_policy_fields(only_deliver_to=("@test.example",)),
    ),
)
"""Every row, in the order of the page."""


def decision_words_by_category(cause: CauseAgainstSending, policy: Policy) -> Iterator[tuple[str, str]]:
    """Yields each category and the decision about its mail: `sent`, `suppressed: …`, `held: …` or `diverted: …`."""
    for name, decision in decision_by_category_for_cause(cause, policy):
        yield name, _decision_in_words(decision)


def decision_by_category_for_cause(cause: CauseAgainstSending, policy: Policy) -> Iterator[tuple[str, Decision]]:
    """Yields each category and the decision about its mail.

    The mail of `updates` is service mail to a person who does not pay; to anybody else, they pay.

    Args:
        cause: the row.
        policy: any policy. The table replaces the parts that it is about.
    """
    under = cause.policy(_copy_policy_with_laxest_terms(policy))
    for name, category in CATEGORIES.items():
        published = CATEGORIES["service"] if category.stands_in else category
        mailing = Mailing(published, _PURPOSE, _HERE, inviter="grace", partner=_PARTNER if category.partners else None)
        person = Standing(1, 1, "ada@example.org", source="sign-up", collected_under=policy.version, country="US")
        paying = replace(person, products=frozenset() if name == _OF_UPDATES else frozenset({EVERY_PRODUCT}))
        standing = replace(paying, **cause.standing)
        yield name, decide(replace(mailing, **cause.mailing), standing, under, _NOW)


def _copy_policy_with_laxest_terms(policy: Policy) -> Policy:
    partner = Partner(id=_PARTNER, name="A Partner", contract="1", since=date(2020, 1, 1))
    switches = Switches(
        promo_basis="opt_out", service_footer="none", service_scope="paid", partner_mail="allowed", tracking="off"
    )
    return policy.model_copy(
        update={
            "terms": dict.fromkeys(CATEGORIES, CategoryTerms()),
            "purposes": (_PURPOSE,),
            "partners": (partner,),
            "switches": switches,
            "channels": (),
            "cap": None,
            "hours": None,
        }
    ).with_earlier_versions({})


def _decision_in_words(decision: Decision) -> str:
    match decision:
        case Send():
            return "sent"
        case Suppress(reason=reason):
            return f"suppressed: {reason}"
        case Hold(reason=reason):
            return f"held: {reason}"
        case Divert(channel=channel):
            return f"diverted: {channel}"
