"""`/notices/{brand}`: a notice of a breach for everybody, released by a second person, seen from outside."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from mailer.actions.public_notices import PublicNoticeRefused, parse_public_notice, release_public_notice
from mailer.ledger.ledger_operations import LedgerOperations
from mailer.pipeline.public_notice_page_check import PublicNoticePageChecker
from mailer.policy.public_notices import PARTS, PublicNotice
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.flow_metrics import PostgresFlowMetrics
from mailer.postgres.public_notices import PostgresPublicNotices
from mailer.processors.public_page_fetching import fetch_public_page
from mailer.web.app import create_app
from mailer.web.languages import LANGUAGES
from mailer.web.server import serve_app
from tests.campaigns import commands
from tests.factories import BRAND, KEY, World
from tests.integration.web_world import browse, site_over
from tests.processes import Stack
from tests.staff import add_person

PAGE = f"/notices/{BRAND}"
ATOM = "{http://www.w3.org/2005/Atom}"
SCRIPT = "</p><script>alert(1)</script>]]>&"


def today() -> date:
    """The day, as the page counts it."""
    return datetime.now(UTC).date()


def content(first: int = 0, last: int = 30, **texts: Any) -> dict[str, Any]:
    """The content of a file whose days are so many days from now."""
    return {
        "first_day": today() + timedelta(days=first),
        "last_day": today() + timedelta(days=last),
        **(texts or {"en": text("Notice of Data Breach"), "de": text("Bekanntmachung eines Datenlecks")}),
    }


def text(title: str, more: str = "") -> dict[str, str]:
    """A whole notice in one language."""
    return {"title": title, **{part: f"{title}: what there is to say of {part}.{more}" for part in PARTS}}


def notice(first: int = 0, last: int = 30, **texts: Any) -> PublicNotice:
    """A notice that Ada drafted."""
    read = content(max(first, 0), max(first, 0) + 30, **texts)
    made = parse_public_notice(uuid7(), BRAND, read, "Ada", today())
    begin, end = (today() + timedelta(days=days) for days in (first, last))
    return PublicNotice(made.id, BRAND, made.texts, begin, end, "Ada")


async def released(world: World, *notices: PublicNotice) -> PostgresPublicNotices:
    """Drafts notices, and has Dana release them."""
    store = PostgresPublicNotices(world.pool, world.writers)
    for one in notices:
        await store.add_draft(one)
        assert await store.release(one.id, "Dana")
    return store


async def steps(world: World) -> list[str]:
    """The steps of notices in the ledger, in order."""
    entries = [str(entry["reason"]).split() for entry in await world.entries(kind="control")]
    return [entry[1] for entry in entries if entry[0] == "public_notice"]


@pytest.mark.promise("interpals-17")
@pytest.mark.rule("public-notice")
async def test_a_notice_stands_from_its_first_day_to_its_last(world: World) -> None:
    """Those of today are on the page and in the feed, whole; drafts, coming, past and withdrawn ones are not."""
    now, one_day = notice(0, 30, en=text("Breach of today")), notice(0, 0, en=text("Breach of one day"))
    others = [
        notice(1, 31, en=text("Not yet up")),
        notice(-40, -1, en=text("Over by now")),
        notice(en=text("Mistaken")),
    ]
    store = await released(world, now, one_day, *others)
    assert await store.withdraw(others[2].id, "Dana")
    await store.add_draft(notice(en=text("Only a draft")))
    async with browse(world) as client:
        page, feed = await client.get(PAGE), await client.get(f"{PAGE}/feed.atom")
        other = await client.get("/notices/peerstream")
    for seen in (page.text, feed.text):
        assert "Breach of today" in seen
        assert "Breach of one day" in seen
        assert not any(words in seen for words in ("Not yet up", "Over by now", "Mistaken", "Only a draft"))
        assert all(f"what there is to say of {part}" in seen for part in PARTS)
    assert "What Happened".lower() in page.text.lower()
    assert f'data-digest="{now.digest}"' in page.text
    assert other.status_code == 200
    assert "Breach" not in other.text


@pytest.mark.parametrize("code", sorted(LANGUAGES))
async def test_a_notice_speaks_the_language_of_its_reader(world: World, code: str) -> None:
    """The page is in the reader's language; a text that the notice lacks is in that of the brand, and says so."""
    await released(world, notice())
    async with browse(world) as client:
        page, feed = [await client.get(path, params={"lang": code}) for path in (PAGE, f"{PAGE}/feed.atom")]
    spoken = "de" if code == "de" else "en"
    assert f'<entry xml:lang="{spoken}">' in feed.text
    assert LANGUAGES[spoken].texts["notice_parts"]["what_we_do"] in page.text
    assert f' lang="{spoken}" dir="ltr">\n<h2 lang="{spoken}" dir="auto">' in page.text
    day = LANGUAGES[spoken].format_day(today())
    assert LANGUAGES[spoken].texts["notice_days"].partition("{last}")[0].format(first=day) in page.text


