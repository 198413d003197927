"""Advertisers' reports over a real database, mailed and asked for in turn."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailer.ports.reports import AdvertiserCampaignReport, ReportNotReady
from mailer.postgres.campaign_reports import PostgresCampaignReports
from tests.campaigns import commands, fetched, mailed, members
from tests.factories import BRAND, World
from tests.integration.web_world import KEY
from tests.integration.web_world import World as Site

MINIMUM = 20


async def report(world: World, campaign: str) -> AdvertiserCampaignReport:
    """The report of a campaign that there is."""
    made = await PostgresCampaignReports(world.pool).get_or_issue_campaign_report(BRAND, campaign, MINIMUM)
    assert made is not None
    return made


async def campaign(world: World, name: str, people: list[dict[str, Any]]) -> AdvertiserCampaignReport:
    """The report of a campaign that is mailed now."""
    await mailed(world, people, campaign=name)
    return await report(world, name)


async def test_a_report_has_figures_of_groups(world: World) -> None:
    """People in total and by each dimension, the small cells in one; opens and clicks where there are enough."""
    mailing = await mailed(world, members(0, US=40, BR=25, IN=12, JP=9, XX=21), campaign="spring")
    await fetched(world, "opens", mailing, 33)
    await fetched(world, "clicks", mailing, 19)
    made = await report(world, "spring")
    assert (made.brand, made.campaign, made.mailings, made.minimum_cell) == (BRAND, "spring", 1, MINIMUM)
    assert (made.people, made.opens, made.clicks) == (107, 33, None)
    assert made.breakdowns == {
        "country": {"US": 40, "BR": 25, "unknown": 21, "other": 21},
        "locale": {"us": 40, "br": 25, "unknown": 21, "other": 21},
    }


async def test_too_few_people_are_nobodys_to_see(world: World) -> None:
    """An audience below the minimum has no figures. A campaign that nobody was handed anything of has none either."""
    mailing = await mailed(world, members(0, US=19), campaign="few")
    await fetched(world, "opens", mailing, 100)
    few = await report(world, "few")
    assert (few.people, few.opens, few.clicks) == (None, None, None)
    assert few.breakdowns == {"country": None, "locale": None}
    await world.accept(members(0, US=30), campaign="none", expires_at="2020-01-01T00:00:00Z")
    await world.pool.execute("UPDATE mailings SET finished_at = now()")
    assert (await report(world, "none")).people is None
    assert await world.pool.fetchval("SELECT count(*) FROM report_cells") == 0


async def test_only_what_was_handed_over_counts(world: World) -> None:
    """People who left before are in no figure. A campaign of several mailings counts each person once."""
    await mailed(world, members(0, US=60), campaign="spring")
    for number in range(25):
        await world.standings.record_opt_out(BRAND, await world.id_of(f"user-{number}"), "newsletter", "test")
    await mailed(world, members(0, US=60), campaign="summer")
    await mailed(world, members(30, US=60), campaign="summer")
    summer = await report(world, "summer")
    assert (summer.mailings, summer.people) == (2, 65)


async def test_a_report_waits_for_the_end(world: World) -> None:
    """A running campaign has no report yet, and says so. An unknown campaign has none."""
    reports = PostgresCampaignReports(world.pool)
    await mailed(world, members(0, US=30), campaign="spring")
    later = await world.accept(members(0, US=60), campaign="spring")
    with pytest.raises(ReportNotReady, match="1 of 2 mailings of spring are not finished"):
        await reports.get_or_issue_campaign_report(BRAND, "spring", MINIMUM)
    assert await world.pool.fetchval("SELECT count(*) FROM reports") == 0
    await world.handover().hand_over_batches(later.batches)
    await world.upkeep.finish_completed_mailings()
    assert (await report(world, "spring")).people == 60
    for unknown in ("sprin", "", "\0", "\ud800", str(later.mailing_id)):
        assert await reports.get_or_issue_campaign_report(BRAND, unknown, MINIMUM) is None
    assert await reports.get_or_issue_campaign_report("paltalk-2006", "spring", MINIMUM) is None


async def test_a_mailing_without_a_campaign_counts_by_itself(world: World) -> None:
    """A mailing without a campaign has a report by its id, in one spelling only."""
    mailing = await mailed(world, members(0, US=30))
    assert (await report(world, str(mailing))).people == 30
    for other in (str(mailing).upper(), mailing.hex, f"{{{mailing}}}"):
        assert await PostgresCampaignReports(world.pool).get_or_issue_campaign_report(BRAND, other, MINIMUM) is None


async def test_a_report_never_changes(world: World) -> None:
    """Later opens, people who move, and another mailing of the same name change no figure."""
    mailing = await mailed(world, members(0, US=40, BR=40), campaign="spring")
    await fetched(world, "opens", mailing, 20)
    first = await report(world, "spring")
    assert first.opens == 20
    await fetched(world, "opens", mailing, 1)
    await world.pool.execute("UPDATE recipients SET country = 'BR' WHERE ref = 'user-0'")
    await mailed(world, members(100, US=30), campaign="spring")
    assert await report(world, "spring") == first


async def test_an_audience_like_another_one_is_withheld(world: World) -> None:
    """One person more or less is not to be seen, the same people again are, and so is who is new by the minimum."""
    people = members(0, US=60)
    assert (await campaign(world, "first", people)).people == 60
    less, more = await campaign(world, "less", people[1:]), await campaign(world, "more", members(0, US=61))
    assert less.people is more.people is None
    assert less.breakdowns == {"country": None, "locale": None}
    assert (await campaign(world, "again", people)).breakdowns["country"] == {"US": 60}
    assert (await campaign(world, "many", members(0, US=80))).people == 80
    assert (await campaign(world, "others", members(100, US=59))).people == 59


async def test_cells_are_not_subtracted_from_a_total(world: World) -> None:
    """An audience that is two cells of an earlier report and one person more is withheld."""
    people = members(0, US=30, BR=30, IN=30)
    assert (await campaign(world, "all", people)).breakdowns["country"] == {"US": 30, "BR": 30, "IN": 30}
    assert (await campaign(world, "two-and-one", people[:61])).people is None
    assert (await campaign(world, "two", people[:60])).breakdowns["country"] == {"US": 30, "BR": 30}


async def test_who_moves_is_not_found(world: World) -> None:
    """The same audience after one person has moved has the same total, and no figures by country."""
    people = members(0, US=40, BR=40)
    await campaign(world, "before", people)
    await world.pool.execute("UPDATE recipients SET country = 'BR' WHERE ref = 'user-0'")
    mailing = await world.accept({"refs": [known["ref"] for known in people]}, campaign="after")
    await world.handover().hand_over_batches(mailing.batches)
    await world.upkeep.finish_completed_mailings()
    after = await report(world, "after")
    assert (after.people, after.breakdowns) == (80, {"country": None, "locale": {"us": 40, "br": 40}})


async def test_two_at_once_see_one_another(world: World) -> None:
    """One of two simultaneous reports is withheld, if their audiences differ by one person."""
    people = members(0, US=60)
    await mailed(world, people, campaign="one")
    await mailed(world, people[1:], campaign="other")
    made = await asyncio.gather(report(world, "one"), report(world, "other"), report(world, "one"))
    assert made[0] == made[2]
    assert sum(each.people is None for each in made[:2]) == 1


async def test_who_is_erased_is_forgotten_and_stays_protected(world: World) -> None:
    """No report keeps an erased person's id; the audience without them still cannot be compared with that with them."""
    people = members(0, US=60)
    first = await campaign(world, "first", people)
    gone = await world.id_of("user-0")
    keep = timedelta(days=30)
    assert await world.rights.erase_recipient(
        BRAND, gone, "test", basis="law", keep=keep, blocks=lambda references: None
    )
    assert await world.pool.fetchval("SELECT count(*) FROM report_cells WHERE members @> ARRAY[$1::bigint]", gone) == 0
    assert await report(world, "first") == first
    assert (await campaign(world, "without", people[1:])).people is None


