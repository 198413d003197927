"""The archive of newsletters: what was released for it and is out, for everybody, and nothing of anybody."""

import re
from html import unescape
from uuid import UUID, uuid4
from xml.etree import ElementTree

import httpx
import pytest

from mailer.actions.newsletter_archive import ARCHIVABLE
from mailer.policy.staff_rights import StaffRole
from mailer.web import newsletter_archive_pages
from mailer.web.languages import LANGUAGES
from tests.factories import BRAND, World, person
from tests.hours import opens_of
from tests.integration.console_browser import open_browser
from tests.integration.web_world import browse
from tests.released_campaigns import ReleasedCampaign, release

PAGE = f"/archive/{BRAND}"
ATOM = "{http://www.w3.org/2005/Atom}"
NAME = "Ada Unmistakable"


async def archived(world: World, number: int = 1, **values: object) -> ReleasedCampaign:
    """A newsletter that was released for the archive, and is out."""
    people = {"a": [person(number, name=NAME, locale="en")]}
    campaign = await release(world, people, **({"is_in_archive": True} | values))  # type: ignore[arg-type]
    await campaign.hand_over(world)
    return campaign


async def listed(client: httpx.AsyncClient, query: str = "") -> list[UUID]:
    """The newsletters of the page."""
    page = await client.get(f"{PAGE}{query}")
    assert page.status_code == 200
    return [UUID(one) for one in re.findall(rf"{BRAND}/([0-9a-f-]{{36}})", page.text)]


async def statuses(client: httpx.AsyncClient, campaign_id: UUID) -> set[int]:
    """The statuses of page and frame of a newsletter."""
    return {(await client.get(f"{PAGE}/{campaign_id}{part}")).status_code for part in ("", "/mail")}


async def test_a_newsletter_for_everybody_has_nothing_of_anybody(world: World) -> None:
    """The copy has no name, address, token, pixel or counted link; its way out takes an address."""
    campaign = await archived(world)
    async with browse(world) as client:
        page = await client.get(f"{PAGE}/{campaign.id}")
        source = re.findall(r'<iframe class="mail" src="([^"]+)"', page.text)[0]
        frame = await client.get(page.url.join(unescape(source)))
        every = page.text + frame.text + (await client.get(PAGE)).text + (await client.get(f"{PAGE}/feed.xml")).text
    sent = world.processor.sent[0].content.decode()
    token = max(re.findall(r"/u/([A-Za-z0-9_=\-]{10,})", sent), key=len)[:8]
    assert token not in every
    for personal in (
        NAME,
        "Ada",
        "user-1",
        "people.example",
        "/u/",
        "/o/",
        "/c/",
        "/view/",
        "/preferences/",
        "/report/",
    ):
        assert personal not in every, personal
    assert f"https://mail.example/leave/{BRAND}" in frame.text
    assert "noindex" not in page.text
    for answer in (page, frame):
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert answer.headers["vary"] == "accept-language"
        assert "set-cookie" not in answer.headers
    assert "sandbox" in frame.headers["content-security-policy"]


async def test_only_released_mail_that_is_out_is_shown(world: World) -> None:
    """Drafts, mail that goes out or was cancelled, other categories and brands, and unchosen mail are not shown."""
    shown = await archived(world)
    hidden: list[ReleasedCampaign] = [
        await archived(world, 2, is_in_archive=False),
        await release(world, {"a": [person(3)]}, is_in_archive=True),
        cancelled := await archived(world, 4),
        draft := await archived(world, 5),
        await archived(world, 6, category="partner"),
        waiting := await archived(world, 7),
    ]
    await world.pool.execute(
        "UPDATE mailings SET state = 'cancelled' WHERE id = $1", cancelled.mailings["a"].mailing_id
    )
    await world.pool.execute("UPDATE manifests SET state = 'ready' WHERE id = $1", draft.manifest_id)
    await world.pool.execute(
        "UPDATE manifests SET draft = jsonb_set(draft, '{ab_test}', '{\"share_percent\": 20}') WHERE id = $1",
        waiting.manifest_id,
    )
    async with browse(world) as client:
        assert await listed(client) == [shown.id]
        assert await statuses(client, shown.id) == {200}
        for campaign in hidden:
            assert await statuses(client, campaign.id) == {404}
        assert (await client.get(f"/archive/peerstream/{shown.id}")).status_code == 404
        for wrong in (
            f"/archive/nobody/{shown.id}",
            "/archive/nobody",
            f"{PAGE}/{uuid4()}",
            f"{PAGE}/x",
            f"{PAGE}/x/mail",
            "/archive/nobody/feed.xml",
        ):
            assert (await client.get(wrong)).status_code == 404, wrong
        assert (await client.post(PAGE)).status_code == 405


