"""A campaign from an export of Excel to its report, in Chromium: two people, and mailer's own processes."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pyotp
from playwright.async_api import Browser, Page

from mailer import bundled_files
from tests.browser.chromium import running_chromium
from tests.processes import ROOT, Stack, free_port, until
from tests.staff import PASSWORD

CASES = ROOT / "tests" / "cases" / "import"
BRAND = "interpals"
ATTRIBUTES = """
[attributes.abo]
type = "text"
purpose = "newsletter"
retention_days = 365
may_choose_audience = true
"""
WORDS = "Ja, schickt mir den Newsletter."
NOBODY = "nobody"
SECONDS = 20_000
"""Milliseconds that a page may take on a busy machine."""


@dataclass
class Person:
    """A person at the console.

    Attributes:
        page: a page of a browser of their own. site: the address of the site.
    """

    page: Page
    site: str

    async def open(self, path: str) -> str:
        """Opens a page; returns its words."""
        await self.page.goto(path if path.startswith("http") else self.site + path)
        return await self.words()

    async def words(self) -> str:
        """The words of the page."""
        return await self.page.inner_text("main")

    async def press(self, name: str) -> str:
        """Presses a button or a link of a name, and returns the words of the page that follows."""
        button = self.page.locator("main").get_by_role("button", name=name, exact=True)
        link = self.page.locator("main").get_by_role("link", name=name, exact=True)
        async with self.page.expect_navigation():
            await button.or_(link).first.click()
        return await self.words()

    async def wait_for(self, path: str, words: str) -> str:
        """Opens a page again and again until it has some words."""

        async def has_words() -> str:
            found = await self.open(path)
            return found if words in found else ""

        return await until(has_words, f"{path} to say {words!r}")


@asynccontextmanager
async def _signed_in(browser: Browser, stack: Stack, name: str) -> AsyncIterator[Person]:
    """Adds a marketer, who sets a password and an authenticator app up in a browser of their own, without scripts."""
    address = f"{name.split()[0].lower()}@work.example"
    added = await stack.done("staff", "add", name, "--email", address, "--role", "marketer")
    [link] = re.findall(r"http\S+/console/join/\S+", added.out)
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    page.set_default_timeout(SECONDS)
    person = Person(page, link.partition("/console")[0])
    await page.goto(link)
    for field in await page.locator("input[type=password]").all():
        await field.fill(PASSWORD)
    await page.locator("main button").first.click()
    await person.open("/console/second-factors")
    await page.locator("form[action*='/app'] button").first.click()
    key = (await page.locator(".key").first.inner_text()).replace(" ", "")
    await page.locator("input[name=code]").fill(pyotp.TOTP(key).now())
    await page.locator("main form button").first.click()
    await page.wait_for_load_state()
    yield person
    await context.close()


def _policies_with_attributes(folder: Path) -> Path:
    """The shipped policies, of which the brand's declares an attribute."""
    folder.mkdir()
    for file in bundled_files.bundled_folder("policies").glob("*.toml"):
        (folder / file.name).write_text(file.read_text("utf-8") + (ATTRIBUTES if file.stem == BRAND else ""), "utf-8")
    return folder


async def _import(writer: Person, file: Path, consent_column: str = "") -> str:
    """Uploads a file, says what its columns mean, and imports it. Returns the words of its result."""
    await writer.open(f"/console/imports/to/{BRAND}")
    await writer.page.set_input_files("#file", file)
    await writer.press("Upload")
    path = writer.page.url
    await writer.wait_for(path, "What do the columns mean?")
    page = writer.page
    if consent_column:
        row = page.locator("tbody tr", has=page.get_by_text(consent_column, exact=True))
        await row.locator("select").select_option(label="consent: when it was given")
        if not await page.locator("#consent_scopes").is_visible():
            await page.locator("summary", has_text="What did people agree to?").click()
        for name, value in (("scopes", "newsletter"), ("version", "2026"), ("source", "newsletter-form")):
            await page.fill(f"[name=consent_{name}]", value)
        await page.fill("[name=consent_words]", WORDS)
    for order in await page.locator("[value=day_first]").all():
        if not await page.locator(f"[name='{await order.get_attribute('name')}']:checked").count():
            await order.check()
    for settled in await page.locator("[name^=settled-]").all():
        await settled.check()
    print(file.name, await writer.press("Check each row"))
    print(await writer.wait_for(path, "Result of the check"))
    await writer.press("Import")
    return await writer.wait_for(path, "The refused rows can be downloaded")


