"""Breach phases of a test: cases, checks as a manifest has them, releases and stops over `tests.factories.World`."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from mailer.database.statements import Connection, Pool
from mailer.ledger.unit_of_work import UnitOfWork
from mailer.pipeline.breach_phase_keeping import BreachPhaseKeeper
from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind
from mailer.ports.breach_release import BreachMailing, BreachRelease, ReleaseDeadline
from mailer.ports.ledger_entry import LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.postgres.breach_line_diverting import PostgresBreachLineDiverter
from mailer.postgres.breach_release import BreachDeskParts, BreachTermsInForce, PostgresBreachReleases
from mailer.postgres.breach_stops import PostgresBreachStops
from mailer.postgres.deliveries_awaiting_staff import PostgresHeldDeliveries
from mailer.postgres.halts import PostgresHalts
from mailer.rendering.template_library import compile_stored_source
from tests.factories import BRAND, World, policies, templates

WRITER, CHECKER, ASKER, RELEASER = "person:Wanda", "person:Chiara", "person:Aslan", "Rita"
REASON = "Nobody else of staff can be reached tonight"
VARIANTS = {"elsewhere": [], "eu": ["DE"]}


class Line(NamedTuple):
    """A person of a check: the number of their ref, and what the check foresees."""

    number: int
    channel: str = "mail"
    reason: str = "mail"
    variant: str = "elsewhere"
    locale: str = "en"
    place: str = "US"
    due_in: timedelta | None = None


@cache
def notice_template(words: str) -> ManifestTemplate:
    """A template in three languages without required values, with some words of its own."""
    shipped = templates().find_template(BRAND, "breach-notice")
    assert shipped is not None
    source = re.sub(r"\{\{\s*(happened_on|found_on|contact)\b[^}]*\}\}", words, shipped.source)
    made = compile_stored_source(policies()[BRAND], "breach", source)
    assert not made.required
    return ManifestTemplate(made.version, made.source)


class FakeDesk:
    """The other parts of the desk.

    Attributes:
        rules: in force. break_glass: of the policy. uploader: who uploaded each file.
        deadlines: that follow from any facts.
        published: the releases whose public notice was put up.
    """

    def __init__(self) -> None:
        self.rules: list[dict[str, Any]] = [{"id": "gdpr-34"}]
        self.break_glass = "never"
        self.uploader = "person:Ulla"
        self.deadlines: list[ReleaseDeadline] = []
        self.published: list[UUID] = []
        self.parts = BreachDeskParts(self._read_terms, self._find_deadlines, self._list_uploaders, self._publish_notice)

    def _read_terms(self, policy: Policy) -> BreachTermsInForce:
        return BreachTermsInForce(self.rules, self.break_glass)

    def _find_deadlines(self, facts: BreachFacts, policy: Policy) -> Sequence[ReleaseDeadline]:
        return self.deadlines

    async def _list_uploaders(self, connection: Pool | Connection, files: Sequence[UUID]) -> Sequence[str]:
        return [self.uploader for _ in files]

    async def _publish_notice(
        self, work: UnitOfWork, release: BreachRelease, releaser: Identity
    ) -> Sequence[LedgerEntry]:
        self.published.append(release.id)
        return ()


class Breaches:
    """The steps of breach phases over a world."""

    def __init__(self, world: World, portion: int = 5000) -> None:
        self.world = world
        self.desk = FakeDesk()
        self.cases = PostgresBreachCases(world.pool, world.writers)
        self.releases = PostgresBreachReleases(world.pool, world.writers, world.hasher, world.policies, self.desk.parts)
        self.stops = PostgresBreachStops(world.pool, world.writers)
        self.keeper = BreachPhaseKeeper(PostgresBreachLineDiverter(world.pool, world.writers, portion), self.stops)
        self.halts = PostgresHalts(world.pool, world.writers)
        self.held = PostgresHeldDeliveries(world.pool, world.writers)

    @property
    def breach_releases(self) -> PostgresBreachReleases:
        """The releases, as `actions.breach_control` wants them."""
        return self.releases

    @property
    def breach_stops(self) -> PostgresBreachStops:
        """The stops, as `actions.breach_control` wants them."""
        return self.stops

    async def write(self, by: str = WRITER, **draft: Any) -> UUID:
        """Creates a case whose first phase has two variants. Returns its id."""
        case = await self.cases.create_case(BRAND, "Stolen backup", BreachFacts(summary="A backup was stolen."), by)
        await self.edit(case.id, by, **draft)
        return case.id

    async def edit(self, case_id: UUID, by: str = WRITER, phase: int = 1, **draft: Any) -> None:
        """Saves another revision of a phase."""
        found = await self.cases.find_phase(case_id, phase)
        assert found is not None
        variants = {name: {"places": places} for name, places in VARIANTS.items()}
        made = BreachPhaseDraft.model_validate({"variants": variants, "public_days": found.revision, **draft})
        await self.cases.save_phase(case_id, phase, found.revision, made, by)

    async def check(self, case_id: UUID, lines: Sequence[Line], phase: int = 1, by: str = CHECKER) -> UUID:
        """Stores the manifest that a check makes. Returns its id."""
        case, found = await self.cases.find_case(case_id), await self.cases.find_phase(case_id, phase)
        assert case is not None
        assert found is not None
        manifest_id, kinds = uuid7(), Counter((one.channel, one.reason, one.variant, one.place) for one in lines)
        await self.world.pool.execute(
            "INSERT INTO breach_manifests (id, case_id, phase, brand, revision, facts_revision, state, facts, draft,"
            " rules, templates, policy_version, sums, hash, people, requested_by, ready_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, 'ready', $7, $8, $9, $10, $11, $12, $13, $14, $15, now())",
            *(manifest_id, case_id, phase, BRAND, found.revision, case.revision),
            *(case.facts.model_dump(mode="json"), found.draft.model_dump(mode="json"), self.desk.rules),
            {name: list(notice_template(name)) for name in found.draft.variants},
            self.world.policies[BRAND].version,
            [[*kind, people] for kind, people in kinds.items()],
            *(hashlib.sha256(manifest_id.bytes).digest(), len(lines), by),
        )
        ids = {one.number: await self.world.id_of(f"user-{one.number}") for one in lines}
        await self.world.pool.executemany(
            "INSERT INTO breach_manifest_people (manifest_id, recipient_id, channel, reason, variant, locale, place,"
            " due_at) SELECT m.id, $2, $3, $4, $5, $6, $7, m.requested_at + $8::interval FROM breach_manifests m"
            " WHERE m.id = $1",
            [(manifest_id, ids[number], *rest) for number, *rest in lines],
        )
        await self.world.pool.execute(
            "UPDATE breach_phases SET state = 'checked', manifest_id = $3 WHERE case_id = $1 AND phase = $2",
            *(case_id, phase, manifest_id),
        )
        return manifest_id

    async def asked(self, case_id: UUID, lines: Sequence[Line], phase: int = 1) -> UUID:
        """A check that waits for its release. Returns its manifest's id."""
        manifest_id = await self.check(case_id, lines, phase)
        await self.releases.ask_for_release(manifest_id, ASKER)
        return manifest_id

    async def release(self, manifest_id: UUID, by: str = RELEASER, alone: str | None = None) -> list[BreachMailing]:
        """Releases a manifest as it is now."""
        found = await self.found(manifest_id)
        releaser = Identity(IdentityKind.PERSON, by)
        return list(await self.releases.release(manifest_id, found.hash or b"", releaser, alone))

    async def found(self, manifest_id: UUID) -> BreachRelease:
        """A check as it is now."""
        release = await self.releases.find_release(manifest_id)
        assert release is not None
        return release

    async def send_all(self) -> None:
        """Hands over all that is due, and diverts the others, until nothing is left."""
        for _ in range(10):
            await self.keeper.divert_waiting_lines()
            await self.world.timekeeper().run_all_steps_once()
            await self.world.run_published()

    async def states(self, mailings: Sequence[BreachMailing]) -> dict[str, tuple[str, str]]:
        """State and reason by ref, of all variants together."""
        found: dict[str, tuple[str, str]] = {}
        for one in mailings:
            found |= await self.world.states(one.mailing_id)
        return found

    async def notices(self) -> Mapping[str, tuple[str, str, str | None]]:
        """State, reason and note of the notices by ref."""
        rows = await self.world.pool.fetch(
            "SELECT r.ref, n.state, n.reason, n.note FROM notices n JOIN recipients r ON r.id = n.recipient_id"
        )
        return {row["ref"]: (row["state"], row["reason"], row["note"]) for row in rows}
