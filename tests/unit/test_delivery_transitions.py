"""The table of transitions: each cause has a row, no impossible one is found, and ends are ends."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.actions.delivery_transitions import TRANSITIONS, RetryTimeKind, TransitionCause, find_transition
from mailer.policy.category import CATEGORIES
from mailer.policy.delivery_reason_explanations import REASONS
from mailer.ports.deliveries import DeliveryState

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WAITING = {DeliveryState.DEFERRED, DeliveryState.HELD, DeliveryState.IN_DOUBT}
SQL = Path(__file__).parents[2] / "mailer" / "postgres" / "sql"


def test_each_cause_has_a_row_and_each_state_is_reached() -> None:
    """No cause is without a row. Only a batch that is cut or given back makes deliveries queued."""
    assert set(TRANSITIONS) == set(TransitionCause)
    reached = {rule.to_state for rule in TRANSITIONS.values()}
    assert set(DeliveryState) - reached == {DeliveryState.QUEUED}


def test_a_final_state_is_left_by_a_dismissed_refusal_only() -> None:
    """A person finds that a relay refused wrongly: the one way back."""
    left = {cause for cause, rule in TRANSITIONS.items() if any(state.is_final for state in rule.from_states)}
    assert left == {TransitionCause.REFUSAL_DISMISSED, TransitionCause.REFUSAL_BELIEVED}
    believed = find_transition(DeliveryState.FAILED, TransitionCause.REFUSAL_BELIEVED, "5.1.1", result="believed")
    assert believed.state is DeliveryState.FAILED


def test_each_reason_of_the_table_is_explained() -> None:
    """Operators find the first word of each reason in the reference, but for one that lasts for a second."""
    words = {rule.reason.partition(" ")[0] for rule in TRANSITIONS.values()} - {"", "{detail}"}
    assert len(words) > 9
    assert words - set(REASONS) == {"owner_lost"}


def test_a_diverted_delivery_keeps_its_channel() -> None:
    """The queue of notices needs the channel; the ledger has the reason."""
    found = find_transition(DeliveryState.CLAIMED, TransitionCause.DIVERTED, "phone", result="channel_preference")
    assert found == (DeliveryState.DIVERTED, "phone", None, "channel_preference")


@given(
    cause=st.sampled_from(TransitionCause),
    state=st.sampled_from(DeliveryState),
    category=st.sampled_from(sorted(CATEGORIES)),
    age=st.timedeltas(timedelta(), timedelta(days=30)),
    spread=st.floats(0, 1),
)
def test_each_change_is_whole(
    cause: TransitionCause, state: DeliveryState, category: str, age: timedelta, spread: float
) -> None:
    """A final state has no due time; a retry has one. A pair that cannot be raises an error."""
    rule, kind = TRANSITIONS[cause], CATEGORIES[category]
    if state not in rule.from_states:
        with pytest.raises(ValueError, match="cannot meet"):
            find_transition(state, cause, "5.1.1", category=kind, at=NOW)
        return
    found = find_transition(state, cause, "5.1.1", result="deferred", category=kind, at=NOW, age=age, spread=spread)
    assert found.state is rule.to_state or found.state in (DeliveryState.FAILED, DeliveryState.DIVERTED)
    assert found.due_at is None or found.state in WAITING
    assert (found.due_at is None) == (rule.retry is RetryTimeKind.NEVER or found.state not in WAITING)
    assert kind.written_fallback or found.state is not DeliveryState.DIVERTED or cause is TransitionCause.DIVERTED
    assert "{" not in found.reason + found.entry_reason


@pytest.mark.parametrize("file", ["rights.sql", "upkeep.sql"])
def test_the_statements_that_end_deliveries_name_the_states_of_the_table(file: str) -> None:
    """One statement ends all open deliveries of a person or a mailing; it reads those that the table lets end."""
    states = {state.value for state in TRANSITIONS[TransitionCause.MAILING_CANCELLED].from_states}
    assert (
        TRANSITIONS[TransitionCause.RIGHT_USED].from_states
        == TRANSITIONS[TransitionCause.MAILING_CANCELLED].from_states
    )
    lists = re.findall(r"d\.state IN \(([^)]*)\)", (SQL / file).read_text("utf-8"))
    assert states in [set(re.findall(r"\w+", found)) for found in lists]
