"""Every page of recipients, the console and the inbox under axe-core, in light, dark and forced colours, and at 400 %.

scripts/setup-axe brings axe-core; the Makefile leaves these tests out where it cannot be had.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import patch

from playwright.async_api import Browser, Page, ViewportSize

from mailer.policy.staff_rights import StaffRole
from mailer.web import page_rendering, personal_data_html
from mailer.web.app import create_app
from mailer.web.captured_mail_inbox import create_inbox_app
from mailer.web.console import console_pages, second_factor_checks
from tests.browser.breach_people_tour import take_tour_of_breach_people
from tests.browser.breach_release_tour import take_tour_of_breach_release
from tests.browser.breach_texts_tour import take_tour_of_breach_texts
from tests.browser.breach_tour import take_tour_of_breaches
from tests.browser.campaign_tour import take_tour_of_campaigns
from tests.browser.chromium import running_chromium, serving, serving_app, session_of
from tests.browser.console_tour import (
    take_tour_of_operations,
    take_tour_of_people,
    take_tour_of_signing_in,
    take_tour_of_staff,
)
from tests.browser.import_tour import take_tour_of_imports
from tests.browser.letter_tour import take_tour_of_letters
from tests.browser.page_faults import NARROW, axe_faults, cut_off_parts
from tests.browser.picture_tour import take_tour_of_pictures
from tests.browser.recipient_tour import add_newsletter, add_notice_and_busy_brand, add_reader, take_tour
from tests.browser.segment_tour import take_tour_of_segments
from tests.browser.sending_tour import take_tour_of_sending
from tests.browser.tours import Look, Sight, Tour, names_of_rendered_templates, routes_not_visited, templates_in
from tests.factories import World
from tests.integration.console_browser import CLOCK
from tests.integration.test_inbox_filters import MAILS
from tests.integration.web_world import Mail, Mails, site_over

WIDE: ViewportSize = {"width": 1280, "height": 800}
NO_PAGES = {
    *("/o/{token}.gif", "/c/{token}", "/view/{token}/mail", "/notices/{brand}/feed.atom", "/healthz"),
    "/m/{picture_id}",
    *(
        "/console/static/{name}",
        "/console/mailings/{mailing_id}/progress",
        "/console/imports/{import_id}/progress",
        *(f"/console/campaigns/{{campaign_id}}/{part}/progress" for part in ("check", "sending")),
        *(f"/console/breaches/{{case_id}}/phases/{{phase}}/{part}" for part in ("check/progress", "audience/files")),
        "/console/sign-in/oidc",
    ),
    "/console/campaigns/{campaign_id}/preview-body",
    "/console/breaches/{case_id}/phases/{phase}/preview-body",
    *("/inbox/{id}/html", "/inbox/{id}/raw", "/console/campaigns/{campaign_id}/report.csv"),
    *(
        f"/console/breaches/{{case_id}}/{name}"
        for name in ("outcomes.csv", "samples/{phase}/{variant}/{locale}.{kind}")
    ),
    *("/archive/{brand}/feed.xml", "/archive/{brand}/{campaign_id}/mail"),
}
"""The GET routes that answer with no page of ours: a picture, a redirect, a feed, a part, a file, somebody's mail."""


def look_with_axe(faults: list[str]) -> Look:
    """A look that collects the faults of a page, wide in all colours, then narrow; once, if the tour comes by again."""
    seen = set[tuple[str, int]]()

    async def look(page: Page, sight: Sight) -> None:
        known = sight.headings[0], sight.elements
        if known in seen:
            return
        seen.add(known)
        found = await axe_faults(page)
        found += [f"at 400 %: {part}" for part in await cut_off_parts(page)]
        await page.set_viewport_size(WIDE)
        faults.extend(f"{sight.name}: {one}" for one in found)

    return look


@asynccontextmanager
async def touring(browser: Browser, url: str, faults: list[str], token: str = "") -> AsyncIterator[Tour]:
    """Yields a tour by a browser of its own, with the cookie of a session if a token is given."""
    context = await browser.new_context(base_url=url, viewport=WIDE, locale="en")
    if token:
        await context.add_cookies([{"name": "mailer", "value": token, "url": url}])
    page = await context.new_page()
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    yield Tour(page, look_with_axe(faults))
    await context.close()


async def faults_of_open_menus(page: Page) -> list[str]:
    """The faults of a page of the console whose menus are open in a narrow window."""
    faults = list[str]()
    for menu in ("[popovertarget]", "summary"):
        await page.goto("/console/flow")
        await page.set_viewport_size(NARROW)
        await page.click(menu)
        faults += [f"{menu}: {one}" for one in await axe_faults(page) + await cut_off_parts(page)]
    return faults


