"""The notice of a version, held against what the records say of its mailing."""

from dataclasses import replace
from datetime import date

import pytest

from mailer.policy.version_changes import GivenVersionNotice, VersionChange
from mailer.policy.version_notice_check import NoticeMailingProgress, examine_notice

DAY, EFFECTIVE, TODAY = date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)
SENT, DEAD, LEFT_OUT = ("handed_over", ""), ("suppressed", "address_dead"), ("not_addressed", "")
NOTICE = GivenVersionNotice(kind="mailing", reference="policy-2026", day=DAY)
CHANGE = VersionChange("acme", "2024", "2026", EFFECTIVE, (), NOTICE)
TOLD = NoticeMailingProgress("policy_change", "finished", DAY, {SENT: 98, DEAD: 2, ("known_later", ""): 7})


def test_a_mailing_that_reached_everybody_is_told_in_numbers() -> None:
    """Accounts that cannot be reached are counted with the reason, and those that came later apart."""
    found = examine_notice(CHANGE, TOLD, TODAY)
    assert not found.is_fault
    assert found.words == (
        "acme, version 2026, notice policy-2026: it reached 98 of 100 accounts; not: 2 suppressed (address_dead);"
        " 7 became known after it was made"
    )


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, "no mailing of the brand is of that event"),
        (replace(TOLD, category="newsletter"), "it is newsletter mail, which does not reach everybody"),
        (replace(TOLD, category="unheard-of"), "it is unheard-of mail"),
        (replace(TOLD, state="awaiting_release", began=None), "the mailing is awaiting_release"),
        (replace(TOLD, state="cancelled"), "the mailing is cancelled; it reached 98 of 100"),
        (replace(TOLD, state="paused"), "the mailing is paused; it reached 98 of 100"),
        (replace(TOLD, state="running"), "the mailing is running; it reached 98 of 100"),
        (replace(TOLD, began=date(2026, 5, 3)), "told on 2026-05-01, and the mailing began on 2026-05-03"),
        (replace(TOLD, counts={SENT: 98, LEFT_OUT: 3}), "3 accounts were left out of its audience"),
        (replace(TOLD, counts={DEAD: 3}), "it reached 0 of 3 accounts"),
        (replace(TOLD, counts={}), "it reached 0 of 0 accounts"),
    ],
)
def test_a_mailing_that_is_no_notice_is_a_fault(told: NoticeMailingProgress | None, words: str) -> None:
    """Each way in which a mailing that is named has told nobody, not everybody, or too late."""
    found = examine_notice(CHANGE, told, TODAY)
    assert (found.is_fault, words in found.words) == (True, True), found.words


def test_a_day_that_is_still_to_come_is_no_fault() -> None:
    """A mailing is looked for from its day on, and has to be over once the version is in force."""
    assert "still to come, on 2026-05-01" in examine_notice(CHANGE, None, date(2026, 4, 30)).words
    assert not examine_notice(CHANGE, replace(TOLD, state="running"), date(2026, 5, 31)).is_fault
    assert not examine_notice(CHANGE, replace(TOLD, began=date(2026, 5, 2)), TODAY).is_fault, "it is May 1 there"
    assert examine_notice(CHANGE, replace(TOLD, began=None, state="scheduled"), date(2026, 4, 30)).is_fault
