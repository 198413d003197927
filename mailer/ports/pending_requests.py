"""Wishes: requests to widen or move a person's mail. Each waits until the address on record confirms it by mail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from mailer.ports.broker import BrokerMessage
from mailer.ports.consents import Consent

BETWEEN_MAILS = timedelta(days=1)
"""The least time between two confirmation mails of a brand to a mailbox. A wish that comes meanwhile joins the earlier
mail of its account; the mail of another account with the same address waits."""
LASTS = timedelta(days=7)
"""The time for which a wish can be confirmed, counted from its mail."""


class RequestedAct(StrEnum):
    """Acts, other than consents, that a person can ask for. The names stand in the ledger; no category has them."""

    MARKETING = "marketing-again"
    PERSONALISED = "personalised-again"
    COUNTED = "counted-again"
    IN_WRITING = "notices-in-writing"
    BY_EMAIL = "notices-by-email"
    CLOSED = "account-closed"
    PAUSE_ENDED = "pause-ended"
    WEEKLY = "at-most-weekly"
    CAP_ENDED = "own-cap-ended"
    SHOWN = "shown"


OWN_LIMITS_ENDED = (RequestedAct.PAUSE_ENDED, RequestedAct.WEEKLY, RequestedAct.CAP_ENDED)
"""The acts that end or loosen a person's own limits on optional mail."""


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A wish of a person.

    Attributes:
        what: the scope of a consent, or a `RequestedAct`.
        version: of the statement that was shown. words: the text that was shown.
        asked_at: when the person asked, an aware time.
        answered: it was confirmed. void: the person has said the opposite since.
    """

    what: str
    version: str
    words: str | None
    asked_at: datetime
    answered: bool = False
    void: bool = False

    @property
    def is_waiting(self) -> bool:
        """Returns True if it can still be confirmed."""
        return not (self.answered or self.void)


@dataclass(frozen=True, slots=True)
class ConfirmationMail:
    """A mail that asks a person to confirm.

    Attributes:
        id: of the mail; its link contains it.
        ref: of the person.
        generation: of the address that it goes to.
        at: when it goes, if the mailbox had such a mail for another account within a day; None: at once.
    """

    id: UUID
    ref: str
    generation: int
    at: datetime | None = None


class PendingRequestStore(Protocol):
    """Stores wishes. Wishes, the mail that asks to confirm them, and their ledger entries commit together."""

    async def store_wishes_and_ask_to_confirm(
        self,
        brand: str,
        recipient_id: int,
        wishes: Sequence[PendingRequest],
        letter: Callable[[ConfirmationMail], BrokerMessage],
        evidence: Sequence[Consent] = (),
        *,
        by_owner: bool = True,
    ) -> ConfirmationMail | None:
        """Stores wishes, and publishes the mail that asks to confirm them, at most one a day.

        Args:
            brand: the brand of the recipient.
            recipient_id: the recipient.
            wishes: the wishes. A repeated wish gets the later time, and can be confirmed again. A wish that the person
                has withdrawn since is left out; if none is left, no mail is sent.
            letter: makes the event of the mail.
            evidence: the consents among the wishes; they are stored as asked for, not as given.
            by_owner: the person asks. If False, people who objected, closed the account or left that mail get no mail.

        Returns:
            The mail that the wishes wait for, or None if the brand has no such recipient.
        """
        ...

    async def read_wishes_of_confirmation_mail(
        self, brand: str, recipient_id: int, confirmation: UUID
    ) -> list[PendingRequest]:
        """Returns the wishes of one mail; none if the mail is too old, or went to another address."""
        ...

    async def names_of_waiting_wishes(self, brand: str, recipient_id: int) -> set[str]:
        """Returns the names of the wishes that mails to a person's present address can still confirm."""
        ...

    async def mark_wish_confirmed(self, confirmation: UUID, what: str) -> None:
        """Stores that a wish was confirmed and done."""
        ...
