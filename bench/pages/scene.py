"""Staff with sessions, a mailing that waits, and whatever else the pages show beside the filled tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from bench.pages.breach_scene import add_breaches
from bench.pages.fill import Filled, fill
from bench.pages.rows import BRAND, Known
from mailer.actions.people_look_up import PersonLookUpAndActStores, record_look_at_person
from mailer.events import validate_event
from mailer.ledger.ledger_operations import LedgerOperations
from mailer.policy.campaign_draft import AbTest, CampaignDraft, LocalizedDraft
from mailer.policy.campaign_figures import (
    CampaignFigures,
    FetchesOfVariant,
    LinkClicks,
    OutcomeCell,
    ReturnsOfDay,
    ReturnsOfDomain,
    ReturnsOfVariant,
)
from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity, parse_person_identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from mailer.policy.staff_rights import EVERY_BRAND, StaffRole, parse_role_at_brand
from mailer.ports.mailings import MailingStore, NewMailing
from mailer.ports.person_history import AccessInterface, AccessorAndReason
from mailer.ports.staff import StaffActor, StaffStores
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.publishers import PostgresPublishers
from mailer.rendering.template_library import TemplateLibrary

PUBLISHER = Identity.parse_identity("key:bench")
_BY = StaffActor(parse_person_identity("Ada Admin"), "192.0.2.0/24")


@dataclass(frozen=True)
class SceneParts:
    """The parts of mailer that the scene is made with."""

    hasher: AddressHasher
    policies: Mapping[str, Policy]
    templates: TemplateLibrary
    mailings: MailingStore
    publishers: PostgresPublishers
    staff: StaffStores
    people: PersonLookUpAndActStores
    ledger: LedgerOperations


@dataclass(frozen=True)
class Scene:
    """The pages' contents, and the tokens of two sessions: one complete, one whose second step is to come."""

    known: Known
    session: str
    half_session: str


_RECEIVED_MAIL = """
INSERT INTO received_mail
    (id, at, brand, mailbox, sender, recipient, peer, helo, content, digest, state, effect, handled_at)
SELECT gen_random_uuid(), now() - n * interval '1 minute', 'interpals', 'opt_out', 'ann@people.example',
       'out@mail.example', '', '', CASE WHEN n <= 2000 THEN 'Subject: hello'::bytea END, n::text::bytea,
       CASE WHEN n % 10 = 0 THEN 'waiting' ELSE 'handled' END,
       CASE WHEN n % 10 = 0 THEN 'waits' ELSE 'opt_out' END, now()
FROM generate_series(1, $1::int) n
"""
"""Letters, of which every tenth waits for a person."""
_SEGMENTS = """
INSERT INTO segments (brand, name, condition, created_by, updated_by)
SELECT 'interpals', 'segment-' || n, '{"type": "country", "operator": "is", "values": ["US"]}', 'Ada', 'Ada'
FROM generate_series(1, 200) n
"""
_IMPORTS = """
INSERT INTO recipient_imports
    (id, brand, file_name, digest, size, state, reading, rows_total, created_by, created_at, finished_at)
SELECT gen_random_uuid(), 'interpals', 'people.csv', (n % 50)::text::bytea, 100,
       CASE WHEN n = 1 THEN 'uploaded' ELSE 'done' END,
       '{"encoding": "UTF-8", "delimiter": ",", "headings": ["ref", "email"],
         "samples": [["u1"], ["u1@people.example"]]}',
       1, 'person:Ada', now() - n * interval '1 minute', now()
FROM generate_series(1, $1::int) n
"""
"""Uploaded files, of which the newest waits for its columns."""
_PARTS = """
INSERT INTO recipient_import_parts
SELECT id, 'refused', n, 'u1,nonsense'::bytea FROM recipient_imports, generate_series(1, 4) n
UNION ALL SELECT id, 'content', 1, 'ref,email' FROM recipient_imports WHERE state = 'uploaded'
"""
_CAMPAIGNS = """
INSERT INTO campaigns (id, brand, name, revision, draft, created_by, updated_by, updated_at)
SELECT gen_random_uuid(), 'interpals', 'Campaign ' || n, 2, d.draft::jsonb, 'person:Ann', 'person:Ben',
       now() - n * interval '1 hour'
FROM generate_series(1, 2000) n, (VALUES ('{"category": "newsletter", "purpose": "newsletter", "variants": {"a": {
    "en": {"subject": "Hi", "blocks": [{"type": "text", "markdown": "Hello"}]},
    "de": {"subject": "Hallo", "blocks": [{"type": "text", "markdown": "Hallo"}]}}}}')) d (draft);
INSERT INTO campaign_revisions (campaign_id, revision, draft, by)
SELECT c.id, r, c.draft, c.created_by FROM campaigns c, generate_series(1, 2) r;
"""
"""Campaigns with two revisions."""
_MANIFESTS = """
INSERT INTO manifests (id, campaign_id, brand, revision, state, draft, templates, policy_version, sums, hash, people,
                       people_total, requested_by, ready_at)
SELECT c.id, c.id, c.brand, 2, 'ready', c.draft, '{"a": ["1", "{}"]}', '2024',
       '[["send", "", 90], ["suppress", "opted_out", 10]]', sha256('x'), 100, 100, 'person:Ben', now()
FROM campaigns c WHERE c.state = 'draft';
UPDATE campaigns SET manifest_id = id, state = 'awaiting_release' WHERE state = 'draft';
INSERT INTO manifest_people (manifest_id, recipient_id, result, reason)
SELECT c.id, r.id, CASE WHEN r.id % 10 = 0 THEN 'suppress' ELSE 'send' END,
       CASE WHEN r.id % 10 = 0 THEN 'opted_out' ELSE '' END
FROM (SELECT id FROM campaigns WHERE state = 'awaiting_release' ORDER BY updated_at DESC LIMIT 1) c
CROSS JOIN recipients r;
INSERT INTO campaign_mailings (campaign_id, manifest_id, variant, mailing_id, template_variant)
SELECT c.id, c.id, 'a', m.id, 'a'
FROM (SELECT id, row_number() OVER (ORDER BY updated_at DESC) AS n FROM campaigns) c
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM mailings
      WHERE id NOT IN (SELECT mailing_id FROM campaign_mailings)) m USING (n)
WHERE c.id NOT IN (SELECT campaign_id FROM campaign_mailings);
ANALYZE manifests; ANALYZE manifest_people; ANALYZE campaign_mailings
"""
"""A check of each campaign under the campaign's id, with the people of some, and mailings."""
_CAMPAIGN_TESTS = """
INSERT INTO campaign_tests (id, campaign_id, brand, revision, variant, locale, staff_id, state, requested_by)
SELECT gen_random_uuid(), c.id, c.brand, 1, 'a', 'en', s.id, 'sent', 'person:Ann' FROM campaigns c, staff s;
ANALYZE campaign_tests
"""
"""A test of each campaign to each person."""

