"""A breach in Chromium without JavaScript: two people go from the first fact to the pack."""

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from playwright.async_api import Page

from mailer.actions.evidence import verify_pack
from mailer.policy.staff_rights import StaffRole
from mailer.postgres.breach_cases import PostgresBreachCases
from mailer.postgres.breach_outcomes import PostgresBreachFigureCounts
from tests.breach_checks import BreachChecks
from tests.breach_scene import COMPROMISED, expected_of_people, scene_people, seed_scene
from tests.breach_texts import filled
from tests.breach_world import Breaches
from tests.browser.chromium import page_with_session, running_chromium, serving, session_of
from tests.factories import BRAND, World, policies

PEOPLE = 264
"""Each circumstance meets each place, with and without a postal address; test_breach_scene.py has 2,000."""
LANGUAGES = {"eu": ("en", "de", "fr")}
"""The languages of a variant; of others English."""
BY_PLACE = "DE 250\nFR 250\nGB 250\nUS-CA 250\nUS-MA 250\nUS-NY 250"
MAIN = "main button.main"


async def press(page: Page, button: str, typed: Mapping[str, str] | None = None, *ticked: str) -> None:
    """Fills fields in, ticks boxes and presses a button; the answer is a page without a fault."""
    for where, text in (typed or {}).items():
        await page.fill(where, text)
    for box in ticked:
        await page.check(box)
    async with page.expect_navigation() as arrived:
        await page.click(button)
    answer = await arrived.value
    assert answer is not None
    assert answer.status == 200, (page.url, await page.inner_text("main"))


async def write_facts(page: Page, url: str) -> UUID:
    """Creates a case and says its facts, step by step. Returns its id."""
    await page.goto(f"{url}/console/breaches/new")
    if await page.query_selector("#of-brand"):
        await page.select_option("#of-brand", BRAND)
    await press(page, MAIN, {"#name": "Stolen backup"})
    summary = "A backup with names and addresses was stolen."
    found = {"#began_on": "2026-11-20", "#ended_on": "2026-11-21", "#found_at": "2026-11-22T09:00", "#zone": "UTC"}
    await press(page, MAIN, {"#summary": summary, **found})
    data = [f"[name=data][value={one}]" for one in ("name", "email_address", "social_security_number")]
    await press(page, MAIN, None, *data, "[name=risk][value=high]")
    await press(page, MAIN, {"#people_by_place": BY_PLACE})
    await press(page, MAIN, None, "[name=mail_trouble][value=theirs]")
    await press(page, MAIN, {"#effects": "Strangers may write to them.", "#measures": "The gap is closed."})
    await press(page, MAIN)
    return UUID(page.url.partition("/breaches/")[2][:36])


async def write_texts(page: Page, one: str, world: World, case_id: UUID) -> None:
    """Takes the suggested variants and the shipped blocks; blanks are filled in as a writer would."""
    await page.goto(f"{one}/phases/1")
    await press(page, "button[value=suggest]")
    variants = [
        str(await option.get_attribute("value")) for option in await page.query_selector_all("#text_variant option")
    ]
    assert {"eu", "gb", "us-ca", "us-ma", "us-ny", "elsewhere"} <= set(variants)
    for variant in variants:
        for locale in LANGUAGES.get(variant, ("en",)):
            await page.select_option("#text_variant", variant)
            await page.select_option("#begin_with", "blocks")
            await press(page, "button[value=add-text]", {"#text_locale": locale})
    cases = PostgresBreachCases(world.pool, world.writers)
    phase = await cases.find_phase(case_id, 1)
    assert phase is not None
    written = {
        name: variant.model_copy(
            update={
                "texts": {locale: filled(text, locale, policies()[BRAND]) for locale, text in variant.texts.items()}
            }
        )
        for name, variant in phase.draft.variants.items()
    }
    draft = phase.draft.model_copy(update={"variants": written})
    await cases.save_phase(case_id, 1, phase.revision, draft, "person:Dana Duty")


async def test_two_people_tell_everybody_of_a_breach(world: World, tmp_path: Path) -> None:
    """Facts, texts, audience, check and request by one; release, outcomes and pack by the other."""
    people = scene_people(PEOPLE)
    expected = expected_of_people(people)
    await seed_scene(world, people)
    writer = await session_of(world, StaffRole.OPS)
    releaser = await session_of(world, StaffRole.PRIVACY_OFFICER, name="Paula Privacy")
    breaches = Breaches(world)
    async with serving(world) as url, running_chromium() as browser:
        async with page_with_session(browser, url, writer, java_script_enabled=False) as page:
            case_id = await write_facts(page, url)
            one = f"{url}/console/breaches/{case_id}"
            await write_texts(page, one, world, case_id)
            await page.goto(f"{one}/phases/1/audience")
            await press(page, MAIN, {"#compromised": COMPROMISED})
            await page.goto(f"{one}/phases/1/check")
            await press(page, "form[action$='/check'] button")
            assert await BreachChecks(world).builder().build_waiting_manifests() == 1
            await page.goto(f"{one}/phases/1/check")
            assert f"{PEOPLE:,}" in await page.inner_text("main")
            await page.goto(f"{one}/phases/1/release")
            await press(page, "form[action$='/ask'] button")
            assert await page.query_selector("form[action$='/release'] button") is None
        async with page_with_session(browser, url, releaser, java_script_enabled=False, accept_downloads=True) as page:
            await page.goto(f"{one}/phases/1/release")
            await press(
                page,
                "form[action$='/release'] button.main",
                {"form[action$='/release'] input[name=people]": f"{PEOPLE}"},
            )
            await breaches.send_all()
            await PostgresBreachFigureCounts(world.pool).count_next_case()
            await page.goto(f"{one}/outcomes")
            mailed = sum(line.channel == "mail" for line in expected.values())
            assert f"{mailed:,}" in await page.inner_text("main")
            await page.goto(f"{one}/pack")
            await page.select_option("#reason", "authority")
            async with page.expect_download() as download:
                await page.click(MAIN)
            await (await download.value).save_as(tmp_path / "pack.zip")
    rows = await world.pool.fetch(
        "SELECT r.ref, p.channel, p.reason, p.locale, p.place FROM breach_manifest_people p"
        " JOIN recipients r ON r.id = p.recipient_id"
    )
    found = {row["ref"]: tuple(row)[1:] for row in rows}
    assert found == {ref: (line.channel, line.reason, line.locale, line.place) for ref, line in expected.items()}
    right, wrong = verify_pack.verify_pack(str(tmp_path / "pack.zip"), None)
    assert wrong == []
    assert any(f"{PEOPLE} people add up" in line for line in right)
