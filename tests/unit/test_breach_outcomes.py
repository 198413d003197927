"""The outcome of each person of a breach case, and the figures made of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.breach.outcomes import (
    WHOLE_CASE,
    NextStep,
    Outcome,
    PersonInPhase,
    count_outcomes,
    next_count_of_case,
    outcome_in_case,
    outcome_in_phase,
)
from mailer.ports.deliveries import DeliveryState

MAILED = PersonInPhase(1, "elsewhere", "DE", "mail", "mail", False, "handed_over", "", "", "", "", "", False)
_STATES = st.sampled_from(["", *DeliveryState])
LINES = st.builds(
    PersonInPhase,
    phase=st.integers(1, 3),
    variant=st.sampled_from(["elsewhere", "us-ca"]),
    place=st.sampled_from(["", "DE", "US-CA"]),
    channel=st.sampled_from(["mail", "letter", "none"]),
    reason=st.sampled_from(["mail", "no_address", "under_13"]),
    is_stopped=st.booleans(),
    state=_STATES,
    state_reason=st.sampled_from(["", "erased", "5.1.1", "duplicate_address"]),
    returned=st.sampled_from(["", "doubted", "came_back"]),
    notice=st.sampled_from(["", "open", "taken", "done", "returned", "closed"]),
    notice_reason=st.sampled_from(["", "mail_came_back", "no_address"]),
    note=st.sampled_from(["", "erased", "letter_returned", "refusal_doubted"]),
    has_postal_address=st.booleans(),
)


def written(notice: str, **values: Any) -> PersonInPhase:
    """A person who is told in writing."""
    values = {"state": "diverted", "channel": "letter", "notice_reason": "no_address", **values}
    return MAILED._replace(notice=notice, **values)


@pytest.mark.parametrize(
    ("line", "outcome", "reason", "step"),
    [
        (MAILED, Outcome.TOLD_BY_MAIL, "", ""),
        (MAILED._replace(is_stopped=True), Outcome.TOLD_WRONGLY, "", ""),
        (MAILED._replace(state=""), Outcome.WAITING, "", "mail_is_queued"),
        (MAILED._replace(state="deferred"), Outcome.WAITING, "", "mail_is_tried_again"),
        (MAILED._replace(state="held"), Outcome.WAITING, "", "mail_is_held"),
        (MAILED._replace(state="in_doubt"), Outcome.WAITING, "", "doubt_is_settled"),
        (MAILED._replace(returned="doubted"), Outcome.WAITING, "mail_came_back", "refusals_are_judged"),
        (MAILED._replace(returned="came_back"), Outcome.NOT_REACHABLE, "mail_came_back", "substitute"),
        (MAILED._replace(state="suppressed", state_reason="under_13"), Outcome.NOT_TO_BE_TOLD, "under_13", ""),
        (MAILED._replace(state="suppressed", state_reason="duplicate_address"), Outcome.TOLD_BY_MAIL, None, ""),
        (MAILED._replace(state="cancelled", state_reason="erased"), Outcome.NOT_TO_BE_TOLD, "erased", ""),
        (MAILED._replace(state="failed", state_reason="restored"), Outcome.NOT_REACHABLE, "restored", "substitute"),
        (written("open"), Outcome.WAITING, "no_address", "address_is_found"),
        (written("open", has_postal_address=True), Outcome.WAITING, "no_address", "letter_is_printed"),
        (written("taken"), Outcome.WAITING, "no_address", "letter_is_posted"),
        (written("done"), Outcome.TOLD_BY_LETTER, "no_address", ""),
        (written("done", is_stopped=True), Outcome.TOLD_WRONGLY, "no_address", ""),
        (written("open", note="letter_returned"), Outcome.NOT_REACHABLE, "letter_returned", "substitute"),
        (written("open", note="letter_returned", has_postal_address=True), Outcome.WAITING, None, "letter_is_printed"),
        (written("returned"), Outcome.NOT_REACHABLE, "letter_returned", "substitute"),
        (written("closed", note="erased"), Outcome.NOT_TO_BE_TOLD, "erased", ""),
        (written("closed", note="mailing_cancelled"), Outcome.NOT_TO_BE_TOLD, "mailing_cancelled", ""),
        (written("closed", note="breach_stopped"), Outcome.WAITING, None, "phase_goes_on"),
        (written("closed", note="breach_stopped", is_stopped=True), Outcome.NOT_TO_BE_TOLD, "breach_stopped", ""),
        (written("closed", note="refusal_doubted"), Outcome.WAITING, None, "refusals_are_judged"),
        (written("open", state="handed_over", notice_reason="mail_came_back"), Outcome.WAITING, "mail_came_back", None),
    ],
)
def test_each_state_has_its_outcome(
    line: PersonInPhase, outcome: Outcome, reason: str | None, step: str | None
) -> None:
    """The outcome, the reason for it, and what happens next."""
    found = outcome_in_phase(line, is_public=False)
    assert found.outcome is outcome
    assert reason is None or found.reason == reason
    assert step is None or found.next == step


def test_a_public_notice_tells_whom_nothing_else_reaches() -> None:
    """It takes nobody from those who wait, and nobody who was told otherwise."""
    lost, waiting = written("returned"), written("open")
    assert outcome_in_phase(lost, is_public=True).outcome is Outcome.TOLD_PUBLICLY
    assert outcome_in_phase(waiting, is_public=True) == outcome_in_phase(waiting, is_public=False)
    assert outcome_in_phase(MAILED, is_public=True).outcome is Outcome.TOLD_BY_MAIL


def test_the_best_phase_tells_the_outcome_of_a_case() -> None:
    """Told once is told; of two alike the later counts; who was told wrongly, and rightly later, was told."""
    lost, later = written("returned"), MAILED._replace(phase=2, variant="us-ca")
    assert outcome_in_case([MAILED, lost._replace(phase=2)], is_public=False)[0].phase == 1
    assert outcome_in_case([MAILED, later], is_public=False)[0].phase == 2
    wrongly = MAILED._replace(is_stopped=True)
    assert outcome_in_case([wrongly, later], is_public=False)[1].outcome is Outcome.TOLD_BY_MAIL
    assert outcome_in_case([wrongly], is_public=False)[1].outcome is Outcome.TOLD_WRONGLY


@given(st.lists(st.tuples(st.lists(LINES, min_size=1, max_size=3, unique_by=lambda one: one.phase), st.integers(1, 9))))
def test_figures_add_up(people: list[tuple[list[PersonInPhase], int]]) -> None:
    """Each person counts once in the case and once in each phase, whatever their state; each waits for something."""
    figures = count_outcomes(people, is_public=False)
    assert figures.people == sum(n for _, n in people)
    for phase in (1, 2, 3):
        expected = sum(n for lines, n in people for line in lines if line.phase == phase)
        assert sum(figures.people_by("outcome", phase).values()) == expected
        assert sum(figures.people_by("place", phase).values()) == expected
    for cells in (figures.people_by_place_and_outcome(), figures.people_by_variant_and_outcome()):
        assert sum(n for by_outcome in cells.values() for n in by_outcome.values()) == figures.people
    assert all(one.next for one in figures.counts if one.outcome is Outcome.WAITING)
    assert not any(one.next for one in figures.counts if one.outcome is Outcome.TOLD_BY_MAIL)
    assert sum(figures.unreachable_by_place.values()) <= figures.people


def test_the_law_counts_whose_address_is_looked_for() -> None:
    """Insufficient contact data counts before a letter has come back; whoever is not to be told does not."""
    figures = count_outcomes(
        [
            ([written("open", place="US-CA")], 3),
            ([written("returned", place="US-CA")], 2),
            ([written("open", place="DE", has_postal_address=True)], 5),
            ([MAILED._replace(place="GB", state="suppressed", state_reason="under_13")], 7),
        ],
        is_public=False,
    )
    assert figures.unreachable_by_place == {"US-CA": 5}
    assert figures.people_by_place == {"DE": 5, "US-CA": 5}
    assert [one.next for one in figures.counts if one.phase == WHOLE_CASE].count(NextStep.ADDRESS_IS_FOUND) == 1


def test_old_and_large_cases_are_counted_less_often() -> None:
    """Ten seconds at first; a count that takes long waits long; after two years nobody counts any more."""
    begin = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert next_count_of_case(begin, begin, timedelta()) == begin + timedelta(seconds=10)
    assert next_count_of_case(begin, begin, timedelta(seconds=6)) == begin + timedelta(seconds=300)
    late = begin + timedelta(days=300)
    assert next_count_of_case(begin, late, timedelta()) == late + timedelta(hours=6)
    assert next_count_of_case(begin, begin + timedelta(days=800), timedelta()) is None