async def test_a_notice_in_a_language_without_texts_is_shown(world: World) -> None:
    """Its own words say in which language they are; the headings and days are in the reader's."""
    await released(world, notice(it=text("Avviso di violazione")))
    async with browse(world) as client:
        page = await client.get(PAGE, params={"lang": "ar"})
    assert ' lang="ar" dir="rtl">\n<h2 lang="it" dir="auto">' in page.text
    assert LANGUAGES["ar"].texts["notice_parts"]["what_we_do"] in page.text


async def test_nothing_follows_a_reader(world: World) -> None:
    """No cookie, no script, no picture or style from elsewhere, no form; a POST is not taken, and nothing is stored."""
    await released(world, notice())
    async with browse(world, cookie="a=b") as client:
        for path in (PAGE, f"{PAGE}/feed.atom"):
            answer, head, posted = await client.get(path), await client.head(path), await client.post(path)
            assert (answer.status_code, head.status_code, posted.status_code) == (200, 200, 405)
            assert "set-cookie" not in answer.headers
            assert not any(word in answer.text for word in ("<script", "<form", 'src="http', "<iframe"))
        none = await client.get("/notices/nobody")
        feed = await client.get("/notices/nobody/feed.atom")
    assert none.status_code == feed.status_code == 404


async def test_a_script_in_a_notice_is_text(world: World) -> None:
    """The page and the feed show it as words. The feed's XML stays well-formed and has each entry with its days."""
    await released(world, notice(en=text(f"Breach {SCRIPT}", SCRIPT)))
    async with browse(world) as client:
        page, feed = await client.get(PAGE), await client.get(f"{PAGE}/feed.atom")
    assert "<script" not in page.text + feed.text
    root = ElementTree.fromstring(feed.content)  # noqa: S314 - our own feed
    assert root.findtext(f"{ATOM}entry/{ATOM}title") == f"Breach {SCRIPT}"
    assert {f"{ATOM}id", f"{ATOM}title", f"{ATOM}updated"} <= {one.tag for one in root}
    assert feed.headers["content-type"] == "application/atom+xml"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"first_day": date(2020, 1, 1)}, "is over"),
        ({"first_day": "2026-12-01"}, "write two days"),
        ({"last_day": date(2020, 1, 1)}, "30 days"),
        ({"last_day": date(9999, 1, 1)}, "ten years"),
        ({"en": {"title": "Notice"}}, "en.what_happened"),
        ({"en": text("No") | {"title": "x" * 201}}, "en.title"),
        ({"en": text("Two lines") | {"title": "Two\nlines"}}, "en.title"),
        ({"en": text("Even more") | {"offer": "Buy our insurance against it."}}, "en.offer"),
        ({"en": text("Too long") | {"what_we_do": "x" * 10_001}}, "en.what_we_do"),
        ({"english": text("Notice")}, "english"),
        ({"en": text("Blank") | {"what_we_do": " " * 40}}, "en.what_we_do: .*says nothing"),
        ({"en": text("Unseen") | {"what_we_do": "\u200b" * 40}}, "en.what_we_do: .*says nothing"),
        ({"en": text("Signs") | {"title": "....."}}, "en.title: .*blank"),
        ({"en": text("Escape", "\x1b[31m")}, r"U\+001B"),
        ({"en": text("Tabulator", "\x0b")}, r"U\+000B"),
        ({"en": text("No character", "\uffff")}, r"U\+FFFF"),
        ({"en": text("Title") | {"title": "Notice\ufffe"}}, r"en.title: .*U\+FFFE"),
    ],
)
def test_a_notice_that_is_not_whole_is_refused(change: dict[str, Any], words: str) -> None:
    """The message names the place."""
    with pytest.raises(PublicNoticeRefused, match=words):
        parse_public_notice(uuid7(), BRAND, content() | change, "Ada", today())


