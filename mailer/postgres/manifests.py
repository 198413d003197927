"""Manifests in PostgreSQL: requests of checks, their people, requests of releases."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from mailer.database.statements import Connection, Pool
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.campaign_release import StepFacts, refusal_to_ask
from mailer.policy.policy_file import Policy
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.manifests import (
    AudienceReaders,
    CampaignMailing,
    CampaignToCheck,
    Manifest,
    ManifestPerson,
    ManifestRefused,
)
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.audience_readers import count_audience_readers
from mailer.postgres.audiences import find_audience_fault
from mailer.postgres.manifest_rows import SQL, campaign_from_row, manifest_from_row

NO_CAMPAIGN = "there is no such campaign; `mailer campaign list` shows them"
NO_MANIFEST = "there is no such check; check the campaign first"
_CHECKABLE = ("draft", "checking", "checked", "awaiting_release")


class PostgresManifests:
    """Implements `ports.manifests.ManifestStore` and `ports.manifests.TestLister`.

    Args:
        pool: the connections. writers: of the ledger. policies: in force, by brand.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters, policies: Mapping[str, Policy]) -> None:
        self._pool = pool
        self._writers = writers
        self._policies = policies

    async def find_campaign_to_check(self, campaign_id: UUID) -> CampaignToCheck | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["campaign"], campaign_id)
        return campaign_from_row(row) if row else None

    async def find_audience_fault(self, brand: str, name: str) -> str | None:
        """See the port."""
        async with self._pool.acquire() as connection:
            return await find_audience_fault(connection, self._policies[brand], name)

    async def count_readers(self, brand: str, audience: str, fields: Sequence[str]) -> AudienceReaders:
        """See the port."""
        return await count_audience_readers(self._pool, brand, audience, fields)

    async def request_manifest(
        self,
        campaign: CampaignToCheck,
        templates: Mapping[str, ManifestTemplate],
        policy_version: str,
        findings: Sequence[Mapping[str, Any]],
        by: str,
    ) -> Manifest:
        """See the port."""
        manifest_id = uuid7()
        async with open_unit_of_work(self._pool, self._writers) as work:
            row = await work.connection.fetchrow(SQL["lock_campaign"], campaign.id)
            if row is None:
                raise ManifestRefused(NO_CAMPAIGN)
            if row["state"] not in _CHECKABLE:
                raise ManifestRefused(f"this campaign is {row['state']}; duplicate it to send it again")
            if row["revision"] != campaign.revision:
                raise ManifestRefused("somebody has changed the draft meanwhile; look at it, and check it again")
            await work.connection.execute(SQL["outdate_former"], campaign.id)
            await work.connection.execute(
                SQL["queue"],
                manifest_id,
                campaign.id,
                campaign.brand,
                campaign.revision,
                row["draft"],
                {name: list(template) for name, template in templates.items()},
                policy_version,
                findings,
                by,
            )
            await work.connection.execute(SQL["check_campaign"], campaign.id, manifest_id)
            found = await work.connection.fetchrow(SQL["find"], manifest_id)
            await work.append_entries(
                [_campaign_entry(campaign.brand, "campaign_check_requested", campaign.id, manifest_id, by)]
            )
        assert found is not None  # noqa: S101 - it was inserted above
        return manifest_from_row(found)

    async def find_manifest(self, manifest_id: UUID) -> Manifest | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["find"], manifest_id)
        return manifest_from_row(row) if row else None

    async def find_former_manifest(self, manifest: Manifest) -> Manifest | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["former"], manifest.campaign_id, manifest.id)
        return manifest_from_row(row) if row else None

    async def list_people(
        self, manifest_id: UUID, result: str, reason: str, after: int, limit: int
    ) -> Sequence[ManifestPerson]:
        """See the port."""
        rows = await self._pool.fetch(SQL["people"], manifest_id, result, reason, after, limit)
        return [ManifestPerson(*row) for row in rows]

    async def ask_for_release(self, manifest_id: UUID, by: str) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            campaign, manifest = await lock_campaign_and_manifest(work.connection, manifest_id)
            facts = step_facts(campaign, manifest)
            policy = self._policies.get(campaign.brand)
            if refusal := refusal_to_ask(facts, policy.version if policy else "", datetime.now(UTC)):
                raise ManifestRefused(refusal)
            if campaign.state == "awaiting_release":
                raise ManifestRefused("this campaign waits for its release already")
            await work.connection.execute(SQL["ask"], manifest_id, by)
            await work.connection.execute(SQL["await_release"], campaign.id)
            await work.append_entries(
                [_campaign_entry(campaign.brand, "campaign_release_requested", campaign.id, manifest_id, by)]
            )

    async def cancel_campaign(self, campaign_id: UUID, by: str) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            row = await work.connection.fetchrow(SQL["lock_campaign"], campaign_id)
            if row is None:
                raise ManifestRefused(NO_CAMPAIGN)
            if row["state"] == "cancelled":
                return
            await work.connection.execute(SQL["cancel_manifest"], campaign_id)
            await work.connection.execute(SQL["mark_campaign"], campaign_id, "cancelled")
            await work.append_entries(
                [_campaign_entry(row["brand"], "campaign_cancelled", campaign_id, row["manifest_id"], by)]
            )

    async def pause_campaign(self, campaign_id: UUID) -> None:
        """See the port."""
        await self._change_pause(campaign_id, "pause_campaign", "campaign_paused")

    async def resume_campaign(self, campaign_id: UUID) -> None:
        """See the port."""
        await self._change_pause(campaign_id, "resume_campaign", "campaign_resumed")

    async def _change_pause(self, campaign_id: UUID, statement: str, what: str) -> None:
        async with open_unit_of_work(self._pool, self._writers) as work:
            if row := await work.connection.fetchrow(SQL[statement], campaign_id):
                entry = _campaign_entry(row["brand"], what, campaign_id, row["manifest_id"], None)
                await work.append_entries([entry])

    async def is_campaign_paused(self, campaign_id: UUID) -> bool:
        """See the port."""
        return bool(await self._pool.fetchval(SQL["is_paused"], campaign_id))

    async def record_look(self, manifest: Manifest, reason: str, result: str, why: str, by: str) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            fields = (f"manifest:{manifest.id}", f"result:{result}", f"reason:{why}")
            await work.append_entries(
                [
                    LedgerEntry(
                        EntryKind.ACCESS,
                        manifest.brand,
                        reason=reason,
                        rule=f"campaign:{manifest.campaign_id}",
                        fields=fields,
                        actor=by,
                    )
                ]
            )

    async def list_mailings(self, campaign_id: UUID) -> Sequence[CampaignMailing]:
        """See the port."""
        return [CampaignMailing(*row) for row in await self._pool.fetch(SQL["mailings"], campaign_id)]

    async def find_next_batch_time(self, mailing_id: UUID) -> datetime | None:
        """See the port."""
        at: datetime | None = await self._pool.fetchval(SQL["next_batch"], mailing_id)
        return at

    async def list_authors(self, manifest_id: UUID) -> Sequence[tuple[str, str]]:
        """See the port."""
        campaign_id = await self._pool.fetchval(SQL["campaign_of"], manifest_id)
        return [(row["by"], row["did"]) for row in await self._pool.fetch(SQL["authors"], campaign_id, manifest_id)]

    async def list_tests_that_decide(self) -> Sequence[Manifest]:
        """See the port `TestLister`."""
        return [manifest_from_row(row) for row in await self._pool.fetch(SQL["tests_that_decide"])]


