"""The states of letters, and what a printer or the post may report of them. Pure."""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, assert_never

from pydantic import Field, model_validator

from mailer.policy.breach.facts import CasePart


class LetterState(StrEnum):
    """The state of a letter, as the view `letter_states` has it."""

    WAITING = "waiting"
    """It has an address, and waits for a run. After a return: a new address has come."""
    IN_RUN = "in_run"
    """It is in a run that is to be printed."""
    PRINTED = "printed"
    POSTED = "posted"
    RETURNED = "returned"
    """It came back, and no other address has come since."""
    NO_ADDRESS = "no_address"
    ASKED = "asked"
    """Somebody was asked for the address."""
    UNPRINTABLE = "unprintable"
    """The address cannot be printed as it is."""
    TAKEN = "taken"
    """Somebody works the notice by hand (`mailer notices take`)."""
    TOLD_OTHERWISE = "told_otherwise"
    """The person was told by hand, or by telephone."""
    GIVEN_UP = "given_up"
    """The notice came back, and was given up; the substitute notice is what remains."""
    CLOSED = "closed"
    """Nobody is to be told any more: the person was erased, or the phase was stopped or cancelled."""


class ReportedState(StrEnum):
    """A state that a printer or the post reports."""

    PRINTED = "printed"
    POSTED = "posted"
    RETURNED = "returned"


NEEDS_ADDRESS: Final = (LetterState.NO_ADDRESS, LetterState.ASKED, LetterState.RETURNED, LetterState.UNPRINTABLE)
"""States that an address, or another one, ends."""


class LetterReport(CasePart):
    """One row of a file of reports.

    Attributes:
        letter: the number on the letter. day: the day on which it happened.
        code: for a returned letter why, as the post says it; for a posted one its tracking number, if it has one.
    """

    letter: Annotated[int, Field(ge=1, le=2**63 - 1)]
    state: ReportedState
    day: date
    code: Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""

    @model_validator(mode="after")
    def _check_return_has_code(self) -> "LetterReport":
        if self.state is ReportedState.RETURNED and not self.code:
            raise ValueError("code: a returned letter needs the reason that the post gives, such as 'moved'")
        return self


_MAY_BE_ON_THE_WAY: Final = (LetterState.IN_RUN, LetterState.PRINTED, LetterState.CLOSED)
"""States of letters that may turn out to be posted: a stop calls back nothing that a printer has. See `is_made`."""


@dataclass(frozen=True, slots=True)
class LetterNow:
    """A letter as it is before a report.

    Attributes:
        is_made: the file of its run could be printed, so that it may be on its way, and the person is not erased.
    """

    letter: int
    state: LetterState
    is_made: bool
    printed_on: date | None
    posted_on: date | None
    returned_on: date | None
    return_code: str | None


@dataclass(frozen=True, slots=True)
class ReportRefused:
    """A report that cannot be true. `why` says so to people."""

    why: str


def letter_after_report(now: LetterNow, report: LetterReport, today: date) -> LetterNow | ReportRefused:
    """Returns a letter after a report; the same value if it was known already.

    Args:
        now: the letter before.
        report: of this letter.
        today: no report is of a later day.
    """
    if report.day > today:
        return ReportRefused(f"day: {report.day} is yet to come")
    match report.state:
        case ReportedState.PRINTED:
            return _after_printing(now, report.day)
        case ReportedState.POSTED:
            return _after_posting(now, report.day)
        case ReportedState.RETURNED:
            return _after_return(now, report)
        case _:
            assert_never(report.state)


def _after_printing(now: LetterNow, day: date) -> LetterNow | ReportRefused:
    if now.printed_on == day and now.state in (LetterState.PRINTED, LetterState.POSTED):
        return now
    if now.state is not LetterState.IN_RUN or not now.is_made:
        return _refuse_state(now, "in a run whose file is made")
    if now.returned_on and day < now.returned_on:
        return ReportRefused(f"day: it came back on {now.returned_on}, so it was not printed again before")
    return replace(now, state=LetterState.PRINTED, printed_on=day)


def _after_posting(now: LetterNow, day: date) -> LetterNow | ReportRefused:
    if now.state is LetterState.POSTED and now.posted_on == day:
        return now
    if now.state not in _MAY_BE_ON_THE_WAY or not now.is_made:
        return _refuse_state(now, "in a run whose file is made, or printed")
    begun = max((each for each in (now.printed_on, now.returned_on) if each), default=None)
    if begun and day < begun:
        return ReportRefused(f"day: it cannot be posted before {begun}, when it was printed or came back")
    return replace(now, state=LetterState.POSTED, posted_on=day)


def _after_return(now: LetterNow, report: LetterReport) -> LetterNow | ReportRefused:
    is_known = now.returned_on == report.day and now.return_code == report.code
    if is_known and now.state is not LetterState.POSTED:
        return now
    if now.state is not LetterState.POSTED:
        return _refuse_state(now, "posted")
    if now.posted_on and report.day < now.posted_on:
        return ReportRefused(f"day: it was posted on {now.posted_on}, so it cannot come back before")
    return replace(
        now,
        state=LetterState.RETURNED,
        printed_on=None,
        posted_on=None,
        returned_on=report.day,
        return_code=report.code,
    )


def _refuse_state(now: LetterNow, needed: str) -> ReportRefused:
    day = {
        LetterState.PRINTED: now.printed_on,
        LetterState.POSTED: now.posted_on,
        LetterState.RETURNED: now.returned_on,
    }
    since = f" since {day[now.state]}" if day.get(now.state) else ""
    return ReportRefused(f"state: the letter is {now.state.value}{since}; this takes one that is {needed}")
