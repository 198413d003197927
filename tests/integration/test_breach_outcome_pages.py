"""The pages, commands and API after a breach release: outcomes, public notice, reports and sample copies."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from mailer.actions.public_notices import PublicNoticeRefused, release_public_notice
from mailer.pipeline.public_notice_page_check import PublicNoticePageChecker
from mailer.policy.breach.authority_forms import FORMS
from mailer.policy.breach.draft import ELSEWHERE, BreachPhaseDraft, NoticeVariant
from mailer.policy.breach.public_notice import BreachPublicNoticeRefused
from mailer.policy.staff_rights import StaffRole
from mailer.ports.breach_cases import BreachCase, BreachChangeRefused
from mailer.postgres.breach_public_notices import PostgresBreachPublicNotices
from tests.breach_outcome_scenery import stored_templates
from tests.breach_outcome_scenes import FACTS, Line, draft_of, notice_text, open_case, publish_notice, released_phase
from tests.campaigns import commands
from tests.factories import BRAND, World
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.integration.test_breach_outcome_figures import count, scene
from tests.integration.web_world import browse
from tests.publishers import issue_key

SCRIPT = '"><script>alert(1)</script>'
PAGES = ("outcomes", "public-notice", "reports", "reports/gdpr-art-33", "samples")


def path_of(case: BreachCase, page: str) -> str:
    """The path of a page of a case."""
    return f"/console/breaches/{case.id}/{page}"


async def test_the_page_of_outcomes(world: World) -> None:
    """Each outcome with its number, why and what is next, by place and variant, with a drawing; nobody is named."""
    case, _ = await scene(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        assert "Nothing is counted yet" in (await browser.open(path_of(case, "outcomes"))).text
        await count(world)
        page = (await browser.open(path_of(case, "outcomes"))).text
        rows = list(csv.DictReader(io.StringIO((await browser.open(path_of(case, "outcomes.csv"))).text)))
    for words in (
        '<bdi>Told by mail</bdi></td><td role="cell" class="number" data-label="People"><bdi>5</bdi>',
        "Somebody finds a postal address",
        "The letter came back, and there is no newer address",
        '<rect class="of-told_by_mail"',
        "US-CA",
    ):
        assert words in page
    assert "user-1" not in page
    assert "People as CSV" not in page
    assert sum(int(row["people"]) for row in rows if row["phase"] == "0") == 12


async def test_only_who_may_read_people_takes_the_list(world: World) -> None:
    """Names and addresses need the right to read people; cells begin no formula."""
    case, _ = await scene(world)
    await count(world)
    await world.pool.execute("UPDATE recipients SET name = '=1+1' WHERE ref = 'user-2'")
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        refused = await browser.send(path_of(case, "people.csv"), on="/console/sessions")
        assert refused.status_code == 403
    async with open_browser(world) as browser:
        await browser.enter("Eve", role=StaffRole.PRIVACY_OFFICER)
        sent = await browser.send(path_of(case, "people.csv"), on=path_of(case, "outcomes"))
    rows = {row["ref"]: row for row in csv.DictReader(io.StringIO(sent.text))}
    assert rows["user-2"]["name"] == "'=1+1"
    assert rows["user-8"]["outcome"] == "not_to_be_told"


async def test_another_brand_sees_nothing(world: World) -> None:
    """Pages, files and the API answer as if there were no such case; an unknown case too."""
    case = await open_case(world, SCRIPT)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand="paltalk-2006")
        for page in PAGES:
            assert (await browser.open(path_of(case, page))).status_code == 404, page
    async with open_browser(world) as browser:
        await browser.enter("Eve", role=StaffRole.OPS)
        assert (await browser.open(f"/console/breaches/{uuid4()}/outcomes")).status_code == 404
        for page in PAGES:
            shown = await browser.open(path_of(case, page))
            assert (shown.status_code, "<script>alert" in shown.text) == (200, False), page


async def test_reports_and_samples(world: World) -> None:
    """Each form opens, and as a file; the sample copies name nobody of the case, and run nothing."""
    await world.known(1)
    case = await open_case(world)
    await released_phase(world, case, 1, {1: Line()}, templates=stored_templates())
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        for name in FORMS:
            assert (await browser.open(path_of(case, f"reports/{name}"))).status_code == 200
        text = (await browser.open(path_of(case, "reports/gdpr-art-33.md"))).text
        assert (await browser.open(path_of(case, "reports/gdpr-art-33.json"))).json()["form"] == "gdpr-art-33"
        assert "field,value" in (await browser.open(path_of(case, "reports/gdpr-art-33.csv"))).text
        for unknown in (
            "reports/gdpr",
            "reports/gdpr-art-33.exe",
            "samples/1/elsewhere/en.exe",
            "samples/2/elsewhere/en.txt",
        ):
            assert (await browser.open(path_of(case, unknown))).status_code == 404, unknown
        samples = (await browser.open(path_of(case, "samples"))).text
        shown = await browser.open(path_of(case, "samples/1/elsewhere/en.html"))
        plain = await browser.open(path_of(case, "samples/1/elsewhere/en.txt"))
        printed = await browser.open(path_of(case, "samples/1/elsewhere/en.pdf"))
        assert (await browser.open(path_of(case, "samples/1/elsewhere/fr.pdf"))).status_code == 404
    assert FACTS.summary in text
    assert f"{path_of(case, 'samples/1/elsewhere/en.html')}" in samples
    assert "sandbox" in shown.headers["content-security-policy"]
    assert "Hello!" in shown.text
    assert "Hello!" in plain.text
    assert "user-1" not in shown.text + plain.text
    assert printed.content.startswith(b"%PDF-1.")
    assert "sample-1-elsewhere-en.pdf" in printed.headers["content-disposition"]


async def published(world: World, case: BreachCase, draft: BreachPhaseDraft) -> list[str]:
    """The steps of the ledger's entries that publishing the notice of phase 1 makes."""
    return [str(entry.reason).split()[1] for entry in await publish_notice(world, case, draft)]


