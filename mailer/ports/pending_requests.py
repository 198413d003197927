"""Wishes: what widens or moves somebody's mail is asked for, and waits for an answer from the address on record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from mailer.ports.broker import BrokerMessage
from mailer.ports.consents import Consent

BETWEEN_MAILS = timedelta(days=1)
"""The least time between two confirmation mails of a brand to a mailbox. What an account asks for meanwhile joins its
earlier one; the mail of another account with the same address waits."""
LASTS = timedelta(days=7)
"""The time after its mail in which a wish can be confirmed."""


class RequestedAct(StrEnum):
    """Acts that can be asked for besides a consent. The names stand in the ledger, and are no category's."""

    MARKETING = "marketing-again"
    PERSONALISED = "personalised-again"
    COUNTED = "counted-again"
    IN_WRITING = "notices-in-writing"
    BY_EMAIL = "notices-by-email"
    CLOSED = "account-closed"
    SHOWN = "shown"


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """Something that is asked for.

    Attributes:
        what: the scope of a consent, or an `RequestedAct`.
        version: of the statement that was shown. words: those that were shown.
        asked_at: when, an aware time.
        answered: it was confirmed. void: the opposite was said after it was asked for.
    """

    what: str
    version: str
    words: str | None
    asked_at: datetime
    answered: bool = False
    void: bool = False

    @property
    def is_waiting(self) -> bool:
        """It can still be confirmed."""
        return not (self.answered or self.void)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A mail that asks a person to confirm.

    Attributes:
        id: which mail; its link names it.
        ref: the person's.
        generation: of the address that it goes to.
        at: when it goes, where the mailbox has had one within a day, for another account; None: at once.
    """

    id: UUID
    ref: str
    generation: int
    at: datetime | None = None


class PendingRequests(Protocol):
    """Wishes, the mail that asks for an answer, and their ledger entries commit together."""

    async def ask_for_confirmation(
        self,
        brand: str,
        recipient_id: int,
        wishes: Sequence[PendingRequest],
        letter: Callable[[Confirmation], BrokerMessage],
        evidence: Sequence[Consent] = (),
        *,
        by_owner: bool = True,
    ) -> Confirmation | None:
        """Keeps wishes until they are confirmed, and publishes the mail that asks, at most one a day.

        Args:
            brand: whose mail.
            recipient_id: who.
            wishes: what is asked for. Asked again, it is of the later time, and can be confirmed again. What was
                withdrawn since it was said is not asked for: where that is all, there is no mail.
            letter: makes the mail's event.
            evidence: the consents among them, kept as asked for and not given.
            by_owner: the person asks. Else nothing is asked of who has objected, closed the account or left that mail.

        Returns:
            The mail that they wait for. None: the brand has no such recipient.
        """
        ...

    async def wishes_of_confirmation(self, brand: str, recipient_id: int, confirmation: UUID) -> list[PendingRequest]:
        """Reads all that one mail asks. Nothing once the mail is too old, or was for another address."""
        ...

    async def list_waiting(self, brand: str, recipient_id: int) -> set[str]:
        """Names what any mail to a person's address on record asks for, and can still be confirmed."""
        ...

    async def mark_answered(self, confirmation: UUID, what: str) -> None:
        """Notes that a wish was confirmed and done."""
        ...