async def test_the_api_answers_whoever_may_ask(world: World) -> None:
    """A key of the brand reads its reports; refusals say what to do."""
    running = await world.accept(members(0, US=30), campaign="running")
    assert running.batches
    await mailed(world, members(0, US=30), campaign="spring")
    site = Site(reports=PostgresCampaignReports(world.pool))
    async with site.client() as client:
        good = {"authorization": f"Bearer {KEY}"}
        asked = {
            path: await client.get(f"/api/v1/reports/{path}", headers=good)
            for path in ("interpals/spring", "interpals/running", "interpals/winter", "paltalk-2006/spring")
        }
        assert [answer.status_code for answer in asked.values()] == [200, 409, 404, 403]
        assert "ask again once all are" in asked["interpals/running"].json()["problems"][0]
        assert asked["interpals/winter"].json() == {"problems": ["interpals has no campaign winter"]}
        assert (await client.get("/api/v1/reports/interpals/spring")).status_code == 401


async def test_the_command_shows_what_there_is(world: World, database_url: str, tmp_path: Path) -> None:
    """The command shows figures as a table, says what it withholds, and in one line what is wrong."""
    await mailed(world, members(0, US=30, BR=20), campaign="spring")
    await world.accept(members(0, US=30), campaign="running")
    ask = commands(tmp_path, database_url)
    runs = await asyncio.gather(
        *(
            ask.run("report", "advertiser", "--brand", brand, "--campaign", campaign)
            for brand, campaign in ((BRAND, "spring"), (BRAND, "running"), (BRAND, "winter"), ("acme", "spring"))
        )
    )
    shown, running, unknown, nobody = runs
    assert [run.status for run in runs] == [0, 1, 1, 2]
    words = shown.out.split()
    assert {"people", "50", "opens", "withheld", "US", "BR", "us", "br"} <= set(words)
    assert "running are not finished; ask again once all are" in running.err
    assert unknown.err.startswith("mailer: interpals has no campaign winter; ")
    assert nobody.err.startswith("mailer: there is no brand acme; there are ")
