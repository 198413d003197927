"""Test messages of drafts, which go to staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from mailer.policy.campaign_draft import CampaignDraft, VariantName
from mailer.ports.campaigns import Campaign

TESTS_AN_HOUR: Final = 60
"""The most test messages of a brand within an hour."""


class CampaignTestRefused(Exception):
    """A test was not ordered. The message says why."""


@dataclass(frozen=True, slots=True)
class StaffTestMessageRecipient:
    """A staff member of a brand, who can get its tests. The address stays in the database."""

    __test__ = False
    staff_id: int
    name: str


@dataclass(frozen=True, slots=True)
class CampaignTest:
    """A test message.

    Attributes:
        reader: the name of the staff member.
        state: queued, sending, sent, or refused; in doubt: its worker ended while it was handed over.
        problem: the reason for which it was refused.
    """

    id: UUID
    revision: int
    variant: str
    locale: str
    reader: str
    state: str
    problem: str
    requested_by: str
    requested_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedTest:
    """A test that a worker hands over: of which draft, and to whom."""

    id: UUID
    campaign_id: UUID
    brand: str
    draft: CampaignDraft
    variant: VariantName
    locale: str
    address: str
    name: str


@dataclass(frozen=True, slots=True)
class TestMessageResult:
    """The end of a test. Without a problem, the processor has accepted it."""

    __test__ = False
    problem: str = ""
    processor: str | None = None
    country: str | None = None
    contract: str | None = None
    purpose: str | None = None
    fields: tuple[str, ...] = ()
    message_id: str | None = None


class CampaignTestStore(Protocol):
    """Orders tests, for staff. Each order is an entry of the ledger."""

    async def list_staff_for_test_messages(self, brand: str) -> Sequence[StaffTestMessageRecipient]:
        """Returns the staff members who have a role at the brand and may sign in, by name."""
        ...

    async def order_tests(
        self, campaign: Campaign, variant: VariantName, locale: str, staff_ids: Sequence[int], by: str
    ) -> None:
        """Orders a test message of the campaign's draft for each staff member.

        Raises:
            CampaignTestRefused: somebody is no staff member of the brand, or there were too many tests within an hour.
        """
        ...

    async def list_tests(self, campaign_id: UUID, limit: int) -> Sequence[CampaignTest]:
        """Returns the newest tests of a campaign."""
        ...


class CampaignTestQueue(Protocol):
    """The tests that workers hand over."""

    async def claim_test(self, owner: str) -> ClaimedTest | None:
        """Returns the oldest test that waits, which no other worker gets from now on; None: none waits."""
        ...

    async def end_test(self, test: ClaimedTest, result: TestMessageResult) -> None:
        """Stores the end of a test, with an entry of the ledger."""
        ...
