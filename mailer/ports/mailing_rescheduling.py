"""The time at which a mailing begins, for people who change it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mailer.policy.publisher_and_staff_identity import Identity


@dataclass(frozen=True, slots=True)
class MailingRescheduleResult:
    """The result of a new time.

    Attributes:
        is_new: False if the mailing had this time already; then nothing was changed.
        needs_release: True if a second person has to release it at this time.
    """

    is_new: bool
    needs_release: bool


class MailingRescheduler(Protocol):
    """Gives mailings another time. Each change is an entry of the ledger."""

    async def reschedule_mailing(
        self, mailing_id: UUID, at: datetime, by: Identity, reason: str
    ) -> MailingRescheduleResult:
        """Lets a mailing begin at another time. One that somebody has released waits for its release again.

        Args:
            mailing_id: the mailing.
            at: the time, aware.
            by: who does it. Nobody releases what they have rescheduled.
            reason: one line for the ledger; may be empty.

        Raises:
            MailingControlRefused: there is none, it has begun, is over, or has expired by then; or the time is over.
        """
        ...