_CAMPAIGN = """
WITH campaign AS (
    INSERT INTO campaigns (id, brand, name, state, draft, manifest_id, created_by, updated_by)
    VALUES ($1, 'interpals', 'Spring', 'released', $3, $2, 'person:Ada Admin', 'person:Ada Admin') RETURNING id
), manifest AS (
    INSERT INTO manifests (id, campaign_id, brand, revision, state, draft, templates, policy_version, people,
                           requested_by, released_by, released_at)
    SELECT $2, id, 'interpals', 1, 'released', $3, '{}', '2024', $6, 'person:Ada Admin', 'person:Rae Releaser', now()
    FROM campaign RETURNING id, campaign_id
), mailed AS (
    INSERT INTO campaign_mailings (campaign_id, manifest_id, variant, mailing_id)
    SELECT campaign_id, id, variant, mailing_id
    FROM manifest, (VALUES ('a', $4::uuid), ('b', $5::uuid)) AS v (variant, mailing_id)
), figured AS (
    INSERT INTO campaign_figures (campaign_id, figures, counted_at, is_final) SELECT id, $7, now(), true FROM campaign
)
INSERT INTO manifest_people (manifest_id, recipient_id, result)
SELECT manifest.id, d.recipient_id, 'send' FROM manifest, deliveries d WHERE d.mailing_id = $4
"""
"""A campaign of two variants that was released, over mailings that are out, with the figures of its report."""


async def make_scene(parts: SceneParts, connection: "asyncpg.Connection[asyncpg.Record]", people: int) -> Scene:
    """Fills a database that nothing else uses."""
    accepted = await accept(parts, "newsletter", "weekly", {"people": [{"ref": "u1", "email": "u1@people.example"}]})
    await connection.execute("DELETE FROM deliveries; DELETE FROM batches; DELETE FROM counters")
    filled = await fill(connection, parts.hasher, people, accepted)
    waiting = await accept(parts, "breach", "breach-notice", {"audience": "half"})
    await parts.publishers.grant_rights_and_missing_key(
        PUBLISHER, RightsOfOnePublisher(frozenset({BRAND}), frozenset(CATEGORIES))
    )
    await parts.ledger.store_one_seal_of_all_chains()
    await connection.execute(_RECEIVED_MAIL, people)
    await connection.execute(_IMPORTS, people)
    await connection.execute(_PARTS)
    await connection.execute(_SEGMENTS)
    await connection.execute(_CAMPAIGNS)
    campaign = await _add_campaign(connection, filled)
    await connection.execute("ANALYZE")
    staff, session, half = await _sessions(parts, connection)
    await connection.execute(_CAMPAIGN_TESTS)
    await connection.execute(_MANIFESTS)
    files = parts.templates.find_brand_files(BRAND)
    assert files is not None
    breach, told = await add_breaches(connection, files, parts.policies[BRAND], filled.large, filled.people)
    await _look_first_person_up(parts, filled, staff)
    join = await parts.staff.directory.add_staff_member(parse_person_identity("Joe New"), "joe@work.example", [], _BY)
    ids = {
        name: await connection.fetchval(statement)
        for name, statement in {
            "letter": "SELECT max(id) FROM dead_letters",
            "suppression": "SELECT max(id) - 50 FROM suppressions WHERE brand = 'interpals'",
            "confirmation": "SELECT confirmation FROM wishes WHERE recipient_id = 1",
            "request": "SELECT id FROM data_requests WHERE recipient_id = 1",
            "draft": "SELECT id FROM campaigns WHERE state = 'awaiting_release' ORDER BY updated_at DESC LIMIT 1",
            "received": "SELECT id FROM received_mail WHERE state = 'waiting' ORDER BY at LIMIT 1",
            "breach_check": "SELECT manifest_id FROM breach_phases WHERE state = 'awaiting_release' LIMIT 1",
            "imported": "SELECT id FROM recipient_imports WHERE state = 'uploaded'",
        }.items()
    }
    policy = f"{BRAND}@{parts.policies[BRAND].version}"
    return Scene(
        Known(
            *(filled, waiting),
            staff=staff,
            publisher=str(PUBLISHER),
            policy=policy,
            join=join,
            campaign=campaign,
            breach=breach,
            told_breach=told,
            **ids,
        ),
        session,
        half,
    )


