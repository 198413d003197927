"""The cases of the breach desk in the database of the pages: many open ones, one that is checked, and one released."""

import json
from typing import TYPE_CHECKING
from uuid import UUID

from mailer.policy.breach.draft import BreachPhaseDraft, NoticePart, NoticeText, NoticeVariant
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.outcomes import PersonInPhase, count_outcomes
from mailer.policy.policy_file import Policy
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.breach_templates import compile_breach_template
from mailer.rendering.template_files import BrandFiles

if TYPE_CHECKING:
    import asyncpg

_CASES = """
INSERT INTO breach_cases (id, brand, name, facts, created_by, updated_by, updated_at)
SELECT gen_random_uuid(), 'interpals', 'Case ' || n, $1, 'person:Ann', 'person:Ben', now() - n * interval '1 hour'
FROM generate_series(1, 2000) n
"""
_OF_CASES = """
INSERT INTO breach_case_revisions (case_id, revision, facts, by) SELECT id, 1, facts, created_by FROM breach_cases;
INSERT INTO breach_phases (case_id, phase, draft, created_by, updated_by)
SELECT id, 1, '{draft}', created_by, updated_by FROM breach_cases;
INSERT INTO breach_phase_revisions (case_id, phase, revision, draft, by)
SELECT case_id, 1, 1, draft, created_by FROM breach_phases
"""
_MANIFEST = """
INSERT INTO breach_manifests (id, case_id, phase, brand, revision, facts_revision, state, facts, draft, rules,
                              templates, policy_version, sums, hash, people, people_total, requested_by, ready_at,
                              released_by, released_at)
SELECT $2, $1, 1, 'interpals', 1, 1, $3, c.facts, p.draft, '[]', $4, $5,
       '[["mail", "mail", "elsewhere", "US", 90], ["letter", "no_address", "elsewhere", "US", 10]]', sha256('x'), 100,
       100, 'person:Ben', now(), CASE WHEN $3 = 'released' THEN 'person:Rae' END,
       CASE WHEN $3 = 'released' THEN now() END
FROM breach_cases c JOIN breach_phases p ON p.case_id = c.id WHERE c.id = $1
"""
_LINES = """
INSERT INTO breach_manifest_people (manifest_id, recipient_id, channel, reason, variant, locale, place)
SELECT $1, id, CASE WHEN id % 10 = 0 THEN 'letter' ELSE 'mail' END,
       CASE WHEN id % 10 = 0 THEN 'no_address' ELSE 'mail' END, 'elsewhere', 'en', 'US'
FROM recipients
"""
_MAILING = """
INSERT INTO breach_mailings (case_id, phase, manifest_id, variant, mailing_id) VALUES ($1, 1, $2, 'elsewhere', $3)
"""
_LETTER_COUNTS = """
INSERT INTO letter_counts (case_id, counts, took, counted_at)
VALUES ($1, '[["waiting", "en", "us", 100]]', interval '1 hour', now())
"""
"""Counts of letters that were made a moment ago: whoever opens the page first, after a while, waits for them."""


async def add_breaches(
    connection: "asyncpg.Connection[asyncpg.Record]", files: BrandFiles, policy: Policy, mailing: UUID, people: int
) -> tuple[UUID, UUID]:
    """Adds cases. Returns the ids of one that waits for its release, and of a released one.

    Args:
        connection: to the database.
        files: the layout of the brand.
        policy: of the brand.
        mailing: one that is out, which the released case has as its own.
        people: for whom the figures of the released case stand.
    """
    text = NoticeText(title="Notice of data breach", parts={NoticePart.WHAT_HAPPENED: "A list was copied."})
    draft = BreachPhaseDraft(variants={"elsewhere": NoticeVariant(texts={"en": text, "de": text})})
    facts = BreachFacts(summary="A list was copied")
    await connection.execute(_CASES, facts.model_dump_json())
    await connection.execute(_OF_CASES.replace("{draft}", draft.model_dump_json()))
    checked, released = (
        row["id"] for row in await connection.fetch("SELECT id FROM breach_cases ORDER BY updated_at DESC LIMIT 2")
    )
    template = compile_breach_template(files, "breach-bench-1", draft, "elsewhere", facts)
    for case_id, state, phase in ((checked, "ready", "awaiting_release"), (released, "released", "released")):
        manifest_id = uuid7()
        stored = {"elsewhere": [template.version, template.source]}
        await connection.execute(_MANIFEST, case_id, manifest_id, state, json.dumps(stored), policy.version)
        await connection.execute(_LINES, manifest_id)
        await connection.execute(
            "UPDATE breach_phases SET state = $2, manifest_id = $3 WHERE case_id = $1", case_id, phase, manifest_id
        )
    await connection.execute(_MAILING, released, manifest_id, mailing)
    told = "", "", "", "", "", True
    line = PersonInPhase(1, "elsewhere", "US", "mail", "mail", False, "handed_over", *told)
    figures = count_outcomes([([line], people)], is_public=False)
    await connection.execute(
        "INSERT INTO breach_figures (case_id, figures, counted_at) VALUES ($1, $2, now())",
        *(released, figures.model_dump_json()),
    )
    await connection.execute(_LETTER_COUNTS, released)
    await connection.execute("ANALYZE breach_manifests; ANALYZE breach_manifest_people; ANALYZE breach_cases")
    return checked, released
