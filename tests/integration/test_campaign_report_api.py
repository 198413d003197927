"""The report of a campaign by the API and by commands."""

import csv
import io
import json
from pathlib import Path
from uuid import uuid4

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from tests.campaigns import commands
from tests.factories import BRAND, World, person
from tests.integration.test_campaign_report_pages import sent_campaign, tested_campaign
from tests.integration.web_world import browse
from tests.released_campaigns import release

HOSTILE = "\x1b[31m=1+1\u202e"


async def test_the_api_tells_the_same_report(world: World) -> None:
    """Sum and figures as on the page; the winner of a test; 404 for another brand, and 422 for no id."""
    plain, tested = await sent_campaign(world), await tested_campaign(world)
    rights = RightsOfOnePublisher(frozenset({BRAND, "peerstream"}), reads=frozenset({"report"}))
    key = await world.publishers.grant_rights_and_missing_key(Identity.parse_identity("key:reports"), rights)
    async with browse(world) as client:
        client.headers["authorization"] = f"Bearer {key}"

        async def read(brand: str, campaign: object) -> tuple[int, dict[str, object]]:
            answer = await client.get(f"/api/v1/campaigns/{brand}/{campaign}/report")
            return answer.status_code, answer.json()

        status, report = await read(BRAND, plain.id)
        done = report["shown_and_done"]
        assert isinstance(done, dict)
        assert (status, done["shown"], done["sent"], done["open"]) == (200, 6, 4, 0)
        assert done["lost"] == [
            {"state": "failed", "reason": "gave_up", "people": 1},
            {"state": "suppressed", "reason": "opted_out", "people": 1},
        ]
        assert report["test"] is None
        _, report = await read(BRAND, tested.id)
        test = report["test"]
        assert isinstance(test, dict)
        assert (test["metric"], test["verdict"], test["winner"]) == ("opt_outs", "winner", "a")
        assert [(one["variant"], one["sent"], one["events"]) for one in test["variants"]] == [
            ("a", 39, 0),
            ("b", 40, 22),
        ]
        assert (await read("peerstream", plain.id))[0] == (await read(BRAND, uuid4()))[0] == 404
        assert (await read(BRAND, "x"))[0] == 422


async def test_commands_tell_it_too(world: World, database_url: str, tmp_path: Path) -> None:
    """`mailer campaign report` as a table and as JSON, `people` as CSV on record; hostile names reach no terminal."""
    campaign = await tested_campaign(world)
    fresh = await release(world, {"a": [person(300)]}, name="Fresh")
    await world.pool.execute("UPDATE campaigns SET name = $1 WHERE id = $2", HOSTILE, campaign.id)
    stack = commands(tmp_path, database_url)
    said = (await stack.run("campaign", "report", str(campaign.id))).out
    assert "The sum adds up" in said
    assert "A/B test by opt outs: winner, variant a" in said
    assert "\x1b" not in said
    told = json.loads((await stack.run("campaign", "report", str(campaign.id), "--json")).out)
    assert (told["shown_and_done"]["sent"], told["test"]["winner"]) == (80, "a")
    assert "not yet" in (await stack.run("campaign", "report", str(fresh.id))).out
    before = len(await world.entries(kind="access"))
    people = (await stack.run("campaign", "people", str(campaign.id), "--reason", "audit", "--by", "Dana Duty")).out
    rows = list(csv.DictReader(io.StringIO(people)))
    assert len(rows) == 83
    assert sum(row["state"] == "handed_over" for row in rows) == 80
    [entry] = (await world.entries(kind="access"))[before:]
    assert (entry["reason"], entry["actor"]) == ("people_exported", "person:Dana Duty")
    for arguments, status in (
        (("report", "x"), 2),
        (("report", str(uuid4())), 1),
        (("people", str(uuid4()), "--reason", "audit"), 1),
        (("people", str(campaign.id), "--reason", "curiosity"), 2),
    ):
        ended = await stack.run("campaign", *arguments)
        assert (ended.status, ended.err.count("\n")) == (status, 1), ended.err
