"""A breach of 2,000 people from its facts to the verified pack, in Chromium without scripts: issue 19, acceptance 1.

Two people do it over mailer's own processes: ops write, a privacy officer releases. Each figure is counted again here.
"""

import asyncio
import re
import zipfile
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tests.breach_night import (
    BRAND,
    LANGUAGES,
    LIST,
    PEOPLE,
    VARIANTS,
    NightPerson,
    Told,
    night_people,
    seed_night,
    told_by_law,
)
from tests.breach_texts import filled_part, policy_of
from tests.browser.chromium import running_chromium
from tests.campaign_console import ConsolePerson, at_localhost, signed_in
from tests.printed_letters import HAS_TOOLS, LETTER_FONTS, text_of_pdf
from tests.processes import Stack, until

PYTHON = "/usr/bin/python3"
"""Python as the system has it, without anything of mailer."""
LOCALES = ("en", *LANGUAGES.values())
TICKS = {"data": ("name", "email_address", "social_security_number", "high"), "mail": ("theirs",)}
FIELDS = {
    "when": {
        "summary": "A stranger has copied the table of members.",
        "began_on": "2026-01-03",
        "ended_on": "2026-01-04",
        "found_at": "2026-01-05T09:00",
        "zone": "Europe/Berlin",
    },
    "data": {},
    "people": {"people_by_place": "DE 250\nFR 250\nGB 250\nUS-CA 250\nUS-MA 250\nUS-NY 250"},
    "mail": {},
    "measures": {"effects": "Strangers know names.", "measures": "The access was closed within the hour."},
    "authorities": {},
}
"""The facts, step by step."""
OUTCOMES = {"told_by_mail": "Told by mail", "told_by_letter": "Told by letter", "waiting": "Waiting"}
SUBSTITUTES = (
    ("gdpr-public", "DE", "FR"),
    ("gb-public", "GB"),
    ("us-ca-substitute", "US-CA"),
    ("us-ma-substitute", "US-MA"),
    ("us-ny-substitute", "US-NY"),
    ("us-ca-substitute", "US", "BR"),
)
"""The substitute notices that are due, by rule and places; the last one is the strictest where no place has its own."""
LETTERS = 10
"""Letters of the run: German ones, for the window of DIN 5008."""
Sums = Counter[tuple[str, ...]]


def _mark(variant: str, locale: str) -> str:
    """The words by which a reader knows a text from the others."""
    return f"{variant}.{locale}.text"


MARK = re.compile(r"([a-z-]+)\.([a-z]{2})\.text")


async def test_breach_desk(small_stack: Stack, tmp_path: Path) -> None:
    """Everybody ends told by the right channel and variant, or with the reason; the sums are those of the ledger."""
    people = night_people()
    expected = told_by_law(people)
    stack = at_localhost(small_stack, tmp_path, LETTER_FONTS=str(LETTER_FONTS))
    async with AsyncExitStack() as all_:
        await all_.enter_async_context(stack.running("timekeeper", "web"))
        await all_.enter_async_context(stack.client())
        browser = await all_.enter_async_context(running_chromium())
        seeding = asyncio.create_task(seed_night(stack, people, tmp_path))
        wanda = await all_.enter_async_context(signed_in(browser, stack, "Wanda Writer", "ops"))
        rita = await all_.enter_async_context(signed_in(browser, stack, "Rita Releaser", "privacy-officer"))
        case = await _open_case(wanda)
        await _write_texts(wanda, case)
        await seeding
        await _choose_and_check(wanda, case)
        assert await _lines(stack) == expected
        await _ask_and_release(wanda, rita, case)
        async with stack.running("worker"):
            await _go_out(stack)
        _assert_each_mail_is_the_right_one(stack, people, expected)
        reminded = {mail.recipients[0] for mail in stack.mails(Subject="[Breach] Copied table: the deadline is over")}
        assert reminded == {"wanda@work.example", "rita@work.example"}
        await _compare_figures(rita, stack, case, people, expected)
        if HAS_TOOLS:
            await _print_and_post(rita, stack, case, expected)
            await _compare_figures(rita, stack, case, people, expected)
    await _verify_pack(stack, case, tmp_path)


