"""A person still gets what a decision would send them, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.mail_still_received import optional_categories_still_received
from mailer.policy.standing import EVERYTHING_OPTIONAL, Standing
from tests.factories import policies

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
POLICIES = policies()
POLICY = POLICIES["interpals"]
ADA = Standing(17, 3, "ada@people.example", source="sign-up", collected_under=POLICY.version, country="FR")


def gets(**values: Any) -> frozenset[str]:
    """The optional mail that Ada gets, if this were so of her."""
    return optional_categories_still_received(POLICY, replace(ADA, **values), NOW)


def test_offers_are_for_who_may_get_any() -> None:
    """No page speaks of offers to a person without a basis, or without a consent that the law asks for."""
    assert "promotional" not in gets()
    assert "promotional" in gets(consents=frozenset({"promotional"}))
    assert "promotional" not in gets(consents=frozenset({"promotional"}), source=None)


def test_a_topic_is_mail_of_its_category() -> None:
    """A person who asked for one topic of the newsletter gets newsletters."""
    assert "newsletter" in gets(consents=frozenset({"newsletter/chess"}))
    assert "newsletter" not in gets()


@pytest.mark.parametrize(
    "values",
    [
        {"opted_out": frozenset({EVERYTHING_OPTIONAL})},
        {"objected": True},
        {"deactivated": True},
        {"address_dead": True},
        {"under_13": True},
    ],
)
def test_who_gets_nothing_optional(values: dict[str, Any]) -> None:
    """A person who left or objected, a closed account, a dead address and a child get nothing, even with consents."""
    asked = frozenset({"newsletter", "promotional", "newsletter/chess"})
    assert gets(consents=asked, **values) == frozenset()


@given(st.sampled_from(sorted(POLICIES)), st.data())
def test_what_was_left_is_never_called_still_coming(brand: str, data: st.DataObject) -> None:
    """A category that a person has left is never called still coming, for any brand and standing."""
    policy = POLICIES[brand]
    optional = [category.name for category in policy.categories.values() if category.is_optional]
    left = data.draw(st.frozensets(st.sampled_from(optional)))
    standing = replace(
        ADA,
        opted_out=left,
        consents=data.draw(st.frozensets(st.sampled_from(optional))),
        country=data.draw(st.sampled_from(["FR", "US", "GB", None])),
        source=data.draw(st.sampled_from(["sign-up", "contest", None])),
        products=frozenset({"*"} if data.draw(st.booleans()) else ()),
    )
    found = optional_categories_still_received(policy, standing, NOW)
    assert found <= set(optional) - left