async def lock_campaign_and_manifest(connection: Connection, manifest_id: UUID) -> tuple[CampaignToCheck, Manifest]:
    """Locks a campaign and its manifest, and returns both. Raises ManifestRefused: there is none."""
    campaign_id = await connection.fetchval(SQL["campaign_of"], manifest_id)
    row = await connection.fetchrow(SQL["lock_campaign"], campaign_id)
    locked = await connection.fetchrow(SQL["lock"], manifest_id)
    if row is None or locked is None:
        raise ManifestRefused(NO_MANIFEST)
    return campaign_from_row(row), manifest_from_row(locked)


def step_facts(campaign: CampaignToCheck, manifest: Manifest) -> StepFacts:
    """Returns the facts on which the next step of a campaign depends."""
    return StepFacts(
        campaign.state,
        manifest.state,
        campaign.manifest_id == manifest.id and campaign.revision == manifest.revision,
        manifest.hash,
        manifest.ready_at,
        manifest.people_to_get_mail,
        manifest.policy_version,
        manifest.asked_by is not None,
    )


def _campaign_entry(
    brand: str, reason: str, campaign_id: UUID, manifest_id: UUID | None, by: str | None
) -> LedgerEntry:
    fields = (f"manifest:{manifest_id}",) if manifest_id else None
    return LedgerEntry(EntryKind.MAILING, brand, reason=reason, rule=f"campaign:{campaign_id}", fields=fields, actor=by)
