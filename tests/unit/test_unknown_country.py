"""Somebody whose country nobody knows, or nobody has looked into: the most that any law asks for holds."""

from dataclasses import replace

import pytest

from mailer.policy.consent_validity import format_consent_days
from mailer.policy.decision_types import Send
from mailer.policy.standing import Standing
from tests.unit.test_decision import TODAY, decided, reason

SOMEBODY = Standing(17, 1, "ada@people.example", source="sign-up", collected_under="2024")


@pytest.mark.parametrize("country", [None, "XX", "EU", "UK", "AQ", "NG"])
@pytest.mark.parametrize("category", ["newsletter", "promotional"])
def test_an_unknown_country_asks_for_the_most(country: str | None, category: str) -> None:
    """Nobody there is marketed to without an opt-in that was confirmed; mandatory mail goes."""
    somebody = replace(SOMEBODY, country=country)
    assert reason(decided(category, somebody)) == "no_opt_in"
    asked = replace(somebody, consents=frozenset({category}))
    assert reason(decided(category, asked)) == "consent_not_confirmed"
    confirmed = replace(asked, consent_days=format_consent_days([category], TODAY, TODAY))
    assert isinstance(decided(category, confirmed), Send)
    for mandatory in ("account", "service", "breach"):
        assert isinstance(decided(mandatory, somebody), Send)
