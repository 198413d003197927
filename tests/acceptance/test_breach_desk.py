"""A breach of 2,000 people from its facts to the verified pack, in Chromium without scripts: issue 19, acceptance 1.

Two people do it over mailer's own processes: ops write, a privacy officer releases. Each figure is counted again here.
"""

import re
import time
from contextlib import AsyncExitStack
from pathlib import Path

from tests.breach_night import HACKED, LIST, PEOPLE, night_people, seed_night, told_by_law
from tests.breach_texts import filled_part, policy_of
from tests.browser.chromium import running_chromium
from tests.campaign_console import ConsolePerson, at_localhost, signed_in
from tests.printed_letters import HAS_TOOLS, LETTER_FONTS
from tests.processes import Stack, until

BRAND = "interpals"
FACTS = {
    "when": {
        "#summary": "A stranger has copied the table of members.",
        "#began_on": "2026-01-03",
        "#ended_on": "2026-01-04",
        "#found_at": "2026-01-05T09:00",
        "#zone": "Europe/Berlin",
    },
    "data": {},
    "people": {"#people_by_place": "DE 500\nFR 250\nGB 250\nUS-CA 600\nUS-MA 250\nUS-NY 250"},
    "mail": {},
    "measures": {"#effects": "Strangers know names.", "#measures": "The access was closed within the hour."},
    "authorities": {},
}
TICKS = {
    "data": ("name", "email_address", "social_security_number", "high"),
    "mail": ("theirs",),
}


async def test_breach_desk(small_stack: Stack, tmp_path: Path) -> None:
    """Everybody ends told by the right channel and variant, or with the reason; the sums are those of the ledger."""
    begun = time.monotonic()
    def lap(what: str) -> None:
        print(f"LAP {time.monotonic() - begun:.1f} {what}", flush=True)
    people = night_people()
    expected = told_by_law(people)
    stack = at_localhost(small_stack, tmp_path, LETTER_FONTS=str(LETTER_FONTS))
    async with AsyncExitStack() as all_:
        await all_.enter_async_context(stack.running("timekeeper", "web"))
        await all_.enter_async_context(stack.client())
        browser = await all_.enter_async_context(running_chromium())
        await seed_night(stack, people, tmp_path)
        lap("seeded")
        wanda = await all_.enter_async_context(signed_in(browser, stack, "Wanda Writer", "ops"))
        rita = await all_.enter_async_context(signed_in(browser, stack, "Rita Releaser", "privacy-officer"))
        lap("signed in")
        case = await _open_case(wanda)
        lap("facts")
        await _write_texts(wanda, case)
        lap("texts")
        await _choose_and_check(wanda, case)
        lap("checked")
        rows = await stack.query("SELECT r.ref, p.channel, p.reason, p.variant, p.locale, p.place FROM breach_manifest_people p JOIN recipients r ON r.id = p.recipient_id")
        wrong = {row["ref"]: (tuple(row)[1:], tuple(expected[row["ref"]])) for row in rows if tuple(row)[1:] != tuple(expected[row["ref"]])}
        assert not wrong, (len(wrong), list(wrong.items())[:20])
        assert len(rows) == PEOPLE
        await _release(wanda, rita, case)
        lap("released")
        async with stack.running("worker"):
            async def done():
                return not await stack.value("SELECT count(*) FROM mailings WHERE category = 'breach' AND finished_at IS NULL")
            await until(done, "the mail to go")
            lap("sent")
            for r in await stack.query("SELECT l.kind, l.category, l.reason, l.rule, l.fields, count(*) FROM ledger l WHERE mailing_id IN (SELECT mailing_id FROM breach_mailings) GROUP BY 1,2,3,4,5 ORDER BY 1,3"): print(tuple(r))
            for r in await stack.query("SELECT d.state, d.reason, n.state, n.reason, n.channel, n.note, count(*) FROM deliveries d LEFT JOIN notices n USING (mailing_id, recipient_id) WHERE mailing_id IN (SELECT mailing_id FROM breach_mailings) GROUP BY 1,2,3,4,5,6"): print(tuple(r))
            for r in await stack.query("SELECT * FROM ledger WHERE mailing_id IN (SELECT mailing_id FROM breach_mailings) AND kind='outcome' LIMIT 1"): print(dict(r))
        print(await stack.query("SELECT state, count(*) FROM letters GROUP BY 1"))
        print((await stack.done("breach", "outcomes", case.rpartition("/")[2], "--json")).out[:3000])
        print(await rita.open(f"{case}/outcomes"))
        print(await rita.open(f"{case}/letters"))
    assert 0


async def _open_case(writer: ConsolePerson) -> str:
    """Opens a case, and writes the facts step by step. Returns its path."""
    page = writer.page
    await writer.open("/console/breaches/new")
    await page.select_option("#of-brand", BRAND)
    await page.fill("#name", "Copied table")
    await writer.press("Create the case")
    case = re.match(r"/console/breaches/[0-9a-f-]{36}", page.url.removeprefix(writer.site))
    assert case is not None, page.url
    for step, fields in FACTS.items():
        assert f"step={step}" in page.url, page.url
        for selector, value in fields.items():
            await page.fill(selector, value)
        for value in TICKS.get(step, ()):
            await page.check(f"main [value={value}]")
        words = await writer.press("Save and go on" if step != "authorities" else "Save and go to the case")
        assert "Nothing was saved" not in words, words
    return case[0]


async def _write_texts(writer: ConsolePerson, case: str) -> None:
    """Adds the variants that follow from the facts, each in three languages from the blocks, and fills their blanks."""
    page, policy = writer.page, policy_of(BRAND)
    await writer.open(f"{case}/phases/1")
    await writer.submit("button[value=suggest]")
    variants = [await one.inner_text() for one in await page.locator(".grid th.lead bdi").all()]
    print(variants)
    for variant in variants:
        for locale in ("en", "de", "fr"):
            await page.fill("#text_locale", locale)
            await page.select_option("#text_variant", variant)
            await writer.submit("button[value=add-text]")
            for area in await page.locator("textarea[id^='t0.']").all():
                said = await area.input_value()
                if "[" in said:
                    part = (await area.get_attribute("id") or "").removeprefix("t0.")
                    await area.fill(filled_part(part, said, locale, policy))
    words = await writer.press("Save")
    print(words[:3000])


async def _choose_and_check(writer: ConsolePerson, case: str) -> None:
    """Names the list of hacked mailboxes, and checks."""
    await writer.open(f"{case}/phases/1/audience")
    await writer.page.fill("#compromised", LIST)
    await writer.press("Save")
    await writer.open(f"{case}/phases/1/check")
    await writer.press("Check now")
    words = await writer.wait_for(f"{case}/phases/1/check", "Go to the release")
    print(words)


async def _release(writer: ConsolePerson, releaser: ConsolePerson, case: str) -> None:
    """Asks, and is released by somebody else; the writer herself cannot."""
    path = f"{case}/phases/1/release"
    await writer.open(path)
    asked = await writer.press("Ask for the release")
    assert "Release it to" not in asked
    print(await releaser.open(path))
    await releaser.page.fill("#people", "2,000")
    words = await releaser.press("Release it to 2,000 people")
    assert "This phase is released" in words, words
