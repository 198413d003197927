"""Soft bounces: the replies and reports that count as one, the days that count, and the end of optional mail. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from pydantic import Field

from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.policy_key_types import Section, Whole
from mailer.policy.smtp_replies import is_about_mailbox

SOFT_BOUNCES: Final = "soft_bounces"
"""The reason of the suppression that follows from them."""
LONGEST_WINDOW: Final = 90
"""The most days for which a day with a soft bounce counts, if the mailbox was not out of storage."""

_STORAGE: Final = re.compile(
    r"quota|(?:mailbox|inbox|folder)\b[\w' ]{0,20}\bfull|full mailbox|storage (?:allocation|limit|space)"
    r"|out of storage|insufficient (?:system |disk )?storage|disk (?:space|full)",
    re.IGNORECASE,
)
_WORDS_READ: Final = 2000
_OVER_QUOTA: Final = 552


class SoftBounceTerms(Section):
    """The terms on which soft bounces stop optional mail to a mailbox. Each default is the strictest value.

    Attributes:
        days: the days with a soft bounce that stop it. A single one never does.
        window_days: the days for which such a day counts.
        decay_days: the days without a soft bounce that take one day off the count.
    """

    days: Whole = Field(default=3, ge=3, le=30)
    window_days: Whole = Field(default=LONGEST_WINDOW, ge=7, le=LONGEST_WINDOW)
    decay_days: Whole = Field(default=30, ge=1, le=30)


@dataclass(frozen=True, slots=True)
class SoftBounceDay:
    """A day on which a mailbox took no mail. is_out_of_storage: it was full, as a reply or a report said."""

    day: date
    is_out_of_storage: bool = False


@dataclass(frozen=True, slots=True)
class SoftBounceVerdict:
    """The verdict on a mailbox after a soft bounce.

    Attributes:
        counted: the days that count now.
        stops: True if optional mail stops.
        until: the day on which it goes on by itself. None: it does not, since silence does not empty a full mailbox.
    """

    counted: int
    stops: bool
    until: date | None = None


def judge_soft_bounce_days(days: Sequence[SoftBounceDay], terms: SoftBounceTerms) -> SoftBounceVerdict:
    """Returns the verdict on a mailbox on its last day with a soft bounce.

    Days without one take days off the count, but none on which the mailbox was out of storage: an empty mailbox would
    be the only proof of space, and silence is none.

    Args:
        days: different days, the oldest first; at least one.
        terms: of the brand's policy.
    """
    today = days[-1].day
    full, others, before = 0, 0, days[0].day
    for one in days:
        forgiven = (one.day - before).days // terms.decay_days
        others, before = max(others - forgiven, 0), one.day
        if one.is_out_of_storage:
            full += 1
        elif (today - one.day).days < terms.window_days:
            others += 1
    counted = full + others
    to_forgive = counted - terms.days + 1
    if to_forgive <= 0:
        return SoftBounceVerdict(counted, stops=False)
    lasts = to_forgive * terms.decay_days
    return SoftBounceVerdict(counted, True, today + timedelta(days=lasts) if full < terms.days else None)


def is_out_of_storage(status: str | None, words: str, code: int | None = None) -> bool:
    """Tells whether a refusal says that the mailbox is full (RFC 3463 3.3, x.2.2; RFC 5321 4.2.3, 552)."""
    if status is not None and status[1:] == ".2.2":
        return True
    return (status is None and code == _OVER_QUOTA) or bool(_STORAGE.search(words[:_WORDS_READ]))


def is_soft_bounce(outcome: Outcome) -> bool:
    """Tells whether a reply at SMTP time counts as a soft bounce (MAIL.md, "Replies by class").

    A passing 4yz that is not about the mailbox, such as greylisting, only says that the same mail may come again in
    minutes. A report counts it once the mail is given up.
    """
    if outcome.result is not OutcomeKind.DEFERRED or outcome.code is None:
        return False
    return is_about_mailbox(outcome) or outcome.code // 100 == 5 or bool(_STORAGE.search(outcome.text[:_WORDS_READ]))
