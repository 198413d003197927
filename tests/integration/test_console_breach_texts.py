"""The pages of a phase's texts: blocks, two languages side by side, two writers, refusals, previews, supplements."""

from collections.abc import Mapping
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from mailer.policy.breach.draft import ELSEWHERE, BreachPhaseDraft, NoticePart
from mailer.policy.staff_rights import StaffRole
from mailer.ports.breach_cases import BreachCase, BreachPhase
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.web.console.breach_preview_pages import VIEWS
from tests.breach_texts import FACTS, draft_of_blocks, policy_of
from tests.factories import BRAND, World
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.integration.test_console_campaigns import fields_of_page

ANN, BO = "person:Ann", "person:Bo"
WHAT = "t0.what_we_do"
LIST = "/console/breaches"


def cases_of(world: World) -> PostgresBreachCases:
    """The store of cases."""
    return PostgresBreachCases(world.pool, world.writers)


async def new_case(world: World, draft: BreachPhaseDraft | None = None) -> BreachCase:
    """A case of Ann's, whose first phase has a draft."""
    case = await cases_of(world).create_case(BRAND, "The stolen laptop", FACTS, ANN)
    if draft is not None:
        await cases_of(world).save_phase(case.id, 1, 1, draft, ANN)
    return case


async def phase_of(world: World, case: BreachCase, number: int = 1) -> BreachPhase:
    """A phase as it is stored."""
    found = await cases_of(world).find_phase(case.id, number)
    assert found is not None
    return found


class Writer:
    """A person at the texts of a phase, without JavaScript."""

    def __init__(self, browser: ConsoleBrowser, case: BreachCase, number: int = 1) -> None:
        self.browser, self.path = browser, f"{LIST}/{case.id}/phases/{number}"
        self.html, self.status = "", 0

    async def open(self, query: str = "") -> None:
        """Opens the page."""
        answer = await self.browser.open(f"{self.path}{query}")
        self.html, self.status = answer.text, answer.status_code

    async def press(self, do: str, typed: Mapping[str, str] = {}) -> None:
        """Fills fields in, and presses a button; follows the redirect."""
        fields = [(name, typed.get(name, value)) for name, value in fields_of_page(self.html)]
        names = {name for name, _ in fields}
        fields += [(name, value) for name, value in typed.items() if name not in names]
        several: dict[str, str | list[str]] = {
            name: [value for other, value in fields if other == name] for name in names | set(typed)
        }
        answer = await self.browser.send(self.path, {**several, "do": do}, "/console/sessions")
        self.status = answer.status_code
        if answer.status_code == 303:
            target = urlsplit(answer.headers["location"])
            answer = await self.browser.open(f"{target.path}?{target.query}")
        self.html = answer.text


