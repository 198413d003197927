"""Campaigns of a test: drafts, checks, releases and hand-overs over the flow of `tests.factories.World`."""

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from mailer.pipeline.manifest_builder import ManifestBuilder
from mailer.pipeline.no_route import NoRoute
from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.category import Lane
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.ports.manifests import CampaignMailing, Manifest
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.campaign_release import PostgresCampaignReleases
from mailer.postgres.manifest_building import PostgresManifestQueue
from mailer.postgres.manifests import PostgresManifests
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.template_library import compile_stored_source
from tests.factories import BRAND, World, policies, templates

WRITER, ASKER, RELEASER = "person:Wanda", "person:Aslan", "Rita"
OWNER = "timekeeper"


async def no_obstacle(policy: Policy, purpose: str, lane: Lane) -> NoRoute | None:
    """Says that some processor may have each mail."""
    return None


@cache
def campaign_template(words: str, category: str = "newsletter") -> ManifestTemplate:
    """A template without required values, with some words of its own."""
    name = {"newsletter": "weekly"}[category]
    shipped = templates().find_template(BRAND, name)
    assert shipped is not None
    source = shipped.source.replace("{{ headline }}", words)
    made = compile_stored_source(policies()[BRAND], "campaign", source)
    assert not made.required
    return ManifestTemplate(made.version, made.source)


def newsletter_draft(**values: Any) -> dict[str, Any]:
    """A draft of a newsletter to everyone, as JSON has it."""
    return {"category": "newsletter", "purpose": "newsletter", **values}


class Campaigns:
    """The steps of campaigns over a world."""

    def __init__(self, world: World, lease: timedelta = timedelta(seconds=30)) -> None:
        self.world = world
        self.store = PostgresManifests(world.pool, world.writers, world.policies)
        rates = frequency_counts_needed_by_policies(world.policies.values())
        self.queue = PostgresManifestQueue(world.pool, rates, lease)
        self.fields = frozenset[str]()
        self.releases = PostgresCampaignReleases(
            world.pool, world.writers, world.hasher, world.policies, lambda draft: self.fields
        )

    def builder(self, owner: str = OWNER) -> ManifestBuilder:
        """A builder of manifests."""
        return ManifestBuilder(self.queue, owner, self.world.policies, self._renderers, no_obstacle)

    def _renderers(self) -> MailingRendererCache:
        return MailingRendererCache(self.world.policies, templates(), self.world.links, None)

    async def write(self, by: str = WRITER, **draft: Any) -> UUID:
        """Stores a campaign with a draft, as its writer saves it."""
        id_, stored = uuid7(), CampaignDraft.model_validate(newsletter_draft(**draft)).model_dump(mode="json")
        await self.world.pool.execute(
            "INSERT INTO campaigns (id, brand, name, draft, created_by, updated_by)"
            " VALUES ($1, $2, 'Spring', $3, $4, $4)",
            *(id_, BRAND, stored, by),
        )
        await self._keep_revision(id_, 1, stored, by)
        return id_

    async def edit(self, campaign_id: UUID, by: str = WRITER, **draft: Any) -> None:
        """Saves another revision, as the editor does."""
        stored = CampaignDraft.model_validate(newsletter_draft(**draft)).model_dump(mode="json")
        revision = await self.world.pool.fetchval(
            "UPDATE campaigns SET draft = $2, revision = revision + 1, state = 'draft', updated_by = $3,"
            " manifest_id = NULL WHERE id = $1 RETURNING revision",
            *(campaign_id, stored, by),
        )
        await self.world.pool.execute(
            "UPDATE manifests SET state = 'outdated' WHERE campaign_id = $1 AND state = 'ready'", campaign_id
        )
        await self._keep_revision(campaign_id, revision, stored, by)

    async def _keep_revision(self, id_: UUID, revision: int, draft: Mapping[str, Any], by: str) -> None:
        await self.world.pool.execute(
            "INSERT INTO campaign_revisions (campaign_id, revision, draft, by) VALUES ($1, $2, $3, $4)",
            *(id_, revision, draft, by),
        )

    async def request(self, campaign_id: UUID, by: str = ASKER) -> Manifest:
        """Requests a check, with a template a variant."""
        campaign = await self.store.find_campaign_to_check(campaign_id)
        assert campaign is not None
        compiled = {str(name): campaign_template(f"Variant {name}") for name in campaign.draft.variants}
        return await self.store.request_manifest(campaign, compiled, self.world.policies[BRAND].version, [], by)

    async def check(self, campaign_id: UUID, by: str = ASKER) -> Manifest:
        """Requests a check, and builds it."""
        manifest = await self.request(campaign_id, by)
        await self.builder().build_waiting_manifests()
        return await self.manifest(manifest.id)

    async def manifest(self, manifest_id: UUID) -> Manifest:
        """A manifest as it is now."""
        found = await self.store.find_manifest(manifest_id)
        assert found is not None
        return found

    async def checked_and_asked(self, campaign_id: UUID) -> Manifest:
        """A manifest that waits for its release."""
        manifest = await self.check(campaign_id)
        assert manifest.state == "ready", manifest.problem
        await self.store.ask_for_release(manifest.id, ASKER)
        return await self.manifest(manifest.id)

    async def release(self, manifest: Manifest, by: str = RELEASER) -> list[CampaignMailing]:
        """Releases a manifest."""
        releaser = Identity(IdentityKind.PERSON, by)
        return list(await self.releases.release_manifest(manifest.id, manifest.hash or b"", releaser))

    async def lines(self, manifest_id: UUID) -> dict[str, tuple[str, str, str]]:
        """Result, reason and variant by ref."""
        rows = await self.world.pool.fetch(
            "SELECT r.ref, p.result, p.reason, p.variant FROM manifest_people p"
            " JOIN recipients r ON r.id = p.recipient_id WHERE p.manifest_id = $1",
            manifest_id,
        )
        return {row["ref"]: (row["result"], row["reason"], row["variant"]) for row in rows}

    async def state(self, campaign_id: UUID) -> str:
        """The state of a campaign."""
        return str(await self.world.pool.fetchval("SELECT state FROM campaigns WHERE id = $1", campaign_id))

    async def send_all(self) -> None:
        """Hands over all that is due, until nothing is."""
        for _ in range(20):
            await self.world.timekeeper().run_all_steps_once()
            await self.world.run_published()

    async def set_attributes(self, ref: str, **values: Any) -> None:
        """Stores attributes of a person."""
        await self.world.pool.execute(
            "INSERT INTO recipient_attributes (recipient_id, brand, attributes) VALUES ($1, $2, $3::text::jsonb)"
            " ON CONFLICT (recipient_id) DO UPDATE SET attributes = EXCLUDED.attributes",
            *(await self.world.id_of(ref), BRAND, json.dumps(values)),
        )
