"""The states of relays: their beginnings, their ends, and their words."""

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from mailer.pipeline.processor_conditions import (
    LATELY,
    QUIET,
    REFUSES_SOME,
    SLOW,
    UNUSED,
    WORKING,
    ProcessorCondition,
    condition_after_window,
    condition_when_slow,
    log_state_change,
    reason_no_processor_usable,
)
from mailer.policy.connection_trouble import DOWN, MISCONFIGURED, ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor_states import STATE_WORDS

NOW = datetime(2026, 11, 27, 18, 2, tzinfo=UTC)
NEW = ProcessorCondition(UNUSED, NOW)
TAKEN = Outcome(OutcomeKind.ACCEPTED, 250)
DENIED = Outcome(
    OutcomeKind.UNSENT, 554, "5.7.1", "5.7.1 <ann@example.org>: Relay access denied", ConnectionTrouble.REFUSED
)
LOST = Outcome(OutcomeKind.DEFERRED, text="lost before the final dot")


def unsent(trouble: ConnectionTrouble) -> Outcome:
    """A message for which there was no connection."""
    return Outcome(OutcomeKind.UNSENT, text=f"relay: {trouble}", trouble=trouble)


@pytest.mark.parametrize("trouble", list(ConnectionTrouble))
def test_each_trouble_is_a_state_with_words_and_a_remedy(trouble: ConnectionTrouble) -> None:
    """An operator reads of each what it is, since when, the last words, and what to check."""
    found = condition_after_window(NEW, [unsent(trouble)] * 3, NOW)
    assert (found.state, found.since, found.times) == (trouble.relay_state, NOW, 1)
    assert STATE_WORDS[found.state]
    assert found.remedy == trouble.operator_remedy
    assert found.error == f"relay: {trouble}"


def test_a_state_has_a_beginning_and_a_count() -> None:
    """The same trouble again keeps its beginning. Another one begins anew. A success ends it and keeps the words."""
    first = condition_after_window(NEW, [unsent(ConnectionTrouble.UNREACHABLE)], NOW)
    again = condition_after_window(first, [unsent(ConnectionTrouble.LOST)], NOW + timedelta(minutes=1))
    assert (again.state, again.since, again.times) == (DOWN, NOW, 2)
    other = condition_after_window(again, [unsent(ConnectionTrouble.AUTH)], NOW + timedelta(minutes=2))
    assert (other.state, other.since, other.times) == ("auth_refused", NOW + timedelta(minutes=2), 1)
    over = condition_after_window(other, [TAKEN], NOW + timedelta(minutes=3))
    assert (over.state, over.since, over.error) == (WORKING, NOW + timedelta(minutes=3), "relay: auth")
    assert condition_after_window(over, [TAKEN], NOW + timedelta(minutes=4)) is over


def test_what_it_says_of_us_names_nobody() -> None:
    """The last words are kept without the recipient's address."""
    found = condition_after_window(NEW, [DENIED], NOW)
    assert (found.state, found.error) == (MISCONFIGURED, "554 5.7.1 … Relay access denied")


def test_lost_connections_are_down() -> None:
    """A window of which nothing was answered says that the relay is down."""
    assert condition_after_window(NEW, [LOST, Outcome(OutcomeKind.IN_DOUBT, text="lost")], NOW).state == DOWN


def test_it_may_refuse_some_and_take_others() -> None:
    """Refusing some mail and accepting other mail is a state of its own. It ends when it was not met for a while."""
    some = condition_after_window(NEW, [TAKEN, DENIED], NOW)
    assert some.state == REFUSES_SOME
    assert condition_after_window(some, [TAKEN], NOW + QUIET[REFUSES_SOME] / 2) is some
    assert condition_after_window(some, [TAKEN], NOW + QUIET[REFUSES_SOME]).state == WORKING
    assert condition_after_window(NEW, [TAKEN, unsent(ConnectionTrouble.UNREACHABLE)], NOW).state == WORKING
    assert condition_after_window(NEW, [DENIED], NOW, takes=True).state == REFUSES_SOME
    assert condition_after_window(NEW, [unsent(ConnectionTrouble.UNREACHABLE)], NOW, takes=True).state == DOWN


def test_it_is_said_once_and_once_more_when_it_is_over() -> None:
    """The log has the beginning, each change, and the end, with how often it was met; not each window."""
    steps = [unsent(ConnectionTrouble.UNREACHABLE)] * 3 + [unsent(ConnectionTrouble.CERTIFICATE)] * 2 + [TAKEN] * 2
    known = NEW
    with capture_logs() as logs:
        for minute, outcome in enumerate(steps):
            before, known = known, condition_after_window(known, [outcome], NOW + timedelta(minutes=minute))
            log_state_change("relay-us", before, known)
    said = [(line["event"], line.get("state"), line.get("times"), line["log_level"]) for line in logs]
    assert said == [
        ("a relay is in trouble", "down", None, "warning"),
        ("a relay is in trouble", "certificate", None, "warning"),
        ("a relay takes mail again", None, 2, "warning"),
    ]
    assert logs[0]["remedy"] == ConnectionTrouble.UNREACHABLE.operator_remedy


def test_a_worker_is_not_ready_while_no_relay_can_be_used() -> None:
    """One that works, is new, refuses only some, or was not tried for long leaves it ready."""
    bad = condition_after_window(NEW, [unsent(ConnectionTrouble.AUTH)], NOW)
    problem = reason_no_processor_usable({"relay-us": bad}, NOW)
    assert problem is not None
    assert "relay-us refuses our password since 2026-11-27 18:02 UTC" in problem
    assert ConnectionTrouble.AUTH.operator_remedy in problem
    for other in (NEW, condition_after_window(NEW, [TAKEN], NOW), condition_after_window(NEW, [TAKEN, DENIED], NOW)):
        assert reason_no_processor_usable({"relay-us": bad, "other": other}, NOW) is None
    assert reason_no_processor_usable({"relay-us": bad}, NOW + LATELY) is None
    assert reason_no_processor_usable({}, NOW) is None


def test_it_is_slow_for_a_minute_after_the_last_window_that_took_long() -> None:
    """A relay counts as slow for a minute after its last slow window. A worse state comes first."""
    slow = condition_when_slow(condition_after_window(NEW, [TAKEN], NOW), 1, 30.0, NOW)
    words = "1 window waits for its answers, and none has ended for 30 seconds"
    assert (slow.state, slow.has_trouble, slow.error) == (SLOW, True, words)
    slow = condition_when_slow(slow, 3, 30.0, NOW + timedelta(seconds=5))
    assert (slow.since, slow.times) == (NOW, 2)
    assert slow.error.startswith("3 windows wait")
    assert condition_after_window(slow, [TAKEN], NOW + timedelta(seconds=64)) is slow
    assert condition_after_window(slow, [TAKEN], NOW + timedelta(seconds=65)).state == WORKING
    down = condition_after_window(slow, [unsent(ConnectionTrouble.UNREACHABLE)], NOW)
    assert condition_when_slow(down, 1, 30.0, NOW) is down
    assert reason_no_processor_usable({"a": slow}, NOW) is None
