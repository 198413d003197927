"""The check of a version's notice against its mailing: how many of the accounts to be told were reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from mailer.policy.category import CATEGORIES
from mailer.policy.version_changes import VersionChange

LATER, UNADDRESSED = "known_later", "not_addressed"
"""States of accounts without a delivery: first known after the mailing was made; known before, and left out."""


@dataclass(frozen=True, slots=True)
class NoticeMailingProgress:
    """The mailing that a notice names, as the records have it.

    Attributes:
        category: the mailing's. state: as `MailingStatus` has it.
        began: the first day on which its mail could go out; None: it was never released.
        counts: the brand's accounts by (state, reason).
    """

    category: str
    state: str
    began: date | None
    counts: Mapping[tuple[str, str], int]

    def count_accounts_in_states(self, *states: str) -> int:
        """Counts the accounts in some states."""
        return sum(n for (state, _), n in self.counts.items() if state in states)

    @property
    def count_due_accounts(self) -> int:
        """The number of accounts that were known when the mailing was made."""
        return self.count_accounts_in_states(*{state for state, _ in self.counts if state != LATER})


@dataclass(frozen=True, slots=True)
class NoticeFinding:
    """The result of the check of a notice, in words. `is_fault`: the words are a fault."""

    words: str
    is_fault: bool


def build_unchecked_finding(change: VersionChange, why: str) -> NoticeFinding:
    """Returns the finding that a notice could not be checked, and why. It is no fault."""
    return NoticeFinding(f"{_notice_label(change)}: nobody has looked whether it reached people: {why}", is_fault=False)


def examine_notice(change: VersionChange, told: NoticeMailingProgress | None, today: date) -> NoticeFinding:
    """Checks that the mailing of a notice told the right people in time (interpals-15, paltalk06-24).

    Args:
        change: a version whose notice names a mailing.
        told: that mailing; None: there is none.
        today: the present day. A notice of a later day is still to come.
    """
    if change.notice is None or change.notice.kind != "mailing":
        raise ValueError("a notice that names no mailing")
    if told is None and change.notice.day > today:
        return NoticeFinding(
            f"{_notice_label(change)}: its mailing is still to come, on {change.notice.day}", is_fault=False
        )
    if fault := _notice_fault(change, told, today):
        return NoticeFinding(f"{_notice_label(change)}: {fault}", is_fault=True)
    return NoticeFinding(f"{_notice_label(change)}: {_reach_text(told)}" if told else "", is_fault=False)


def _notice_label(change: VersionChange) -> str:
    reference = change.notice.reference if change.notice else ""
    return f"{change.brand}, version {change.version}, notice {reference}"


def _notice_fault(change: VersionChange, told: NoticeMailingProgress | None, today: date) -> str | None:
    """Returns the first reason why a mailing is no valid notice; None if it is valid."""
    if told is None:
        return "no mailing of the brand is of that event; give the id of the event that told people"
    category = CATEGORIES.get(told.category)
    if category is None or not category.tells_change:
        those = " or ".join(name for name, category in CATEGORIES.items() if category.tells_change)
        return f"it is {told.category} mail, which does not reach everybody; a notice is {those} mail"
    if told.began is None or told.state in ("cancelled", "ended"):
        return f"the mailing is {told.state}; {_reach_text(told)}"
    # It is the day that the notice says somewhere on earth until twelve hours after its end in UTC.
    if change.notice and told.began > change.notice.day + timedelta(days=1):
        return f"it says that people were told on {change.notice.day}, and the mailing began on {told.began}"
    if told.state != "finished":
        return f"the mailing is {told.state}; {_reach_text(told)}" if change.effective <= today else None
    if told.count_accounts_in_states(UNADDRESSED):
        return (
            f"{told.count_accounts_in_states(UNADDRESSED)} accounts were left out of its audience; {_reach_text(told)}"
        )
    if not told.count_accounts_in_states("handed_over"):
        return _reach_text(told)
    return None


def _reach_text(told: NoticeMailingProgress) -> str:
    """Returns in words how many of the due accounts were reached, and the states of the others."""
    missed = [
        f"{n} {f'{state} ({reason})' if reason else state}"
        for (state, reason), n in sorted(told.counts.items())
        if state not in ("handed_over", LATER)
    ]
    said = f"it reached {told.count_accounts_in_states('handed_over')} of {told.count_due_accounts} accounts"
    said += f"; not: {', '.join(missed)}" if missed else ""
    later = told.count_accounts_in_states(LATER)
    return said + (f"; {later} became known after it was made" if later else "")
