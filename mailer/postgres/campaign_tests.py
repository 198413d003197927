"""Test messages of drafts, in PostgreSQL."""

from collections.abc import Sequence
from uuid import UUID

from mailer.database.statements import Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.campaign_draft import CampaignDraft, VariantName
from mailer.ports.campaign_tests import (
    TESTS_AN_HOUR,
    CampaignTest,
    CampaignTestRefused,
    ClaimedTest,
    StaffTestMessageRecipient,
    TestMessageResult,
)
from mailer.ports.campaigns import Campaign
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7

_SQL = load_statements("campaign_tests")


class PostgresCampaignTests:
    """Implements `ports.campaign_tests.CampaignTestStore` and `ports.campaign_tests.CampaignTestQueue`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def list_staff_for_test_messages(self, brand: str) -> Sequence[StaffTestMessageRecipient]:
        """See the port."""
        return [StaffTestMessageRecipient(**row) for row in await self._pool.fetch(_SQL["readers"], brand)]

    async def order_tests(
        self, campaign: Campaign, variant: VariantName, locale: str, staff_ids: Sequence[int], by: str
    ) -> None:
        """See the port."""
        known = {reader.staff_id for reader in await self.list_staff_for_test_messages(campaign.brand)}
        if not staff_ids or not known.issuperset(staff_ids):
            raise CampaignTestRefused("a test goes to staff of the brand only: choose at least one of those shown")
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.connection.execute(_SQL["lock_campaign"], campaign.id)
            lately = await work.connection.fetchval(_SQL["count_lately"], campaign.brand)
            if lately + len(staff_ids) > TESTS_AN_HOUR:
                raise CampaignTestRefused(
                    f"there were {lately} tests of the brand within an hour, and {TESTS_AN_HOUR} are the most: wait"
                )
            draft = campaign.draft.model_dump(mode="json")
            head = (campaign.id, campaign.brand, campaign.revision, draft, variant, locale)
            await work.connection.executemany(_SQL["order"], [(uuid7(), *head, one, by) for one in staff_ids])
            entry = LedgerEntry(
                EntryKind.CONTROL,
                campaign.brand,
                category=campaign.draft.category,
                reason="campaign_test_ordered",
                rule=f"campaign:{campaign.id}",
                fields=(
                    *(f"revision:{campaign.revision}", f"variant:{variant}", f"locale:{locale}"),
                    *(f"staff:{one}" for one in staff_ids),
                ),
            )
            await work.append_entries([entry])

    async def list_tests(self, campaign_id: UUID, limit: int) -> Sequence[CampaignTest]:
        """See the port."""
        return [CampaignTest(**row) for row in await self._pool.fetch(_SQL["list"], campaign_id, limit)]

    async def claim_test(self, owner: str) -> ClaimedTest | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["claim"], owner)
        return ClaimedTest(**{**row, "draft": CampaignDraft.model_validate(row["draft"])}) if row else None

    async def end_test(self, test: ClaimedTest, result: TestMessageResult) -> None:
        """See the port."""
        state = "refused" if result.problem else "sent"
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.connection.execute(_SQL["end"], test.id, state, result.problem[:500])
            entry = LedgerEntry(
                EntryKind.CONTROL,
                test.brand,
                category=test.draft.category,
                reason=f"campaign_test_{state}",
                rule=f"campaign:{test.campaign_id}",
                processor=result.processor,
                country=result.country,
                contract=result.contract,
                purpose=result.purpose,
                fields=result.fields or None,
                reply=result.problem[:500] or None,
                message_id=result.message_id,
            )
            await work.append_entries([entry])
