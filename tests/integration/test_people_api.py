"""The API of people and suppressions: the same core as the console, with a key in place of a role."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from mailer.actions.acts_on_person import ErasureGround
from tests.factories import BRAND, World, person
from tests.integration.test_console_people import OTHER, accesses
from tests.integration.web_world import browse
from tests.publishers import issue_key

PEOPLE, STOPS = f"/api/v1/people/{BRAND}", f"/api/v1/suppressions/{BRAND}"


@asynccontextmanager
async def desk(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key that may do everything at the brand."""
    key = await issue_key(world.pool, "help-desk", BRAND)
    async with browse(world, authorization=f"Bearer {key}") as client:
        yield client


async def posted(client: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> Any:
    """The answer to a request that is good."""
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_person_is_found_and_read(world: World) -> None:
    """A person is found by an address in the body. The look-up and its reason are recorded. The history has pages."""
    [ada] = await world.known(1)
    for number in range(3):
        await world.standings.record_opt_out(BRAND, ada, f"newsletter/topic-{number}", "page")
    await world.accept([person(1)], brand=OTHER, controller=OTHER)
    async with desk(world) as client:
        found = await posted(client, f"{PEOPLE}/find", {"who": "User-1@people.example", "reason": "ticket 7"})
        assert [(one["ref"], one["number"], one["state"]) for one in found["people"]] == [("user-1", ada, "active")]
        asked = {"ref": "user-1", "reason": "ticket 7", "limit": 3}
        page = await posted(client, f"{PEOPLE}/history", asked)
        assert [entry["kind"] for entry in page["entries"]] == ["access", "access", "change"]
        older = await posted(client, f"{PEOPLE}/history", asked | {"before": page["next"]})
        assert [entry["title"] for entry in (page["entries"] + older["entries"])[2:]] == [
            f"Left newsletter/topic-{number} mail" for number in (2, 1, 0)
        ]
        assert older["next"] is None
        for bad in ({"reason": ""}, {"before": "x"}, {"limit": 0}, {"limit": 201}, {"more": 1}, {"reason": "x" * 301}):
            assert (await client.post(f"{PEOPLE}/history", json=asked | bad)).status_code == 422, bad
        unknown = await client.post(f"{PEOPLE}/history", json=asked | {"ref": "user-9"})
        assert unknown.status_code == 404
    entries = await accesses(world)
    assert [entry["recipient"] for entry in entries] == [ada, ada, ada, None]
    assert {entry["actor"] for entry in entries} == {"key:help-desk"}
    assert entries[0]["reply"].endswith(": ticket 7")
    assert "people.example" not in str(entries)


async def test_an_act_counts_once(world: World) -> None:
    """An act is recorded once, with its reason. Its id with another act is refused. An erasure returns its result."""
    [ada] = await world.known(1)
    order = {"ref": "user-1", "act": "restrict", "id": "order-1", "reason": "ticket 8"}
    async with desk(world) as client:
        assert (await posted(client, f"{PEOPLE}/acts", order))["is_new"]
        assert not (await posted(client, f"{PEOPLE}/acts", order))["is_new"]
        assert (await client.post(f"{PEOPLE}/acts", json=order | {"act": "object"})).status_code == 409
        assert (await client.post(f"{PEOPLE}/acts", json=order | {"act": "promote"})).status_code == 422
        hold = {**order, "act": "hold", "id": "order-2", "reference": "Case 7"}
        assert (await posted(client, f"{PEOPLE}/acts", hold))["is_new"]
        assert not (await posted(client, f"{PEOPLE}/acts", hold | {"id": "order-3"}))["is_new"]
        erase = {"ref": "user-1", "act": "erase", "id": "order-4", "reason": str(ErasureGround.ASKED)}
        refused = await client.post(f"{PEOPLE}/acts", json=erase)
        assert (refused.status_code, "a legal hold forbids erasure" in refused.text) == (422, True)
        await posted(client, f"{PEOPLE}/acts", hold | {"act": "lift_hold", "id": "order-5"})
        erased = await posted(client, f"{PEOPLE}/acts", erase)
        assert (erased["is_new"], erased["cancelled"], erased["processors"]) == (True, 0, [])
    acted = await accesses(world, "acted")
    assert [entry["fields"] for entry in acted] == [["restrict"], ["hold"], ["lift_hold"], ["erase"]]
    assert {entry["recipient"] for entry in acted} == {ada}


async def test_the_order_of_a_hold_counts_once_for_ever(world: World) -> None:
    """An order that was carried out, or that found the hold set, sets no hold again after a lift, nor lifts twice."""
    await world.known(1)
    hold = {"ref": "user-1", "act": "hold", "id": "order-1", "reason": "t", "reference": "Case 7", "named": True}
    lift = {**hold, "act": "lift_hold", "id": "order-2", "named": False}
    async with desk(world) as client:

        async def is_new(order: Mapping[str, Any]) -> bool:
            return bool((await posted(client, f"{PEOPLE}/acts", order))["is_new"])

        assert await is_new(hold)
        assert not await is_new(hold)
        assert not await is_new(hold | {"id": "order-3"})
        assert await is_new(lift)
        for order in (hold, hold | {"id": "order-3"}, lift):
            assert not await is_new(order)
        assert await world.pool.fetchval("SELECT count(*) FROM holds WHERE lifted_at IS NULL") == 0
        assert await is_new(hold | {"id": "order-4"})
        assert not await is_new(lift)
    assert await world.pool.fetchval("SELECT count(*) FROM holds WHERE lifted_at IS NULL") == 1
    assert [entry["fields"] for entry in await accesses(world, "acted")] == [["hold"], ["lift_hold"], ["hold"]]


async def test_the_id_of_a_hold_means_one_thing(world: World) -> None:
    """The same id with another reference, person, act or secrecy is refused, and changes nothing."""
    await world.known(1, 2)
    hold = {"ref": "user-1", "act": "hold", "id": "order-1", "reason": "t", "reference": "Case 7"}
    others: list[dict[str, Any]] = [
        {"reference": "Case 8"},
        {"named": True},
        {"ref": "user-2"},
        {"act": "lift_hold"},
        {"act": "restrict", "reference": ""},
    ]
    async with desk(world) as client:
        assert (await posted(client, f"{PEOPLE}/acts", hold))["is_new"]
        for other in others:
            answer = await client.post(f"{PEOPLE}/acts", json=hold | other)
            assert (answer.status_code, "id: " in answer.text) == (409, True), other
        for bad in ("", " ", "x" * 256, "Case\n7"):
            assert (await client.post(f"{PEOPLE}/acts", json=hold | {"reference": bad})).status_code == 422, bad
    rows = await world.pool.fetch("SELECT reference, named, lifted_at FROM holds")
    assert [tuple(row) for row in rows] == [("Case 7", False, None)]


async def test_suppressions_are_listed_explained_and_lifted(world: World) -> None:
    """Suppressions are shown with words and keyed hashes. A lift needs a reason, and counts once."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    async with desk(world) as client:
        [listed] = (await client.get(STOPS)).json()["suppressions"]
        assert listed["words"].startswith("left newsletter mail on ")
        assert "people.example" not in str(listed)
        number, lift = listed["number"], {"at": listed["at"], "reason": "ticket 9"}
        assert (await client.get(STOPS, params={"before": number})).json() == {"suppressions": [], "next": None}
        assert (await client.get(STOPS, params={"before": 0})).status_code == 422
        assert (await client.post(f"{STOPS}/{number}/lift", json=lift | {"reason": " "})).status_code == 422
        assert (await client.post(f"{STOPS}/999999/lift", json=lift)).status_code == 404
        assert (await client.post(f"{STOPS}/{number}/lift", json={"reason": "x"})).status_code == 422
        await world.standings.record_opt_out(BRAND, ada, "newsletter", "one-click")
        older = await client.post(f"{STOPS}/{number}/lift", json=lift)
        assert (older.status_code, "look at it again" in older.text) == (422, True)
        [again] = (await client.get(STOPS)).json()["suppressions"]
        lift |= {"at": again["at"]}
        assert (await posted(client, f"{STOPS}/{number}/lift", lift))["is_new"]
        assert not (await posted(client, f"{STOPS}/{number}/lift", lift))["is_new"]
        assert (await client.get(STOPS)).json()["suppressions"] == []
        for who in ("user-1", "user-1@people.example"):
            told = await posted(client, f"{STOPS}/explain", {"who": who, "reason": "ticket 9"})
            assert [one["lift_reason"] for one in told["suppressions"]] == ["ticket 9"]
