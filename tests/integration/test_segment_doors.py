"""Segments by the API and by the commands: the same checks, the same words, and events that name them."""

from pathlib import Path

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from tests.campaigns import commands
from tests.factories import BRAND, World, plain_event
from tests.integration.test_operation_api import as_key
from tests.processes import Stack

SEGMENTS = f"/api/v1/segments/{BRAND}"
US = {"type": "country", "operator": "is", "values": ["US"]}
FORBIDDEN = {"type": "attribute", "name": "plan", "operator": "is", "values": ["Plus"]}


async def test_segments_by_api(world: World) -> None:
    """A key saves, lists, counts and deletes segments; what is wrong is said with its place, and nothing is saved."""
    await world.known(1, 2)
    async with as_key(world) as key:
        made = (await key.put(f"{SEGMENTS}/us", json={"condition": US, "revision": 0})).json()
        assert (made["sentence"], made["revision"], made["people"]) == ("People in United States.", 1, None)
        assert made["updated_by"] == "key:ops"
        assert (await key.put(f"{SEGMENTS}/us", json={"condition": US, "revision": 0})).status_code == 409
        counted = (await key.post(f"{SEGMENTS}/us/count")).json()
        assert (counted["people"], counted["counted_at"] is not None) == (2, True)
        deep: object = US
        for _ in range(400):
            deep = {"type": "not", "condition": deep}
        for condition, words in (
            (FORBIDDEN, "plan is no attribute of the policy"),
            (deep, "deep in one another"),
            ({"type": "list", "name": "segment:us"}, "a segment names lists"),
            ({"type": "list", "name": "nobodys"}, "has no list"),
            ({"type": "mail", "operator": "opened", "campaign": "spring"}, "does not record who opens"),
        ):
            refused = await key.put(f"{SEGMENTS}/us", json={"condition": condition})
            assert (refused.status_code, words in refused.text) == (422, True), refused.text
        nested = '{"condition": ' + '{"type": "not", "condition": ' * 100_000 + "1" + "}" * 100_001
        refused = await key.put(f"{SEGMENTS}/us", content=nested, headers={"content-type": "application/json"})
        assert refused.status_code in (400, 422)
        for name in ("b", "c"):
            await key.put(f"{SEGMENTS}/{name}", json={"condition": US})
        first = (await key.get(f"{SEGMENTS}?limit=2")).json()
        second = (await key.get(f"{SEGMENTS}?limit=2&after={first['next']}")).json()
        names = [one["name"] for page in (first, second) for one in page["segments"]]
        assert (names, second["next"]) == (["b", "c", "us"], None)
        assert (await key.get(f"{SEGMENTS}/us")).json()["condition"] == US
        assert (await key.delete(f"{SEGMENTS}/us")).json() == {"deleted": "us", "drafts": []}
        for call in (key.get(f"{SEGMENTS}/us"), key.delete(f"{SEGMENTS}/us"), key.post(f"{SEGMENTS}/us/count")):
            assert (await call).status_code == 404
        assert (await key.put(f"{SEGMENTS}/Not-a-Name", json={"condition": US})).status_code == 422


async def test_event_to_segment_by_api(world: World) -> None:
    """An event names a segment as its audience; an unknown one is refused at once, with words."""
    await world.known(1)
    shop = Identity.parse_identity("key:shop")
    rights = RightsOfOnePublisher(
        frozenset({BRAND}),
        frozenset({"newsletter"}),
        frozenset({"write_segments"}),
        frozenset({"status"}),
    )
    async with as_key(world, shop, rights) as key:
        event = plain_event({"audience": "segment:us"})
        refused = await key.post("/api/v1/events", json=event)
        assert (refused.status_code, refused.json()["problems"]) == (
            422,
            [f"to.audience: {BRAND} has no segment 'us'; save it first"],
        )
        await key.put(f"{SEGMENTS}/us", json={"condition": US})
        assert (await key.post("/api/v1/events", json=event)).status_code == 202
        for odd in ("segment:", "segment:segment:us", "segment:US", "list:us", "segment: us"):
            answer = await key.post("/api/v1/events", json=plain_event({"audience": odd}))
            assert (answer.status_code, "to.audience" in answer.text) == (422, True), odd


async def test_segments_by_commands(world: World, tmp_path: Path, database_url: str) -> None:
    """An operator saves a condition from a file, counts it, freezes it, takes people off the list and deletes both."""
    operator: Stack = commands(tmp_path, database_url)
    await world.known(1, 2)
    of = ("--brand", BRAND)
    file = tmp_path / "us.json"
    file.write_text('\ufeff{"type": "country", "values": ["us"]}')
    saved = (await operator.done("segment", "save", "us", str(file), *of, "--by", "Dana", "--json")).json
    assert (saved["sentence"], saved["updated_by"]) == ("People in United States.", "person:Dana")
    assert (await operator.done("segment", "count", "us", *of, "--json")).json["people"] == 2
    shown = (await operator.done("segment", "show", "us", *of)).out
    assert "2 people, counted" in shown
    assert "People in United States." in (await operator.done("segment", "list", *of)).out
    frozen = (await operator.done("segment", "freeze", "us", *of, "--list", "june", "--json")).json
    assert (frozen["people"], frozen["origin"]) == (2, "us")
    assert (await operator.done("audience", "remove", "june", "user-1", *of, "--json")).json["removed"] == 1
    assert (await operator.done("audience", "count", "june", *of, "--json")).json[0]["people"] == 1
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"type": "list", "name": "nobodys"}')
    for words, said in (
        (("segment", "save", "us", str(wrong), *of), "has no list 'nobodys'"),
        (("segment", "save", "Us!", str(file), *of), "is no name"),
        (("segment", "save", "us", str(tmp_path / "none.json"), *of), "No such file"),
        (("segment", "show", "them", *of), "has no segment 'them'"),
        (("segment", "count", "us", "--brand", "nobody"), "there is no brand nobody"),
        (("segment", "freeze", "us", *of, "--list", "june"), "has a list 'june' already"),
        (("audience", "remove", "june", "nobody", *of), "has no recipient 'nobody'"),
        (("audience", "delete", "july", *of), "has no list 'july'"),
    ):
        result = await operator.run(*words)
        assert (result.status, said in result.err) == (2, True), (words, result.err)
    assert (await operator.done("segment", "delete", "us", *of, "--json")).json == {"deleted": "us", "drafts": []}
    await operator.done("audience", "delete", "june", *of)
    assert (await operator.done("audience", "list", *of, "--json")).json == []
