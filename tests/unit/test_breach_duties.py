"""The duties after a release: the numbers that the rules of substitute notices and thresholds are asked with."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from mailer.policy.breach import duties
from mailer.policy.breach.duties import duties_after_release
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.outcomes import BreachFigures, count_outcomes
from mailer.policy.breach.rules import breach_rules_of_policy
from tests.factories import BRAND, policies
from tests.unit.test_breach_outcomes import MAILED, written

RULES = breach_rules_of_policy(policies()[BRAND])
FACTS = BreachFacts(people_by_place={"US-CA": 900, "DE": 1})
FIGURES = count_outcomes(
    [
        ([written("returned", place="US-CA")], 12),
        ([MAILED._replace(place="US-CA")], 600),
        ([written("open", place="DE")], 4),
        ([MAILED._replace(place="GB", state="suppressed", state_reason="under_13")], 5),
    ],
    is_public=False,
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The numbers that the rules were asked with. They answer that a notice is due for California and Germany."""
    seen: dict[str, Any] = {}
    due = SimpleNamespace(places=("US-CA", "DE"))

    def substitutes(unreachable: Any, people: Any, *_: Any) -> tuple[Any, ...]:
        seen.update(unreachable=unreachable, people=people)
        return (due,)

    def thresholds(people: Any, *_: Any) -> tuple[Any, ...]:
        seen.update(threshold_people=people)
        return ()

    days = {"US-CA": 20, "DE": 12}
    monkeypatch.setattr(duties, "substitutes_due", substitutes)
    monkeypatch.setattr(duties, "thresholds_reached", thresholds)
    monkeypatch.setattr(duties, "due_to_people", lambda place, *_: datetime(2026, 12, days[place], tzinfo=UTC))
    return seen


def test_of_each_place_the_larger_number_counts(asked: dict[str, Any]) -> None:
    """The estimate or the people who are to be told; who is not to be told, counts for nothing."""
    duties_after_release(FIGURES, FACTS, RULES)
    assert asked["people"] == asked["threshold_people"] == {"DE": 4, "US-CA": 900}
    assert asked["unreachable"] == {"DE": 4, "US-CA": 12}


def test_the_first_deadline_of_the_places_counts(asked: dict[str, Any]) -> None:
    """A substitute notice for several places is due by the earliest of them."""
    [(_, due)] = duties_after_release(FIGURES, FACTS, RULES).substitutes
    assert due == datetime(2026, 12, 12, tzinfo=UTC)
    assert asked


def test_before_a_release_estimates_count(asked: dict[str, Any]) -> None:
    """The page says that they are estimates."""
    found = duties_after_release(BreachFigures(), FACTS, RULES)
    assert found.is_estimated
    assert asked["people"] == {"DE": 1, "US-CA": 900}
    assert not duties_after_release(FIGURES, FACTS, RULES).is_estimated
