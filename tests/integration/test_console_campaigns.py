"""The pages of drafts: writing without JavaScript, two editors, faults, history, rights, hostile texts."""

import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import urlsplit
from uuid import UUID

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.staff_rights import StaffRole
from mailer.ports.campaigns import Campaign, CampaignFilter
from tests.factories import BRAND, World
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.integration.test_campaign_store import ANN, DRAFT, store_over

LIST = "/console/campaigns"
SCRIPT = '"><script>alert(1)</script></textarea>'


def fields_of_page(html: str) -> list[tuple[str, str]]:
    """The fields of the editor's form with their values, as a browser sends them without a button."""
    [form] = re.findall(r'<form class="draft".*?</form>', html, re.S)
    fields = list[tuple[str, str]]()
    for tag in re.finditer(
        r"<(input|textarea|select)\b([^>]*)>(.*?)(?=<(?:input|textarea|select|fieldset|p|div)\b|\Z)", form, re.S
    ):
        kind, attributes, rest = tag.groups()
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        if "name" not in given:
            continue
        if kind == "textarea":
            value = rest.split("</textarea>")[0].removeprefix("\n")
        elif kind == "select":
            options = re.findall(r'<option value="([^"]*)"( selected)?', rest.split("</select>")[0])
            value = next((one for one, chosen in options if chosen), options[0][0] if options else "")
        elif given.get("type") == "checkbox":
            if " checked" not in attributes:
                continue
            value = given["value"]
        else:
            value = given.get("value", "")
        fields.append((given["name"], unescape(value)))
    return [(name, value) for name, value in fields if name != "form_token"]


class Editor:
    """A person at the editor of a campaign, without JavaScript."""

    def __init__(self, browser: ConsoleBrowser, campaign: Campaign) -> None:
        self.browser, self.path = browser, f"{LIST}/{campaign.id}/edit"
        self.html, self.status = "", 0

    async def open(self, query: str = "") -> None:
        """Opens the editor."""
        answer = await self.browser.open(f"{self.path}{query}")
        self.html, self.status = answer.text, answer.status_code

    async def press(self, do: str, typed: Mapping[str, str] = {}, *left_out: str) -> None:
        """Fills fields in, and presses a button; follows the redirect."""
        fields = [(name, typed.get(name, value)) for name, value in fields_of_page(self.html) if name not in left_out]
        names = {name for name, _ in fields}
        fields += [(name, value) for name, value in typed.items() if name not in names]
        several: dict[str, str | list[str]] = {}
        for name in dict.fromkeys(name for name, _ in fields):
            several[name] = [value for other, value in fields if other == name]
        several["do"] = do
        answer = await self.browser.send(self.path, several, "/console/sessions")
        self.status = answer.status_code
        if answer.status_code == 303:
            target = urlsplit(answer.headers["location"])
            answer = await self.browser.open(f"{target.path}?{target.query}")
        self.html = answer.text


async def new_campaign(world: World, brand: str = BRAND, draft: CampaignDraft = DRAFT) -> Campaign:
    """A campaign of Ann's."""
    return await store_over(world).create_campaign(brand, "Autumn", draft, ANN)


async def stored(world: World, campaign: Campaign) -> Campaign:
    """The campaign as it is now."""
    found = await store_over(world).find_campaign(campaign.id)
    assert found is not None
    return found