async def _write_text(writer: Person, place: int, subject: str, words: str) -> None:
    """Writes the subject and the one text block of a text that the editor shows, and adds a button."""
    page = writer.page
    await page.fill(f"[id='t{place}.subject']", subject)
    await page.fill(f"[id='t{place}.preheader']", f"{subject}, in short")
    async with page.expect_navigation():
        await page.locator(f"button[value='add@t{place}@text']").click()
    await page.fill(f"[id='t{place}.0.markdown']", words)
    await writer.press("Save")


async def _write_campaign(writer: Person, name: str) -> str:
    """Writes a campaign in two languages and two variants to the segment. Returns the path of its page."""
    page = writer.page
    await writer.open("/console/campaigns")
    await writer.open(f"/console/campaigns/new?brand={BRAND}")
    await page.fill("#name", name)
    await page.select_option("#category", "newsletter")
    await page.select_option("#purpose", "newsletter")
    await _submit(page, "main form button.main")
    path = page.url.removeprefix(writer.site).partition("?")[0].removesuffix("/edit")
    await writer.open(f"{path}/edit")
    for locale in ("de", "en"):
        await page.locator("details", has=page.locator("#new_language")).evaluate("one => one.open = true")
        await page.fill("#new_language", locale)
        await _submit(page, "button[value=add-language]")
    return path


async def _submit(page: Page, selector: str) -> None:
    async with page.expect_navigation():
        await page.locator(selector).first.click()


async def test_first_campaign(small_stack: Stack, tmp_path: Path) -> None:
    """From the export to the follow-up."""
    port = free_port()
    stack = small_stack.having(
        POLICIES=str(_policies_with_attributes(tmp_path / "policies")),
        PUBLIC_URL=f"http://localhost:{port}",
        PORT=str(port),
    )
    async with AsyncExitStack() as all_:
        await all_.enter_async_context(stack.running("worker", "timekeeper", "web"))
        await all_.enter_async_context(stack.client())
        browser = await all_.enter_async_context(running_chromium())
        mira = await all_.enter_async_context(_signed_in(browser, stack, "Mira Marketer"))
        lena = await all_.enter_async_context(_signed_in(browser, stack, "Lena Lead"))
        for file in sorted(CASES.iterdir())[:1]:
            print("=====", file.name, await _import(mira, file, "Kunde seit" if file.name.startswith("01") else ""))
        page = mira.page
        await mira.open(f"/console/segments/{BRAND}/_new")
        await page.fill("#name", "german")
        await page.select_option("#g0r0-fact", "locale")
        await page.select_option("#g0r0-operator", "is")
        await page.fill("#g0r0-value", "de; it")
        print("SEGMENT", await mira.press("Save"))
        path = await _write_campaign(mira, "spring")
        for place, subject, words in (
            (0, "Frühling, {{ first_name or 'du' }}", "Die *neuen* Räume sind da."),
            (1, "Spring, {{ first_name or 'you' }}", "The *new* rooms are here."),
        ):
            await _write_text(mira, place, subject, words)
        await page.locator("details", has=page.locator("#new_language")).evaluate("one => one.open = true")
        await _submit(page, "button[value=add-variant]")
        print("AB", await mira.words())
        await mira.open(f"{path}/edit?text=b@de&text=b@en")
        await page.fill("[id='t0.subject']", "Zehn neue Räume")
        await page.fill("[id='t1.subject']", "Ten new rooms")
        await page.locator("form.draft details").first.evaluate("one => one.open = true")
        await page.select_option("#audience", "segment:german")
        await page.locator("form.draft details").nth(1).evaluate("one => one.open = true")
        await page.fill("[id='ab_test.share_percent']", "50")
        await mira.press("Save")
        print("CAMPAIGN", await mira.open(path))
        print("PREVIEW", await mira.open(f"{path}/preview"))
        print("TEST", await mira.open(f"{path}/test"))
        print("CHECK0", await mira.open(f"{path}/check"))
        print("CHECK1", await mira.press("Check now"))
        print("CHECK2", await mira.wait_for(f"{path}/check", "The sum"))
        print("ASK", await mira.press("Ask for the release"))
        print("REL", await lena.open(f"{path}/release"))
        await _submit(lena.page, "form[action$='/release'] button")
        print("REL2", await lena.words())
        print("SENDING", await lena.wait_for(f"{path}/sending", "All of it is done"))
        print("REPORT", await lena.open(f"{path}/report"))
        print("WINNER", await lena.open(f"{path}/winner"))
        for mail in stack.mails():
            print(mail.sender, mail.content[:300] if hasattr(mail, "content") else mail)
