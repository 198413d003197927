"""Writing a campaign in Chromium: with the script that stores it, and without any; stored script runs nowhere."""

import asyncio
from typing import Any

from playwright.async_api import Page

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.staff_rights import StaffRole
from tests.browser.chromium import page_with_session, running_chromium, serving, session_of
from tests.factories import BRAND, World
from tests.integration.test_campaign_store import ANN, DRAFT, store_over

TEXT = {"subject": "Hello {{ first_name or 'there' }}", "blocks": [{"type": "text", "markdown": "Dear *you*"}]}
LANGUAGES = {"a": {"en": TEXT, "de": TEXT}}


async def press(page: Page, button: str) -> None:
    """Presses a button that leads to a page."""
    async with page.expect_navigation():
        await page.click(button)


async def test_writing_in_two_languages_with_and_without_the_script(world: World) -> None:
    """Both write the same draft. With the script it is stored without a press, and a press then is no conflict."""
    token = await session_of(world, StaffRole.MARKETER, BRAND)
    async with serving(world) as url, running_chromium() as browser:
        for has_script in (True, False):
            campaign = await store_over(world).create_campaign(BRAND, "Autumn", DRAFT, ANN)
            path = f"{url}/console/campaigns/{campaign.id}/edit"
            async with page_with_session(browser, url, token, java_script_enabled=has_script) as page:
                await page.goto(path)
                for language in ("en", "de"):
                    await page.fill("#new_language", language)
                    await press(page, "button[value=add-language]")
                await press(page, "button[value='add@t0@text']")
                await press(page, "button[value='add@t1@text']")
                for place, subject in (("t0", "Autumn"), ("t1", "Herbst")):
                    await page.fill(f"[id='{place}.subject']", subject)
                    await page.fill(f"[id='{place}.0.markdown']", f"{subject} *now*\n\nMore")
                if has_script:
                    await page.wait_for_selector("[data-saved] [data-revision='6']")
                    stored = await store_over(world).find_campaign(campaign.id)
                    assert stored is not None
                    assert stored.draft.variants["a"]["de"].subject == "Herbst"
                    await page.fill("[id='t1.subject']", "Herbst!")
                await press(page, "button.main")
                assert "Saved" in await page.inner_text("[data-saved]")
            stored = await store_over(world).find_campaign(campaign.id)
            assert stored is not None
            texts = stored.draft.model_dump()["variants"]["a"]
            assert (texts["en"]["subject"], texts["de"]["subject"]) == ("Autumn", "Herbst!" if has_script else "Herbst")
            assert texts["de"]["blocks"] == ({"type": "text", "markdown": "Herbst *now*\n\nMore"},)


async def test_a_press_waits_for_a_saving_that_is_under_way(world: World) -> None:
    """A slow saving and a press at the same time are no conflict; an answer that does not come is told."""
    token = await session_of(world, StaffRole.MARKETER, BRAND)
    draft = CampaignDraft.model_validate({**DRAFT.model_dump(), "variants": LANGUAGES})
    campaign = await store_over(world).create_campaign(BRAND, "Autumn", draft, ANN)
    began, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold(route: Any) -> None:
        if "do=autosave" in (route.request.post_data or ""):
            began.set()
            await may_go_on.wait()
        await route.continue_()

    async with serving(world) as url, running_chromium() as browser, page_with_session(browser, url, token) as page:
        await page.route("**/edit", hold)
        await page.goto(f"{url}/console/campaigns/{campaign.id}/edit?text=a@en")
        await page.fill("[id='t0.subject']", "One")
        await began.wait()
        await page.fill("[id='t0.subject']", "Two")
        async with page.expect_navigation():
            await page.click("button.main", no_wait_after=True)
            may_go_on.set()
        assert await page.input_value("[id='t0.subject']") == "Two"
        assert not await page.is_visible("[role=alert]")
        stored = await store_over(world).find_campaign(campaign.id)
        assert stored is not None
        assert (stored.revision, stored.draft.variants["a"]["en"].subject) == (3, "Two")


async def test_stored_script_runs_nowhere(world: World) -> None:
    """Whatever is stored in a draft's fields, no script runs on its pages, nor in the frame of its preview."""
    script = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    link = "javascript:alert(1)"
    blocks = [
        {"type": "heading", "text": script},
        {"type": "text", "markdown": f"{script}\n\n[x]({link})"},
        {"type": "html", "html": f"{script}<a href='{link}'>x</a><svg onload=alert(1)><form action=/console></form>"},
        {"type": "articles", "articles": [{"title": script}]},
    ]
    text = {"subject": script, "preheader": script, "blocks": blocks}
    draft = CampaignDraft.model_validate({**DRAFT.model_dump(), "variants": {"a": {"en": text}}})
    campaign = await store_over(world).create_campaign(BRAND, script[:100], DRAFT, ANN)
    await store_over(world).save_draft(campaign.id, 1, draft, f"person:{script}")
    await world.pool.execute("UPDATE campaign_revisions SET by = $1", script)
    token = await session_of(world, StaffRole.MARKETER, BRAND)
    dialogs = list[str]()
    async with serving(world) as url, running_chromium() as browser:
        context = await browser.new_context()
        await context.add_cookies([{"name": "mailer", "value": token, "url": url}])
        page = await context.new_page()
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        one = f"{url}/console/campaigns/{campaign.id}"
        paths = ["", "/edit?text=a@en", "/history", "/preview", "/preview?view=dark", "/preview?view=source", "/test"]
        for path in [*paths, "/preview-body?locale=en", "/preview-body?locale=en&view=source"]:
            answer = await page.goto(f"{one}{path}", wait_until="networkidle")
            assert answer is not None
            assert answer.status in (200, 422), path
        await page.goto(f"{url}/console/campaigns", wait_until="networkidle")
        # The frame's own policy holds even for HTML that the cleaning would let through.
        await page.goto(f"{one}/preview?locale=en")
        attributes = "(frame) => [frame.getAttribute('sandbox'), frame.contentDocument]"
        if await page.query_selector("iframe"):
            assert await page.eval_on_selector("iframe", attributes) == ["", None]
        await context.close()
    assert dialogs == []
