"""A campaign from exports of Excel and others to its report, in Chromium without scripts: docs/first-campaign.md.

Two people do it over mailer's own processes, each in a browser of their own.
"""

from contextlib import AsyncExitStack
from pathlib import Path

from mailer import bundled_files
from tests.browser.chromium import running_chromium
from tests.campaign_console import ConsolePerson, at_localhost, signed_in
from tests.processes import ROOT, Stack, until

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
MEMBERS, LEFT, ZONELESS, UNCONFIRMED = 60, 3, 2, 1
"""The people of the brand's own export, those of them who have left or whose time zone nobody knows, and a German whose
consent is not confirmed."""
ALL, READERS = MEMBERS + UNCONFIRMED, MEMBERS - LEFT - ZONELESS
TEXTS = {
    "a": {"de": "Frühling für {{ first_name or 'dich' }}", "en": "Spring for {{ first_name or 'you' }}"},
    "b": {"de": "Zehn neue Räume", "en": "Ten new rooms"},
}


def _policies_with_attribute(folder: Path) -> Path:
    """The shipped policies, of which the brand's declares an attribute."""
    folder.mkdir()
    for file in bundled_files.bundled_folder("policies").glob("*.toml"):
        (folder / file.name).write_text(file.read_text("utf-8") + (ATTRIBUTES if file.stem == BRAND else ""), "utf-8")
    return folder


async def _import(writer: ConsolePerson, file: Path, consent_column: str = "") -> str:
    """Uploads a file, says what its columns mean, and imports it. Returns the words of its result."""
    page = writer.page
    await writer.open(f"/console/imports/to/{BRAND}")
    await page.set_input_files("#file", file)
    await writer.press("Upload")
    path = page.url
    await writer.wait_for(path, "What do the columns mean?")
    if consent_column or file.name == "members.csv":
        await page.fill("[name=source]", "sign-up")
    if consent_column:
        row = page.locator("tbody tr", has=page.get_by_text(consent_column, exact=True))
        await row.locator("select").select_option(label="consent: when it was given")
        await writer.unfold(page.locator("details", has=page.locator("#consent_scopes")))
        for name, value in (("scopes", "newsletter"), ("version", "2026"), ("source", "newsletter-form")):
            await page.fill(f"[name=consent_{name}]", value)
        await page.fill("[name=consent_words]", WORDS)
    for order in await page.locator("[value=day_first]").all():
        question = await order.get_attribute("name")
        if not await page.locator(f"[name='{question}']:checked").count():
            await order.check()
    for settled in await page.locator("[name^=settled-]").all():
        await settled.check()
    await writer.press("Check each row")
    checked = await writer.wait_for(path, "Result of the check")
    assert "Nothing was imported yet." in checked
    await writer.press("Import")
    return await writer.wait_for(path, "The refused rows can be downloaded")


async def _write(writer: ConsolePerson) -> str:
    """Writes a campaign in two variants and two languages to the segment. Returns its path."""
    page = writer.page
    await writer.open(f"/console/campaigns/new?brand={BRAND}")
    await page.fill("#name", "spring")
    await page.select_option("#category", "newsletter")
    await page.select_option("#purpose", "newsletter")
    await writer.submit("main form button.main")
    path = page.url.removeprefix(writer.site).partition("?")[0].removesuffix("/edit")
    for locale in TEXTS["a"]:
        await writer.open(f"{path}/edit")
        await page.fill("#new_language", locale)
        await writer.submit("button[value=add-language]")
    for locale, subject in TEXTS["a"].items():
        await writer.open(f"{path}/edit?text=a@{locale}")
        await page.fill("[id='t0.subject']", subject)
        await page.fill("[id='t0.preheader']", "What is new this week")
        await writer.submit("button[value='add@t0@text']")
        await page.fill("[id='t0.0.markdown']", "The *new* rooms are open.")
        await writer.press("Save")
    await writer.submit("button[value=add-variant]")
    for locale, subject in TEXTS["b"].items():
        await writer.open(f"{path}/edit?text=b@{locale}")
        await page.fill("[id='t0.subject']", subject)
        await writer.press("Save")
    await writer.unfold(page.locator("form.draft details").first)
    await page.select_option("#audience", "segment:plus")
    await page.fill("[id='ab_test.share_percent']", "50")
    await writer.press("Save")
    return path


async def _look_and_test(writer: ConsolePerson, stack: Stack, path: str) -> None:
    """Looks at the mail as three readers, and sends a test to oneself."""
    assert "Subject: Frühling für Ada" in await writer.open(f"{path}/preview?variant=a&locale=de")
    assert "Subject: Spring for you" in await writer.open(f"{path}/preview?variant=a&locale=en&lacks=yes")
    await writer.page.fill("#ref", "m-7")
    await writer.page.fill("[name=reason]", "a check of the name")
    assert "Subject: Frühling für Member" in await writer.press("Show it for this person")
    await writer.open(f"{path}/test")
    await writer.submit("form[action$='/test'] button.main")

    async def has_arrived() -> bool:
        return bool(stack.mails(Subject="[Test]"))

    await until(has_arrived, "the test to arrive")
    assert stack.mails(Subject="[Test]")[0].recipients == ("mira@work.example",)


