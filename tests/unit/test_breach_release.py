"""The conditions of a breach phase's release, and the differences that its releaser sees."""

from datetime import UTC, datetime, timedelta

import pytest

from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.release import (
    BreachStepFacts,
    are_rules_same,
    is_factor_fresh,
    is_second_look_overdue,
    refusal_to_ask,
    refusal_to_break_glass,
    refusal_to_release,
)
from mailer.policy.breach.release_differences import (
    PeopleChange,
    TextChange,
    changes_of_people,
    changes_of_texts,
)

NOW = datetime(2026, 11, 30, 3, tzinfo=UTC)
READY = BreachStepFacts(
    case_state="open",
    phase_state="awaiting_release",
    manifest_state="ready",
    is_current=True,
    are_rules_same=True,
    hash=b"h" * 32,
    ready_at=NOW - timedelta(hours=1),
    people=5,
    errors=0,
    policy_version="1",
    is_asked=True,
)


def changed(**values: object) -> BreachStepFacts:
    """The facts of a phase that could be released, with some of them changed."""
    return BreachStepFacts(**{**{name: getattr(READY, name) for name in READY.__slots__}, **values})


def test_a_phase_that_was_checked_and_asked_for_is_releasable() -> None:
    """Nothing is refused."""
    assert refusal_to_ask(READY, "1", NOW) is None
    assert refusal_to_release(READY, "1", b"h" * 32, NOW) is None


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"manifest_state": "released"}, "released already"),
        ({"case_state": "closed"}, "case is closed"),
        ({"manifest_state": "building"}, "not finished"),
        ({"manifest_state": "failed"}, "has failed"),
        ({"manifest_state": "outdated"}, "have changed"),
        ({"manifest_state": "cancelled"}, "have changed"),
        ({"phase_state": "draft"}, "have changed"),
        ({"is_current": False}, "have changed"),
        ({"policy_version": "0"}, "policy has changed"),
        ({"are_rules_same": False}, "rules about breaches"),
        ({"ready_at": None}, "older than 72 hours"),
        ({"ready_at": NOW - timedelta(hours=72, seconds=1)}, "older than 72 hours"),
        ({"errors": 2}, "2 errors"),
        ({"people": 0}, "empty"),
        ({"hash": None}, "that you have seen"),
        ({"hash": b"x" * 32}, "that you have seen"),
        ({"is_asked": False}, "ask for it first"),
        ({"phase_state": "checked"}, "ask for it first"),
    ],
    ids=str,
)
def test_each_fact_refuses_a_release_by_itself(facts: dict[str, object], words: str) -> None:
    """Each says what is wrong; all but the last four also refuse the request."""
    refusal = refusal_to_release(changed(**facts), "1", b"h" * 32, NOW)
    assert refusal is not None
    assert words in refusal


def test_at_72_hours_a_check_is_still_good() -> None:
    """The limit itself is within."""
    assert refusal_to_ask(changed(ready_at=NOW - timedelta(hours=72)), "1", NOW) is None


def test_rules_are_the_same_in_any_order_and_differ_by_any_value() -> None:
    """A set as JSON has another order in each process."""
    rows: list[dict[str, object]] = [{"id": "a", "data": ["x", "y"], "within": 72}, {"id": "b"}]
    assert are_rules_same(rows, [{"id": "b"}, {"within": 72, "data": ["y", "x"], "id": "a"}])
    for other in (
        [rows[0]],
        [*rows, {"id": "c"}],
        [{**rows[0], "within": 24}, rows[1]],
        [{**rows[0], "x": 1}, rows[1]],
    ):
        assert not are_rules_same(rows, other)


@pytest.mark.parametrize(
    ("rule", "reason", "is_allowed"),
    [
        ("never", "Nobody else can be reached", False),
        ("with_reason", "Nobody else can be reached", True),
        ("with_reason", "x" * 19, False),
        ("with_reason", "x" * 20, True),
        ("with_reason", "誰にも連絡がつかない夜中なので一人で公開しました", True),
        ("with_reason", "1234567890" * 5, False),
        ("with_reason", "x" * 501, False),
        ("with_reason", f"{'x' * 30}\n", False),
        ("", "Nobody else can be reached", False),
    ],
)
def test_one_person_alone_needs_the_policy_and_words(rule: str, reason: str, is_allowed: bool) -> None:
    """Letters of any script count; digits and blanks do not."""
    assert (refusal_to_break_glass(rule, reason) is None) is is_allowed


def test_second_factors_and_second_looks_have_their_time() -> None:
    """Half an hour for the factor, a day for the look."""
    assert is_factor_fresh(True, NOW - timedelta(minutes=30), NOW)
    assert not is_factor_fresh(True, NOW - timedelta(minutes=30, seconds=1), NOW)
    assert not is_factor_fresh(False, NOW, NOW)
    assert not is_second_look_overdue(NOW - timedelta(hours=24), NOW)
    assert is_second_look_overdue(NOW - timedelta(hours=24, seconds=1), NOW)


def test_differences_name_each_text_and_figure() -> None:
    """New, gone and changed texts by their parts; figures of all places together."""

    def draft(**texts: dict[str, object]) -> BreachPhaseDraft:
        return BreachPhaseDraft.model_validate({"variants": {"elsewhere": {"texts": texts}}})

    before = draft(en={"title": "A", "parts": {"what_happened": "x"}}, de={"title": "A"})
    now = draft(en={"title": "B", "parts": {"what_happened": "y", "what_we_do": "z"}}, fr={"title": "A"})
    assert changes_of_texts(before, now) == [
        TextChange("elsewhere", "de", (), "gone"),
        TextChange("elsewhere", "en", ("title", "what_happened", "what_we_do"), "changed"),
        TextChange("elsewhere", "fr", (), "new"),
    ]
    assert changes_of_texts(now, now) == []
    sums = [("mail", "mail", "eu", "DE", 2), ("mail", "mail", "eu", "FR", 3), ("none", "no_address", "eu", "", 1)]
    assert changes_of_people(sums, [("mail", "mail", "eu", "FR", 5)]) == [
        PeopleChange("none", "no_address", "eu", 1, 0)
    ]