async def test_recipients_pages(world: World) -> None:
    """No page for recipients has a fault; a new route or template is one, until the tour comes by."""
    await add_notice_and_busy_brand(world)
    await add_newsletter(world)
    faults, reader = list[str](), await add_reader(world, 1, "en")
    environments = page_rendering._TEMPLATES, personal_data_html._PAGES
    with names_of_rendered_templates(*environments) as rendered:
        async with serving(world) as url, running_chromium() as browser, touring(browser, url, faults) as tour:
            await take_tour(tour, world, reader)
    assert not faults, "\n".join(faults)
    inbox = {"inbox_layout.html.j2", "inbox.html.j2", "mail.html.j2"}
    assert templates_in(Path(page_rendering.__file__).with_name("templates")) - rendered == inbox
    left = routes_not_visited(create_app(site_over(world)), "/", tour.paths) - NO_PAGES
    assert {path for path in left if not path.startswith(("/api/", "/console"))} == set()


async def test_pages_of_the_console(world: World) -> None:
    """No page of the console has a fault; a new route or template is one, until a tour comes by."""
    roles = (StaffRole.OPS, StaffRole.ADMIN, StaffRole.PRIVACY_OFFICER, StaffRole.MARKETER)
    tokens = {role: await session_of(world, role, name=f"{role} person") for role in roles}
    faults, paths = list[str](), list[str]()
    with (
        names_of_rendered_templates(console_pages._TEMPLATES) as rendered,
        patch.object(second_factor_checks, "time", CLOCK),
    ):
        async with (
            serving(world, has_provider=True) as url,
            running_chromium() as browser,
            touring(browser, url, faults, tokens[StaffRole.OPS]) as ops,
            touring(browser, url, faults, tokens[StaffRole.ADMIN]) as admin,
            touring(browser, url, faults, tokens[StaffRole.PRIVACY_OFFICER]) as officer,
            touring(browser, url, faults, tokens[StaffRole.MARKETER]) as marketer,
            touring(browser, url, faults) as stranger,
        ):
            tours = {StaffRole.OPS: ops, StaffRole.ADMIN: admin, StaffRole.PRIVACY_OFFICER: officer}
            await take_tour_of_signing_in(stranger, world)
            await take_tour_of_people(officer, world)
            await take_tour_of_staff(admin, world)
            await take_tour_of_pictures(marketer, world)
            await take_tour_of_imports(marketer, world)
            await take_tour_of_operations(tours, world)
            await take_tour_of_breaches(ops, world)
            await take_tour_of_breach_people(ops, officer, world)
            await take_tour_of_breach_release(ops, officer, world)
            await take_tour_of_campaigns(marketer, world)
            await take_tour_of_sending(marketer, world)
            await take_tour_of_segments(marketer, world)
            await take_tour_of_breach_texts(ops, world)
            await take_tour_of_letters(officer, world)
            faults += await faults_of_open_menus(ops.page)
            paths = [path for tour in (*tours.values(), marketer, stranger) for path in tour.paths]
    assert not faults, "\n".join(faults)
    assert templates_in(Path(console_pages.__file__).with_name("templates")) - rendered == set()
    assert routes_not_visited(create_app(site_over(world)), "/console", paths) - NO_PAGES == set()


async def test_pages_of_the_inbox() -> None:
    """No page of the inbox of captured mail has a fault."""
    html = Mail("m9", "Ein Brief", "<p>Hello</p>", "Hello", [("Feedback-ID", "spring:newsletter:interpals:mailer")])
    app, faults = create_inbox_app(Mails([html, *MAILS])), list[str]()
    with names_of_rendered_templates(page_rendering._TEMPLATES) as rendered:
        async with (
            serving_app(lambda url: app) as url,
            running_chromium() as browser,
            touring(browser, url, faults) as tour,
        ):
            await tour.open("/inbox", "Inbox")
            await tour.press("button", "Inbox", {"[name=text]": "nothing like it"})
            for path in ("m9", "m9/text", "m9/headers"):
                await tour.open(f"/inbox/{path}", "Ein Brief")
            await tour.open("/inbox/m1", "no kind")
            await tour.open("/inbox/m1/text", "no kind")
    assert not faults, "\n".join(faults)
    assert {"inbox_layout.html.j2", "inbox.html.j2", "mail.html.j2"} <= rendered
    assert routes_not_visited(app, "/", tour.paths) - NO_PAGES == set()


async def test_a_bad_page_has_faults() -> None:
    """Grey text, a field without a label, and what is wider than the window or cut off are found, each in its mode."""
    grey = "<p style='color: light-dark(#ccc, #333)'>Grey</p><input>"
    wide = f"<p style='inline-size: 90rem'>Wide</p><p style='overflow: hidden; white-space: nowrap'>Line {'x' * 90}</p>"
    head = "<!doctype html><html lang=en><title>Bad</title><meta name=color-scheme content='light dark'>"
    html = f"{head}<body style='background: Canvas'>{grey}{wide}"
    async with running_chromium() as browser:
        page = await browser.new_page(viewport={"width": 100, "height": 100})
        await page.set_content(html)
        found, cut_off = await axe_faults(page), await cut_off_parts(page)
    for mode in ("light", "dark"):
        assert any(one.startswith(f"{mode}: color-contrast (serious)") for one in found), found
    assert any(one.startswith("light: label (critical)") for one in found), found
    assert [one.partition('"')[2] for one in cut_off if "Wide" in one] == ['Wide" is outside of the window']
    assert [one.partition('"')[2] for one in cut_off if "Line" in one] == [f'Line {"x" * 25}" is cut off']