def _own_export(folder: Path) -> Path:
    """An export of Excel with the brand's members, as it saves it in Europe; some have left."""
    rows = ["Kundennr;E-Mail;First Name;Last Name;Country;Language;Abo;Unsubscribed;Time zone"]
    for n in range(MEMBERS):
        left, language = ("yes" if n < LEFT else "no"), ("German" if n % 2 else "English")
        zone = "" if n >= MEMBERS - ZONELESS else "America/New_York"
        rows.append(f"m-{n};m{n}@people.example;Member;Number {n};United States;{language};Plus;{left};{zone}")
    file = folder / "members.csv"
    file.write_bytes("\r\n".join(rows).encode("cp1252"))
    return file


async def test_first_campaign(small_stack: Stack, tmp_path: Path) -> None:
    """From twelve exports to a report and a follow-up, with a release by a second person, a pause and a winner."""
    stack = at_localhost(small_stack, tmp_path, POLICIES=str(_policies_with_attribute(tmp_path / "policies")))
    async with AsyncExitStack() as all_:
        await all_.enter_async_context(stack.running("timekeeper", "web"))
        await all_.enter_async_context(stack.client())
        browser = await all_.enter_async_context(running_chromium())
        mira = await all_.enter_async_context(signed_in(browser, stack, "Mira Marketer", "marketer"))
        lena = await all_.enter_async_context(signed_in(browser, stack, "Lena Lead", "marketer"))
        for file in [*sorted(CASES.iterdir()), _own_export(tmp_path)]:
            result = await _import(mira, file, "Kunde seit" if file.name.startswith("01") else "")
            assert ("is refused" in result) is (file.name[:2] in ("01", "10")), (file.name, result)
        await _choose_audience(mira)
        path = await _write(mira)
        async with stack.running("worker"):
            await _look_and_test(mira, stack, path)
        await _check_and_release(mira, lena, path)
        assert "0 have gone; " in await lena.open(f"{path}/sending")
        assert "It is paused." in await lena.press("Pause all")
        async with stack.running("worker"):
            await lena.wait_for(f"{path}/sending", "0 have gone")
            assert not stack.mails(Subject="Ten new rooms")
            await _go_on_and_send_rest(lena, stack, path)
        await _read_report_and_follow_up(mira, path)


async def _choose_audience(writer: ConsolePerson) -> None:
    """Saves a segment, and reads in plain words whom it chooses."""
    await writer.open(f"/console/segments/{BRAND}/_new")
    await writer.page.fill("#name", "plus")
    for row, (fact, value) in enumerate((("country", "US; DE"), ("attribute:abo", "Plus"))):
        await writer.page.select_option(f"#g0r{row}-fact", fact)
        await writer.page.select_option(f"#g0r{row}-operator", "is")
        await writer.page.fill(f"#g0r{row}-value", value)
    saved = await writer.press("Save")
    assert "People in United States or Germany whose abo is Plus." in saved
    assert f"{ALL} people, counted just now" in saved


async def _check_and_release(writer: ConsolePerson, second: ConsolePerson, path: str) -> None:
    """Says when, checks, asks, and is released by somebody else, who sees the sum; the writer herself cannot."""
    page = writer.page
    await writer.open(f"{path}/schedule")
    await page.check("[name=kind][value=local]")
    await page.fill("#local", "2026-01-05T09:00")
    await page.fill("#zone", "Europe/Berlin")
    await page.check("[name=zoneless][value=leave_out]")
    await writer.press("Save the time")
    await writer.open(f"{path}/check")
    await writer.press("Check now")
    checked = await writer.wait_for(f"{path}/check", "The sum")
    assert f"{READERS} of {ALL} people get it now or later" in checked, checked
    for reason in ("opted out", "consent not confirmed", "no time zone"):
        assert reason in checked, reason
    assert "A second person has to release it" in await writer.press("Ask for the release")
    assert "Release it to" not in await writer.words()
    assert f"It goes to {READERS} of {ALL} people" in await second.open(f"{path}/release")
    await second.press(f"Release it to {READERS} people")


async def _go_on_and_send_rest(second: ConsolePerson, stack: Stack, path: str) -> None:
    """Lets it go on, then chooses the variant for the rest as a person: so small a test decides nothing."""
    await second.open(f"{path}/sending")
    await second.press("Go on")
    await second.wait_for(f"{path}/sending", "0 still will")
    winner = await second.wait_for(f"{path}/winner", "people wait for it")
    assert "Too small a sample" in winner, winner
    await second.press("Send the rest with variant B")
    await second.wait_for(f"{path}/sending", f"{READERS} have gone")
    sent = [mail for mail in stack.mails() if not mail.subject.startswith("[Test]")]
    assert len({mail.recipients for mail in sent}) == len(sent) == READERS
    assert {mail.subject for mail in sent} == {
        "Frühling für Member",
        "Spring for Member",
        "Zehn neue Räume",
        "Ten new rooms",
    }


async def _read_report_and_follow_up(writer: ConsolePerson, path: str) -> None:
    """Reads that the number shown is the number sent, and writes to those who did not get it in a new draft."""
    report = await writer.wait_for(f"{path}/report", f"Sent\t{READERS}")
    assert f"Shown at the release: will get it\t{READERS}" in report
    assert "The sum adds up" in report
    await writer.unfold(writer.page.locator("details", has=writer.page.get_by_text("Make the draft")))
    await writer.page.get_by_label(f"({ZONELESS})").check()
    assert "Write: spring (follow-up)" in await writer.press("Make the draft")
    assert await writer.page.input_value("#audience") == "followup-spring-1"
