"""The commands that the demo uses, in its own process, by the functions behind the commands."""

from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from mailer.actions.recipient_import import ImportCounts
from mailer.app import App
from mailer.broker.event_publisher import EventPublisher
from mailer.cli.recipient_import import import_recipients_file
from mailer.cli.shared import acting_person
from mailer.cli.staff import AT_A_COMMAND, sign_up_link
from mailer.embedded.demo_interfaces import LedgerVerificationSummary
from mailer.events import MessageEvent
from mailer.policy.public_notices import PublicNotice
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind, parse_person_identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from mailer.policy.staff_rights import RoleAtBrand, StaffRole
from mailer.ports.broker import Broker
from mailer.ports.mailings import MailingStatus, ReleaseRefused
from mailer.ports.rates import RateLimit
from mailer.ports.staff import StaffActor


class InProcessCommands:
    """Implements `DemoCommands` in this process."""

    def __init__(self, app: App, broker: Broker) -> None:
        """Takes the application and its broker."""
        self._app = app
        self._publisher = EventPublisher(broker)

    async def import_file_of_recipients(self, file: Path, brand: str, rejected: Path) -> ImportCounts:
        """See the port."""
        return await import_recipients_file(self._app, file, brand, rejected)

    async def create_publisher_api_key(self, name: str, brand: str, categories: Collection[str]) -> str:
        """See the port."""
        return await self._grant_publisher_rights(IdentityKind.KEY, name, brand, categories) or ""

    async def allow_publishing_on_broker(self, brand: str, categories: Collection[str]) -> None:
        """See the port."""
        role = await self._app.pool.fetchval("SELECT current_user::text")
        await self._grant_publisher_rights(IdentityKind.ROLE, role, brand, categories)

    async def allow_publishing_as_person(self, name: str, brand: str, categories: Collection[str]) -> None:
        """See the port."""
        await self._grant_publisher_rights(IdentityKind.PERSON, name, brand, categories)

    async def _grant_publisher_rights(
        self, kind: IdentityKind, name: str, brand: str, categories: Collection[str]
    ) -> str | None:
        rights = RightsOfOnePublisher(frozenset({brand}), frozenset(categories))
        return await self._app.publishers.grant_rights_and_missing_key(Identity(kind, name), rights)

    async def publish_on_broker(self, event: MessageEvent, person: str = "") -> None:
        """See the port."""
        await self._publisher.publish_event(event, parse_person_identity(person) if person else None)

    async def find_mailing_status_of_event(self, brand: str, event_id: str) -> MailingStatus | None:
        """See the port."""
        return await self._app.mailings.find_mailing_status_of_event(brand, event_id)

    async def approve_mailing(self, mailing_id: UUID, person: str) -> bool:
        """See the port."""
        try:
            await self._app.mailings.release_mailing(mailing_id, person)
        except ReleaseRefused:
            return False
        return True

    async def add_staff_member(self, name: str, role: StaffRole) -> str:
        """See the port."""
        address = f"{name.split()[0].lower()}@work.example"
        by = StaffActor(acting_person(), AT_A_COMMAND)
        token = await self._app.staff.directory.add_staff_member(
            parse_person_identity(name), address, [RoleAtBrand(role)], by
        )
        return sign_up_link(self._app, token)

    async def limit_brand_to_one_a_second(self, brand: str, by: str) -> None:
        """See the port."""
        await self._app.rates.set_limit(RateLimit("brand", brand, "second", 1), by)

    async def draft_and_release_public_notice(self, notice: PublicNotice, by: str) -> bool:
        """See the port."""
        await self._app.public_notices.add_draft(notice)
        return await self._app.public_notices.release(notice.id, by)

    async def release_public_notice(self, notice_id: UUID, by: str) -> bool:
        """See the port."""
        return await self._app.public_notices.release(notice_id, by)

    async def find_recipient_id(self, brand: str, ref: str) -> int:
        """See the port."""
        found = await self._app.standings.find_recipient_id(brand, ref)
        if found is None:
            raise LookupError(f"{brand} has no recipient {ref}")
        return found

    async def count_dead_letters(self) -> int:
        """See the port."""
        return len(await self._app.letters.list_dead_letters(10))

    def ledger_entries_of_mailing(self, mailing_id: UUID) -> AsyncIterator[Mapping[str, Any]]:
        """See the port."""
        return self._app.ledger.iterate_entries(mailing_id)

    async def verify_ledger(self) -> LedgerVerificationSummary:
        """See the port."""
        verdict = await self._app.ledger.verify_ledger()
        return LedgerVerificationSummary(verdict.entries, len(verdict.faults))
