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


async def test_focus_and_scroll_stay_when_a_part_is_replaced(world: World) -> None:
    """Focus on the table, and the place on the page, are kept while the numbers change."""
    mailing_id = (await world.accept([person(number) for number in range(1, 9)])).mailing_id
    token = await session_of(world)
    async with serving(world) as url, running_chromium() as browser, page_with_session(browser, url, token) as page:
        await page.set_viewport_size({"width": 390, "height": 400})
        await page.goto(f"{url}/console/mailings/{mailing_id}")
        table = await page.query_selector("[data-live] .wide")
        assert table is not None
        await table.focus()
        await page.evaluate("window.scrollTo(0, 210)")
        for left in (7, 6):
            counts = "INSERT INTO counters VALUES ($1, 'queued', '', -1), ($1, 'handed_over', '', 1)"
            await world.pool.execute(counts, mailing_id)
            await page.wait_for_selector(f"text={8 - left} of 8 are done, {left} are open.")
            assert await page.evaluate("document.activeElement.matches('[data-live] .wide')")
            assert await page.evaluate("Math.round(scrollY)") == 210
        assert not await table.evaluate("one => one.isConnected"), "the part was replaced"


async def test_all_mail_is_stopped_and_a_mailing_gets_another_time(world: World) -> None:
    """Without scripts: one press, by keyboard, stops all mail; the line leads to the way on; a time field is UTC."""
    mailing_id = (await world.accept([person(1)], send_at="2190-01-01T09:00:00Z")).mailing_id
    token = await session_of(world)
    async with (
        serving(world) as url,
        running_chromium() as browser,
        page_with_session(browser, url, token, java_script_enabled=False) as page,
    ):
        await page.goto(f"{url}/console/halts")
        await page.focus("#reason")
        await page.keyboard.type("a wrong list")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".standstill")
        await page.goto(f"{url}/console/mailings/{mailing_id}")
        assert "by Dana Duty: a wrong list" in await page.inner_text(".standstill")
        await page.click("a:has-text('Reschedule')")
        await page.fill("#at", "2190-01-02T10:30")
        await page.fill("#reason", "the shop opens later")
        await page.click("button:has-text('Reschedule it')")
        await page.wait_for_selector("text=2 Jan 2190, 10:30 UTC")
        await page.click(".standstill a")
        await page.click("button:has-text('Let all mail go on')")
        await page.wait_for_selector("text=Nothing stands still.")
    status = await world.mailings.mailing_status(mailing_id)
    assert status is not None
    assert (str(status.send_at), status.state) == ("2190-01-02 10:30:00+00:00", "scheduled")
