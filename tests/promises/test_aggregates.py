"""An advertiser names an audience and never sees a person, for any questions, however often asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from mailer.postgres.campaign_reports import PostgresCampaignReports
from tests.campaigns import commands, fetched, mailed, members
from tests.factories import BRAND, World
from tests.integration.web_world import KEY
from tests.integration.web_world import World as Site
from tests.processes import Stack

PROMISES = pytest.mark.promise("interpals-14", "paltalk06-11", "paltalk02-03")
FIELDS = {"brand", "campaign", "as_of", "minimum_cell", "mailings", "people", "opens", "clicks", "breakdowns"}


@pytest.fixture
def advertiser(tmp_path: Path, database_url: str) -> Stack:
    """Commands over the same database."""
    return commands(tmp_path, database_url)


async def answers(advertiser: Stack, world: World, campaign: str) -> list[dict[str, Any]]:
    """The answers that an advertiser gets on the command line and by the API."""
    done = await advertiser.done("report", "advertiser", "--brand", BRAND, "--campaign", campaign, "--json")
    async with Site(reports=PostgresCampaignReports(world.pool)).client() as client:
        path = f"/api/v1/reports/{BRAND}/{campaign}"
        answer = await client.get(path, headers={"authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200
    return [done.json, answer.json()]


@PROMISES
async def test_an_advertiser_sees_groups_only(advertiser: Stack, world: World) -> None:
    """Each figure is about twenty people or more, smaller groups are counted as one, and nothing is about a person."""
    people = members(0, US=40, BR=30, IN=12, JP=9)
    await fetched(world, "opens", await mailed(world, people, campaign="spring"), 19)
    for answer in await answers(advertiser, world, "spring"):
        assert answer.keys() == FIELDS
        assert (answer["people"], answer["opens"], answer["clicks"]) == (91, None, None)
        assert answer["breakdowns"] == {
            "country": {"US": 40, "BR": 30, "other": 21},
            "locale": {"us": 40, "br": 30, "other": 21},
        }
        assert not any(detail in json.dumps(answer) for person in people for detail in (person["ref"], person["email"]))


@PROMISES
async def test_a_hidden_group_is_not_what_is_left(advertiser: Stack, world: World) -> None:
    """One person in a country of their own is counted with another country: the total less the others tells nothing."""
    await mailed(world, members(0, US=40, BR=30, JP=1), campaign="spring")
    for answer in await answers(advertiser, world, "spring"):
        assert answer["people"] == 71
        assert answer["breakdowns"]["country"] in ({"US": 40, "other": 31}, {"BR": 30, "other": 41})


@PROMISES
async def test_a_group_too_small_has_no_figures(advertiser: Stack, world: World) -> None:
    """An advertiser gets no figures of an audience of fewer than twenty people."""
    await fetched(world, "opens", await mailed(world, members(0, US=19), campaign="few"), 100)
    for answer in await answers(advertiser, world, "few"):
        assert answer["people"] is answer["opens"] is answer["clicks"] is None
        assert answer["breakdowns"] == {"country": None, "locale": None}


@PROMISES
async def test_two_reports_cannot_be_subtracted(advertiser: Stack, world: World) -> None:
    """An audience without one person tells nothing about that person, and neither do parts of it put together."""
    people = members(0, US=30, BR=30, IN=30)
    await mailed(world, people, campaign="all")
    await mailed(world, people[1:], campaign="all-but-one")
    await mailed(world, people[:61], campaign="two-countries-and-one")
    for answer in await answers(advertiser, world, "all"):
        assert answer["breakdowns"]["country"] == {"US": 30, "BR": 30, "IN": 30}
    for campaign in ("all-but-one", "two-countries-and-one"):
        for answer in await answers(advertiser, world, campaign):
            assert answer["people"] is None
            assert answer["breakdowns"] == {"country": None, "locale": None}


@PROMISES
async def test_a_report_stays_as_it_was(advertiser: Stack, world: World) -> None:
    """Asked again after somebody has moved, and opened the mail, an advertiser gets the same answer."""
    mailing = await mailed(world, members(0, US=40, BR=40), campaign="spring")
    await fetched(world, "opens", mailing, 30)
    before = await answers(advertiser, world, "spring")
    await world.pool.execute("UPDATE recipients SET country = 'BR', locale = 'fr' WHERE ref = 'user-0'")
    await fetched(world, "opens", mailing, 1)
    assert await answers(advertiser, world, "spring") == before
    assert before[0]["breakdowns"]["country"] == {"US": 40, "BR": 40}