async def _open_case(writer: ConsolePerson) -> str:
    """Opens a case, and writes the facts step by step. Returns its path."""
    page = writer.page
    await writer.open("/console/breaches/new")
    await page.select_option("#of-brand", BRAND)
    await page.fill("#name", "Copied table")
    await writer.press("Create the case")
    for step, fields in FIELDS.items():
        assert f"step={step}" in page.url, await writer.words()
        for name, value in fields.items():
            await page.fill(f"#{name}", value)
        for value in TICKS.get(step, ()):
            await page.check(f"main [value={value}]")
        await writer.press("Save and go to the case" if step == [*FIELDS][-1] else "Save and go on")
    path = page.url.removeprefix(writer.site)
    assert re.fullmatch(r"/console/breaches/[0-9a-f-]{36}", path), await writer.words()
    return path


async def _write_texts(writer: ConsolePerson, case: str) -> None:
    """Adds the variants that follow from the facts, each in three languages from the blocks, and fills their blanks."""
    page = writer.page
    await writer.open(f"{case}/phases/1")
    await writer.submit("button[value=suggest]")
    variants = [await one.inner_text() for one in await page.locator(".grid th.lead bdi").all()]
    assert set(variants) == {*VARIANTS.values(), "elsewhere"}
    for variant in variants:
        for locale in LOCALES:
            await page.fill("#text_locale", locale)
            await page.select_option("#text_variant", variant)
            await writer.submit("button[value=add-text]")
            await _fill_blanks(writer, variant, locale)
    await writer.press("Save")
    assert await page.locator(".grid .state.finished").count() == len(variants) * len(LOCALES), await writer.words()


async def _fill_blanks(writer: ConsolePerson, variant: str, locale: str) -> None:
    """Fills the blanks of the text that was added last, and marks it."""
    for area in await writer.page.locator("textarea[id^='t0.']").all():
        part, said = (await area.get_attribute("id") or "").removeprefix("t0."), await area.input_value()
        filled = filled_part(part, said, locale, policy_of(BRAND))
        if part == "what_you_can_do":
            filled += f"\n\n{_mark(variant, locale)}"
        if filled != said:
            await area.fill(filled)


async def _choose_and_check(writer: ConsolePerson, case: str) -> None:
    """Tells everyone; names the list of the mailboxes that strangers can read, and checks."""
    await writer.open(f"{case}/phases/1/audience")
    await writer.page.fill("#compromised", LIST)
    await writer.press("Save")
    await writer.open(f"{case}/phases/1/check")
    await writer.press("Check now")
    checked = await writer.wait_for(f"{case}/phases/1/check", "Go to the release")
    assert "The figures add up to 2,000 people." in checked


async def _lines(stack: Stack) -> dict[str, Told]:
    """The lines of the check, by ref."""
    rows = await stack.query(
        "SELECT r.ref, p.channel, p.reason, p.variant, p.locale, p.place"
        " FROM breach_manifest_people p JOIN recipients r ON r.id = p.recipient_id"
    )
    return {ref: Told(*line) for ref, *line in rows}


async def _ask_and_release(writer: ConsolePerson, releaser: ConsolePerson, case: str) -> None:
    """Asks, and is released by somebody else, who types the number; the writer herself cannot."""
    path = f"{case}/phases/1/release"
    await writer.open(path)
    assert "Release it to" not in await writer.press("Ask for the release")
    shown = await releaser.open(path)
    assert "by letter\tstrangers can read the mailbox\tus-ca\tUS-CA\t1" in shown
    await releaser.page.fill("#people", "2,000")
    assert "This phase is released." in await releaser.press("Release it to 2,000 people")


async def _go_out(stack: Stack) -> None:
    """Returns once each mail has gone and each letter is noted."""

    async def has_ended() -> bool:
        unfinished = "SELECT count(*) FROM mailings WHERE category = 'breach' AND finished_at IS NULL"
        return not await stack.value(unfinished)

    await until(has_ended, "the mail to go")


def _assert_each_mail_is_the_right_one(stack: Stack, people: list[NightPerson], expected: dict[str, Told]) -> None:
    """Reads every mail: to each mailbox goes the text of each person who has it, and to nobody else anything."""
    due, sent = Sums(), Sums()
    for one in people:
        told = expected[one.ref]
        if told.channel == "mail":
            due[one.email, told.variant, told.locale] += 1
    for mail in stack.mails():
        [address] = mail.recipients
        if address.endswith("@people.example"):
            text = mail.text or ""
            [mark] = MARK.findall(text)
            assert MARK.findall(mail.html or "") == [mark]
            assert ("What Happened" in text) is (mark[1] == "en" and mark[0] != "us-ma"), text
            sent[address, *mark] += 1
    assert sent == due