async def _add_campaign(connection: "asyncpg.Connection[asyncpg.Record]", filled: Filled) -> UUID:
    """Adds a released campaign, whose figures stand for many people. Returns its id."""
    campaign_id, texts = uuid7(), {"en": LocalizedDraft(subject="Spring")}
    draft = CampaignDraft(
        category="newsletter",
        purpose="newsletter",
        variants={"a": texts, "b": texts},
        ab_test=AbTest(share_percent=100),
        is_in_archive=True,
    )
    figures = CampaignFigures(
        minimum_cell=20,
        cells=tuple(
            OutcomeCell(variant=v, result="send", shown_reason="", state=state, reason=reason, people=400_000)
            for v in ("a", "b")
            for state, reason in (("handed_over", ""), ("suppressed", "opted_out"), ("failed", "gave_up"))
        ),
        returns=tuple(ReturnsOfVariant(variant=v, sent=400_000, opt_outs=n) for v, n in (("a", 900), ("b", 1400))),
        fetches=tuple(FetchesOfVariant(variant=v, opens=90_000, clicks=9_000) for v in ("a", "b")),
        days=tuple(ReturnsOfDay(day=date(2026, 10, n), opt_outs=n, complaints=2) for n in range(1, 31)),
        domains=tuple(ReturnsOfDomain(domain=f"d{n}.example", sent=20_000) for n in range(20)),
        links=tuple(LinkClicks(link=f"https://interpals.example/{n}", clicks=300) for n in range(50)),
    )
    await connection.execute(
        _CAMPAIGN,
        *(campaign_id, uuid7(), draft.model_dump_json(), filled.large, filled.small, filled.people),
        figures.model_dump_json(),
    )
    return campaign_id


def cookie_of(scene: Scene, address: str) -> str:
    """Returns the cookie of a request. The public address is HTTPS, so the cookie has the name for it."""
    if not address.startswith("/console") or address.startswith(("/console/sign-in", "/console/join")):
        return ""
    session = scene.half_session if address.startswith("/console/second-step") else scene.session
    return f"__Host-mailer={session}"


async def accept(parts: SceneParts, category: str, template: str, to: dict[str, Any]) -> Any:
    """Takes an event in, and returns the id of its mailing."""
    found = parts.templates.find_template(BRAND, template)
    assert found is not None
    context = json.loads(json.dumps(dict(found.example)))
    event = validate_event(
        {
            "v": 1,
            "id": uuid7().hex,
            "brand": BRAND,
            "category": category,
            "template": template,
            "to": to,
            "context": context,
        }
    )
    new = NewMailing(
        uuid7(),
        event,
        PUBLISHER,
        CATEGORIES[category],
        found.version,
        found.source,
        parts.policies[BRAND].version,
        parts.policies[BRAND].controller.id,
    )
    [accepted] = await parts.mailings.accept_mailings([new])
    return accepted.mailing_id


async def _sessions(parts: SceneParts, connection: "asyncpg.Connection[asyncpg.Record]") -> tuple[int, str, str]:
    """Adds a person who may do everything: the id, and the tokens of a complete and of a half session."""
    roles = [parse_role_at_brand(role, EVERY_BRAND) for role in StaffRole]
    link = await parts.staff.directory.add_staff_member(_BY.identity, "ada@work.example", roles, _BY)
    member = await parts.staff.sign_in.set_password_by_one_time_link(link, "hash", _BY.network)
    assert member is not None
    await connection.execute(
        "INSERT INTO staff_totp (staff_id, secret, confirmed_at) VALUES ($1, '', now())", member.id
    )
    begun = [await parts.staff.sign_in.begin_session(_BY, member.id, "hash", how, None) for how in ("totp", None)]
    return member.id, str(begun[0]), str(begun[1])


async def _look_first_person_up(parts: SceneParts, filled: Filled, staff: int) -> None:
    record = await parts.staff.directory.get_staff_record(staff)
    assert record is not None
    access = AccessorAndReason(
        record.member.identity, AccessInterface.CONSOLE, _BY.network, "the benchmark of the pages", None
    )
    await record_look_at_person(parts.people, BRAND, filled.first, access)
