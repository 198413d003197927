"""Times a breach phase from its check to its first mail: `python -m bench.breach_manifest --people 1000000`."""

import argparse
import asyncio
import resource
import time

from bench.handing import opened, working
from bench.setting import ADDRESS_KEY, BRAND, SECRET_KEY, Setting, database, setting
from mailer.pipeline.breach_manifest_builder import BreachManifestBuilder
from mailer.pipeline.no_route import NoRoute
from mailer.policy.breach.draft import BreachPace, BreachPhaseDraft, NoticePart, NoticeText, NoticeVariant
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.manifest import people_by
from mailer.policy.breach.rules import breach_rules_of_policy
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.category import Lane
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.ports.breach_manifests import BreachCheckRequest, BreachManifest
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.breach_desk_parts import BREACH_DESK
from mailer.postgres.breach_manifest_building import PostgresBreachManifestQueue
from mailer.postgres.breach_release import PostgresBreachReleases
from mailer.postgres.breach_stores import BreachStores, build_breach_stores
from mailer.rendering.breach_templates import compile_breach_template, name_of_breach_template
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks

_ANN = "person:Ann"
_PEOPLE = """
WITH fresh AS (
    INSERT INTO recipients (brand, ref, controller, email, address_key, address_hash, locale, country, observed_at)
    SELECT $1, 'u' || n, $1, 'u' || n || '@people.example', 'key', sha256(convert_to('u' || n, 'UTF8')),
           CASE n % 4 WHEN 0 THEN 'de' WHEN 1 THEN 'en' END, CASE WHEN n % 3 = 0 THEN 'DE' ELSE 'US' END,
           now() - make_interval(days => n % 200)
    FROM generate_series(1, $2::int) n RETURNING id, address_hash, country
), regions AS (
    INSERT INTO recipient_attributes (recipient_id, brand, attributes)
    SELECT id, $1, '{"region": "US-CA"}' FROM fresh WHERE id % 5 = 0
), posted AS (
    INSERT INTO postal_addresses (recipient_id, lines, source)
    SELECT id, '{Elm 1}', 'bench' FROM fresh WHERE id % 10 = 0
)
INSERT INTO standings (recipient_id, address_hash, country, source, opted_out, address_dead_at)
SELECT id, address_hash, country, 'sign-up', '{}', CASE WHEN id % 20 = 0 THEN now() END FROM fresh
"""


async def _no_obstacle(policy: Policy, purpose: str, lane: Lane) -> NoRoute | None:
    return None


def _draft() -> BreachPhaseDraft:
    text = NoticeText(title="Notice of data breach", parts={NoticePart.WHAT_HAPPENED: "A list was copied."})
    texts = {"en": text, "de": text}
    return BreachPhaseDraft(
        variants={
            "eu": NoticeVariant(places=("DE",), texts=texts),
            "us-ca": NoticeVariant(places=("US-CA",), texts=texts),
            "elsewhere": NoticeVariant(texts=texts),
        },
        pace=BreachPace(over_hours=24, is_engaged_first=True),
    )


async def _requested(room: Setting, stores: BreachStores) -> BreachManifest:
    files = room.templates.find_brand_files(BRAND)
    if files is None:
        raise LookupError(f"{BRAND} has no templates")
    case, draft = await stores.cases.create_case(BRAND, "Bench", BreachFacts(summary="A list"), _ANN), _draft()
    phase = await stores.cases.save_phase(case.id, 1, 1, draft, _ANN)
    name = name_of_breach_template(case.id, 1)
    made = {variant: compile_breach_template(files, name, draft, variant, case.facts) for variant in draft.variants}
    kept = {variant: ManifestTemplate(one.version, one.source) for variant, one in made.items()}
    policy = room.policies[BRAND]
    rules = breach_rules_of_policy(policy).as_json()
    return await stores.manifests.request_manifest(
        BreachCheckRequest(case.id, 1, phase.revision, case.revision, kept, rules, [], policy.version), _ANN
    )


async def _release(room: Setting, manifest: BreachManifest) -> None:
    """Releases a check, and prints a line."""
    begun = time.perf_counter()
    hasher = AddressHasher(ADDRESS_KEY)
    releases = PostgresBreachReleases(room.pool, room.writers, hasher, room.policies, BREACH_DESK)
    await releases.ask_for_release(manifest.id, "person:Aslan")
    await releases.release(manifest.id, manifest.hash or b"", parse_person_identity("Rita"))
    print(f"release: {time.perf_counter() - begun:.1f} s")


async def _hand_first_batch_over(url: str) -> None:
    """Hands the first batch over to a processor that takes everything, and prints a line."""
    begun = time.perf_counter()
    async with opened(url) as app, working(app) as handover:
        batch = await app.pool.fetchval("SELECT id FROM batches WHERE lane = 'breach' ORDER BY due_at, id LIMIT 1")
        await handover.hand_over_batches([batch])
        sent = await app.pool.fetchval("SELECT count(*) FROM deliveries WHERE state = 'handed_over'")
    print(f"first batch: {sent} people, {time.perf_counter() - begun:.1f} s with the start of a worker")


async def main(url: str, people: int) -> None:
    """Measures, and prints a line for each step."""
    async with setting(url) as room:
        async with room.pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute(_PEOPLE, BRAND, people, timeout=1200)
        for table in ("recipients", "standings", "recipient_attributes", "postal_addresses"):
            await room.pool.execute(f"ANALYZE {table}")
        stores = build_breach_stores(room.pool, room.writers)
        manifest = await _requested(room, stores)
        links = SignedLinks("https://mail.example", (SECRET_KEY,))
        queue = PostgresBreachManifestQueue(room.pool, frequency_counts_needed_by_policies(room.policies.values()))
        before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, time.perf_counter()
        await BreachManifestBuilder(
            *(queue, "bench", room.policies, lambda: MailingRendererCache(room.policies, room.templates, links, None)),
            _no_obstacle,
        ).build_waiting_manifests()
        seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        found = await stores.manifests.find_manifest(manifest.id)
        if found is None or found.state != "ready":
            raise LookupError(f"the manifest is not ready: {found and found.problem}")
        print(f"manifest: {found.people:,} people, {seconds:.1f} s, {found.people / seconds:,.0f} a second")
        await _release(room, found)
        print(f"memory: {before} MB before, {after} MB at most; {dict(people_by(found.sums, 'channel'))}")
    await _hand_first_batch_over(url)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    with database() as url:
        asyncio.run(main(url, parser.parse_args().people))
