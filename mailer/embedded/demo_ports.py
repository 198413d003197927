"""What the demo needs of the pipeline: a few commands, and the captured mail."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from mailer.actions.recipient_import import ImportResult
from mailer.events import MessageEvent
from mailer.ports.captured_mail import CapturedMail
from mailer.ports.mailings import MailingStatus


@dataclass(frozen=True, slots=True)
class VerificationSummary:
    """What a verification of the ledger found."""

    entries: int
    faults: int


class Pipeline(Protocol):
    """What operators do by command, and applications by the broker."""

    async def import_recipients(self, file: Path, brand: str, rejected: Path) -> ImportResult:
        """Imports a file for a brand; lines that cannot be taken go to `rejected`."""
        ...

    async def create_key(self, name: str, brand: str, categories: Collection[str]) -> str:
        """A new API key, whose holder may publish these categories of a brand."""
        ...

    async def admit(self, brand: str, categories: Collection[str]) -> None:
        """Lets what is published on the broker be of these categories of a brand."""
        ...

    async def publish(self, event: MessageEvent) -> None:
        """Publishes on the broker."""
        ...

    async def mailing(self, brand: str, event_id: str) -> MailingStatus | None:
        """What became of an event; None while it has not been taken in."""
        ...

    async def approve(self, mailing_id: UUID, person: str) -> bool:
        """Releases a mailing that waits. False: it does not wait, or not for this person."""
        ...

    def ledger(self, mailing_id: UUID) -> AsyncIterator[Mapping[str, Any]]:
        """The ledger's entries of a mailing, as `mailer ledger export` prints them."""
        ...

    async def verify(self) -> VerificationSummary:
        """Recomputes the ledger's chains."""
        ...


class Mailbox(Protocol):
    """Captured mail, without ever holding all of it. Reads files, so it is called in a thread."""

    def count_mails(self) -> int:
        """How many messages were captured."""
        ...

    def mails_received_by(self, address: str) -> Sequence[CapturedMail]:
        """What one address got, newest first."""
        ...
