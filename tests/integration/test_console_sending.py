"""The pages from a check to the sending, without JavaScript: rights, refusals, masked people, exports, schedules."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from mailer.policy.campaign_draft import CampaignDraft, LocalizedDraft, Schedule, TextBlock
from mailer.policy.staff_rights import StaffRole
from mailer.ports.campaigns import Campaign
from tests.campaign_world import Campaigns
from tests.factories import BRAND, World, person
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.integration.test_campaign_store import store_over

LIST = "/console/campaigns"
TEXTS = {"en": LocalizedDraft(subject="Autumn at the harbour", blocks=(TextBlock(markdown="Come and see."),))}
DRAFT = CampaignDraft(category="newsletter", purpose="newsletter", variants={"a": TEXTS})


async def write(world: World, draft: CampaignDraft = DRAFT) -> Campaign:
    """A campaign of Dana's."""
    return await store_over(world, "person:Dana Duty").create_campaign(BRAND, "Autumn", draft, "person:Dana Duty")


def hidden(html: str, name: str) -> str:
    """The value of a hidden field."""
    [value] = {*re.findall(rf'name="{name}" value="([^"]*)"', html)}
    return str(value)


class Sending:
    """A person at the pages of one campaign."""

    def __init__(self, browser: ConsoleBrowser, campaign: Campaign) -> None:
        self.browser, self.path = browser, f"{LIST}/{campaign.id}"

    async def page(self, name: str, status: int = 200) -> str:
        """The text of a page."""
        answer = await self.browser.open(f"{self.path}/{name}")
        assert answer.status_code == status, answer.text
        return answer.text

    async def press(self, name: str, fields: Mapping[str, str], status: int = 303) -> str:
        """Sends a form; the text of the answer."""
        answer = await self.browser.send(f"{self.path}/{name}", dict(fields), "/console/sessions")
        assert answer.status_code == status, answer.text
        return answer.text

    async def check(self, world: World) -> str:
        """Starts the check, lets the timekeeper build it, and returns its page."""
        await self.press("check", {"revision": hidden(await self.page("check"), "revision")})
        assert "The check waits" in await self.page("check")
        await Campaigns(world).builder().build_waiting_manifests()
        return await self.page("check")


async def test_from_the_check_to_the_report_by_two_people(world: World) -> None:
    """Dana checks and asks, and may not release; Eli sees the sum and releases what he saw; she pauses, ops may not."""
    ids = await world.known(1, 2, 3)
    await world.standings.record_opt_out(BRAND, ids[2], "newsletter", "test")
    campaign = await write(world)
    async with open_browser(world) as dana, open_browser(world) as eli, open_browser(world) as ops:
        await dana.enter(role=StaffRole.MARKETER, brand=BRAND)
        await eli.enter("Eli", StaffRole.MARKETER, BRAND)
        await ops.enter("Otto", StaffRole.OPS)
        hers, his, theirs = (Sending(one, campaign) for one in (dana, eli, ops))
        assert "not checked" in await hers.page("check")
        page = await hers.check(world)
        assert "2 of 3 people get it now or later" in page
        assert "opted out" in page
        assert "data-over" in await hers.page("check/progress")
        manifest = hidden(page, "manifest")
        assert "Nobody has asked" in await his.page("release")
        await hers.press("ask", {"manifest": manifest})
        page = await hers.page("release")
        assert "A second person has to release it" in page
        assert "Release it to" not in page
        seen = {"manifest": manifest, "hash": hidden(await his.page("release"), "hash")}
        assert "a second person has to release it" in (await hers.press("release", seen, 409)).replace(
            "A second", "a second"
        )
        assert "not the check that you have seen" in await his.press("release", {**seen, "hash": "00" * 32}, 409)
        assert "names no check" in await his.press("release", {"manifest": "x", "hash": "y"}, 409)
        await theirs.press("release", seen, 403)
        await his.press("release", seen)
        assert "released already" in await his.press("release", seen, 409)
        page = await theirs.page("sending")
        assert "0 have gone; 3 still will" in page
        await theirs.press("pause", {"reason": "typo"}, 403)
        await hers.press("pause", {"reason": "typo"})
        await Campaigns(world).send_all()
        assert not world.processor.sent
        assert "It is paused" in await theirs.page("sending")
        await hers.press("resume", {})
        await Campaigns(world).send_all()
        assert len(world.processor.sent) == 2
        assert "All of it is done: 2 have gone" in await theirs.page("sending")
        page = await hers.page("check")
        assert "Released: 3 people" in page
        assert "Check again" not in page