async def test_writing_from_blocks_without_javascript(world: World) -> None:
    """An ops person adds the variants of the facts and two languages of blocks, and writes them side by side."""
    case = await new_case(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        writer = Writer(browser, case)
        await writer.open()
        assert writer.status == 200
        await writer.press("suggest")
        assert {"eu", "gb", "us-ca", "us-ma", "us-ny", ELSEWHERE} == set((await phase_of(world, case)).draft.variants)
        california = {"text_variant": "us-ca", "begin_with": "blocks"}
        await writer.press("add-text", {**california, "text_locale": "en"})
        assert "What Information Was Involved" in writer.html
        assert "California, Civ. Code 1798.82(d)(1), (2) (checked 2026-11-30, primary)" in writer.html
        await writer.press("add-text", {**california, "text_locale": "ar"})
        assert 'lang="ar" dir="auto"' in writer.html
        assert 'class="texts two"' in writer.html
        await writer.press("save", {"t0.title": "إشعار", "t1.what_we_do": "We closed it, and told the authorities."})
        variant = (await phase_of(world, case)).draft.variants["us-ca"]
        assert variant.texts["ar"].title == "إشعار"
        assert variant.texts["en"].parts[NoticePart.WHAT_WE_DO] == "We closed it, and told the authorities."
        assert variant.texts["en"].title == "Notice of Data Breach"
        await writer.press("remove-text@us-ca@ar")
        await writer.press("remove-variant@gb")
        draft = (await phase_of(world, case)).draft
        assert list(draft.variants["us-ca"].texts) == ["en"]
        assert "gb" not in draft.variants
    entries = await world.pool.fetch("SELECT reason, actor FROM ledger WHERE reason = 'breach_phase_saved'")
    assert len(entries) == 6
    assert {entry["actor"] for entry in entries} != {None}


async def test_blocks_fill_empty_parts_only(world: World) -> None:
    """Written parts stay, also what was typed just before the button was pressed."""
    draft = draft_of_blocks(policy_of(), ("en",))
    text = draft.variants["us-ma"].texts["en"]
    draft.variants["us-ma"].texts["en"] = text.model_copy(update={"parts": {}, "title": "", "preheader": "Mine"})
    case = await new_case(world, draft)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        writer = Writer(browser, case)
        await writer.open("?text=us-ma@en")
        await writer.press("begin@us-ma@en", {WHAT: "We wrote to the authorities."})
    made = (await phase_of(world, case)).draft.variants["us-ma"].texts["en"]
    assert made.parts[NoticePart.WHAT_WE_DO] == "We wrote to the authorities."
    assert "freeze" in made.parts[NoticePart.CREDIT_FREEZE]
    assert NoticePart.WHAT_HAPPENED not in made.parts
    assert (made.title, made.preheader) == ("Notice of Data Breach", "Mine")


async def test_nothing_typed_is_lost(world: World) -> None:
    """Faults of fields, places in two variants, and a refused button show the form with all that was typed."""
    case = await new_case(world, draft_of_blocks(policy_of(), ("en",)))
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        writer = Writer(browser, case)
        await writer.open("?text=us-ca@en")
        typed = {WHAT: "Typed and kept </textarea><script>x", "t0.title": "T" * 500}
        await writer.press("save", typed)
        assert writer.status == 422
        assert 'href="#t0.title"' in writer.html
        assert "It is too long: 400 characters are the most." in writer.html
        assert "Typed and kept &lt;/textarea&gt;&lt;script&gt;x" in writer.html
        await writer.press("save", {"t0.title": "Notice of Data Breach", "places.us-ma": "US-MA US-CA", WHAT: "Kept"})
        assert writer.status == 422
        assert "US-CA is in another variant already" in writer.html
        assert ">\nKept</textarea>" in writer.html
        for do, more in (
            ("add-text", {"text_locale": "not a language"}),
            ("add-text", {"text_locale": "en", "text_variant": "us-ca", "begin_with": "blocks"}),
            ("add-text", {"text_locale": "pt", "text_variant": "us-ca", "begin_with": "blocks"}),
            ("add-text", {"text_locale": "fr", "text_variant": "us-ca", "begin_with": "gb"}),
            ("add-text", {"text_locale": "fr", "text_variant": "nowhere", "begin_with": "blocks"}),
            ("add-variant", {"new_variant": "Bad Name", "new_places": "FR"}),
            ("add-variant", {"new_variant": "x", "new_places": "<script>"}),
            ("remove-variant@elsewhere", {}),
            ("begin@us-ca@fr", {}),
        ):
            await writer.press(do, {**more, "places.us-ma": "US-MA", WHAT: "Kept"})
            assert (writer.status, ">\nKept</textarea>" in writer.html) == (422, True), do
            assert "<script>x" not in writer.html
        assert (await phase_of(world, case)).revision == 2


async def test_two_writers_are_told(world: World) -> None:
    """The second saving is shown the first one's change, and can go on top; other texts stay as they are stored."""
    case = await new_case(world, draft_of_blocks(policy_of(), ("en", "de")))
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        writer = Writer(browser, case)
        await writer.open("?text=us-ca@en")
        draft = (await phase_of(world, case)).draft
        for locale in ("en", "de"):
            text = draft.variants["us-ca"].texts[locale]
            draft.variants["us-ca"].texts[locale] = text.model_copy(
                update={"parts": {**text.parts, NoticePart.WHAT_WE_DO: f"Of Bo, in {locale}, to everybody."}}
            )
        await cases_of(world).save_phase(case.id, 1, 2, draft, BO)
        await writer.press("save", {WHAT: "Of mine, to everybody."})
        assert writer.status == 409
        assert "Somebody else has saved meanwhile" in writer.html
        assert "Of Bo, in en, to everybody." in writer.html
        assert ">\nOf mine, to everybody.</textarea>" in writer.html
        await writer.press("save")
        texts = (await phase_of(world, case)).draft.variants["us-ca"].texts
        assert texts["en"].parts[NoticePart.WHAT_WE_DO] == "Of mine, to everybody."
        assert texts["de"].parts[NoticePart.WHAT_WE_DO] == "Of Bo, in de, to everybody."


async def test_released_phase_only_shows_and_the_next_one_tells_what_is_new(world: World) -> None:
    """A released phase cannot be saved by a form that was open; the next phase shows its differences."""
    case = await new_case(world, draft_of_blocks(policy_of(), ("en",)))
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        writer, path = Writer(browser, case), f"{LIST}/{case.id}/phases"
        await writer.open("?text=us-ca@en")
        early = await browser.send(path, {}, "/console/sessions")
        assert (early.status_code, "is not released yet" in early.text) == (409, True)
        await world.pool.execute("UPDATE breach_phases SET state = 'released'")
        await writer.press("save", {WHAT: "Late"})
        assert (writer.status, ">\nLate</textarea>" in writer.html) == (409, True)
        await writer.open()
        assert 'name="do"' not in writer.html
        made = await browser.send(path, {}, "/console/sessions")
        assert made.headers["location"].endswith(f"{path}/2")
        second = Writer(browser, case, 2)
        await second.open("?text=us-ca@en")
        assert "Nothing yet: the texts are those of the former phase." in second.html
        await second.press("save", {WHAT: "We have found out more."})
        assert "What this phase changes since phase 1" in second.html
        assert "<ins>" in second.html
        assert "+ We have found out more." in second.html


@pytest.mark.parametrize(
    ("view", "says"),
    [
        ("desktop", "<h2"), ("phone", "<h2"), ("dark", "@media all"), ("text", "<pre>"),
        ("source", "Subject: Notice of Data Breach"), ("letter", "<h2>What Happened</h2>"),
        ("web", "<h1>Notice of Data Breach</h1>"), ("script", "Thank you for calling."),
    ],
)  # fmt: skip
async def test_every_view_of_a_notice(world: World, view: str, says: str) -> None:
    """Mail, letter, public notice and telephone script are shown in a frame in which nothing runs."""
    case = await new_case(world, draft_of_blocks(policy_of(), ("en",)))
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER, brand=BRAND)
        path = f"{LIST}/{case.id}/phases/1/preview"
        page = await browser.open(f"{path}?text=us-ca@en&view={view}")
        assert f'class="preview {view}" sandbox="" src="' in page.text
        body = await browser.open(f"{path}-body?text=us-ca@en&view={view}")
        assert body.status_code == 200
        assert says in body.text
        assert body.headers["content-security-policy"].endswith("sandbox")
        assert "<script" not in body.text


