"""The release of campaigns in PostgreSQL: a manifest becomes mailings, in one transaction with the ledger's entries."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.database.statements import Connection, Pool
from mailer.ledger.unit_of_work import UnitOfWork, open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_manifest import REST
from mailer.policy.campaign_release import is_second_person_needed, refusal_to_release, refusal_to_send_rest
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity, identity_or_none
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.mailings import NewMailing
from mailer.ports.manifests import CampaignMailing, CampaignToCheck, Manifest, ManifestRefused
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.audience_expansion import EXPANSION_SECONDS
from mailer.postgres.mailings import BATCH_SIZE, build_mailing_acceptance_ledger_entry
from mailer.postgres.manifest_mailings import (
    ManifestPart,
    build_mailing_of_manifest_part,
    insert_mailings_unless_id_is_taken,
)
from mailer.postgres.manifest_rows import SQL, campaign_from_row, manifest_from_row
from mailer.postgres.manifests import NO_MANIFEST, lock_campaign_and_manifest, step_facts
from mailer.postgres.releaser_independence import Authors, refuse_releaser_behind_authors

FieldsUsed = Callable[[CampaignDraft], Collection[str]]
"""Returns the attributes that the texts of a draft print."""


class PostgresCampaignReleases:
    """Implements `ports.manifests.CampaignReleaser`.

    Args:
        pool: the connections. writers: of the ledger. hasher: of events. policies: in force, by brand.
        fields_used: the attributes that deliveries carry for the texts.
    """

    def __init__(
        self,
        pool: Pool,
        writers: LedgerWriters,
        hasher: AddressHasher,
        policies: Mapping[str, Policy],
        fields_used: FieldsUsed,
    ) -> None:
        self._pool = pool
        self._writers = writers
        self._hasher = hasher
        self._policies = policies
        self._fields_used = fields_used

    async def release_manifest(
        self, manifest_id: UUID, seen_hash: bytes, releaser: Identity
    ) -> Sequence[CampaignMailing]:
        """See the port."""
        campaign, manifest = await self._read_campaign_and_manifest(manifest_id)
        policy = self._policy_of(campaign)
        self._refuse_unless_releasable(campaign, manifest, policy, seen_hash)
        authors = await self._read_authors(self._pool, campaign, manifest)
        if is_second_person_needed(policy, manifest.draft.category, manifest.people_in_reach):
            await refuse_releaser_behind_authors(self._pool, releaser, authors)
        async with open_unit_of_work(self._pool, self._writers) as work:
            campaign, manifest = await lock_campaign_and_manifest(work.connection, manifest_id)
            self._refuse_unless_releasable(campaign, manifest, policy, seen_hash)
            if await self._read_authors(work.connection, campaign, manifest) != authors:
                raise ManifestRefused("somebody has worked on this campaign meanwhile; look at it again")
            await work.connection.execute(SQL["mark_released"], manifest_id, str(releaser))
            await work.connection.execute(SQL["mark_campaign"], campaign.id, "released")
            names = sorted(manifest.templates)
            made = await self._make_mailings(work, manifest, [(name, name) for name in names], str(releaser))
            crash_if_armed(CrashPoint.IN_CAMPAIGN_RELEASE)
        return made

    async def send_rest(self, manifest_id: UUID, variant: str, releaser: Identity) -> CampaignMailing:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            campaign, manifest = await lock_campaign_and_manifest(work.connection, manifest_id)
            is_sent = await work.connection.fetchval(SQL["has_mailing"], manifest_id, REST)
            is_paused = await work.connection.fetchval(SQL["is_paused"], campaign.id)
            if refusal := refusal_to_send_rest(
                campaign.state, manifest.state, manifest.draft, variant, is_sent=is_sent, is_paused=is_paused
            ):
                raise ManifestRefused(refusal)
            [made] = await self._make_mailings(work, manifest, [(REST, variant)], str(releaser))
        return made

    def _policy_of(self, campaign: CampaignToCheck) -> Policy:
        policy = self._policies.get(campaign.brand)
        if policy is None:
            raise ManifestRefused(f"no policy of the brand {campaign.brand} is in force; ask an operator")
        return policy

    def _refuse_unless_releasable(
        self, campaign: CampaignToCheck, manifest: Manifest, policy: Policy, seen_hash: bytes
    ) -> None:
        facts = step_facts(campaign, manifest)
        if refusal := refusal_to_release(facts, policy.version, seen_hash, datetime.now(UTC)):
            raise ManifestRefused(refusal)

    async def _read_campaign_and_manifest(self, manifest_id: UUID) -> tuple[CampaignToCheck, Manifest]:
        found = await self._pool.fetchrow(SQL["find"], manifest_id)
        campaign = await self._pool.fetchrow(SQL["campaign"], found["campaign_id"]) if found else None
        if found is None or campaign is None:
            raise ManifestRefused(NO_MANIFEST)
        return campaign_from_row(campaign), manifest_from_row(found)

    async def _read_authors(
        self, connection: Pool | Connection, campaign: CampaignToCheck, manifest: Manifest
    ) -> Authors:
        rows = await connection.fetch(SQL["authors"], campaign.id, manifest.id)
        return [(row["by"], row["did"]) for row in rows]

    async def _make_mailings(
        self, work: UnitOfWork, manifest: Manifest, variants: Sequence[tuple[str, str]], releaser: str
    ) -> Sequence[CampaignMailing]:
        """Makes the mailings of some parts of the audience, each with the texts of a variant."""
        new = {part: self._new_mailing(manifest, part, variant) for part, variant in variants}
        templates, mailings = manifest.templates.values(), list(new.values())
        if await insert_mailings_unless_id_is_taken(work.connection, mailings, templates, self._hasher):
            raise ManifestRefused("an event has the id of this campaign's mailing; duplicate the campaign")
        fields = sorted(self._fields_used(manifest.draft))
        for part, variant in variants:
            mailing = new[part]
            await work.connection.fetchval(
                SQL["expand"],
                mailing.id,
                manifest.id,
                part,
                BATCH_SIZE,
                manifest.draft.schedule.over_hours,
                releaser,
                fields,
                timeout=EXPANSION_SECONDS + 10,
            )
            await work.connection.execute(
                SQL["name_mailing"], manifest.campaign_id, manifest.id, part, mailing.id, variant
            )
        await work.append_entries(
            [entry for part in new for entry in _release_entries(manifest, part, new[part], releaser)]
        )
        return [CampaignMailing(part, new[part].id, variant) for part, variant in variants]

    def _new_mailing(self, manifest: Manifest, part: str, variant: str) -> NewMailing:
        publisher, draft = identity_or_none(manifest.asked_by or ""), manifest.draft
        if publisher is None:
            raise ManifestRefused("nobody knows who asked for the release; check the campaign again, and ask again")
        values = ManifestPart(
            f"campaign-{manifest.id}-{part}",
            draft.category,
            draft.topic,
            f"manifest:{manifest.id}:{part}",
            manifest.template_name,
            manifest.templates[variant],
        )
        return build_mailing_of_manifest_part(self._policies[manifest.brand], publisher, values)


def _release_entries(
    manifest: Manifest, part: str, mailing: NewMailing, releaser: str
) -> tuple[LedgerEntry, LedgerEntry]:
    """Returns the entries of a mailing's acceptance and of its release, which names the hash of the manifest."""
    released = LedgerEntry(
        EntryKind.MAILING,
        manifest.brand,
        mailing_id=mailing.id,
        category=mailing.category.name,
        reason="released",
        rule=f"campaign:{manifest.campaign_id}",
        fields=(f"manifest:{manifest.id}", f"variant:{part}", f"hash:{(manifest.hash or b'').hex()}"),
        reply=releaser,
        actor=releaser,
    )
    return build_mailing_acceptance_ledger_entry(mailing), released