async def _compare_figures(
    reader: ConsolePerson, stack: Stack, case: str, people: list[NightPerson], expected: dict[str, Told]
) -> None:
    """Counts each figure of the page and of the command again, from the ledger, the deliveries and the scene."""
    told = await _ways_in_ledger(stack, expected)
    assert told.keys() == expected.keys()
    sums, outcomes, unreachable = Sums(), Counter[str](), Counter[str]()
    for one in people:
        line, outcome, next_ = expected[one.ref], *_outcome(told[one.ref], one)
        reason = "" if outcome == "told_by_mail" else line.reason
        sums[line.variant, line.place, line.channel, outcome, reason, next_] += 1
        outcomes[outcome] += 1
        unreachable[line.place] += next_ == "address_is_found"
    await _count_anew(stack)
    found = (await stack.done("breach", "outcomes", case.rpartition("/")[2], "--json")).json
    assert _counted(found["counts_of_case"]) == sums
    assert _counted(found["counts"]) == sums
    assert found["people"] == PEOPLE == outcomes.total()
    assert {name: n for name, n in found["outcomes"].items() if n} == outcomes
    assert [{name: n for name, n in one["outcomes"].items() if n} for one in found["phases"]] == [outcomes]
    assert found["unreachable_by_place"] == unreachable
    await _compare_page(reader, case, outcomes, sums)


async def _count_anew(stack: Stack) -> None:
    """Returns once the timekeeper has counted what is there now; it would by itself, some seconds later."""
    now = await stack.value("SELECT now()")
    counted = "SELECT count(*) FROM breach_figures WHERE counted_at > $1"
    await until(lambda: stack.value("SELECT count(*) FROM breach_figures"), "the figures of the case")
    await stack.query("UPDATE breach_figures SET next_at = now()")
    await until(lambda: stack.value(counted, now), "the figures to be counted")


async def _compare_page(reader: ConsolePerson, case: str, outcomes: Counter[str], sums: Sums) -> None:
    """Compares each table of the page with figures that were counted again."""
    words = await reader.open(f"{case}/outcomes")
    mailed = outcomes["told_by_mail"]
    assert f"diverted: {PEOPLE - mailed}; handed over: {mailed:,}." in words, words
    reached = [name for name in OUTCOMES if outcomes[name]]
    shown = {name: row for name, row in (await _table(reader, "sums")).items() if any(row)}
    assert shown == {OUTCOMES[name]: [outcomes[name]] for name in reached} | {"All together": [PEOPLE]}
    for table, field in (("places", 1), ("variants", 0)):
        parts = {key[field] for key in sums}
        due = {part: [_sum(sums, (field, part), (3, name)) for name in reached] for part in parts}
        assert await _table(reader, table) == due
    channels = {"mail": "Mail", "letter": "Letter", "none": "None: no way is known"}
    assert await _table(reader, "channels") == {said: [_sum(sums, (2, name))] for name, said in channels.items()}
    due_notices = re.findall(r"\((\d+) of (\d+) people cannot be reached; ([a-z-]+)\)", words)
    assert sorted(due_notices) == sorted(
        (
            str(sum(_sum(sums, (1, place), (5, "address_is_found")) for place in places)),
            str(sum(_sum(sums, (1, place)) for place in places)),
            rule,
        )
        for rule, *places in SUBSTITUTES
    )
    reasons = Counter[tuple[str, ...]]()
    for key, people in sums.items():
        reasons[key[3:]] += people
    last = reader.page.locator("[aria-label='Why, and what is next'] tbody td:last-child")
    assert sorted(map(_number, await last.all_inner_texts())) == sorted(reasons.values())


def _sum(sums: Sums, *wanted: tuple[int, str]) -> int:
    """The people whose keys have each wanted word at its place."""
    return sum(people for key, people in sums.items() if all(key[place] == word for place, word in wanted))


def _number(text: str) -> int:
    return int(re.sub(r"\D", "", text))


