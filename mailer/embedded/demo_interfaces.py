"""The protocols that the demo uses: a few commands, and the captured mail."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from mailer.actions.recipient_import import ImportCounts
from mailer.events import MessageEvent
from mailer.policy.public_notices import PublicNotice
from mailer.policy.staff_rights import StaffRole
from mailer.ports.captured_mail import CapturedMail
from mailer.ports.mailings import MailingStatus


@dataclass(frozen=True, slots=True)
class LedgerVerificationSummary:
    """The result of a verification of the ledger: entries and faults."""

    entries: int
    faults: int


class DemoCommands(Protocol):
    """The acts of operators by command, and of applications by the broker."""

    async def import_file_of_recipients(self, file: Path, brand: str, rejected: Path) -> ImportCounts:
        """Imports a file of recipients for a brand; bad lines go to `rejected`."""
        ...

    async def create_publisher_api_key(self, name: str, brand: str, categories: Collection[str]) -> str:
        """Returns a new API key; its holder may publish these categories of a brand."""
        ...

    async def allow_publishing_on_broker(self, brand: str, categories: Collection[str]) -> None:
        """Allows events on the broker to be of these categories of a brand."""
        ...

    async def allow_publishing_as_person(self, name: str, brand: str, categories: Collection[str]) -> None:
        """Allows a person to publish these categories of a brand."""
        ...

    async def publish_on_broker(self, event: MessageEvent, person: str = "") -> None:
        """Publishes an event on the broker, as a person if one is named."""
        ...

    async def find_mailing_status_of_event(self, brand: str, event_id: str) -> MailingStatus | None:
        """Returns the status of an event's mailing, or None before the event is taken in."""
        ...

    async def approve_mailing(self, mailing_id: UUID, person: str) -> bool:
        """Releases a mailing that waits. Returns False if it does not wait, or may not be released by this person."""
        ...

    async def add_staff_member(self, name: str, role: StaffRole) -> str:
        """Adds a person of staff for all brands, and returns their one-time link."""
        ...

    async def limit_brand_to_one_a_second(self, brand: str, by: str) -> None:
        """Limits the hand-over of a brand's mail."""
        ...

    async def draft_and_release_public_notice(self, notice: PublicNotice, by: str) -> bool:
        """Stores the draft of a notice, and releases it. Returns False if it stays a draft."""
        ...

    async def release_public_notice(self, notice_id: UUID, by: str) -> bool:
        """Releases the draft of a notice. Returns False if it stays a draft."""
        ...

    async def find_recipient_id(self, brand: str, ref: str) -> int:
        """Returns the id of a known recipient, by the application's reference."""
        ...

    async def count_dead_letters(self) -> int:
        """Returns the number of the newest dead letters, 10 at most."""
        ...

    def ledger_entries_of_mailing(self, mailing_id: UUID) -> AsyncIterator[Mapping[str, Any]]:
        """Returns the ledger's entries of a mailing, as `mailer ledger export` prints them."""
        ...

    async def verify_ledger(self) -> LedgerVerificationSummary:
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
