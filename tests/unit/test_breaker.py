"""The circuit breaker, as a state machine: all moments are given."""

import pytest

from mailer.pipeline.circuit_breaker import FIRST_SECONDS, LONGEST_SECONDS, PROBE, PROBE_SECONDS, Breaker

SOME = 1.0
"""A spread: the whole pause."""


def test_it_opens_for_five_seconds_doubling_to_five_minutes() -> None:
    """Each failed probe doubles the pause, up to the longest."""
    breaker, now, pauses = Breaker(), 100.0, []
    assert breaker.closed
    for _ in range(8):
        breaker.failed(now, SOME)
        assert not breaker.admits(breaker.retry_at - 0.001)
        pauses.append(breaker.retry_at - now)
        now = breaker.retry_at
        assert breaker.admits(now)
        breaker.take(now)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]
    assert (pauses[0], pauses[-1]) == (FIRST_SECONDS, LONGEST_SECONDS)


@pytest.mark.parametrize(("spread", "pause"), [(0.0, 3.75), (0.5, 4.375), (1.0, 5.0)])
def test_the_pause_is_jittered(spread: float, pause: float) -> None:
    """So that not all workers come back at once; never longer than it should be."""
    breaker = Breaker()
    breaker.failed(0.0, spread)
    assert breaker.retry_at == pause


def test_half_open_lets_one_window_probe() -> None:
    """After the pause a window's worth goes through, then nothing until its outcome is known."""
    breaker = Breaker()
    breaker.failed(0.0, SOME)
    for _ in range(PROBE):
        assert breaker.admits(FIRST_SECONDS)
        breaker.take(FIRST_SECONDS)
    assert not breaker.admits(FIRST_SECONDS)
    breaker.succeeded()
    assert breaker.closed
    assert breaker.admits(FIRST_SECONDS)


def test_a_probe_of_which_nothing_is_heard_is_given_up() -> None:
    """Its messages may never have been sent; after the longest lease the next ones probe."""
    breaker = Breaker()
    breaker.failed(0.0, SOME)
    for _ in range(PROBE):
        breaker.take(FIRST_SECONDS)
    assert not breaker.admits(FIRST_SECONDS + PROBE_SECONDS - 0.001)
    assert breaker.admits(FIRST_SECONDS + PROBE_SECONDS)


def test_a_failure_that_began_before_it_opened_says_nothing_new() -> None:
    """Windows of other consumers fail together; the pause is not doubled for each."""
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(0.0, SOME)
    assert breaker.retry_at == FIRST_SECONDS


def test_success_begins_anew() -> None:
    """After it, the next failure opens for the first, short pause; a success while it is open closes it too."""
    breaker = Breaker()
    breaker.failed(0.0, SOME)
    breaker.take(breaker.retry_at)
    breaker.failed(breaker.retry_at, SOME)
    breaker.succeeded()
    assert breaker.closed
    breaker.failed(1000.0, SOME)
    assert breaker.retry_at == 1000.0 + FIRST_SECONDS
