"""Breach cases of a test with files, checks and manifests, over the flow of `tests.factories.World`."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mailer.actions.breach_checking import BreachChecker, BreachCheckOutcome
from mailer.pipeline.breach_file_reading import BreachFileImporter
from mailer.pipeline.breach_manifest_builder import BreachManifestBuilder
from mailer.pipeline.recipient_import_worker import UploadedFileWorker
from mailer.policy.breach.draft import BreachPhaseDraft, NoticePart, NoticeText, NoticeVariant
from mailer.policy.breach.facts import BreachFacts, DataKind
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.ports.breach_cases import BreachCase, BreachPhase
from mailer.ports.breach_files import BreachFile
from mailer.ports.breach_manifests import BreachCheckRequest, BreachManifest
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.postgres.breach_file_queue import PostgresBreachFileQueue
from mailer.postgres.breach_files import PostgresBreachFiles
from mailer.postgres.breach_manifest_building import PostgresBreachManifestQueue
from mailer.postgres.breach_manifests import PostgresBreachManifests
from mailer.rendering.breach_templates import compile_breach_template, name_of_breach_template
from mailer.rendering.renderer_cache import MailingRendererCache
from tests.campaign_world import no_obstacle
from tests.factories import BRAND, World, templates

ANN = "person:Ann Author"
OWNER = "timekeeper"
FOUND_AT = datetime(2026, 11, 29, 9, tzinfo=UTC)
PARTS = {
    NoticePart.WHAT_HAPPENED: "On 27 November 2026 somebody copied a list of our members. We found it on 29 November.",
    NoticePart.WHAT_INFORMATION: "The list had your name and your e-mail address.",
    NoticePart.CONSEQUENCES: "Strangers may write to you, and pretend to be us.",
    NoticePart.WHAT_WE_DO: "We closed the gap on the same day, and told the authority.",
    NoticePart.WHAT_YOU_CAN_DO: "Do not answer letters that ask for your password.",
    NoticePart.MORE_INFORMATION: "Write to privacy@paltalk.com, or call 030 1234567.",
}


def notice_text(title: str = "Notice of data breach") -> NoticeText:
    """A text with all parts that the laws of Europe want."""
    return NoticeText(title=title, parts=PARTS)


def phase_draft(places: Mapping[str, Sequence[str]] | None = None, **values: Any) -> BreachPhaseDraft:
    """A draft with a variant for each name, and one for elsewhere; each in English and German."""
    texts = {"en": notice_text(), "de": notice_text("Mitteilung über einen Datenschutzvorfall")}
    variants = {name: NoticeVariant(places=tuple(some), texts=texts) for name, some in (places or {}).items()}
    return BreachPhaseDraft.model_validate(
        {"variants": {**variants, "elsewhere": NoticeVariant(texts=texts)}, **values}
    )


def breach_facts(**values: Any) -> BreachFacts:
    """Facts of a breach that was found a day ago."""
    known: dict[str, Any] = {
        "summary": "A list was copied",
        "found_at": FOUND_AT,
        "data": frozenset({DataKind.NAME, DataKind.EMAIL_ADDRESS}),
        "risk": "high",
    }
    return BreachFacts.model_validate({**known, **values})


class BreachChecks:
    """The steps of checks over a world. The test is its own timekeeper."""

    def __init__(self, world: World, lease: timedelta = timedelta(seconds=30)) -> None:
        self.world = world
        writers = world.writers.writers_with_actor(ANN, "")
        self.cases = PostgresBreachCases(world.pool, writers)
        self.files = PostgresBreachFiles(world.pool, writers)
        self.manifests = PostgresBreachManifests(world.pool, writers)
        rates = frequency_counts_needed_by_policies(world.policies.values())
        self.queue = PostgresBreachManifestQueue(world.pool, rates, lease)
        self.file_queue = PostgresBreachFileQueue(world.pool, world.writers, world.hasher, world.policies)

    async def new_case(self, draft: BreachPhaseDraft | None = None, **facts: Any) -> BreachCase:
        """A case whose first phase has a draft."""
        case = await self.cases.create_case(BRAND, "A list", breach_facts(**facts), ANN)
        await self.cases.save_phase(case.id, 1, 1, draft or phase_draft(), ANN)
        return case

    async def phase(self, case: BreachCase) -> BreachPhase:
        """The first phase as it is now."""
        found = await self.cases.find_phase(case.id, 1)
        assert found is not None
        return found

    async def save(self, case: BreachCase, draft: BreachPhaseDraft) -> None:
        """Saves another revision of the first phase."""
        await self.cases.save_phase(case.id, 1, (await self.phase(case)).revision, draft, ANN)

    async def upload(self, case: BreachCase, content: str | bytes) -> UUID:
        """Uploads a file of people."""
        octets = content.encode() if isinstance(content, str) else content
        return await self.files.add_file(case.id, "people.csv", hashlib.sha256(octets).digest(), len(octets), [octets])

    async def read(self, file_id: UUID) -> BreachFile:
        """Has the timekeeper read the files that wait, and returns one."""
        await self.file_worker().work_on_waiting_files(asyncio.Event())
        return await self.file(file_id)

    async def file(self, file_id: UUID) -> BreachFile:
        """A file as it is now."""
        found = await self.files.find_file(file_id)
        assert found is not None
        return found

    def file_worker(self, owner: str = OWNER) -> UploadedFileWorker[BreachFile]:
        """A worker that reads files."""
        importer = BreachFileImporter(self.file_queue, self.world.policies, owner)
        return UploadedFileWorker(self.file_queue, owner, importer.read_file)

    async def refused(self, file_id: UUID) -> str:
        """The refused rows of a file, as CSV."""
        return b"".join([part async for part in await self.files.open_refused_rows(file_id)]).decode("utf-8-sig")

    def builder(self, owner: str = OWNER) -> BreachManifestBuilder:
        """A builder of manifests."""
        return BreachManifestBuilder(self.queue, owner, self.world.policies, self._renderers, no_obstacle)

    def _renderers(self) -> MailingRendererCache:
        return MailingRendererCache(self.world.policies, templates(), self.world.links, None)

    def checker(self) -> BreachChecker:
        """A builder of checks."""
        return BreachChecker(self.world.policies, templates)

    async def start_check(self, case: BreachCase) -> BreachCheckOutcome:
        """Checks the texts, and requests the manifest, as a page does."""
        found = await self.cases.find_case(case.id)
        assert found is not None
        return await self.checker().check_phase(self, found, await self.phase(case), ANN)

    async def request(self, case: BreachCase) -> BreachManifest:
        """Requests a manifest, whatever the checks of the texts say."""
        found, phase = await self.cases.find_case(case.id), await self.phase(case)
        files = templates().find_brand_files(BRAND)
        assert found is not None
        assert files is not None
        compiled = {
            name: compile_breach_template(files, name_of_breach_template(case.id, 1), phase.draft, name, found.facts)
            for name in phase.draft.variants
        }
        kept = {name: ManifestTemplate(one.version, one.source) for name, one in compiled.items()}
        version = self.world.policies[BRAND].version
        request = BreachCheckRequest(case.id, 1, phase.revision, found.revision, kept, [], [], version)
        return await self.manifests.request_manifest(request, ANN)

    async def check(self, case: BreachCase) -> BreachManifest:
        """Requests a manifest, and builds it."""
        manifest = await self.request(case)
        await self.builder().build_waiting_manifests()
        return await self.manifest(manifest.id)

    async def manifest(self, manifest_id: UUID) -> BreachManifest:
        """A manifest as it is now."""
        found = await self.manifests.find_manifest(manifest_id)
        assert found is not None
        return found

    async def erase(self, ref: str) -> None:
        """Erases a person."""
        id_ = await self.world.id_of(ref)
        kept, law = timedelta(days=30), "GDPR Art. 17"
        await self.world.rights.erase_recipient(BRAND, id_, "test", basis=law, keep=kept, blocks=lambda holds: None)

    async def lines(self, manifest_id: UUID) -> dict[str, tuple[str, str]]:
        """Channel and reason by ref."""
        rows = await self.world.pool.fetch(
            "SELECT r.ref, p.channel, p.reason FROM breach_manifest_people p"
            " JOIN recipients r ON r.id = p.recipient_id WHERE p.manifest_id = $1",
            manifest_id,
        )
        return {row["ref"]: (row["channel"], row["reason"]) for row in rows}

    async def texts(self, manifest_id: UUID) -> dict[str, tuple[str, str, str]]:
        """Variant, locale and place by ref."""
        rows = await self.world.pool.fetch(
            "SELECT r.ref, p.variant, p.locale, p.place FROM breach_manifest_people p"
            " JOIN recipients r ON r.id = p.recipient_id WHERE p.manifest_id = $1",
            manifest_id,
        )
        return {row["ref"]: (row["variant"], row["locale"], row["place"]) for row in rows}
