"""Slowing down by itself: which replies ask for it, how far, and how the pace comes back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.pace import (
    FLOOR,
    SETTLES,
    TRUSTED,
    ReplySample,
    SendingPace,
    has_enough_throttling_replies,
    is_throttling_reply,
    recovered_pace_or_none,
    slower_pace,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RATES = st.floats(0.1, 10_000)


@pytest.mark.parametrize(
    ("code", "status", "asks"),
    [
        (421, None, True),
        (421, "4.3.2", True),
        (450, None, True),
        (451, None, True),
        (451, "4.3.0", True),
        (450, "4.7.1", True),
        (454, "4.7.0", True),
        (452, None, False),
        (450, "4.2.1", False),
        (450, "4.1.8", False),
        (452, "4.2.2", False),
    ],
)
def test_what_asks_for_a_slower_pace(code: int, status: str | None, asks: bool) -> None:
    """421, 450, 451 and 4.7.x do, unless the status says that it is about one mailbox."""
    assert is_throttling_reply(Outcome(OutcomeKind.DEFERRED, code, status)) is asks


@pytest.mark.parametrize("result", [result for result in OutcomeKind if result is not OutcomeKind.DEFERRED])
def test_only_a_deferral_asks(result: OutcomeKind) -> None:
    """Mail that was accepted, refused for good, or never offered says nothing about the pace."""
    assert not is_throttling_reply(Outcome(result, 450, "4.7.1"))


@pytest.mark.parametrize(
    ("minutes", "pace"), [(-1, 50.0), (0, 50.0), (1, 100.0), (1.5, 141.4), (2.9, 373.2), (3, None), (99_999, None)]
)
def test_the_pace_comes_back(minutes: float, pace: float | None) -> None:
    """The pace doubles each minute. At four times the observed pace the slow-down is forgotten."""
    found = recovered_pace_or_none(SendingPace(50, 100, NOW), NOW + timedelta(minutes=minutes))
    assert found is None if pace is None else found == pytest.approx(pace, abs=0.1)


@given(RATES, st.lists(st.tuples(st.floats(0, 900), RATES), max_size=20))
def test_it_stays_between_the_floor_and_what_is_trusted(rate: float, later: list[tuple[float, float]]) -> None:
    """However often it is throttled, it never falls below the floor, only rises, and ends."""
    pace, now = slower_pace(None, rate, "a", NOW), NOW
    for wait, observed in later:
        now += timedelta(seconds=wait)
        pace = slower_pace(pace, observed, "a", now)
        paces = [recovered_pace_or_none(pace, now + timedelta(minutes=minutes)) for minutes in (0, 0.5, 1, 2, 60)]
        limits = [found for found in paces if found is not None]
        assert paces == limits + [None] * (len(paces) - len(limits))
        assert limits == sorted(limits)
        assert all(FLOOR <= found < TRUSTED * pace.original for found in limits)
        assert paces[-1] is None


@given(st.floats(2, 10_000), st.floats(2, 10_000))
def test_what_was_slowed_while_little_was_sent_is_soon_over(idle: float, bulk: float) -> None:
    """Three minutes end a slow-down. If the pace came back and is throttled again, the rate observed then is halved."""
    pace = slower_pace(None, idle, "a", NOW)
    assert recovered_pace_or_none(pace, NOW + timedelta(minutes=3)) is None
    again = slower_pace(pace, bulk, "a", NOW + timedelta(minutes=2))
    assert (again.pace, again.original) == (bulk / 2, bulk)


ASKS, CLOSES = Outcome(OutcomeKind.DEFERRED, 451, "4.7.1"), Outcome(OutcomeKind.DEFERRED, 421, "4.3.2")
TAKEN, FULL = Outcome(OutcomeKind.ACCEPTED, 250), Outcome(OutcomeKind.DEFERRED, 452, "4.2.2")


def looks(*answers: list[Outcome]) -> list[ReplySample]:
    """The replies between each two looks."""
    found = []
    for outcomes in answers:
        look = ReplySample()
        for outcome in outcomes:
            look.count_reply(outcome)
        found.append(look)
    return found


@pytest.mark.parametrize(
    ("answers", "slow"),
    [
        ([[ASKS] * 3], True),
        ([[ASKS], [TAKEN], [ASKS], [ASKS]], True),
        ([[ASKS] * 2], False),
        ([[ASKS] * 3 + [TAKEN] * 27], True),
        ([[TAKEN] * 28, [ASKS] * 3], False),
        ([[Outcome(OutcomeKind.DEFERRED, 421, "4.7.0")] * 3], True),
        ([[CLOSES] * 50], False),
        ([[CLOSES] * 25, [CLOSES] * 25], False),
        ([[CLOSES], [CLOSES], [TAKEN], [CLOSES] * 9], True),
        ([[CLOSES], [ASKS, ASKS]], True),
        ([[FULL] * 50], False),
        ([], False),
    ],
)
def test_what_is_too_fast(answers: list[list[Outcome]], slow: bool) -> None:
    """Three or more, and a tenth of all; a relay that shuts down says 421 on every connection, which is one."""
    assert has_enough_throttling_replies(looks(*answers)) is slow


@given(st.lists(st.lists(st.sampled_from([ASKS, CLOSES, TAKEN, FULL]), max_size=30), max_size=10))
def test_one_taken_more_never_slows_down(answers: list[list[Outcome]]) -> None:
    """Mail that is taken makes no domain slower, and without a throttled reply none is slowed down."""
    found = looks(*answers)
    assert has_enough_throttling_replies(found) or not has_enough_throttling_replies([*found, *looks([TAKEN])])
    assert not has_enough_throttling_replies(found) or sum(look.has_throttling for look in found) >= 1


@given(st.lists(RATES, min_size=1, max_size=5))
def test_workers_add_up_once(rates: list[float]) -> None:
    """Workers that are throttled together slow down from the sum of their rates, each counted once."""
    pace = slower_pace(None, rates[0], "0", NOW)
    for _ in range(2):
        for number, rate in enumerate(rates):
            pace = slower_pace(pace, rate, str(number), NOW + timedelta(seconds=1)) if pace.original > FLOOR else pace
    if pace.original > 2 * FLOOR and rates[0] > FLOOR:
        assert pace.original == pytest.approx(sum(rates))
        assert pace.pace == pytest.approx(pace.original / 2)


def test_throttled_again() -> None:
    """Still throttled after the slow-down has had its time, the pace is halved again, from where it is by then."""
    pace = slower_pace(None, 100, "a", NOW)
    assert slower_pace(pace, 100, "a", NOW + SETTLES / 2) == pace
    again = slower_pace(pace, 100, "a", NOW + SETTLES)
    assert again.pace == pytest.approx(50 * 2 ** (1 / 6) / 2)
    assert again.original == 100
    assert slower_pace(again, 100, "b", NOW + SETTLES * 1.5) == again
