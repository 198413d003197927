"""The pages of a campaign's report: figures, files, exports, follow-ups and the winner, by role and brand."""

import csv
import io
import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.staff_rights import StaffRole
from mailer.ports.campaign_people import FollowUpRefused
from mailer.postgres.campaign_people import build_campaign_report_stores
from tests.factories import BRAND, World, person
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.released_campaigns import ReleasedCampaign, count_all, release, reports_of

SCRIPT = '"><script>alert(1)</script>'


def path_of(campaign: ReleasedCampaign, page: str = "report") -> str:
    """The path of a page of a campaign."""
    return f"/console/campaigns/{campaign.id}/{page}"


async def sent_campaign(world: World, **values: Any) -> ReleasedCampaign:
    """A campaign to six people of whom one opts out before it is sent, and one's mail fails."""
    people = [person(number, name=f"=cmd|' /C calc'!A{number}") for number in range(6)]
    campaign = await release(world, {"a": people}, **values)
    await world.standings.record_opt_out(BRAND, await world.id_of("user-0"), "newsletter", "page")
    await campaign.hand_over(world)
    await world.pool.execute(
        "UPDATE deliveries SET state = 'failed', reason = 'gave_up' WHERE recipient_id = $1",
        await world.id_of("user-1"),
    )
    await count_all(world)
    return campaign


async def export(browser: ConsoleBrowser, campaign: ReleasedCampaign, reason: str = "audit") -> Any:
    """Presses the button to export people."""
    return await browser.send(path_of(campaign, "people.csv"), {"reason": reason}, on="/console/sessions")


async def test_the_report_shows_the_sum(world: World) -> None:
    """The number shown, each difference, and the number sent stand in one table; titles are text, not markup."""
    campaign = await sent_campaign(world, name=SCRIPT)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        page = (await browser.open(path_of(campaign))).text
    assert "<script>alert" not in page
    rows = re.findall(r"<bdi>([^<]*)</bdi></td><td[^>]*><bdi>([^<]*)</bdi></td></tr>", page)
    assert rows[:5] == [
        ("Shown at the release: will get it", "6"),
        (
            "Less: Failed: It was tried for as long as its category is tried",
            "\u22121",
        ),
        ("Less: Suppressed: The person left this category, or all optional mail", "\u22121"),
        ("Sent", "4"),
        ("Still to be sent", "0"),
    ]
    assert "The sum adds up" in page
    for title in re.findall(r'<svg [^>]*aria-labelledby="([^ "]+) ', page):
        assert f'<title id="{title}">' in page
    assert "Export the people" not in page


async def test_a_report_before_its_figures(world: World) -> None:
    """The page says so before the timekeeper has counted, and the file has only the head."""
    campaign = await release(world, {"a": [person(1)]})
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        page = await browser.open(path_of(campaign))
        assert "are not counted yet" in page.text
        assert "audience,,1" in (await browser.open(path_of(campaign, "report.csv"))).text


