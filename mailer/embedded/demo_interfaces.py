"""The protocols that the demo uses: a few commands, and the captured mail."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from mailer.actions.recipient_import import ImportCounts
from mailer.events import MessageEvent
from mailer.ports.captured_mail import CapturedMail
from mailer.ports.mailings import MailingStatus


@dataclass(frozen=True, slots=True)
class VerificationSummary:
    """The result of a verification of the ledger: entries and faults."""

    entries: int
    faults: int


class DemoCommands(Protocol):
    """The acts of operators by command, and of applications by the broker."""

    async def import_rows_in_one_transaction(self, file: Path, brand: str, rejected: Path) -> ImportCounts:
        """Imports a file of recipients for a brand; bad lines go to `rejected`."""
        ...

    async def create_key(self, name: str, brand: str, categories: Collection[str]) -> str:
        """Returns a new API key; its holder may publish these categories of a brand."""
        ...

    async def allow_publishing_on_broker(self, brand: str, categories: Collection[str]) -> None:
        """Allows events on the broker to be of these categories of a brand."""
        ...

    async def publish_on_broker(self, event: MessageEvent) -> None:
        """Publishes an event on the broker."""
        ...

    async def find_mailing_status_of_event(self, brand: str, event_id: str) -> MailingStatus | None:
        """Returns the status of an event's mailing, or None before the event is taken in."""
        ...

    async def approve_mailing(self, mailing_id: UUID, person: str) -> bool:
        """Releases a mailing that waits. Returns False if it does not wait, or may not be released by this person."""
        ...

    def ledger_entries_of_mailing(self, mailing_id: UUID) -> AsyncIterator[Mapping[str, Any]]:
        """Returns the ledger's entries of a mailing, as `mailer ledger export` prints them."""
        ...

    async def verify_ledger(self) -> VerificationSummary:
        """Recomputes the ledger's chains, and returns the result."""
        ...


class CapturedMailLookup(Protocol):
    """The captured mail, which is never held in memory as a whole. The methods read files: call them in a thread."""

    def count_mails(self) -> int:
        """Counts the captured messages."""
        ...

    def mails_received_by(self, address: str) -> Sequence[CapturedMail]:
        """Returns the messages to one address, newest first."""
        ...