async def test_a_second_person_releases(world: World, tmp_path: Path, database_url: str) -> None:
    """The drafter cannot release it by a command, in no spelling; each step is in the ledger with the digest."""
    operator: Stack = commands(tmp_path, database_url)
    file = tmp_path / "notice.toml"
    lines = [f"{name} = {day}" for name, day in content().items() if isinstance(day, date)]
    lines += ["[en]", *(f'{name} = "{words}"' for name, words in text("Notice of Data Breach").items())]
    file.write_text("\n".join(lines), "utf-8")
    await operator.done("public-notices", "draft", str(file), "--brand", BRAND, "--by", "Ada")
    [row] = (await operator.done("public-notices", "list", "--json")).json
    assert (row["state"], row["drafted_by"]) == ("draft", "Ada")
    for own in ("Ada", "ADA", "person:Ada", "Ada  ", "\uff21da", "key:shop"):
        assert (await operator.run("public-notices", "release", row["id"], "--by", own)).status == 2
    await operator.done("public-notices", "release", row["id"], "--by", "Dana")
    assert (await operator.run("public-notices", "release", row["id"], "--by", "Eve")).status == 2
    async with browse(world) as client:
        assert "Notice of Data Breach" in (await client.get(PAGE)).text
    await operator.done("public-notices", "withdraw", row["id"], "--by", "Dana")
    assert (await operator.run("public-notices", "draft", str(file), "--brand", "nobody", "--by", "Ada")).status == 2
    assert await steps(world) == ["drafted", "released", "withdrawn"]
    actors = [entry["actor"] for entry in await world.entries(kind="control")]
    assert actors == ["person:Ada", "person:Dana", "person:Dana"]


async def test_two_who_share_a_link_are_no_two_persons(world: World) -> None:
    """Somebody who has lately made the drafter's one-time link could be the drafter, as with a mailing."""
    store = PostgresPublicNotices(world.pool, world.writers)
    one = notice()
    await store.add_draft(one)
    await add_person(world.staff, "Ada")
    await world.pool.execute("UPDATE staff_access_grants SET giver = 'dana'")
    assert not await store.release(one.id, "Dana")
    assert await store.release(one.id, "Eve")


async def test_a_late_release_does_not_shorten_a_notice(world: World) -> None:
    """A draft that lay for long, and would stand for less than 30 days, has to be drafted again."""
    store = PostgresPublicNotices(world.pool, world.writers)
    late, over, whole = notice(-29, 1), notice(-40, -3), notice(-1, 30)
    for one in (late, over, whole):
        await store.add_draft(one)
    for one in (late, over):
        with pytest.raises(PublicNoticeRefused, match="30 days are the least"):
            await release_public_notice(store, one.id, "Dana", today())
    await release_public_notice(store, whole.id, "Dana", today())
    assert [one.id for one in await store.list_public_notices_in_force(None, today())] == [whole.id]


