"""The circuit breaker, as a state machine: all moments are given."""

import pytest

from mailer.pipeline.circuit_breaker import FIRST_SECONDS, LONGEST_SECONDS, PROBE, PROBE_SECONDS, CircuitBreaker

SOME = 1.0
"""The spread that makes a pause as long as it can be."""


def test_it_opens_for_five_seconds_doubling_to_five_minutes() -> None:
    """Each failed probe doubles the pause, up to the longest."""
    breaker, now, pauses = CircuitBreaker(), 100.0, []
    assert breaker.closed
    for _ in range(8):
        breaker.open_after_failure(now, SOME)
        assert not breaker.allows_message(breaker.retry_at - 0.001)
        pauses.append(breaker.retry_at - now)
        now = breaker.retry_at
        assert breaker.allows_message(now)
        breaker.record_passing_message(now)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]
    assert (pauses[0], pauses[-1]) == (FIRST_SECONDS, LONGEST_SECONDS)


@pytest.mark.parametrize(("spread", "pause"), [(0.0, 3.75), (0.5, 4.375), (1.0, 5.0)])
def test_the_pause_is_jittered(spread: float, pause: float) -> None:
    """The pause is random, so that not all workers come back at once. It is never longer than the limit."""
    breaker = CircuitBreaker()
    breaker.open_after_failure(0.0, spread)
    assert breaker.retry_at == pause


def test_half_open_lets_one_window_probe() -> None:
    """One window may go after the pause. Then nothing goes until its outcome is known."""
    breaker = CircuitBreaker()
    breaker.open_after_failure(0.0, SOME)
    for _ in range(PROBE):
        assert breaker.allows_message(FIRST_SECONDS)
        breaker.record_passing_message(FIRST_SECONDS)
    assert not breaker.allows_message(FIRST_SECONDS)
    breaker.close_after_success()
    assert breaker.closed
    assert breaker.allows_message(FIRST_SECONDS)


def test_a_probe_of_which_nothing_is_heard_is_given_up() -> None:
    """A probe without any answer is given up after the longest lease. Then the next messages probe."""
    breaker = CircuitBreaker()
    breaker.open_after_failure(0.0, SOME)
    for _ in range(PROBE):
        breaker.record_passing_message(FIRST_SECONDS)
    assert not breaker.allows_message(FIRST_SECONDS + PROBE_SECONDS - 0.001)
    assert breaker.allows_message(FIRST_SECONDS + PROBE_SECONDS)


def test_a_failure_that_began_before_it_opened_says_nothing_new() -> None:
    """Windows of other consumers fail together; the pause is not doubled for each."""
    breaker = CircuitBreaker()
    for _ in range(5):
        breaker.open_after_failure(0.0, SOME)
    assert breaker.retry_at == FIRST_SECONDS


def test_success_begins_anew() -> None:
    """The next failure after a success opens for the first, short pause. A success closes an open breaker too."""
    breaker = CircuitBreaker()
    breaker.open_after_failure(0.0, SOME)
    breaker.record_passing_message(breaker.retry_at)
    breaker.open_after_failure(breaker.retry_at, SOME)
    breaker.close_after_success()
    assert breaker.closed
    breaker.open_after_failure(1000.0, SOME)
    assert breaker.retry_at == 1000.0 + FIRST_SECONDS