async def test_a_campaign_whose_rest_waits_is_not_over(world: World) -> None:
    """Hours lie between a test and its rest. Marketing can still pause and cancel; nobody sends the rest meanwhile."""
    await world.known(*range(1, 11))
    draft = CampaignDraft.model_validate(
        {**DRAFT.model_dump(), "variants": {"a": TEXTS, "b": TEXTS}, "ab_test": {"share_percent": 60}}
    )
    campaigns, campaign = Campaigns(world), await write(world, draft)
    await campaigns.release(await campaigns.checked_and_asked(campaign.id))
    await campaigns.send_all()
    async with open_browser(world) as otto:
        await otto.enter("Otto", StaffRole.MARKETER, BRAND)
        his = Sending(otto, campaign)
        page = await his.page("sending")
        assert "Pause all" in page
        assert "All of it is done" not in page
        await his.press("pause", {"reason": "a wrong price"})
        assert "It is paused" in await his.page("sending")
        actor = await world.pool.fetchval("SELECT actor FROM ledger WHERE reason = 'campaign_paused'")
        assert actor == "person:Otto"
        await his.press("resume", {})
        assert "Pause all" in await his.page("sending")


async def test_errors_of_the_texts_stop_the_check_with_places_and_remedies(world: World) -> None:
    """A draft without texts freezes nothing; the page names each finding."""
    await world.known(1)
    campaign = await write(world, DRAFT.model_copy(update={"variants": {"a": {"en": LocalizedDraft()}}}))
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        page = Sending(browser, campaign)
        text = await page.press("check", {"revision": "1"}, 409)
        assert "error" in text
        assert await world.pool.fetchval("SELECT count(*) FROM manifests") == 0
        assert "Somebody has changed the draft" in await page.press("check", {"revision": "7"}, 409)


async def test_people_are_masked_until_somebody_with_the_right_asks_on_record(world: World) -> None:
    """A marketer sees masked people; support sees addresses and a file without formulas, each with a ledger entry."""
    await world.known(1)
    await world.drop((await world.accept([person(2, ref="=HYPERLINK(1)", name="@SUM(1)")])).mailing_id)
    campaign = await write(world)
    async with open_browser(world) as dana, open_browser(world) as sam:
        await dana.enter(role=StaffRole.MARKETER, brand=BRAND)
        await sam.enter("Sam", StaffRole.PRIVACY_OFFICER, BRAND)
        hers, his = Sending(dana, campaign), Sending(sam, campaign)
        manifest = hidden(await hers.check(world), "manifest")
        query = f"audience?manifest={manifest}&result=send&reason="
        page = await hers.page(query)
        assert "u…@p….example" in page
        assert "user-1@people.example" not in page
        assert "Show the addresses" not in page
        fields = {"manifest": manifest, "result": "send", "reason": "", "after": "0"}
        await hers.press("audience", fields, 403)
        await hers.press("audience/export", fields, 403)
        assert "user-1@people.example" in await his.press("audience", fields, 200)
        exported = await his.press("audience/export", fields, 200)
        assert "user-1@people.example" in exported
        assert "'=HYPERLINK(1)" in exported
        assert "'@SUM(1)" in exported
        entries = [one for one in await world.entries(kind="access") if one["actor"] == "person:Sam"]
        assert [one["reason"] for one in entries] == ["manifest_people_seen", "manifest_people_exported"]
        await his.press("audience", {**fields, "manifest": str(campaign.id)}, 404)
        await his.press("audience", {**fields, "result": "all"}, 404)


async def test_a_campaign_of_another_brand_is_not_there(world: World) -> None:
    """Staff of another brand get 404 at every page and every button."""
    campaign = await write(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand="peerstream")
        page = Sending(browser, campaign)
        for name in ("check", "check/progress", "schedule", "release", "sending", "sending/progress"):
            await page.page(name, 404)
        for name in ("check", "ask", "schedule", "release"):
            await page.press(name, {"revision": "1"}, 404)