async def _table(reader: ConsolePerson, name: str) -> dict[str, list[int]]:
    """The figures of a table of the page, by the first cell of the row."""
    rows = reader.page.locator(f"table:has(caption#{name}) tbody tr")
    cells = [await row.locator("td").all_inner_texts() for row in await rows.all()]
    return {first: [*map(_number, figures)] for first, *figures in cells}


def _counted(counts: list[dict[str, Any]]) -> Sums:
    fields = ("variant", "place", "channel", "outcome", "reason", "next")
    return Sums({tuple(one[field] for field in fields): one["people"] for one in counts})


async def _ways_in_ledger(stack: Stack, expected: dict[str, Told]) -> dict[str, str]:
    """The way in which each person was told so far, by ref: `mail`, `posted`, `in_run` or `noted`.

    Ledger and delivery have to say the same, and the decision in the ledger has the reason that is expected.
    """
    rows = await stack.query(
        "SELECT r.ref, d.state, array_agg(l.kind || ' ' || coalesce(l.reason, '') ORDER BY l.at, l.n) AS said"
        " FROM deliveries d JOIN recipients r ON r.id = d.recipient_id"
        " JOIN ledger l ON l.mailing_id = d.mailing_id AND l.recipient_id = d.recipient_id"
        " WHERE d.mailing_id IN (SELECT mailing_id FROM breach_mailings) GROUP BY 1, 2"
    )
    return {row["ref"]: _way(row["state"], row["said"], expected[row["ref"]]) for row in rows}


_TAKEN = "action notice_taken"


def _way(state: str, said: list[str], line: Told) -> str:
    assert (state == "handed_over") is (line.channel == "mail")
    if state == "handed_over":
        assert said == ["decision send", "hand_over ", "outcome accepted"], said
        return "mail"
    assert state == "diverted"
    decision, *steps = said
    assert decision == f"decision {line.reason}", said
    return {(): "noted", (_TAKEN,): "in_run", (_TAKEN, "action notice_done"): "posted"}[*steps,]


def _outcome(way: str, one: NightPerson) -> tuple[str, str]:
    """The outcome of a person and the next step."""
    match way:
        case "mail":
            return "told_by_mail", ""
        case "posted":
            return "told_by_letter", ""
        case "in_run":
            return "waiting", "letter_is_posted"
        case _:
            return "waiting", "letter_is_printed" if one.has_postal_address else "address_is_found"


async def _print_and_post(worker: ConsolePerson, stack: Stack, case: str, expected: dict[str, Told]) -> None:
    """Makes a run of German letters, reads its PDF, and imports that the post has all but one."""
    page, id_ = worker.page, case.rpartition("/")[2]
    await worker.open(f"{case}/letters")
    await page.select_option("#group", "de din")
    await page.fill("#letters", str(LETTERS))
    await worker.press("Make a run")
    await worker.wait_for(f"{case}/letters", "Download PDF")
    async with page.expect_download() as begun:
        await page.get_by_role("button", name="Download PDF").first.click()
    text = text_of_pdf((await (await begun.value).path()).read_bytes())
    assert MARK.findall(text) == [("eu", "de")] * LETTERS
    letters = [one["letter"] for one in (await stack.done("letters", "list", id_, "--state", "in_run", "--json")).json]
    assert len(letters) == LETTERS
    report = "letter,state,day,code\n" + "".join(f"{one},posted,2026-01-08,\n" for one in letters[1:])
    await page.set_input_files("#file", {"name": "posted.csv", "mimeType": "text/csv", "buffer": report.encode()})
    imported = await worker.press("Import")
    assert f"{LETTERS - 1} rows recorded, 0 were known, 0 refused." in imported


async def _verify_pack(stack: Stack, case: str, folder: Path) -> None:
    """Exports the pack, and lets the verifier in it look at it, with a Python that knows nothing of mailer."""
    pack = folder / "pack.zip"
    await stack.done("breach", "export", case.rpartition("/")[2], "--out", str(pack), "--reason", "authority")
    with zipfile.ZipFile(pack) as opened:
        opened.extract("verify_pack.py", folder)
    verified = await stack.done("-I", str(folder / "verify_pack.py"), str(pack), program=(PYTHON,))
    assert f"{PEOPLE} people add up" in verified.out