@pytest.mark.promise("interpals-17")
@pytest.mark.rule("breach-published")
async def test_the_release_of_a_phase_publishes_its_notice(world: World) -> None:
    """One transaction does both; the notice stands at once, in both languages, and the ledger names the case."""
    case = await open_case(world)
    assert await published(world, case, draft_of(public_days=30)) == ["drafted", "released"]
    async with browse(world) as client:
        page, german = [await client.get(f"/notices/{BRAND}", params={"lang": code}) for code in ("en", "de")]
    assert "this says what happened" in page.text
    assert "Bekanntmachung eines Datenlecks" in german.text
    assert "Notice of Data Breach" not in german.text
    [drafted, released] = [e for e in await world.entries(kind="control") if str(e["reason"]).startswith("public_n")]
    assert (drafted["rule"], released["fields"]) == (f"breach:{case.id}", ["phase:1"])


async def test_a_phase_without_public_days_publishes_nothing(world: World) -> None:
    """No row and no entry."""
    case = await open_case(world)
    assert await published(world, case, draft_of()) == []
    assert await world.pool.fetchval("SELECT count(*) FROM public_notices") == 0


async def test_a_notice_that_lacks_a_part_stops_the_release(world: World) -> None:
    """Nothing is stored, and the words name the language and the part."""
    case, whole = await open_case(world), notice_text()
    parts = {part: text for part, text in whole.parts.items() if part != "what_we_do"}
    text = whole.model_copy(update={"parts": parts})
    draft = BreachPhaseDraft(variants={ELSEWHERE: NoticeVariant(texts={"fr": text})}, public_days=30)
    with pytest.raises(BreachPublicNoticeRefused, match="fr: what we do"):
        await published(world, case, draft)
    with pytest.raises(BreachPublicNoticeRefused, match="30 to"):
        await published(world, case, draft_of(public_days=29))
    assert await world.pool.fetchval("SELECT count(*) FROM public_notices") == 0


async def draft_on_page(browser: ConsoleBrowser, case: BreachCase, days: str = "30") -> str:
    """The page after a draft of a public notice was sent."""
    fields = {"phase": "1", "variant": ELSEWHERE, "days": days}
    sent = await browser.send(path_of(case, "public-notice"), fields)
    return (await browser.open(path_of(case, "public-notice"))).text if sent.status_code == 303 else sent.text


async def test_a_second_person_releases_a_later_public_notice(world: World) -> None:
    """A substitute notice that becomes due later: its writer cannot release it, nor anybody by another case's page."""
    await world.known(1)
    case, other = await open_case(world), await open_case(world, "Other")
    await released_phase(world, case, 1, {1: Line()})
    async with open_browser(world) as browser:
        await browser.enter("Ada", role=StaffRole.OPS)
        assert "30 at least" in await draft_on_page(browser, case, "many")
        assert "write 30 to" in await draft_on_page(browser, case, "29")
        assert "waits for a second person" in await draft_on_page(browser, case)
        notice_id = await world.pool.fetchval("SELECT id FROM public_notices")
        act = path_of(case, f"public-notice/{notice_id}/release")
        refused = await browser.send(act, on=path_of(case, "public-notice"))
        assert (refused.status_code, "second person" in refused.text) == (422, True)
    async with open_browser(world) as browser:
        await browser.enter("Dana", role=StaffRole.PRIVACY_OFFICER)
        foreign = path_of(other, f"public-notice/{notice_id}/release")
        assert (await browser.send(foreign, on=path_of(other, "public-notice"))).status_code == 422
        assert (await browser.send(act, on=path_of(case, "public-notice"))).status_code == 303
        page = (await browser.open(path_of(case, "public-notice"))).text
        assert "On its page" in page
        assert f"/notices/{BRAND}?lang=de" in page
        assert (await browser.send(act, on=path_of(case, "public-notice"))).status_code == 422
        withdraw = path_of(case, f"public-notice/{notice_id}/withdraw")
        await browser.send(withdraw, on=path_of(case, "public-notice"))
        assert "Withdrawn" in (await browser.open(path_of(case, "public-notice"))).text


