"""Staff with sessions, a mailing that waits, and whatever else the pages show beside the filled tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from bench.pages.fill import Filled, fill
from bench.pages.rows import BRAND, Known
from mailer.actions.people_look_up import PersonLookUpAndActStores, record_look_at_person
from mailer.events import validate_event
from mailer.ledger.ledger_operations import LedgerOperations
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
FROM campaigns c;
UPDATE campaigns SET manifest_id = id, state = 'awaiting_release';
INSERT INTO manifest_people (manifest_id, recipient_id, result, reason)
SELECT c.id, r.id, CASE WHEN r.id % 10 = 0 THEN 'suppress' ELSE 'send' END,
       CASE WHEN r.id % 10 = 0 THEN 'opted_out' ELSE '' END
FROM (SELECT id FROM campaigns ORDER BY updated_at DESC LIMIT 20) c CROSS JOIN recipients r;
INSERT INTO campaign_mailings (campaign_id, manifest_id, variant, mailing_id, template_variant)
SELECT c.id, c.id, 'a', m.id, 'a'
FROM (SELECT id, row_number() OVER (ORDER BY updated_at DESC) AS n FROM campaigns) c
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM mailings) m USING (n);
ANALYZE manifests; ANALYZE manifest_people; ANALYZE campaign_mailings
"""
"""A check of each campaign under the campaign's id, with the people of some, and mailings."""
_CAMPAIGN_TESTS = """
INSERT INTO campaign_tests (id, campaign_id, brand, revision, variant, locale, staff_id, state, requested_by)
SELECT gen_random_uuid(), c.id, c.brand, 1, 'a', 'en', s.id, 'sent', 'person:Ann' FROM campaigns c, staff s;
ANALYZE campaign_tests
"""
"""A test of each campaign to each person."""


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
    await connection.execute(_CAMPAIGNS)
    await connection.execute("ANALYZE")
    staff, session, half = await _sessions(parts, connection)
    await connection.execute(_CAMPAIGN_TESTS)
    await connection.execute(_MANIFESTS)
    await _look_first_person_up(parts, filled, staff)
    join = await parts.staff.directory.add_staff_member(parse_person_identity("Joe New"), "joe@work.example", [], _BY)
    ids = {
        name: await connection.fetchval(statement)
        for name, statement in {
            "letter": "SELECT max(id) FROM dead_letters",
            "suppression": "SELECT max(id) - 50 FROM suppressions WHERE brand = 'interpals'",
            "confirmation": "SELECT confirmation FROM wishes WHERE recipient_id = 1",
            "request": "SELECT id FROM data_requests WHERE recipient_id = 1",
            "campaign": "SELECT id FROM campaigns ORDER BY updated_at DESC LIMIT 1",
            "received": "SELECT id FROM received_mail WHERE state = 'waiting' ORDER BY at LIMIT 1",
        }.items()
    }
    policy = f"{BRAND}@{parts.policies[BRAND].version}"
    return Scene(
        Known(filled, waiting, staff=staff, publisher=str(PUBLISHER), policy=policy, join=join, **ids), session, half
    )


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
