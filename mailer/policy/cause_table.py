"""The table of causes: the decision about mail of each category for each fact about a person or a mailing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from mailer.policy.category import CATEGORIES
from mailer.policy.consent_validity import write_days_consents_were_given
from mailer.policy.deciding import decide
from mailer.policy.decision_types import Decision, Divert, Hold, Mailing, Send, Suppress
from mailer.policy.policy_file import Policy
from mailer.policy.policy_key_types import FrequencyCap
from mailer.policy.policy_sections import CategoryTerms, SendingHours
from mailer.policy.standing import EVERY_PRODUCT, EVERYTHING_OPTIONAL, SHARING, Standing
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
class Cause:
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
        "consent_days": write_days_consents_were_given(scopes, given_on, confirmed_on),
    }


_LEFT = {"opted_out": frozenset({EVERYTHING_OPTIONAL})}

CAUSES: tuple[Cause, ...] = (
    Cause("nothing is in the way"),
    Cause("all optional mail was left", _LEFT),
    Cause(
        "all optional mail was left, and `service_scope` is `any`",
        _LEFT,
        {},
        _build_function_setting_switches(service_scope="any"),
    ),
    *(Cause(f"`{name}` was left", {"opted_out": frozenset({name})}) for name in _OPTIONAL),
    Cause("the mailing's topic was left", {"opted_out": frozenset(f"{n}/t" for n in CATEGORIES)}, {"topic": "t"}),
    Cause("the mailing's purpose was refused", {"opted_out": frozenset({f"purpose/{_PURPOSE}"})}),
    Cause("the partner's mail was left", {"opted_out": frozenset({f"partner/{_PARTNER}"})}),
    Cause("the browser asked not to be shared (GPC)", {"opted_out": frozenset({SHARING})}),
    Cause("a complaint about mail of the category", {"opted_out": frozenset(CATEGORIES)}),
    Cause("an objection to marketing", {"objected": True}),
    Cause("personalisation was refused", {"personalisation_refused": True}),
    Cause("being counted was refused", {"tracking_refused": True}),
    Cause("the person asked for other topics only", {"consents": frozenset(f"{n}/x" for n in CATEGORIES)}),
    Cause(
        "`promo_basis` is `opt_in`, and nobody asked", {}, {}, _build_function_setting_switches(promo_basis="opt_in")
    ),
    Cause("the policy wants confirmed subscriptions, and there is none", {}, {}, _policy_needing_confirmation),
    Cause(
        "`partner_mail` is `on_request`, and nobody asked",
        {},
        {},
        _build_function_setting_switches(partner_mail="on_request"),
    ),
    Cause("`partner_mail` is `never`", {}, {}, _build_function_setting_switches(partner_mail="never")),
    Cause("nobody knows how the address was collected", {"source": None}),
    Cause("nobody knows where the person lives", {"country": None}),
    Cause("another country was said before that of the person, whose law asks for an opt-in", {"country": "US\nDE"}),
    Cause("asked for, and not confirmed, which the law wants", _fields_of_subscribed_standing("DE", _NOW.date(), None)),
    Cause("asked for, and confirmed, as the law wants", _fields_of_subscribed_standing("DE", _NOW.date(), _NOW.date())),
    Cause(
        "asked for longer ago than the law lets a consent count",
        _fields_of_subscribed_standing("KR", date(2024, 11, 20), date(2024, 11, 20)),
    ),
    Cause("the purpose is newer than the address", {"collected_under": "0"}, {}, _policy_with_earlier_version),
    Cause("the address was only invited", {"source": "invitation", "invited_by": _ELSEWHERE}),
    Cause("the address entered a contest", {"source": "contest"}),
    Cause("the address is a partner's", {"source": "partner"}),
    Cause("the address was erased before", {"erased_before": True}),
    Cause("the person was erased", {"erased": True, "address": None}),
    Cause("the person was erased, and an answer to the request is under way", {"erased": True}),
    Cause("known to be under 13", {"under_13": True}),
    Cause("the account is closed", {"deactivated": True}),
    Cause("processing is restricted", {"restricted": True}),
    Cause(
        "another channel is wished",
        {"channel": _CHANNEL},
        {},
        _build_function_setting_policy_fields(channels=(_CHANNEL,)),
    ),
    Cause(
        "another channel is wished for answers",
        {"channel": _CHANNEL},
        {"answers": True},
        _build_function_setting_policy_fields(channels=(_CHANNEL,)),
    ),
    Cause("another channel is wished, and the policy has none", {"channel": _CHANNEL}),
    Cause("electronic notices are refused", {"electronic_refused": True}),
    Cause("no address is known", {"address": None}),
    Cause("the address is dead", {"address_dead": True}),
    *(Cause(f"the address is dead for `{name}`", {"dead_in": (name,)}) for name in _OPTIONAL),
    Cause(
        "the address is dead for the mailing's topic", {"dead_in": tuple(f"{n}/t" for n in CATEGORIES)}, {"topic": "t"}
    ),
    Cause("the address is dead for the mailing's purpose", {"dead_in": (f"purpose/{_PURPOSE}",)}),
    Cause("the category's cap is reached", {"sent": tuple((n, 1) for n in CATEGORIES)}, {}, _policy_with_category_caps),
    Cause(
        "the brand's cap is reached",
        {"sent": ((EVERYTHING_OPTIONAL, 1),)},
        {},
        _build_function_setting_policy_fields(cap=FrequencyCap(mails=1, days=7)),
    ),
    Cause(
        "it is outside the policy's hours",
        {},
        {},
        _build_function_setting_policy_fields(hours=SendingHours.model_validate({"from": "00:00", "to": "00:01"})),
    ),
    Cause("it is before `send_at`", {}, {"send_at": _NOW + timedelta(hours=1)}),
    Cause("it is after `expires_at`", {}, {"expires_at": _NOW - timedelta(hours=1)}),
    Cause("another account of the mailbox has the same text", {"copy_of": 2}),
    Cause("another account of the mailbox may get the same text", {"copy_of": 2, "copy_known_at": _NOW}),
    Cause("the inviter was stopped after a report", {}, {"inviter_paused": True}),
    Cause("the mail is for somebody who is no partner", {}, {"partner": "a-stranger"}),
    Cause("the policy does not name the purpose", {}, {"purpose": "another-purpose"}),
    Cause("the policy does not name the category", {}, {}, _build_function_setting_policy_fields(terms={})),
    Cause(
        "staging, and the address is not among those named",
        {},
        {},
        _build_function_setting_policy_fields(only_deliver_to=("@test.example",)),
    ),
)
"""Every row, in the order of the page."""


def decision_words_by_category(cause: Cause, policy: Policy) -> Iterator[tuple[str, str]]:
    """Yields each category and the decision about its mail: `sent`, `suppressed: …`, `held: …` or `diverted: …`."""
    for name, decision in decisions_by_category(cause, policy):
        yield name, _decision_in_words(decision)


def decisions_by_category(cause: Cause, policy: Policy) -> Iterator[tuple[str, Decision]]:
    """Yields each category and the decision about its mail.

    The mail of `updates` is service mail to a person who does not pay; to anybody else, they pay.

    Args:
        cause: the row.
        policy: any policy. The table replaces the parts that it is about.
    """
    under = cause.policy(_copy_with_laxest_terms(policy))
    for name, category in CATEGORIES.items():
        published = CATEGORIES["service"] if category.stands_in else category
        mailing = Mailing(published, _PURPOSE, _HERE, inviter="grace", partner=_PARTNER if category.partners else None)
        person = Standing(1, 1, "ada@example.org", source="sign-up", collected_under=policy.version, country="US")
        paying = replace(person, products=frozenset() if name == _OF_UPDATES else frozenset({EVERY_PRODUCT}))
        standing = replace(paying, **cause.standing)
        yield name, decide(replace(mailing, **cause.mailing), standing, under, _NOW)


def _copy_with_laxest_terms(policy: Policy) -> Policy:
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