async def test_writing_in_two_languages_without_javascript(world: World) -> None:
    """A marketer makes a campaign, adds two languages, writes blocks side by side, and a variant."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        made = await browser.send(
            f"{LIST}/new",
            {"brand": BRAND, "name": "Autumn", "category": "newsletter", "purpose": "newsletter"},
            f"{LIST}/new",
        )
        assert made.status_code == 303, made.text
        campaign_id = UUID(made.headers["location"].split("/")[-2])
        campaign = await store_over(world).find_campaign(campaign_id)
        assert campaign is not None
        page = (await browser.open(f"{LIST}/{campaign.id}")).text
        assert "no language yet" in page
        editor = Editor(browser, campaign)
        await editor.open()
        await editor.press("add-language", {"new_language": "en"})
        await editor.press("add@t0@heading", {"t0.subject": "Autumn at the harbour"})
        await editor.press("add@t0@text", {"t0.0.text": "Hello {{ first_name or 'there' }}"})
        await editor.press(
            "add-language", {"t0.1.markdown": "One\n\nTwo", "new_language": "de", "copied_language": "en"}
        )
        assert 'name="t1.1.markdown"' in editor.html
        await editor.press("save", {"t1.subject": "Herbst am Hafen", "t1.0.text": "Hallo"})
        await editor.press("add-variant")
        await editor.press("beside@b@en")
        await editor.press("save", {"t1.subject": "The harbour in autumn", "ab_test.share_percent": "30"})
        assert editor.status == 303, editor.html
        draft = (await stored(world, campaign)).draft
        assert draft.ab_test is not None
        assert draft.ab_test.share_percent == 30
        assert {(name, tag): text.subject for name, texts in draft.variants.items() for tag, text in texts.items()} == {
            ("a", "en"): "Autumn at the harbour",
            ("a", "de"): "Herbst am Hafen",
            ("b", "en"): "The harbour in autumn",
            ("b", "de"): "Herbst am Hafen",
        }
        assert draft.variants["a"]["en"].model_dump()["blocks"][1]["markdown"] == "One\n\nTwo"
        page = (await browser.open(f"{LIST}/{campaign.id}")).text
        assert "What is missing" not in page
        assert re.search(r'class="button main" href="[^"]+/check"', page)
        await editor.press("remove-language@de")
        await editor.press("remove-variant@b")
        draft = (await stored(world, campaign)).draft
        assert {name: list(texts) for name, texts in draft.variants.items()} == {"a": ["en"]}
        assert draft.ab_test is None
        await editor.press("up@t0.1")
        await editor.press("remove@t0.0")
        assert [block.type for block in (await stored(world, campaign)).draft.variants["a"]["en"].blocks] == ["heading"]
        history = await store_over(world).read_history(campaign.id, 20)
        kept = [one for one in history if "b" in one.draft.variants]
        assert kept, "what a removal took away stays in the history"


async def with_text(world: World, **values: object) -> Campaign:
    """A campaign with a text in English and German."""
    text = {"subject": "Hi", "blocks": [{"type": "text", "markdown": "one"}]}
    draft = {**DRAFT.model_dump(), "variants": {"a": {"en": text, "de": text}}, **values}
    return await new_campaign(world, draft=CampaignDraft.model_validate(draft))


async def test_two_editors(world: World) -> None:
    """The second one is told who and what, and has her text back; pressing Save then stores it.

    The other language, which she has not open, stays as the first one wrote it.
    """
    campaign = await with_text(world)
    async with open_browser(world) as one, open_browser(world) as other:
        await one.enter("Dana Duty", StaffRole.MARKETER, BRAND)
        await other.enter("Eve Early", StaffRole.MARKETER, BRAND)
        dana, eve = Editor(one, campaign), Editor(other, campaign)
        await dana.open("?text=a@en")
        await eve.open("?text=a@en&text=a@de")
        await eve.press("save", {"t0.subject": "Eve's", "t1.subject": "Eves"})
        assert eve.status == 303
        await dana.press("save", {"t0.subject": "Dana's", "t0.0.markdown": "mine\nall mine"})
        assert dana.status == 409
        assert "Eve Early has saved revision 2 meanwhile" in unescape(dana.html)
        assert 'value="Dana&#39;s"' in dana.html
        assert "mine\nall mine</textarea>" in dana.html
        assert re.search(r"<del>.*Eve&#39;s</del>\s*<ins>.*Dana&#39;s</ins>", dana.html)
        assert (await stored(world, campaign)).draft.variants["a"]["en"].subject == "Eve's"
        await dana.press("save")
        assert dana.status == 303
        texts = (await stored(world, campaign)).draft.variants["a"]
        assert (texts["en"].subject, texts["de"].subject) == ("Dana's", "Eves")
        await eve.press("autosave", {"t0.subject": "late"})
        assert eve.status == 409
        assert "Press Save to see more" in eve.html


async def test_faults_keep_what_was_typed(world: World) -> None:
    """The summary takes the focus and leads to each field; all that was typed is in the form, nothing is stored."""
    campaign, long = await with_text(world), "x" * 401
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        editor = Editor(browser, campaign)
        await editor.open("?text=a@en")
        await editor.press("add@t0@heading", {"t0.subject": long, "t0.0.markdown": SCRIPT, "category": "account"})
        assert editor.status == 422
        assert re.search(r'role="alert" tabindex="-1" autofocus id="faults"', editor.html)
        for place in ("t0.subject", "category"):
            assert f'<a href="#{place}">' in editor.html
            assert f'id="{place}-fault"' in editor.html
            assert re.search(rf'id="{re.escape(place)}"[^>]*aria-invalid="true"', editor.html)
        assert f'value="{long}"' in editor.html
        assert "<script>alert" not in editor.html
        assert 'name="t0.1.text"' in editor.html, "the pressed button is not lost either"
        assert (await stored(world, campaign)).revision == 1
        await editor.press("save", {"t0.subject": "short", "category": "newsletter"})
        assert editor.status == 303
        assert (await stored(world, campaign)).draft.model_dump()["variants"]["a"]["en"]["blocks"][0][
            "markdown"
        ] == SCRIPT
        for do, typed in (
            ("add-language", {"new_language": "no language"}),
            ("add-language", {"new_language": "en"}),
            ("add@t0@picture", {}),
            ("remove@t0.9", {}),
            ("remove-variant@a", {}),
            ("remove-language@fr", {}),
        ):
            await editor.press(do, {**typed, "t0.subject": f"before {do}"})
            assert editor.status == 422, do
            assert f'value="before {do}"' in editor.html, do


async def test_autosave_answers_the_script(world: World) -> None:
    """It stores, and returns one line with the revision; a fault is told, and nothing is stored."""
    campaign = await with_text(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        editor = Editor(browser, campaign)
        await editor.open("?text=a@en")
        page = editor.html
        await editor.press("autosave", {"t0.subject": "typed"})
        assert (editor.status, editor.html.count('data-revision="2"')) == (200, 1)
        editor.html = page
        await editor.press("autosave", {"t0.subject": "typed"})
        assert (editor.status, editor.html.count('data-revision="2"')) == (200, 1), "the same text is no conflict"
        editor.html = page
        await editor.press("autosave", {"t0.subject": "x" * 401})
        assert (editor.status, "1 fields have faults" in editor.html) == (422, True)


async def test_history_shows_and_restores(world: World) -> None:
    """Differences are shown by field and line; a restored revision is a new one."""
    campaign = await with_text(world)
    store = store_over(world, "person:Ben")
    changed = campaign.draft.model_copy(update={"audience": "members"})
    await store.save_draft(campaign.id, 1, changed, "person:Ben")
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        path = f"{LIST}/{campaign.id}/history"
        page = (await browser.open(f"{path}?before=1&after=2")).text
        assert re.search(r"<h3>Audience</h3>.*- everyone</del>\s*<ins>.*\+ members</ins>", page, re.S)
        assert (await browser.open(f"{path}?before=1&after=9")).status_code == 404
        answer = await browser.send(f"{path}/restore", {"revision": "1", "expected": "1"}, path)
        assert answer.status_code == 409
        answer = await browser.send(f"{path}/restore", {"revision": "1", "expected": "2"}, path)
        assert answer.status_code == 303
        assert (await stored(world, campaign)).draft == campaign.draft
        assert (await stored(world, campaign)).revision == 3


async def test_marketer_cannot_borrow_a_category(world: World) -> None:
    """Neither the form offers mandatory ones, nor does a made-up form get one."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        page = (await browser.open(f"{LIST}/new")).text
        assert 'value="newsletter"' in page
        for category in ("account", "breach", "rights", "policy_change", "invitation"):
            assert f'value="{category}"' not in page
            fields = {"brand": BRAND, "name": "x", "category": category, "purpose": "newsletter"}
            assert (await browser.send(f"{LIST}/new", fields, f"{LIST}/new")).status_code == 422
        assert (await store_over(world).list_campaigns(CampaignFilter(frozenset({BRAND})), 9)).campaigns == []


