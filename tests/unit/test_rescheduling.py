"""The pure checks of a new time for a mailing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailer.policy.rescheduling import ScheduledMailing, refusal_to_reschedule

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
WAITS = ScheduledMailing("released", False, False, None, None)


def test_what_has_not_begun_gets_another_time() -> None:
    """Also one that waits for its release, and one that is good for a second longer than the new time."""
    assert refusal_to_reschedule(WAITS, LATER, NOW) is None
    assert refusal_to_reschedule(replace(WAITS, state="awaiting_release"), LATER, NOW) is None
    assert refusal_to_reschedule(replace(WAITS, expires_at=LATER + timedelta(seconds=1)), LATER, NOW) is None


@pytest.mark.parametrize(
    ("mailing", "at", "says"),
    [
        (replace(WAITS, state="cancelled"), LATER, "is cancelled, and that is for good"),
        (replace(WAITS, state="ended"), LATER, "is ended"),
        (replace(WAITS, is_finished=True), LATER, "finished: nothing of it is left"),
        (replace(WAITS, has_begun=True), LATER, "has begun already; pause it"),
        (WAITS, NOW, "21 Nov 2026, 12:00 UTC is over; give a time to come"),
        (WAITS, NOW - timedelta(days=1), "is over"),
        (replace(WAITS, expires_at=LATER), LATER, "good until 21 Nov 2026, 13:00 UTC; give an earlier time"),
        (replace(WAITS, expires_at=NOW), LATER, "good until"),
    ],
)
def test_a_refusal_says_why(mailing: ScheduledMailing, at: datetime, says: str) -> None:
    """Each says what to do."""
    assert says in (refusal_to_reschedule(mailing, at, NOW) or "")


def test_the_new_time_needs_a_release_where_the_old_one_did() -> None:
    """One that waits for it, and one that somebody has released; nothing else."""
    assert not WAITS.needs_release
    assert replace(WAITS, state="awaiting_release").needs_release
    assert replace(WAITS, released_by="person:Eli").needs_release