async def test_preview_of_nothing_and_of_faults(world: World) -> None:
    """A phase without texts says so; unknown choices are no pages; a fault is told as text."""
    case = await new_case(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        path = f"{LIST}/{case.id}/phases/1/preview"
        assert "There is no text yet" in (await browser.open(path)).text
        assert (await browser.open(f"{path}-body")).status_code == 404
        draft = draft_of_blocks(policy_of(), ("en",))
        text = draft.variants["eu"].texts["en"]
        parts = {**text.parts, NoticePart.WHAT_WE_DO: "{{ <script>alert(1)</script> }}"}
        draft.variants["eu"].texts["en"] = text.model_copy(update={"parts": parts})
        await cases_of(world).save_phase(case.id, 1, 1, draft, ANN)
        for view in ("desktop", "letter", "script"):
            for page in ("preview", "preview-body"):
                answer = await browser.open(f"{LIST}/{case.id}/phases/1/{page}?text=eu@en&view={view}")
                assert "It cannot be shown yet" in answer.text
                assert "<script>alert" not in answer.text
        for wrong in ("?text=eu@fr", "?text=nowhere@en", "?view=x", "?text=%3Cscript%3E"):
            assert (await browser.open(f"{path}{wrong}")).status_code == 404


async def test_strangers_and_unknown_phases(world: World) -> None:
    """Another brand's staff, an unknown case and an unknown phase find nothing; a privacy officer does not write."""
    case = await new_case(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand="peerstream")
        for path in (f"{case.id}/phases/1", f"{uuid4()}/phases/1", f"{case.id}/phases/0", f"{case.id}/phases/101"):
            assert (await browser.open(f"{LIST}/{path}")).status_code == 404
    async with open_browser(world) as browser:
        await browser.enter(name="Pia Privacy", role=StaffRole.PRIVACY_OFFICER, brand=BRAND)
        assert (await browser.open(f"{LIST}/{case.id}/phases/2/preview")).status_code == 404
        assert (await browser.open(f"{LIST}/{case.id}/phases/1")).status_code == 403


async def test_previews_of_words_have_the_ground_of_the_page(world: World) -> None:
    """Views that are no mail have the colours of the console. In dark mode their words are light on a dark ground."""
    async with open_browser(world) as browser:
        css = (await browser.open("/console/static/console.css")).text
    [rule] = [line for line in css.splitlines() if line.startswith("iframe.preview:is(")]
    assert {f".{view}" for view in VIEWS if view not in ("desktop", "phone", "dark")} == set(
        rule.partition("(")[2].partition(")")[0].split(", ")
    )
