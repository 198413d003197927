"""A breach case whose first phase was released, in a database, with the stores of its evidence pack."""

import hashlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

from mailer.actions.evidence.pack_making import MadePack, PackOrder, PackParts, canonical_octets, iterate_pack
from mailer.actions.evidence.release_rendering import render_release
from mailer.actions.typesetting.letter_typesetting import SetLetters
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts, DataKind, Risk
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.ports.evidence_packs import PackedRelease, PackReason
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.staff import RightInSession
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.postgres.evidence_packs import PostgresEvidencePacks
from mailer.postgres.staff_changes import writers_requiring_session_and_right
from mailer.rendering.letter_pages import LetterRunPages
from mailer.rendering.template_compiler import compile_stored_source
from tests.breach_rules import RULES
from tests.factories import BRAND, World, person, policies, templates

WRITER = "person:Wanda"
FACTS = BreachFacts(summary="A backup was stolen.", risk=Risk.HIGH, data=frozenset({DataKind.NAME}))


def notice_template() -> ManifestTemplate:
    """The shipped template with words in place of an event's values."""
    shipped = templates().find_template(BRAND, "breach-notice")
    assert shipped is not None
    source = re.sub(r"\{\{\s*(happened_on|found_on|contact)\b[^}]*\}\}", "elsewhere", shipped.source)
    made = compile_stored_source(policies()[BRAND], "breach", source)
    return ManifestTemplate(made.version, made.source)


class ReleasedCase:
    """A case whose first phase is released: two people by mail, one by letter, and mail of others between."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cases = PostgresBreachCases(world.pool, world.writers)
        self.packs = PostgresEvidencePacks(world.pool, world.writers)

    async def release(self) -> UUID:
        """Writes, checks, releases and sends. Returns the id of the case."""
        case = await self.cases.create_case(BRAND, "Stolen backup", BreachFacts(summary="Something"), WRITER)
        await self.cases.save_facts(case.id, 1, FACTS, WRITER)
        await self.cases.save_phase(case.id, 1, 1, BreachPhaseDraft(public_days=30), WRITER)
        await self.world.known(3)
        await self.world.handover().hand_over_batches((await self.world.accept([person(8)])).batches)
        accepted = await self.world.accept([person(1), person(2)], "breach")
        await self.world.release_newest()
        await self.world.handover().hand_over_batches((await self.world.accept([person(9)])).batches)
        await self.store_release(case.id, accepted.mailing_id)
        await self.world.ledger.store_one_seal_of_all_chains()
        return case.id

    async def store_release(self, case_id: UUID, mailing_id: UUID) -> None:
        """Stores manifest, lines and mailing as check and release make them."""
        pool, manifest_id, template = self.world.pool, uuid7(), notice_template()
        found = await pool.fetchrow(
            "SELECT c.facts, p.draft FROM breach_cases c JOIN breach_phases p ON p.case_id = c.id WHERE c.id = $1",
            case_id,
        )
        assert found is not None
        lines = [
            (await self.world.id_of("user-1"), "mail", "mail", "elsewhere", "en", "US"),
            (await self.world.id_of("user-2"), "mail", "mail", "elsewhere", "de", "DE"),
            (await self.world.id_of("user-3"), "letter", "electronic_refused", "elsewhere", "en", ""),
        ]
        lines.sort()
        head = {
            "facts": found["facts"],
            "draft": found["draft"],
            "rules": RULES.as_json(),
            "policy": "2024",
            "templates": {"elsewhere": [template.version, hashlib.sha256(template.source.encode()).hexdigest()]},
        }
        text = "\n".join([canonical_octets(head).decode(), *(",".join(map(str, (*line, ""))) for line in lines)])
        digest = hashlib.sha256(text.encode()).digest()
        sums = Counter((line[1], line[2], line[3], line[5]) for line in lines)
        await pool.execute(
            "INSERT INTO breach_manifests (id, case_id, phase, brand, revision, facts_revision, state, facts, draft,"
            " rules, templates, policy_version, sums, hash, people, requested_by, ready_at, asked_by, asked_at,"
            " released_by, released_at) VALUES ($1, $2, 1, $3, 2, 2, 'released', $4, $5, $6, $7, '2024', $8, $9, 3,"
            " 'person:Chiara', now(), 'person:Aslan', now(), 'person:Rita', now())",
            *(manifest_id, case_id, BRAND, head["facts"], head["draft"], head["rules"]),
            *({"elsewhere": list(template)}, [[*key, people] for key, people in sums.items()], digest),
        )
        await pool.executemany(
            "INSERT INTO breach_manifest_people VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [(manifest_id, *one) for one in lines],
        )
        await pool.execute(
            "INSERT INTO breach_mailings VALUES ($1, 1, $2, 'elsewhere', $3)", case_id, manifest_id, mailing_id
        )
        await pool.execute(
            "INSERT INTO notices (mailing_id, recipient_id, brand, category, channel, reason)"
            " VALUES ($1, $2, $3, 'breach', 'written_notice', 'electronic_refused')",
            *(mailing_id, await self.world.id_of("user-3"), BRAND),
        )
        fields = (f"manifest:{manifest_id}", "phase:1", f"hash:{digest.hex()}")
        entry = LedgerEntry(EntryKind.CONTROL, BRAND, category="breach", reason="breach_released", fields=fields)
        async with open_unit_of_work(self.world.pool, self.world.writers) as work:
            await work.append_entries([entry._replace(rule=f"breach:{case_id}", actor="person:Rita")])

    async def make(self, case_id: UUID, *, with_names: bool = False) -> bytes:
        """The octets of the pack."""
        case = await self.packs.find_packed_case(case_id)
        assert case is not None
        await self.packs.record_export(case, PackReason.AUTHORITY, with_names=with_names)
        order = PackOrder("person:Paula", PackReason.AUTHORITY, datetime.now(UTC), with_names)
        parts = open_pack_parts(self.world, "", "", None)
        return b"".join([part async for part in iterate_pack(case, order, parts, MadePack())])


class PlainTypesetter:
    """A typesetter that writes the headings and titles of letters as they are."""

    async def set_pdf(self, run: LetterRunPages, *, is_tagged: bool = False) -> SetLetters:
        """Returns the texts of the letters."""
        said = [one.title + " ".join(section.heading for section in one.sections) for one in run.contents]
        return SetLetters("\n".join(said).encode(), tuple(range(1, len(said) + 1)), len(said))

    async def set_picture_of_first_page(self, run: LetterRunPages) -> bytes:
        """Returns nothing."""
        return b""

    async def require_printable(self, lines: tuple[str, ...]) -> None:
        """Refuses nothing."""


def open_pack_parts(world: World, actor: str, network: str, used: RightInSession | None) -> PackParts:
    """The parts of packs, as `mailer.campaign_parts` puts them together."""
    named = writers_requiring_session_and_right(world.writers.writers_with_actor(actor, network), used)

    def render(release: PackedRelease) -> AsyncIterator[tuple[str, bytes]]:
        return render_release(policies()[BRAND], world.links, PlainTypesetter(), release)

    return PackParts(PostgresEvidencePacks(world.pool, named), world.ledger, render)