async def test_schedule_is_saved_in_the_draft_and_shows_clock_changes(world: World) -> None:
    """An instant is stored in UTC; a local time shows zones whose clocks change; faults and old forms are refused."""
    campaign = await write(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        page = Sending(browser, campaign)
        instant = {"kind": "instant", "local": "2030-03-31T02:30", "zone": "Europe/Berlin", "revision": "1"}
        await page.press("schedule", {**instant, "zone": "Mars/Olympus"}, 422)
        await page.press("schedule", {**instant, "local": "soon"}, 422)
        await page.press("schedule", {**instant, "over_hours": "99"}, 422)
        await page.press("schedule", instant)
        stored = await store_over(world).find_campaign(campaign.id)
        assert stored is not None
        assert stored.draft.schedule == Schedule(
            kind="instant", at=datetime(2030, 3, 31, 1, tzinfo=UTC), zone="Europe/Berlin"
        )
        text = await page.page("schedule")
        assert "set forward" in text
        assert 'value="2030-03-31T03:00"' in text
        await page.press("schedule", {**instant, "revision": "1"}, 422)
        local = {**instant, "kind": "local", "local": "2030-06-03T09:00", "zoneless": "last", "revision": "2"}
        await page.press("schedule", local)
        assert "No clock changes on that day" in await page.page("schedule")


async def test_local_times_are_shown_with_people_without_a_zone(world: World) -> None:
    """The page has each time in UTC and by the author's clock after the check, and the group without a zone."""
    await world.known(1, 2)
    campaigns = Campaigns(world)
    await campaigns.set_attributes("user-1", time_zone="Asia/Tokyo")
    local = Schedule(kind="local", local="2030-06-03T09:00", zone="Europe/Berlin")
    campaign = await write(world, DRAFT.model_copy(update={"schedule": local}))
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        page = Sending(browser, campaign)
        await page.check(world)
        text = await page.page("schedule")
        assert "2030-06-03 02:00" in text
        assert "2030-06-03 09:00" in text
        assert "People without a known time zone: 1." in text


async def test_cancelling_a_campaign_ends_its_check_and_its_mailings(world: World) -> None:
    """Sent mail stays sent; nothing more of it can be checked, released or sent."""
    await world.known(1, 2)
    later = Schedule(kind="instant", at=datetime.now(UTC) + timedelta(days=1))
    campaign = await write(world, DRAFT.model_copy(update={"schedule": later}))
    campaigns = Campaigns(world)
    async with open_browser(world) as dana, open_browser(world) as ops:
        await dana.enter(role=StaffRole.MARKETER, brand=BRAND)
        await ops.enter("Mona", StaffRole.MARKETER)
        hers, theirs = Sending(dana, campaign), Sending(ops, campaign)
        manifest = hidden(await hers.check(world), "manifest")
        await hers.press("ask", {"manifest": manifest})
        found = await campaigns.store.find_manifest(await world.pool.fetchval("SELECT id FROM manifests"))
        assert found is not None
        [made] = await campaigns.release(found)
        assert "2 will not be sent" in await theirs.page("cancel")
        await theirs.press("cancel", {"reason": "wrong day"})
        await campaigns.send_all()
        assert not world.processor.sent
        assert {state for state, _ in (await world.states(made.mailing_id)).values()} == {"cancelled"}
        assert "this campaign is cancelled" in (await hers.press("check", {"revision": "1"}, 409)).replace(
            "This", "this"
        )


@pytest.mark.parametrize("name", ["check", "release", "schedule", "sending"])
async def test_hostile_names_and_texts_are_shown_as_text(world: World, name: str) -> None:
    """A script in a name or a subject is text on each page."""
    script = "<script>alert(1)</script>"
    texts = {"en": LocalizedDraft(subject=script, blocks=TEXTS["en"].blocks)}
    store = store_over(world, "person:Dana Duty")
    draft = DRAFT.model_copy(update={"variants": {"a": texts}})
    campaign = await store.create_campaign(BRAND, script, draft, "person:Dana Duty")
    await world.known(1)
    await Campaigns(world).check(campaign.id)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER, brand=BRAND)
        text = await Sending(browser, campaign).page(name)
        assert script not in text
        assert "&lt;script&gt;" in text
