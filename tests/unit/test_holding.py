"""Comparing what was said of an account with how it stands now."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.account_event_types import KINDS, validate_account
from mailer.actions.standing_and_event_comparison import standing_matches_event
from mailer.policy.standing import Standing

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
NOBODY = Standing(1, 1, "ada@people.example")
NOTHING = frozenset[str]()
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "deactivate": ({}, {"deactivated": True}, {}),
    "reactivate": ({}, {}, {"deactivated": True}),
    "erase": ({}, {"erased": True}, {}),
    "restrict": ({}, {"restricted": True}, {}),
    "unrestrict": ({}, {}, {"restricted": True}),
    "under_13": ({}, {"under_13": True}, {}),
    "paid": ({}, {"products": frozenset({"*", "voice"})}, {"products": frozenset({"*", "-voice"})}),
    "unpaid": (
        {"product": "voice"},
        {"products": frozenset({"*", "-voice"})},
        {"products": frozenset({"*", "-video"})},
    ),
    "object": ({}, {"objected": True}, {"opted_out": frozenset({"*"})}),
    "rectify": ({"email": "bob@people.example"}, {"address": "bob@people.example"}, {}),
    "channel": ({"channel": "sms"}, {"channel": "sms"}, {}),
    "personalisation": ({"allowed": False}, {"personalisation_refused": True}, {"tracking_refused": True}),
    "tracking": ({"allowed": True}, {"electronic_refused": True}, {"tracking_refused": True}),
    "electronic": ({"allowed": False}, {"electronic_refused": True}, {}),
    "postal": ({"address": ["1 Mill Lane", "Ely"]}, {}, {"erased": True}),
    "consent": (
        {"scope": "newsletter", "version": "1", "words": "Yes, write to me.", "at": "2026-01-01T00:00:00Z"},
        {"consents": frozenset({"newsletter"})},
        {"consents": frozenset({"newsletter/chess"})},
    ),
    "withdraw": ({"scope": "newsletter"}, {}, {"consents": frozenset({"newsletter"})}),
    "pause": ({"days": 30}, {"paused_until": NOW + timedelta(days=1)}, {"paused_until": NOW}),
    "own_cap": ({"at_most": "weekly"}, {"own_cap": "monthly"}, {}),
    "opt_out": (
        {"scope": "newsletter/chess"},
        {"opted_out": frozenset({"newsletter"})},
        {"opted_out": frozenset({"promotional"})},
    ),
}
"""The cases by kind: the event's other fields, a standing in which it holds, and one in which it does not."""


@pytest.mark.parametrize("account", CASES)
def test_what_is_so_and_what_is_over(account: str) -> None:
    """Each kind is told by its own part of the standing."""
    values, so, over = CASES[account]
    said = validate_account({"v": 1, "id": "1", "brand": "interpals", "ref": "ada", "account": account, **values})
    for differently, expected in ((so, True), (over, False)):
        assert standing_matches_event(replace(NOBODY, **differently), NOTHING, said, NOW) is expected


def test_no_kind_is_left_out() -> None:
    """The table above has all of them."""
    assert {*CASES} == {*KINDS}


@pytest.mark.parametrize("left", ["*", "newsletter", "newsletter/chess"])
def test_whoever_left_more_has_left_this(left: str) -> None:
    """All that is optional, or the whole category."""
    values = {"account": "opt_out", "scope": "newsletter/chess"}
    said = validate_account({"v": 1, "id": "1", "brand": "interpals", "ref": "ada", **values})
    assert standing_matches_event(Standing(1, 1, None, frozenset({left})), NOTHING, said, NOW)


def test_what_a_mail_asks_to_confirm_is_so_while_it_waits() -> None:
    """The answer to the same consent again is what it was, as long as its confirmation is waited for."""
    said = validate_account(
        {"v": 1, "id": "1", "brand": "b", "ref": "ada", "account": "consent", **CASES["consent"][0]}
    )
    assert standing_matches_event(NOBODY, {"newsletter"}, said, NOW)
    assert not standing_matches_event(NOBODY, {"promotional"}, said, NOW)