async def test_gaps_in_the_proof_are_kept_and_shown(world: World) -> None:
    """Seen, gone, then seen again: first and last time, and the gap with its end, on the page and in the ledger."""
    case = await open_case(world)
    await published(world, case, draft_of(public_days=30))
    store = PostgresBreachPublicNotices(world.pool, world.writers)
    [one] = await store.list_notices_of_case(case.id)
    pages = iter([f'data-digest="{one.notice.digest}"', "gone", "gone", f'data-digest="{one.notice.digest}"'])

    async def fetch(url: str) -> str:
        assert url == f"https://mail.example/notices/{BRAND}"
        return next(pages)

    checker = PublicNoticePageChecker(store.notices, "https://mail.example", fetch)
    for _ in range(3):
        await checker.check_notice_pages_once()
    [missed] = (await store.list_notices_of_case(case.id))[0].gaps
    assert (missed.ended_at, missed.last_seen_at is not None) == (None, True)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        assert "Not at its address now" in (await browser.open(path_of(case, "public-notice"))).text
        await checker.check_notice_pages_once()
        page = (await browser.open(path_of(case, "public-notice"))).text
    [gap] = (await store.list_notices_of_case(case.id))[0].gaps
    assert gap.ended_at is not None
    assert "Not at its address now" not in page
    assert "found again" in page
    steps = [str(e["reason"]).split()[1] for e in await world.entries(kind="control") if "notice" in str(e["reason"])]
    assert steps == ["drafted", "released", "seen", "missed", "seen"]


async def test_a_phase_that_is_not_released_has_no_public_notice(world: World) -> None:
    """Nor has a variant that it does not have; a draft that lay too long is drafted again."""
    await world.known(1)
    case = await open_case(world)
    store = PostgresBreachPublicNotices(world.pool, world.writers)
    with pytest.raises(BreachChangeRefused, match="no released phase 1"):
        await store.add_draft_of_phase(case.id, 1, ELSEWHERE, 30, "person:Ada")
    await released_phase(world, case, 1, {1: Line()})
    with pytest.raises(BreachChangeRefused, match="no variant us-ca"):
        await store.add_draft_of_phase(case.id, 1, "us-ca", 30, "person:Ada")
    made = await store.add_draft_of_phase(case.id, 1, ELSEWHERE, 30, "person:Ada")
    late = datetime.now(UTC).date() + timedelta(days=5)
    with pytest.raises(PublicNoticeRefused, match="draft it again"):
        await release_public_notice(store.notices, made.id, "Dana", late)


async def test_commands_and_api_say_the_same(world: World, tmp_path: Path, database_url: str) -> None:
    """`outcomes --json` is what the API answers; a key without the right, and another brand, get nothing."""
    case, _ = await scene(world)
    await count(world)
    await world.pool.execute("UPDATE recipients SET name = $1 WHERE ref = 'user-2'", "\x1b[31mRed")
    operator = commands(tmp_path, database_url)
    by_command = (await operator.done("breach", "outcomes", str(case.id), "--json")).json
    assert by_command["outcomes"]["told_by_mail"] == 5
    assert "letter is printed" not in (await operator.done("breach", "outcomes", str(case.id))).out
    report = (await operator.done("breach", "report", str(case.id), "--for", "us-ca-ag")).out
    assert "Attorney General of California" in report
    assert (await operator.run("breach", "report", str(case.id), "--for", "us-xx")).status == 2
    assert (await operator.run("breach", "outcomes", str(UUID(int=7)))).status == 2
    people = (await operator.done("breach", "people", str(case.id), "--by", "Dana")).out
    assert (len(people.strip().splitlines()), "\x1b" in people) == (13, False)
    refused = await operator.run("breach", "public-notice", str(case.id), "--phase", "1", "--days", "3", "--by", "Ada")
    assert (refused.status, "30 to" in refused.err) == (2, True)
    await operator.done("breach", "public-notice", str(case.id), "--phase", "1", "--days", "30", "--by", "Ada")
    entries = [e for e in await world.entries() if e["reason"] == "people_exported"]
    assert [e["actor"] for e in entries] == ["person:Dana"]
    key = await issue_key(world.pool, "shop", BRAND)
    async with browse(world, authorization=f"Bearer {key}") as client:
        path = f"/api/v1/breach-cases/{BRAND}/{case.id}"
        assert (await client.get(f"{path}/outcomes")).json() == by_command
        assert (await client.get(f"{path}/reports/nis2-24h")).json()["form"] == "nis2-24h"
        assert (await client.get(f"{path}/reports/nothing")).status_code == 404
        assert (await client.get(f"/api/v1/breach-cases/{BRAND}/{uuid4()}/outcomes")).status_code == 404
