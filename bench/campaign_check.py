"""Times a campaign's check and its release: `python -m bench.campaign_check --people 1000000`."""

import argparse
import asyncio
import resource
import time

from bench.setting import ADDRESS_KEY, BRAND, SECRET_KEY, Setting, database, setting
from mailer.pipeline.manifest_builder import ManifestBuilder
from mailer.pipeline.no_route import NoRoute
from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.category import Lane
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.ports.manifests import Manifest
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.campaign_release import PostgresCampaignReleases
from mailer.postgres.manifest_building import PostgresManifestQueue
from mailer.postgres.manifests import PostgresManifests
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template_library import compile_stored_source

_PEOPLE = """
WITH fresh AS (
    INSERT INTO recipients (brand, ref, controller, email, address_key, address_hash, observed_at)
    SELECT $1, 'u' || n, $1, 'u' || n || '@people.example', 'key', sha256(convert_to('u' || n, 'UTF8')), now()
    FROM generate_series(1, $2::int) n RETURNING id, address_hash
)
INSERT INTO standings (recipient_id, address_hash, country, source, opted_out)
SELECT id, address_hash, 'US', 'sign-up', CASE WHEN id % 10 = 0 THEN ARRAY['newsletter'] ELSE '{}' END FROM fresh
"""


async def _no_obstacle(policy: Policy, purpose: str, lane: Lane) -> NoRoute | None:
    return None


async def _checked(room: Setting, store: PostgresManifests) -> Manifest:
    """Requests the check of a newsletter to everyone, and builds its manifest."""
    weekly = room.templates.find_template(BRAND, "weekly")
    if weekly is None:
        raise LookupError(f"{BRAND} has no template weekly")
    template = compile_stored_source(room.policies[BRAND], "c", weekly.source.replace("{{ headline }}", "News"))
    draft, id_ = CampaignDraft(category="newsletter", purpose="newsletter").model_dump(mode="json"), uuid7()
    await room.pool.execute(
        "INSERT INTO campaigns (id, brand, name, draft, created_by, updated_by) VALUES ($1, $2, 'x', $3, $4, $4)",
        *(id_, BRAND, draft, "person:Wanda"),
    )
    campaign = await store.find_campaign_to_check(id_)
    if campaign is None:
        raise LookupError("the campaign is not stored")
    templates = {"a": ManifestTemplate(template.version, template.source)}
    made = await store.request_manifest(campaign, templates, room.policies[BRAND].version, [], "person:Wanda")
    links = SignedLinks("https://mail.example", (SECRET_KEY,))
    queue = PostgresManifestQueue(room.pool, frequency_counts_needed_by_policies(room.policies.values()))
    builder = ManifestBuilder(
        *(queue, "bench", room.policies, lambda: MailingRendererCache(room.policies, room.templates, links, None)),
        _no_obstacle,
    )
    await builder.build_waiting_manifests()
    found = await store.find_manifest(made.id)
    if found is None or found.state != "ready":
        raise LookupError(f"the manifest is not ready: {found and found.problem}")
    return found


async def main(url: str, people: int) -> None:
    """Measures, and prints a line each for the check and the release."""
    async with setting(url) as room:
        async with room.pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute(_PEOPLE, BRAND, people, timeout=1200)
        for table in ("recipients", "standings"):
            await room.pool.execute(f"ANALYZE {table}")
        store, hasher = PostgresManifests(room.pool, room.writers, room.policies), AddressHasher(ADDRESS_KEY)
        begun = time.perf_counter()
        manifest = await _checked(room, store)
        seconds, memory = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        rate = f"{manifest.people / seconds:,.0f} a second"
        print(f"check: {manifest.people:,} people, {seconds:.1f} s, {rate}, {memory} MB")
        await store.ask_for_release(manifest.id, "person:Wanda")
        begun = time.perf_counter()
        releases = PostgresCampaignReleases(room.pool, room.writers, hasher, room.policies, lambda draft: ())
        await releases.release_manifest(manifest.id, manifest.hash or b"", parse_person_identity("Rita"))
        print(f"release: {people:,} people, {time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    with database() as url:
        asyncio.run(main(url, parser.parse_args().people))