def test_only_mail_of_the_brand_itself_can_be_in_it() -> None:
    """Newsletters and offers; no partner's mail, no invitation, and nothing that is mandatory."""
    assert {"newsletter", "promotional"} == ARCHIVABLE


async def test_a_newsletter_is_taken_out_for_good(world: World) -> None:
    """A press at the console takes it out of page, frame and feed; the ledger says who; a second press does nothing."""
    campaign, other = await archived(world), await archived(world, 2)
    async with open_browser(world) as browser, browse(world) as client:
        await browser.enter(role=StaffRole.MARKETER)
        report = f"/console/campaigns/{campaign.id}/report"
        assert "Take it out of the archive" in (await browser.open(report)).text
        for _ in range(2):
            sent = await browser.send(report.replace("report", "withdraw"), {}, on="/console/sessions")
            assert sent.status_code == 303
        assert "was taken out of the brand" in (await browser.open(report)).text
        assert await listed(client) == [other.id]
        assert await statuses(client, campaign.id) == {404}
        assert str(campaign.id) not in (await client.get(f"{PAGE}/feed.xml")).text
    entries = [entry for entry in await world.entries(kind="control") if entry["reason"] == "archive_withdrawn"]
    assert [(entry["actor"], entry["rule"]) for entry in entries] == [("person:Dana Duty", f"campaign:{campaign.id}")]


async def test_the_feed_is_whole(world: World) -> None:
    """The feed is well-formed Atom with its required elements, whatever a subject has; the newest comes first."""
    older, newer = await archived(world, 1, days_ago=2), await archived(world, 2)
    await world.pool.execute(
        "UPDATE mailings SET context = jsonb_set(context, '{headline}', $1)", "</title><script>&\ufffe]]>"
    )
    async with browse(world) as client:
        answer = await client.get(f"{PAGE}/feed.xml")
        html = (await client.get(PAGE)).text
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = ElementTree.fromstring(answer.text)  # noqa: S314 - of our own
    for required in ("id", "title", "updated", "author"):
        assert feed.find(f"{ATOM}{required}") is not None, required
    entries = feed.findall(f"{ATOM}entry")
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert ids == [f"urn:uuid:{newer.id}", f"urn:uuid:{older.id}"]
    for entry in entries:
        assert entry.findtext(f"{ATOM}title", "").endswith("</title><script>&]]>"), entry.findtext(f"{ATOM}title")
        assert all(entry.findtext(f"{ATOM}{name}") for name in ("updated", "published"))
        link = entry.find(f"{ATOM}link")
        assert link is not None
        assert link.get("href", "").startswith(f"https://mail.example{PAGE}/")
    assert "<script" not in html + answer.text


async def test_older_newsletters_are_on_later_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page leads on to older ones; each newsletter is on one page."""
    monkeypatch.setattr(newsletter_archive_pages, "ROWS", 2)
    made = [await archived(world, number, days_ago=30 - number) for number in range(3)]
    async with browse(world) as client:
        first = await listed(client)
        page = unescape((await client.get(PAGE)).text)
        second = await listed(client, re.findall(r'href="(\?before=[^"]+)"', page)[0])
    assert [*first, *second] == [campaign.id for campaign in reversed(made)]
    assert len(second) == 1


async def test_the_page_speaks_the_readers_language(world: World) -> None:
    """Pages come in six languages, with the mail in its own; an empty archive says so."""
    async with browse(world) as client:
        empty = await client.get(PAGE)
        assert LANGUAGES["en"].texts["archive_none"].format(brand="InterPals") in unescape(empty.text)
        campaign = await archived(world)
        for code, language in LANGUAGES.items():
            page = await client.get(f"{PAGE}?lang={code}")
            assert f'<html lang="{code}" dir="{language.dir}"' in page.text
            assert language.texts["archive_feed"] in unescape(page.text)
            one = await client.get(f"{PAGE}/{campaign.id}", headers={"accept-language": code})
            assert f'<html lang="{code}"' in one.text


async def test_reading_changes_and_counts_nothing(world: World) -> None:
    """GET and HEAD leave no entry and no open."""
    campaign = await archived(world)
    before = len(await world.entries())
    async with browse(world) as client:
        for path in (PAGE, f"{PAGE}/feed.xml", f"{PAGE}/{campaign.id}", f"{PAGE}/{campaign.id}/mail"):
            assert (await client.get(path)).status_code == (await client.head(path)).status_code == 200
    assert len(await world.entries()) == before
    assert opens_of(world)._hours == {}


async def test_a_mail_that_cannot_be_shown_to_everybody_is_left_out(world: World) -> None:
    """A newsletter whose template is not kept any more is no page and no error."""
    campaign = await archived(world)
    await world.pool.execute("UPDATE mailings SET template_version = 'gone'")
    async with browse(world) as client:
        assert await listed(client) == []
        assert await statuses(client, campaign.id) == {404}
        assert (await client.get(f"{PAGE}/feed.xml")).status_code == 200
