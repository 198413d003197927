"""Soft bounces: the days that count, the replies that count, and the limits of the terms."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mailer.policy.hand_over_outcome import OutcomeKind
from mailer.policy.session_refusals import SmtpStage
from mailer.policy.smtp_replies import outcome_of_reply
from mailer.policy.soft_bounces import (
    SoftBounceDay,
    SoftBounceTerms,
    SoftBounceVerdict,
    is_out_of_storage,
    is_soft_bounce,
    judge_soft_bounce_days,
)

TODAY = date(2026, 11, 20)
TERMS = SoftBounceTerms(days=3, window_days=30, decay_days=7)


def days(*ago: int, full: tuple[int, ...] = ()) -> list[SoftBounceDay]:
    """The days so long ago, the oldest first; those in `full` with a full mailbox."""
    every = sorted({*ago, *full}, reverse=True)
    return [SoftBounceDay(TODAY - timedelta(days=n), n in full) for n in every]


@pytest.mark.parametrize(
    ("bounced", "verdict"),
    [
        (days(0), SoftBounceVerdict(1, False)),
        (days(1, 0), SoftBounceVerdict(2, False)),
        (days(2, 1, 0), SoftBounceVerdict(3, True, TODAY + timedelta(days=7))),
        (days(3, 2, 1, 0), SoftBounceVerdict(4, True, TODAY + timedelta(days=14))),
        (days(8, 7, 0), SoftBounceVerdict(2, False)),
        (days(8, 6, 0), SoftBounceVerdict(3, True, TODAY + timedelta(days=7))),
        (days(31, 30, 0), SoftBounceVerdict(1, False)),
        (days(0, full=(21, 14)), SoftBounceVerdict(3, True, TODAY + timedelta(days=7))),
        (days(full=(200, 100, 0)), SoftBounceVerdict(3, True, None)),
        (days(full=(100, 0)), SoftBounceVerdict(2, False)),
    ],
)
def test_the_days_count_with_decay(bounced: list[SoftBounceDay], verdict: SoftBounceVerdict) -> None:
    """Days without a bounce take others off the count, but none on which the mailbox was full."""
    assert judge_soft_bounce_days(bounced, TERMS) == verdict


@given(st.sets(st.integers(1, 400)), st.sets(st.integers(1, 400)), st.integers(3, 30), st.integers(1, 30))
def test_one_soft_bounce_makes_nobody_unreachable(ago: set[int], full: set[int], least: int, decay: int) -> None:
    """Optional mail stops on `days` different days at the earliest, and the more lenient terms stop no more."""
    terms = SoftBounceTerms(days=least, decay_days=decay)
    verdict = judge_soft_bounce_days(days(0, *ago, full=tuple(full)), terms)
    assert verdict.counted <= len(ago | full) + 1
    assert verdict.stops is (verdict.counted >= least)
    assert not judge_soft_bounce_days(days(0), terms).stops
    if verdict.until is not None:
        assert verdict.until > TODAY


@pytest.mark.parametrize(
    ("code", "text", "counts"),
    [
        (452, "4.2.2 The email account that you tried to reach is over quota", True),
        (552, "mailbox full", True),
        (552, "5.2.2 quota exceeded", True),
        (554, "5.4.7 delivery expired", True),
        (450, "4.2.0 mailbox busy", True),
        (451, "4.7.1 greylisted, try again later", False),
        (451, "try again later", False),
        (421, "4.3.2 shutting down", False),
        (550, "5.1.1 no such user", False),
        (550, "5.7.1 blocked", False),
        (250, "2.1.5 ok", False),
    ],
)
def test_a_reply_counts_if_it_is_about_the_mailbox_or_final(code: int, text: str, counts: bool) -> None:
    """Greylisting and a busy server say nothing about a mailbox: the mail comes again in minutes."""
    assert is_soft_bounce(outcome_of_reply(SmtpStage.RCPT, code, text)) is counts


@pytest.mark.parametrize(
    ("status", "words", "code", "full"),
    [
        ("4.2.2", "", 452, True),
        ("5.2.2", "", None, True),
        (None, "", 552, True),
        ("5.2.3", "too large", 552, False),
        ("4.3.1", "The recipient's inbox is out of storage space", 452, True),
        (None, "x" * 5000 + "mailbox full", 450, False),
        ("4.4.1", "connection timed out", None, False),
    ],
)
def test_a_full_mailbox_is_told_from_other_causes(status: str | None, words: str, code: int | None, full: bool) -> None:
    """A status counts, else the first 2,000 characters of the words."""
    assert is_out_of_storage(status, words, code) is full


@pytest.mark.parametrize(
    "wrong", [{"days": 1}, {"days": 2}, {"days": 31}, {"window_days": 91}, {"decay_days": 0}, {"days": "3"}]
)
def test_terms_outside_the_limits_are_refused(wrong: dict[str, object]) -> None:
    """No policy makes one soft bounce enough, or keeps days for ever."""
    with pytest.raises(ValidationError):
        SoftBounceTerms.model_validate(wrong)


def test_the_defaults_are_the_strictest_terms() -> None:
    """A policy that says nothing stops optional mail as soon as any policy may."""
    assert SoftBounceTerms() == SoftBounceTerms(days=3, window_days=90, decay_days=30)
    assert outcome_of_reply(SmtpStage.RCPT, 452, "4.2.2 full").result is OutcomeKind.DEFERRED