async def test_figures_as_a_file(world: World) -> None:
    """The file has the same sum, and no text of it begins a formula."""
    campaign = await sent_campaign(world, name="=1+1")
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        answer = await browser.open(path_of(campaign, "report.csv"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="report-{campaign.id}.csv"'
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert ["campaign", "name", "", "'=1+1"] in rows
    assert ["shown and done", "shown at the release", "", "6"] in rows
    assert ["shown and done", "less: suppressed", "opted_out", "1"] in rows
    assert ["shown and done", "sent", "", "4"] in rows


async def test_an_export_of_people_is_on_record(world: World) -> None:
    """The file has each person with the end; the ledger says who exported it, why, and nobody's address."""
    campaign = await sent_campaign(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER)
        assert (await export(browser, campaign, "curiosity")).status_code == 422
        assert await world.entries(kind="access") == []
        answer = await export(browser, campaign)
    assert answer.status_code == 200
    rows = {row["ref"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert rows.keys() == {f"user-{number}" for number in range(6)}
    assert (rows["user-0"]["state"], rows["user-0"]["reason"]) == ("suppressed", "opted_out")
    assert (rows["user-1"]["state"], rows["user-1"]["reason"]) == ("failed", "gave_up")
    assert rows["user-2"]["state"] == "handed_over"
    assert all(row["name"].startswith("'=") for row in rows.values())
    [entry] = await world.entries(kind="access")
    assert (entry["reason"], entry["actor"], entry["rule"]) == (
        "people_exported",
        "person:Dana Duty",
        f"campaign:{campaign.id}",
    )
    assert "audit" in entry["reply"]
    assert (await world.ledger.verify_ledger()).faults == ()


@pytest.mark.parametrize(
    ("role", "brand", "sees", "may_export", "may_write"),
    [
        (StaffRole.MARKETER, BRAND, 200, 403, True),
        (StaffRole.MARKETER, "peerstream", 404, 403, False),
        (StaffRole.OPS, BRAND, 200, 403, False),
        (StaffRole.PRIVACY_OFFICER, BRAND, 200, 200, False),
        (StaffRole.PRIVACY_OFFICER, "peerstream", 404, 404, False),
        (StaffRole.SUPPORT, BRAND, 403, 403, False),
        (StaffRole.ADMIN, "*", 403, 403, False),
    ],
)
async def test_each_role(
    world: World, role: StaffRole, brand: str, sees: int, may_export: int, may_write: bool
) -> None:
    """Whoever reads mailings of the brand reads reports; exports and follow-ups need their own rights."""
    campaign = await sent_campaign(world, is_in_archive=True)
    async with open_browser(world) as browser:
        await browser.enter(role=role, brand=brand)
        for page in ("report", "report.csv"):
            assert (await browser.open(path_of(campaign, page))).status_code == sees, page
        assert (await export(browser, campaign)).status_code == may_export
        for act, fields in (("follow-up", {"end": ["failed/gave_up"]}), ("withdraw", {})):
            answer = await browser.send(path_of(campaign, act), fields, on="/console/sessions")
            assert (answer.status_code == 303) is may_write, act
        assert (await browser.open(f"/console/campaigns/{uuid4()}/report")).status_code == (403 if sees == 403 else 404)


async def test_a_follow_up_is_a_draft_for_those_who_did_not_get_it(world: World) -> None:
    """People with a chosen reason are in the list, unless they have left meanwhile; the draft is as the first."""
    campaign = await sent_campaign(world, name="Späte Rosen", audience="rose-lovers")
    for number in (2, 3, 4):
        await world.pool.execute(
            "UPDATE deliveries SET state = 'failed', reason = 'blocked' WHERE recipient_id = $1",
            await world.id_of(f"user-{number}"),
        )
    await world.pool.execute("UPDATE campaign_figures SET is_final = false")
    await count_all(world)
    await world.standings.record_opt_out(BRAND, await world.id_of("user-3"), "*", "page")
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        page = (await browser.open(path_of(campaign))).text
        assert 'value="failed/blocked"' in page
        assert 'value="suppressed/opted_out"' not in page
        ends = {"end": ["failed/blocked", "failed/gave_up", "suppressed/opted_out", SCRIPT]}
        for _ in range(2):
            made = await browser.send(path_of(campaign, "follow-up"), ends, on="/console/sessions")
            assert made.status_code == 303
        none = await browser.send(
            path_of(campaign, "follow-up"), {"end": ["suppressed/opted_out"]}, on="/console/sessions"
        )
        assert none.status_code == 422
        assert "Tick at least one reason" in none.text
    new_id = UUID(made.headers["location"].split("/")[-2])
    row = await world.pool.fetchrow("SELECT * FROM campaigns WHERE id = $1", new_id)
    assert row is not None
    draft = CampaignDraft.model_validate(row["draft"])
    assert (row["state"], draft.audience, draft.is_in_archive) == ("draft", "followup-sp-te-rosen-2", False)
    assert (row["name"], row["created_by"]) == ("Späte Rosen (follow-up)", "person:Dana Duty")
    people = await world.pool.fetch("SELECT recipient_id FROM audience_members WHERE audience = $1", draft.audience)
    assert {row["recipient_id"] for row in people} == {await world.id_of(f"user-{n}") for n in (1, 2, 4)}
    made_by = [
        entry["actor"] for entry in await world.entries(kind="control") if entry["reason"] == "follow_up_created"
    ]
    assert made_by == ["person:Dana Duty"] * 2


async def test_nobody_is_left_to_write_to(world: World) -> None:
    """No list and no draft is made if everybody has left since."""
    campaign = await sent_campaign(world)
    await world.standings.record_opt_out(BRAND, await world.id_of("user-1"), "newsletter", "page")
    report = await reports_of(world).find_campaign_report(campaign.id)
    assert report is not None
    people = build_campaign_report_stores(world.pool, world.writers, reports_of(world)).open_people(
        "person:A", "", None
    )
    with pytest.raises(FollowUpRefused):
        await people.create_follow_up(report, [("failed", "gave_up")])
    assert await world.pool.fetchval("SELECT count(*) FROM campaigns") == 1
    assert await world.pool.fetchval("SELECT count(*) FROM audience_members") == 0


class Rests:
    """A sender of rests that notes what it was asked."""

    def __init__(self, refusal: str | None = None) -> None:
        self.refusal = refusal
        self.asked: list[tuple[UUID, str, str]] = []

    async def send_rest(self, manifest_id: UUID, variant: str, person: Identity) -> str | None:
        """Notes it."""
        self.asked.append((manifest_id, variant, str(person)))
        return self.refusal


async def tested_campaign(world: World) -> ReleasedCampaign:
    """A test of two variants, of which b is left by many; three people wait for the winner."""
    people = {"a": [person(n) for n in range(40)], "b": [person(n) for n in range(40, 80)]}
    campaign = await release(world, people)
    await campaign.hand_over(world)
    for number in range(40, 62):
        await world.standings.record_opt_out(
            BRAND,
            await world.id_of(f"user-{number}"),
            "newsletter",
            "page",
            mailing_id=campaign.mailings["b"].mailing_id,
        )
    for recipient_id in await world.known(91, 92, 93):
        await world.pool.execute(
            "INSERT INTO manifest_people (manifest_id, recipient_id, result, variant) VALUES ($1, $2, 'send', 'rest')",
            *(campaign.manifest_id, recipient_id),
        )
    await count_all(world)
    return campaign


async def test_the_winner_is_sent_by_a_person(world: World) -> None:
    """The page names the winner with its range; a press sends the rest with the chosen variant, by that person."""
    campaign, rests = await tested_campaign(world), Rests()
    async with open_browser(world) as browser:
        stores = browser.client._transport.app.state.site.console.operations.campaign_reports  # type: ignore[attr-defined]
        await browser.enter(role=StaffRole.MARKETER)
        page = (await browser.open(path_of(campaign, "winner"))).text
        assert "Variant A is better than each other variant" in page
        assert "The rest is sent by the command" in page
        object.__setattr__(stores, "open_rest", lambda *_: rests)
        page = (await browser.open(path_of(campaign, "winner"))).text
        assert "3 people wait for it" in page
        assert 'class="main">Send the rest with variant A' in page
        assert "55.00%" in page
        for variant, status in (("c", 409), ("a", 303)):
            sent = await browser.send(path_of(campaign, "winner"), {"variant": variant}, on="/console/sessions")
            assert sent.status_code == status
        rests.refusal = "it is sent already"
        again = await browser.send(path_of(campaign, "winner"), {"variant": "a"}, on="/console/sessions")
        assert (again.status_code, "The rest was not sent" in again.text) == (409, True)
    assert rests.asked == [(campaign.manifest_id, "a", "person:Dana Duty")] * 2


async def test_who_may_not_release_sends_no_rest(world: World) -> None:
    """Operators see the figures, and send nothing; a campaign without a test has no such page."""
    campaign, plain = await tested_campaign(world), await release(world, {"a": [person(200)]})
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        assert (await browser.open(path_of(campaign, "winner"))).status_code == 200
        sent = await browser.send(path_of(campaign, "winner"), {"variant": "a"}, on="/console/sessions")
        assert sent.status_code == 403
        assert (await browser.open(path_of(plain, "winner"))).status_code == 404