async def test_other_brands_campaigns_do_not_exist(world: World) -> None:
    """A marketer of one brand neither sees nor changes another's; who may only read changes nothing."""
    other = await new_campaign(world, "peerstream")
    mine = await new_campaign(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        for path in ("", "/edit", "/history"):
            assert (await browser.open(f"{LIST}/{other.id}{path}")).status_code == 404
        for path in ("/edit", "/duplicate", "/archive", "/unarchive", "/history/restore"):
            assert (await browser.send(f"{LIST}/{other.id}{path}", {}, "/console/sessions")).status_code == 404
        copied = {"brand": BRAND, "name": "x", "copied": str(other.id)}
        assert (await browser.send(f"{LIST}/new", copied, f"{LIST}/new")).status_code == 404
        assert (await browser.send(f"{LIST}/new", {**copied, "brand": "peerstream"}, f"{LIST}/new")).status_code == 403
        assert str(other.id) not in (await browser.open(LIST)).text
    async with open_browser(world) as browser:
        await browser.enter("Olga Ops", StaffRole.OPS, BRAND)
        page = (await browser.open(f"{LIST}/{mine.id}")).text
        assert "/edit" not in page
        assert (await browser.open(f"{LIST}/{mine.id}/edit")).status_code == 403


async def test_archive_copy_and_states(world: World) -> None:
    """An archived draft is out of the list; the editor of a released one leads to its page; copying works in each."""
    campaign = await with_text(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        path = f"{LIST}/{campaign.id}"
        assert (await browser.send(f"{path}/archive", {}, path)).status_code == 303
        assert str(campaign.id) not in (await browser.open(LIST)).text
        assert str(campaign.id) in (await browser.open(f"{LIST}?state=archived")).text
        assert (await browser.open(f"{path}/edit")).status_code == 303
        assert "Take it out of the archive" in (await browser.open(path)).text
        assert (await browser.send(f"{path}/unarchive", {}, path)).status_code == 303
        await world.pool.execute("UPDATE campaigns SET state = 'released' WHERE id = $1", campaign.id)
        assert (await browser.send(f"{path}/archive", {}, path)).status_code == 409
        made = await browser.send(f"{path}/duplicate", {}, path)
        copy_id = UUID(made.headers["location"].split("/")[-2])
        copy = await store_over(world).find_campaign(copy_id)
        assert copy is not None
        assert (copy.name, copy.draft, copy.state) == ("Copy of Autumn", campaign.draft, "draft")
        for wrong in ("?state=nonsense", "?after=nonsense", "?after=2026-01-01_x"):
            assert (await browser.open(f"{LIST}{wrong}")).status_code == 404


async def test_stored_script_is_text_on_each_page(world: World) -> None:
    """Whatever a draft holds, its pages show it as text."""
    script = "<script>alert(1)</script>"
    text = {"subject": script, "preheader": script, "blocks": [{"type": "html", "html": f"</textarea>{script}"}]}
    draft = CampaignDraft.model_validate({**DRAFT.model_dump(), "variants": {"a": {"en": text}}})
    made = await store_over(world).create_campaign(BRAND, script, DRAFT, f"person:{script}")
    await store_over(world).save_draft(made.id, 1, draft, "person:Ben")
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        for path in ("", "/edit", "/history?before=1&after=2"):
            page = (await browser.open(f"{LIST}/{made.id}{path}")).text
            assert "alert(1)" in page
            assert "<script>alert" not in page
        assert "<script>alert" not in (await browser.open(LIST)).text
        assert "<script>alert" not in (await browser.open(f"{LIST}/new")).text