async def test_no_number_of_drafts_hides_a_notice(world: World) -> None:
    """A hundred later drafts, here or at another brand, neither push a notice off its page nor out of the looks."""
    store = await released(world, notice(en=text("Breach of today")))
    for _ in range(100):
        await store.add_draft(notice(2, 40))
    async with browse(world) as client:
        assert "Breach of today" in (await client.get(PAGE)).text
        assert "Breach of today" in (await client.get(f"{PAGE}/feed.atom")).text

    async def nothing(_url: str) -> str:
        return ""

    await PublicNoticePageChecker(store, "https://mail.example", nothing).check_notice_pages_once()
    assert (await steps(world))[-1] == "missed"


async def test_the_feed_has_a_notice_as_new_on_its_first_day(world: World) -> None:
    """One that was released weeks before is news on its first day: a feed reader sorts and polls by these times."""
    await released(world, notice(en=text("Breach of today")))
    await world.pool.execute("UPDATE public_notices SET released_at = released_at - interval '20 days'")
    async with browse(world) as client:
        root = ElementTree.fromstring((await client.get(f"{PAGE}/feed.atom")).content)  # noqa: S314 - our own feed
    times = {
        root.findtext(path)
        for path in (f"{ATOM}updated", *(f"{ATOM}entry/{ATOM}{x}" for x in ("published", "updated")))
    }
    assert times == {f"{today()}T00:00:00+00:00"}


async def test_a_notice_that_was_withdrawn_meanwhile_is_not_missed(world: World) -> None:
    """A look that began before the withdrawal alarms nobody, and the ledger does not say that it was missing."""
    one = notice()
    store = await released(world, one)

    async def withdrawing(_url: str) -> str:
        assert await store.withdraw(one.id, "Dana")
        return ""

    await PublicNoticePageChecker(store, "https://mail.example", withdrawing).check_notice_pages_once()
    assert await steps(world) == ["drafted", "released", "withdrawn"]


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[str]:
    """The site on a socket; its address."""
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(serve_app(create_app(site_over(world)), "127.0.0.1", 0, stop, port.set_result))
        yield f"http://127.0.0.1:{await port}"
        stop.set()


@pytest.mark.promise("interpals-17")
async def test_the_ledger_proves_that_it_was_up(world: World) -> None:
    """A look over HTTP finds it, once a day in the ledger; a look that does not is an entry, and so is its return."""
    store = await released(world, notice())
    async with serving(world) as url:
        looks = PublicNoticePageChecker(store, f"{url}/", fetch_public_page)
        for _ in range(3):
            await looks.check_notice_pages_once()
    assert await steps(world) == ["drafted", "released", "seen"]
    for _ in range(2):
        await looks.check_notice_pages_once()  # nobody serves any more
    [missed] = await store.list_notices(BRAND)
    assert missed.missed_at is not None
    assert missed.seen_last_at is not None
    assert (await PostgresFlowMetrics(world.pool).read_metrics())["missed_notices"] == [((BRAND,), 1.0)]
    async with serving(world) as url:
        await PublicNoticePageChecker(store, url, fetch_public_page).check_notice_pages_once()
    assert await steps(world) == ["drafted", "released", "seen", "missed", "seen"]
    assert (await PostgresFlowMetrics(world.pool).read_metrics())["missed_notices"] == []
    await world.pool.execute("UPDATE public_notices SET proven_on = proven_on - 1")
    await store.record_whether_notice_is_online(missed, is_there=True)
    assert (await steps(world))[-1] == "seen"
    assert len(await steps(world)) == 6
    assert (await LedgerOperations(world.pool, KEY).verify_ledger()).faults == ()


async def test_a_changed_page_is_a_miss(world: World) -> None:
    """Whoever serves another text at the address does not pass for the notice: the look goes by the digest."""
    store = await released(world, notice())

    async def elsewhere(url: str) -> str:
        return f"<p>{url} Notice of Data Breach</p>"

    await PublicNoticePageChecker(store, "https://mail.example", elsewhere).check_notice_pages_once()
    assert await steps(world) == ["drafted", "released", "missed"]
