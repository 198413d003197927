"""The checks of a new time for a mailing. Pure."""

from dataclasses import dataclass
from datetime import datetime

from mailer.policy.moment_wording import moment_in_words

_OVER = ("cancelled", "ended")


@dataclass(frozen=True, slots=True)
class ScheduledMailing:
    """The facts of a mailing that decide whether it may go at another time.

    Attributes:
        state: `awaiting_release`, `released`, `cancelled` or `ended`.
        is_finished: nothing of it is open.
        has_begun: a worker has taken some of it, or something of it was decided.
        expires_at: the time after which nothing is sent.
        released_by: the person who released it; None if nobody did, or nobody has to.
        has_own_times: its people get it at different times: a campaign at a local time, or one spread over hours.
    """

    state: str
    is_finished: bool
    has_begun: bool
    expires_at: datetime | None
    released_by: str | None
    has_own_times: bool = False

    @property
    def needs_release(self) -> bool:
        """True if a second person has to release it, or had to: the new time needs a release, too."""
        return self.state == "awaiting_release" or self.released_by is not None


def refusal_to_reschedule(mailing: ScheduledMailing, at: datetime, now: datetime) -> str | None:
    """Returns why a mailing cannot go at another time, with what to do; None if it can.

    Args:
        mailing: the mailing, as it is now.
        at: the new time, aware.
        now: an aware datetime.
    """
    if mailing.state in _OVER:
        return f"the mailing is {mailing.state}, and that is for good; publish it as a new event to send it after all"
    if mailing.is_finished:
        return "the mailing is finished: nothing of it is left to be sent"
    if mailing.has_begun:
        return "some of the mailing has begun already; pause it, or cancel what is left and publish that as a new event"
    if mailing.has_own_times:
        return (
            "its people get this campaign at times of their own, which one time would undo;"
            " cancel it, duplicate the campaign, and choose another time there"
        )
    if at <= now:
        return f"the time {moment_in_words(at)} is over; give a time to come"
    if mailing.expires_at is not None and at >= mailing.expires_at:
        good_until = moment_in_words(mailing.expires_at)
        return f"the mailing is good until {good_until}; give an earlier time, or publish it as a new event"
    return None
