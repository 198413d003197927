"""The pages of requests for data and of public notices in a browser: six languages, with and without JavaScript."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from playwright.async_api import Page, Route

from mailer.policy.public_notices import PARTS, PublicNotice
from mailer.postgres.public_notices import PostgresPublicNotices
from mailer.web.app import create_app
from mailer.web.languages import LANGUAGES
from tests.browser.chromium import running_chromium
from tests.data_requests import link_of
from tests.factories import BRAND, World
from tests.integration.web_world import PUBLIC_URL, site_over
from tests.letters import ADA, answers, known


@asynccontextmanager
async def browsing(world: World, code: str, *, has_script: bool) -> AsyncIterator[Page]:
    """Yields a page of Chromium that prefers a language; whatever is not of our site is refused."""
    transport = httpx.ASGITransport(create_app(site_over(world)))
    async with running_chromium() as chromium, httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        context = await chromium.new_context(locale=code, java_script_enabled=has_script, accept_downloads=True)

        async def answer(route: Route) -> None:
            asked = route.request
            assert asked.url.startswith(PUBLIC_URL)
            sent = {name: value for name, value in asked.headers.items() if name in ("accept-language", "content-type")}
            got = await client.request(asked.method, asked.url, content=asked.post_data_buffer, headers=sent)
            await route.fulfill(status=got.status_code, headers=dict(got.headers), body=got.content)

        await context.route("**/*", answer)
        page = await context.new_page()
        yield page
        assert await context.cookies() == []


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("code", sorted(LANGUAGES))
async def test_a_person_gets_a_copy_by_keyboard(world: World, tmp_path: Path, code: str, *, has_script: bool) -> None:
    """A fault stands at its field; then form, mail, button and file, in the person's language, without a mouse."""
    await known(world, BRAND, {**ADA, "locale": code})
    texts: dict[str, Any] = dict(LANGUAGES[code].texts)
    async with browsing(world, code, has_script=has_script) as page:
        await page.goto(f"{PUBLIC_URL}/data/{BRAND}")
        assert await page.locator("html").get_attribute("lang") == code
        await page.locator("button.main").press("Enter")
        assert await page.locator("#fault").inner_text() == texts["by_address_fault"]
        await page.locator("[value=copy]").press("Space")
        await page.locator("#email").fill(ADA["email"])
        await page.locator("#email").press("Enter")
        assert await page.locator("h1").inner_text() == texts["by_address_done_title"]
        [mail] = await answers(world)
        await page.goto(link_of(mail))
        await page.locator("button[name=confirm]").press("Enter")
        assert await page.locator("h1").inner_text() == texts["data_done"]["copy"][0]
        async with page.expect_download() as saving:
            await page.locator("button[value=page]").press("Enter")
        file = tmp_path / "copy.html"
        await (await saving.value).save_as(file)
    assert f'<html lang="{code}"' in file.read_text("utf-8")
    assert ADA["email"] in file.read_text("utf-8")


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("code", sorted(LANGUAGES))
async def test_a_correction_and_a_notice_are_read(world: World, code: str, *, has_script: bool) -> None:
    """Fields have labels, the switch of languages keeps the page, and the notices are in the reader's language."""
    await known(world, BRAND, {**ADA, "locale": code})
    store, today = PostgresPublicNotices(world.pool, world.writers), datetime.now(UTC).date()
    said = {code: {"title": f"Notice in {code}", **dict.fromkeys(PARTS, "There is something to be said here.")}}
    await store.add_draft(PublicNotice(UUID(int=7), BRAND, said, today, today + timedelta(days=30), "Ada"))
    assert await store.release(UUID(int=7), "Dana")
    texts: dict[str, Any] = dict(LANGUAGES[code].texts)
    async with browsing(world, code, has_script=has_script) as page:
        await page.goto(f"{PUBLIC_URL}/data/{BRAND}")
        await page.locator("[value=correction]").check()
        await page.locator("#email").fill(ADA["email"])
        await page.locator("button.main").click()
        [mail] = await answers(world)
        await page.goto(link_of(mail))
        await page.get_by_label(texts["data_name"], exact=True).fill("Ada Lovelace")
        await page.get_by_label(texts["data_country"], exact=True).select_option("FR")
        await page.locator("button[name=confirm]").click()
        assert await page.locator("h1").inner_text() == texts["data_done"]["correction"][0]
        await page.goto(f"{PUBLIC_URL}/notices/{BRAND}")
        assert await page.locator("article h2").inner_text() == f"Notice in {code}"
        assert await page.locator("article h3").first.inner_text() == texts["notice_parts"]["what_happened"]
    row = await world.pool.fetchrow("SELECT name, country FROM recipients WHERE ref = 'ada'")
    assert row is not None
    assert tuple(row) == ("Ada Lovelace", "FR")
