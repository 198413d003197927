"""A person's own limits, as the rules and the forms of the pages read them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.account_event_types import validate_account
from mailer.actions.own_limits import parse_own_limit_of_ledger_reason
from mailer.events import EventRefused
from mailer.policy.category import CATEGORIES
from mailer.policy.deciding import decide
from mailer.policy.limits_set_by_recipient import (
    OWN_CAP_DAYS,
    OwnCap,
    OwnPause,
    has_brand_optional_mail,
    is_mail_counted_for_cap_or_alarm,
)
from mailer.policy.standing import EVERY_PRODUCT, WITHIN_OWN_CAP
from mailer.web.languages import LANGUAGES
from mailer.web.pause_and_cap_buttons import own_pause_and_cap_in_words, pause_or_cap_of_pressed_button
from tests.unit.test_decision import ADA, NOW, POLICY, mailing_of, revised

ANY_SERVICE = revised(POLICY, switches=POLICY.switches.model_copy(update={"service_scope": "any"}))
"""A policy under which service mail is mandatory for everybody, paying or not."""
MOMENTS = st.none() | st.timedeltas(timedelta(days=-100), timedelta(days=100)).map(lambda apart: NOW + apart)


@pytest.mark.rule("own-pause")
@pytest.mark.rule("own-cap")
@given(
    category=st.sampled_from([name for name, category in CATEGORIES.items() if category.mandatory]),
    paused_until=MOMENTS,
    own_cap=st.none() | st.sampled_from(["weekly", "monthly", "of a newer version"]),
    sent=st.integers(0, 9),
    pays=st.booleans(),
    send_at=MOMENTS,
)
def test_no_limit_touches_mandatory_mail(
    category: str, paused_until: datetime | None, own_cap: str | None, sent: int, pays: bool, send_at: datetime | None
) -> None:
    """The decision about mandatory mail is the one without limits, for paying and free people, at any time."""
    products = frozenset({EVERY_PRODUCT}) if pays else frozenset[str]()
    free = replace(ADA, products=products)
    limited = replace(free, paused_until=paused_until, own_cap=own_cap, sent=((WITHIN_OWN_CAP, sent),))
    mailing, policy = mailing_of(category, send_at=send_at), ANY_SERVICE
    assert decide(mailing, limited, policy, NOW) == decide(mailing, free, policy, NOW)
    assert not is_mail_counted_for_cap_or_alarm(POLICY, CATEGORIES[category], limited)


@given(paused_until=MOMENTS, send_at=MOMENTS)
def test_a_pause_stops_what_is_due_within_it(paused_until: datetime | None, send_at: datetime | None) -> None:
    """Optional mail that is due before the end is suppressed at once. Mail due later is only held until then."""
    decision = decide(mailing_of("newsletter", send_at=send_at), replace(ADA, paused_until=paused_until), POLICY, NOW)
    due = NOW if send_at is None else max(NOW, send_at)
    assert (decision.rule == "own-pause") is (paused_until is not None and due < paused_until)


def test_only_optional_mail_of_who_has_a_cap_is_counted() -> None:
    """Nobody else pays for the count."""
    newsletter = CATEGORIES["newsletter"]
    assert is_mail_counted_for_cap_or_alarm(POLICY, newsletter, replace(ADA, own_cap="weekly"))
    assert not is_mail_counted_for_cap_or_alarm(POLICY, newsletter, ADA)
    assert OWN_CAP_DAYS == {OwnCap.WEEKLY: 7, OwnCap.MONTHLY: 30}


def test_a_brand_without_optional_mail_has_none() -> None:
    """A brand with only mandatory categories has no limits."""
    terms = {name: values for name, values in POLICY.terms.items() if CATEGORIES[name].mandatory}
    assert has_brand_optional_mail(POLICY)
    assert not has_brand_optional_mail(revised(POLICY, terms=terms))


@pytest.mark.parametrize(
    ("form", "limit"),
    [
        ({"pause": ["30"]}, OwnPause(30)),
        ({"pause": ["90"]}, OwnPause(90)),
        ({"cap": ["weekly"]}, OwnCap.WEEKLY),
        ({"cap": ["monthly"]}, OwnCap.MONTHLY),
        *(({"pause": [value]}, None) for value in ("", "0", "-30", "31", "030", " 30", "٣٠", "9" * 9999)),
        *(({"cap": [value]}, None) for value in ("", "daily", "Weekly", "weekly ", "none")),
        ({}, None),
        ({"pause": ["x", "90"], "cap": ["weekly"]}, OwnPause(90)),
    ],
)
def test_only_the_buttons_of_the_page_limit(form: dict[str, list[str]], limit: object) -> None:
    """Any other value is no limit. Several buttons at once are the first of a pause."""
    assert pause_or_cap_of_pressed_button(form) == limit


@pytest.mark.parametrize(
    "values",
    [{"account": "pause", "days": days} for days in (None, 0, -30, 31, 36500, "30", 30.5, True)]
    + [{"account": "own_cap", "at_most": most} for most in (None, "daily", "none", "", 1)]
    + [{"account": "pause"}, {"account": "own_cap"}, {"account": "pause", "days": 30, "until": "2027-01-01"}],
)
def test_an_event_names_one_of_the_limits(values: dict[str, Any]) -> None:
    """Other lengths and caps are refused, and so are fields that would say more."""
    with pytest.raises(EventRefused):
        validate_account({"v": 1, "id": "1", "brand": "interpals", "ref": "ada", **values})


@pytest.mark.parametrize(
    ("name", "scope", "limit"),
    [
        ("own_pause 30", "*", OwnPause(30)),
        ("own_pause 90", "*", OwnPause(90)),
        ("own_pause", "*", OwnPause(90)),
        ("own_pause 365", "*", OwnPause(90)),
        ("own_cap", "weekly", OwnCap.WEEKLY),
        ("own_cap", "monthly", OwnCap.MONTHLY),
        ("own_cap", None, OwnCap.MONTHLY),
        ("own_cap", "yearly", OwnCap.MONTHLY),
    ],
)
def test_a_journaled_name_that_is_not_known_is_the_strictest(name: str, scope: str | None, limit: object) -> None:
    """A pause of unknown length is the long one, a cap that is not known the monthly one."""
    assert parse_own_limit_of_ledger_reason(name, scope, NOW - timedelta(days=1), NOW) == limit


def test_a_journaled_pause_that_is_over_is_none() -> None:
    """A pause in the journal that is over is no limit."""
    assert parse_own_limit_of_ledger_reason("own_pause 30", "*", NOW - timedelta(days=30), NOW) is None
    assert parse_own_limit_of_ledger_reason("own_pause 90", "*", NOW - timedelta(days=30), NOW) == OwnPause(90)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_says_when_a_pause_ends(code: str) -> None:
    """The date is written as readers of the language write it, with its year."""
    language = LANGUAGES[code]
    until = datetime.now(UTC) + timedelta(days=30)
    paused, capped = own_pause_and_cap_in_words(replace(ADA, paused_until=until, own_cap="weekly"), language, "Example")
    assert language.format_day_of_moment(until) in paused
    assert str(until.year) in paused or language.code == "ar"
    assert "Example" in paused
    assert "Example" in capped
    assert own_pause_and_cap_in_words(replace(ADA, paused_until=until - timedelta(days=31)), language, "Example") == []
