"""Breaches whose people are told by letter, over the flow of `tests.factories.World`: without the desk's own check."""

from collections.abc import Mapping
from datetime import date, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from mailer.actions.letter_contents import content_of_letter
from mailer.actions.letter_report_import import ImportedReports, import_letter_reports
from mailer.actions.typesetting.letter_typesetting import SetLetters, TypesettingTooLarge
from mailer.pipeline.letter_run_maker import LetterRunMaker
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.letter_sheets import WindowFormat
from mailer.ports.letters import LetterRun
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.postgres.letter_runs import PostgresLetterRunQueue
from mailer.postgres.letters import PostgresLetters
from mailer.rendering.letter_pages import LetterRunPages, LetterUnprintable
from tests.accounts import released, said
from tests.factories import BRAND, World

TODAY = date(2026, 11, 30)
ANN = "person:Ann"
TEXT = {
    "title": "Notice of Data Breach",
    "parts": {"what_happened": "Somebody read our files.\n\nWe have shut the door."},
}
DRAFT = {"variants": {"elsewhere": {"places": [], "texts": {"en": TEXT, "de": TEXT}}}}


class FakeTypesetter:
    """Sets letters of two pages each as lines of text; a `?` in an address is a character that no font has.

    Attributes:
        runs: all that was set. most: the most letters that there is memory for.
    """

    def __init__(self) -> None:
        self.runs: list[LetterRunPages] = []
        self.most = 1000

    async def set_pdf(self, run: LetterRunPages, *, is_tagged: bool = False) -> SetLetters:
        """The letters as text."""
        if len(run.letters) > self.most:
            raise TypesettingTooLarge("no memory")
        self.runs.append(run)
        count = len(run.letters)
        content = "\n".join("|".join(letter.lines) for letter in run.letters).encode()
        return SetLetters(b"%PDF " + content, tuple(range(1, 2 * count, 2)), 2 * count)

    async def set_picture_of_first_page(self, run: LetterRunPages) -> bytes:
        """No picture."""
        return b"\x89PNG"

    async def require_printable(self, lines: tuple[str, ...]) -> None:
        """Refuses question marks."""
        if any("?" in line for line in lines):
            raise LetterUnprintable("no font has U+003F of the address")


class Letters:
    """The steps of letters over a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.desk = PostgresLetters(world.pool, world.writers)
        self.queue = PostgresLetterRunQueue(world.pool, world.writers)
        self.typesetter = FakeTypesetter()
        self.maker = self.maker_named("timekeeper")
        self.case_id = UUID(int=0)
        self.mailing_id = UUID(int=0)

    def maker_named(self, owner: str) -> LetterRunMaker:
        """A maker of runs of another process."""
        return LetterRunMaker(self.queue, owner, self.world.policies, self.typesetter, content_of_letter)

    async def divert(self, *numbers: int, locales: Mapping[int, str] = {}, **person: Any) -> list[int]:
        """People who want notices in writing get a phase of a case, by letter. Returns the letters' numbers."""
        ids = await self.world.known(*numbers, **{"country": "GB", **person})
        for number in numbers:
            await said(self.world, "electronic", f"user-{number}", allowed=False)
        breach = await released(self.world, {"refs": [f"user-{number}" for number in numbers]})
        self.mailing_id = breach.mailing_id
        await self._store_phase({whose: locales.get(number, "en") for number, whose in zip(numbers, ids, strict=True)})
        rows = await self.world.pool.fetch("SELECT id FROM notices WHERE mailing_id = $1 ORDER BY id", self.mailing_id)
        return [row["id"] for row in rows]

    async def _store_phase(self, locales: Mapping[int, str]) -> None:
        """Stores a case whose first phase was released with the mailing."""
        pool, manifest_id = self.world.pool, uuid7()
        case = await PostgresBreachCases(pool, self.world.writers).create_case(BRAND, "Files", BreachFacts(), ANN)
        self.case_id = case.id
        await pool.execute(
            "INSERT INTO breach_manifests (id, case_id, phase, brand, revision, facts_revision, state, facts, draft,"
            " rules, templates, policy_version, requested_by)"
            " VALUES ($1, $2, 1, $3, 1, 1, 'released', '{}', $4, '[]', '{}', '1', $5)",
            *(manifest_id, case.id, BRAND, DRAFT, ANN),
        )
        await pool.executemany(
            "INSERT INTO breach_manifest_people (manifest_id, recipient_id, channel, reason, variant, locale)"
            " VALUES ($1, $2, 'letter', 'no_electronic_consent', 'elsewhere', $3)",
            [(manifest_id, whose, locale) for whose, locale in locales.items()],
        )
        await pool.execute(
            "INSERT INTO breach_mailings (case_id, phase, manifest_id, variant, mailing_id)"
            " VALUES ($1, 1, $2, 'elsewhere', $3)",
            *(case.id, manifest_id, self.mailing_id),
        )

    async def give_address(self, number: int, *lines: str) -> None:
        """A person tells the postal address."""
        await said(
            self.world, "postal", f"user-{number}", address=list(lines or ("1 Main Street", f"LONDON N{number}"))
        )

    async def states(self) -> dict[int, str]:
        """The state of each letter of the case."""
        return {one.letter: one.state.value for one in await self.desk.list_letters(self.case_id, None, 0, 1000)}

    async def ask_run(self, most: int = 1000, language: str = "en") -> LetterRun:
        """Takes waiting letters into a run."""
        return await self.desk.request_run(self.case_id, language, WindowFormat.GB, most, ANN, TODAY)

    async def make_run(self) -> LetterRun:
        """Takes waiting letters into a run, and makes its file."""
        run = await self.ask_run()
        assert await self.maker.make_waiting_runs() == 1
        return await self.run(run.id)

    async def run(self, run_id: UUID) -> LetterRun:
        """A run as it is now."""
        found = await self.desk.find_run(run_id)
        assert found is not None
        return found

    async def report(self, *rows: str, today: date = TODAY + timedelta(days=60)) -> ImportedReports:
        """Imports rows of `letter,state,day,code`."""
        content = "\n".join(["letter,state,day,code", *rows]).encode()
        return await import_letter_reports(self.desk, [BRAND], content, ANN, today)

    async def entries(self) -> list[str]:
        """The reasons of the ledger's entries about notices and letters, in order."""
        rows = await self.world.pool.fetch(
            "SELECT reason FROM ledger WHERE reason ~ '^(notice|letter)_' ORDER BY at, n"
        )
        return [row["reason"] for row in rows]


def digest_of(content: bytes) -> bytes:
    """SHA-256 of a file."""
    return sha256(content).digest()
