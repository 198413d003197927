"""Operations in a real browser, with and without JavaScript."""

import pytest

from tests.browser.chromium import page_with_session, running_chromium, serving, session_of
from tests.factories import World, person


@pytest.mark.parametrize("script", [True, False])
async def test_a_mailing_is_paused_and_goes_on(world: World, script: bool) -> None:
    """The buttons of its page pause and resume a mailing, with and without scripts. The page tells the state."""
    mailing_id = (await world.accept([person(1), person(2)])).mailing_id
    token = await session_of(world)
    async with (
        serving(world) as url,
        running_chromium() as browser,
        page_with_session(browser, url, token, java_script_enabled=script) as page,
    ):
        await page.goto(f"{url}/console/mailings")
        await page.click("table a")
        await page.fill("#reason", "a typing error")
        await page.click("button:has-text('Pause')")
        await page.wait_for_selector("button:has-text('Resume')")
        assert await page.inner_text("[data-says]") == "paused"
        assert await page.is_visible("text=by Dana Duty (a typing error)")
        assert await page.is_visible("a:has-text('Refresh')") is not script
        await page.click("button:has-text('Resume')")
        await page.wait_for_selector("button:has-text('Pause')")
        assert await page.inner_text("[data-says]") == "running"
    entries = [entry["reason"] for entry in await world.entries(mailing_id, "mailing")]
    assert entries[-2:] == ["paused", "resumed"]


async def test_progress_appears_by_itself(world: World) -> None:
    """The script replaces the part that changed, tells the new state politely, keeps what was typed, and then ends."""
    mailing_id = (await world.accept([person(1), person(2)])).mailing_id
    token = await session_of(world)
    async with serving(world) as url, running_chromium() as browser, page_with_session(browser, url, token) as page:
        await page.goto(f"{url}/console/mailings/{mailing_id}")
        await page.fill("#reason", "half a wor")
        assert await page.is_visible("text=0 of 2 are done, 2 are open.")
        await world.pool.execute(
            "INSERT INTO counters VALUES ($1, 'queued', '', -2), ($1, 'handed_over', '', 2)", mailing_id
        )
        await world.pool.execute("UPDATE mailings SET finished_at = now() WHERE id = $1", mailing_id)
        await page.wait_for_selector("text=2 of 2 are done, 0 are open.")
        assert await page.inner_text("[data-status]") == "finished"
        assert await page.input_value("#reason") == "half a wor"
        assert await page.evaluate("document.activeElement.id") == "reason"
        assert await page.is_hidden("[data-live-note]")
