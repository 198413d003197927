"""The API for operations: dead letters, stops, processors, the flow, policies and publishers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from unittest.mock import patch

import httpx
import pytest

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import OPERATION_ACTIONS, ReadableData, RightsOfOnePublisher
from mailer.ports.broker import BrokerMessage
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.ports.halts import Halt, HaltScope
from mailer.ports.mailings import ReleaseRefused
from mailer.ports.processor_states import ReportedProcessorState
from mailer.postgres.halts import PostgresHalts
from mailer.postgres.publishers import PostgresPublishers
from tests.factories import BRAND, World, person, plain_event, policies
from tests.integration.web_world import browse

OTHER = "peerstream"
OPS, WATCH = Identity.parse_identity("key:ops"), Identity.parse_identity("key:watch")
ALL = frozenset(policies())


@asynccontextmanager
async def as_key(
    world: World, who: Identity = OPS, rights: RightsOfOnePublisher | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key; without rights, with all that concern operations, and what it may grant."""
    everything = RightsOfOnePublisher(
        ALL, frozenset({"newsletter"}), frozenset(OPERATION_ACTIONS), frozenset(one.value for one in ReadableData)
    )
    key = await world.publishers.grant_rights_and_missing_key(who, rights or everything)
    async with browse(world, authorization=f"Bearer {key}") as client:
        yield client


async def keep_letter(world: World, brand: str = BRAND, named: str = BRAND, reason: str = "no such template") -> int:
    """Keeps a dead letter with a brand in its routing key, and one in its body. Returns its number."""
    body = plain_event([person(1)]) | {"brand": named}
    message = BrokerMessage(json.dumps(body).encode(), "mailer.dead", body["id"])
    kind = DeadLetterCauseKind.REFUSED
    await world.letters.add_dead_letter(message, "mailer.events", f"{brand}.newsletter", reason, "key:shop", kind)
    return int(await world.pool.fetchval("SELECT max(id) FROM dead_letters"))


async def done_by(world: World, who: Identity = OPS) -> list[tuple[str, str, str | None]]:
    """The deeds of the holder of a key, as the ledger has them: brand, what, and the text."""
    entries = await world.entries(kind="control")
    return [(one["brand"], one["reason"], one["reply"]) for one in entries if one["actor"] == str(who)]


async def test_dead_letters_are_listed_and_shown_without_personal_data(world: World) -> None:
    """Those of the brand, page by page; addresses are neither in the reason nor in the body."""
    numbers = [await keep_letter(world, reason="ann@example.org is nobody") for _ in range(3)]
    theirs = await keep_letter(world, OTHER)
    path = f"/api/v1/dead-letters/{BRAND}"
    async with as_key(world) as client:
        page = (await client.get(path, params={"limit": 2})).json()
        assert [one["id"] for one in page["letters"]] == numbers[:0:-1]
        rest = (await client.get(path, params={"last": page["older_than"]})).json()
        assert ([one["id"] for one in rest["letters"]], rest["older_than"]) == (numbers[:1], None)
        shown = await client.get(f"{path}/{numbers[0]}")
        assert "template" in shown.json()["body"]
        assert (shown.json()["reason"], shown.json()["exchange"]) == ("a…@e….org is nobody", "mailer.events")
        for text in (shown.text, json.dumps(page)):
            assert "ann@" not in text
            assert "user-1" not in text
        for odd in (theirs, 0, 10**30):
            assert (await client.get(f"{path}/{odd}")).status_code == 404
        assert (await client.get(path, params={"kind": "refused", "replayed": "false"})).status_code == 200


async def test_many_halts_of_other_mailings_hide_none_of_ours(world: World) -> None:
    """Hundreds of mailings of another brand, or that are long deleted, stand still: ours is shown, and only ours."""
    theirs = (await world.accept([person(1)], brand=OTHER)).mailing_id
    ours = (await world.accept([person(1)])).mailing_id
    await world.pool.execute(
        "INSERT INTO halts (scope, key, by, reason) SELECT 'mailing', gen_random_uuid()::text, 'x', ''"
        " FROM generate_series(1, 1100) UNION ALL SELECT 'mailing', $1, 'x', ''",
        str(theirs),
    )
    halts = PostgresHalts(world.pool, world.writers)
    await halts.pause_mailing(ours, "Dana", "a wrong price")
    async with as_key(world) as client:
        await client.post(f"/api/v1/halts/{BRAND}/pause")
        shown = (await client.get(f"/api/v1/halts/{BRAND}")).json()
    assert [(one["scope"], one["key"]) for one in shown] == [("brand", BRAND), ("mailing", str(ours))]
    assert [one.halt.key for one in await halts.list_halts_in_force(1000, [BRAND], ours)] == [BRAND, str(ours)]
    assert [one.halt.scope for one in await halts.list_halts_in_force(1)] == [HaltScope.BRAND]


async def test_nobody_finds_by_guessing_what_is_masked(world: World) -> None:
    """A reason is shown and searched without what the publisher wrote; event and routing key without addresses."""
    reason = "to.people.0.source: there is no 'Ada Lovelace'; ada@people.example holds an address"
    number = await keep_letter(world, reason=reason)
    await world.pool.execute(
        "UPDATE dead_letters SET message_id = $1, routing_key = routing_key || '.' || $1", "for-ada@people.example"
    )
    path = f"/api/v1/dead-letters/{BRAND}"
    async with as_key(world) as client:
        for text in ((await client.get(path)).text, (await client.get(f"{path}/{number}")).text):
            assert "there is no …; a…@p….example" in text
            assert not any(secret in text for secret in ("Lovelace", "ada@"))
        for guess, ids in (
            ("Ada", []),
            ("ada@people.example", []),
            ("no …; a…@p", []),
            ("there is no", [number]),
        ):
            found = (await client.post(f"{path}/replay", json={"reason": guess, "again": True})).json()
            assert (found["ids"], found["skipped"], found["matching"], found["next"]) == (ids, [], len(ids), None), (
                guess
            )


async def test_dead_letters_are_replayed_by_what_is_said_of_them(world: World) -> None:
    """The oldest that fit, once; one that names another brand too is left; the ledger has each with the key."""
    first, second, mixed = await keep_letter(world), await keep_letter(world), await keep_letter(world, named=OTHER)
    theirs = await keep_letter(world, OTHER)
    path = f"/api/v1/dead-letters/{BRAND}/replay"
    async with as_key(world) as client:
        for empty in ({}, {"again": True}, {"reason": ""}, {"key": " "}, {"reason": " ", "again": True}):
            assert (await client.post(path, json=empty)).status_code == 422
        one = (await client.post(path, json={"first": first, "last": first})).json()
        assert one == {"replayed": 1, "matching": 1, "ids": [first], "skipped": [], "next": None}
        rest = (await client.post(path, json={"kind": "refused"})).json()
        assert (rest["ids"], rest["skipped"]) == ([second], [mixed])
        assert (await client.post(path, json={"first": theirs})).json()["ids"] == []
    said = [(what, text) for _, what, text in await done_by(world)]
    assert [what for what, _ in said] == ["dead_replayed", "dead_replayed"]
    assert len(await world.outbox.lease_rows("one", 10, 30)) == 2


async def test_a_key_stops_a_brand_and_everything(world: World) -> None:
    """Each twice, the second time as nothing new; the list says who and why; another brand's stop is not there."""
    await PostgresHalts(world.pool, world.writers).add_halt(Halt(HaltScope.BRAND, OTHER, "Grace", "a wrong list"))
    async with as_key(world) as client:
        for act in ("pause", "resume"):
            for is_new in (True, False):
                answer = await client.post(f"/api/v1/halts/{BRAND}/{act}", json={"reason": "a wrong price"})
                assert (answer.status_code, answer.json()) == (200, {"is_new": is_new})
        await client.post("/api/v1/everything/stop", json={"reason": "smoke"})
        [halt] = (await client.get(f"/api/v1/halts/{BRAND}")).json()
        assert (halt["scope"], halt["by"], halt["reason"]) == ("everything", "key:ops", "smoke")
        assert (await client.post("/api/v1/everything/start")).json() == {"is_new": True}
        assert (await client.post("/api/v1/everything/start")).json() == {"is_new": False}
        assert (await client.post("/api/v1/everything/stop", json={"reason": "x" * 201})).status_code == 422
    said = await done_by(world)
    assert [(brand, what) for brand, what, _ in said] == [
        *((BRAND, what) for what in ("paused", "resumed")),
        *(("", what) for what in ("stopped", "started")),
    ]
    assert said[0][2] is not None
    assert said[0][2].startswith("a wrong price; from ")


async def test_a_key_starts_nothing_after_the_database_went_back(world: World) -> None:
    """409, and what to do at a command."""
    halts = PostgresHalts(world.pool, world.writers)
    await halts.add_halt(Halt(HaltScope.EVERYTHING, "0192f0c1-0000-7000-8000-000000000001", "worker-1", "lost entries"))
    async with as_key(world) as client:
        refused = await client.post("/api/v1/everything/start")
    assert (refused.status_code, "`mailer start`" in refused.text) == (409, True)


async def test_processors_and_the_flow_are_shown(world: World) -> None:
    """State, last error, limits; a processor that nobody knows is not paused."""
    state = ReportedProcessorState(
        "relay-us", "down", datetime.now(UTC), "421 4.3.2 not available", "look at the relay", 3
    )
    await world.processors.store_processor_states_seen_by_worker("worker-1", [state])
    async with as_key(world) as client:
        for is_new in (True, False):
            answer = await client.post("/api/v1/processors/relay-us/pause", json={"reason": "maintenance"})
            assert answer.json() == {"is_new": is_new, "streams": 0}
        shown = (await client.get("/api/v1/processors")).json()
        assert (shown["relays"][0]["state"], shown["relays"][0]["last_error"]) == ("down", "421 4.3.2 not available")
        assert [(one["key"], one["reason"]) for one in shown["paused"]] == [("relay-us", "maintenance")]
        assert (await client.post("/api/v1/processors/relay-us/resume")).json()["is_new"] is True
        assert (await client.post("/api/v1/processors/nobody/pause")).status_code == 404
        flow = (await client.get("/api/v1/flow")).json()
    assert "mailer_outbox_rows" in {one["figure"] for one in flow["figures"]}
    assert [one["name"] for one in flow["processes"]] == ["worker-1"]
    assert [what for _, what, _ in await done_by(world)] == ["paused", "resumed"]


async def test_policies_have_promises_and_differences(world: World) -> None:
    """Promises with needs and rules; a version with itself has no difference; an unknown one is none."""
    policy = policies()[BRAND]
    async with as_key(world) as client:
        shown = (await client.get(f"/api/v1/policies/{BRAND}")).json()
        assert [one["id"] for one in shown["promises"]] == [line.id for line in policy.promises]
        assert all(one["rules"] or one["waits_for"] or one["needs"] for one in shown["promises"])
        assert shown["versions"][0]["in_force"] is True
        path, version = f"/api/v1/policies/{BRAND}/differences", policy.version
        same = await client.get(path, params={"before": version, "after": version})
        assert (same.status_code, same.json()) == (200, [])
        assert (await client.get(path, params={"before": version, "after": "1066"})).status_code == 404
        assert (await client.get(path, params={"before": version})).status_code == 422
        assert (await client.get("/api/v1/policies/nobodys")).status_code == 403


@pytest.mark.parametrize(
    ("has", "granted", "refused"),
    [
        (({BRAND}, {"breach"}, set()), {"brands": [OTHER]}, "category:breach"),
        (({BRAND}, {"breach"}, set()), {"brands": [OTHER], "categories": ["newsletter"]}, "category:breach"),
        (({BRAND}, set(), {"erased"}), {"brands": [OTHER], "reads": ["status"]}, "action:erased"),
        (({BRAND}, set(), {"manage_publishers"}), {"brands": sorted(ALL)}, "no key grants manage_publishers"),
        (({"gone"}, set(), set()), {"brands": [BRAND], "reads": ["status"]}, "brand:gone"),
        (({BRAND}, {"breach"}, set()), {"brands": [BRAND], "categories": ["newsletter"]}, None),
        (({BRAND}, {"newsletter"}, set()), {"brands": [OTHER]}, None),
    ],
)
async def test_a_grant_spreads_no_right_that_its_giver_lacks(
    world: World, has: tuple[set[str], set[str], set[str]], granted: dict[str, list[str]], refused: str | None
) -> None:
    """A right holds at each brand of its holder: a new brand would carry all that the publisher has elsewhere there."""
    shop, rights = Identity.parse_identity("key:shop"), RightsOfOnePublisher(*map(frozenset, has))
    await world.publishers.grant_rights_and_missing_key(shop, rights)
    async with as_key(world) as client:
        answer = await client.post("/api/v1/publishers/key:shop/rights", json=granted)
    assert answer.status_code == (200 if refused is None else 409), answer.text
    assert (refused or "") in answer.text
    known = await world.publishers.get_publisher(shop)
    assert known is not None
    assert (known.publisher.rights == rights) == (refused is not None)


async def test_a_grant_to_whom_changes_meanwhile_is_refused(world: World) -> None:
    """The rights that were checked are the ones that are added to: one that came in between could spread."""
    shop = Identity.parse_identity("key:shop")
    await world.publishers.grant_rights_and_missing_key(shop, RightsOfOnePublisher(frozenset({BRAND})))
    async with as_key(world) as client:
        seen = await world.publishers.get_publisher(shop)
        breach = RightsOfOnePublisher(frozenset({BRAND}), frozenset({"breach"}))
        await world.publishers.grant_rights_and_missing_key(shop, breach)
        with patch.object(PostgresPublishers, "get_publisher", return_value=seen):
            answer = await client.post("/api/v1/publishers/key:shop/rights", json={"brands": [OTHER]})
    assert (answer.status_code, "changed just now" in answer.text) == (409, True)


async def test_a_key_manages_publishers_within_its_own_rights(world: World) -> None:
    """It makes, restricts and revokes; it grants nothing that it has not, no management, and nothing to itself."""
    newsletter = {"brands": [BRAND], "categories": ["newsletter"]}
    async with as_key(world) as client:
        one = "/api/v1/publishers/key:shop"
        made = (await client.post(f"{one}/rights", json=newsletter | {"reads": ["status"]})).json()
        assert made["key"].startswith("mk_")
        assert (await client.post(f"{one}/rights", json=newsletter)).json()["key"] is None
        shown = await client.get(one)
        assert (shown.json()["reads"], len(shown.json()["changes"])) == (["status"], 1), "no news is no change"
        assert made["key"] not in shown.text
        for is_new in (True, False):
            answer = await client.post(f"{one}/restrict", json={"reads": ["status"]})
            assert answer.json() == {"publisher": "key:shop", "is_new": is_new}
        for what, says in (
            ({"brands": [BRAND], "categories": ["breach"]}, "has not itself what it wants to grant: category:breach"),
            ({"brands": [BRAND], "actions": ["manage_publishers"]}, "no key grants manage_publishers"),
        ):
            refused = await client.post(f"{one}/rights", json=what)
            assert (refused.status_code, says in refused.text) == (409, True)
        for path in ("rights", "restrict", "revoke"):
            own = await client.post(f"/api/v1/publishers/key:ops/{path}", json=newsletter)
            assert (own.status_code, "cannot change its own rights" in own.text) == (409, True)
        for bad in ({"brands": ["nobodys"]}, {"brands": [BRAND], "actions": ["fly"]}, {"categories": ["newsletter"]}):
            assert (await client.post(f"{one}/rights", json=bad)).status_code == 422
        assert (await client.post("/api/v1/publishers/mailer:pipeline/rights", json=newsletter)).status_code == 422
        assert (await client.post("/api/v1/publishers/key:nobody/revoke")).status_code == 404
        assert (await client.post(f"{one}/revoke")).json()["is_new"] is True
        listed = {one["publisher"]: one["revoked_at"] for one in (await client.get("/api/v1/publishers")).json()}
        assert (listed["key:ops"], listed["key:shop"] is None) == (None, False)
        async with browse(world, authorization=f"Bearer {made['key']}") as former:
            assert (await former.get(f"/api/v1/mailings/{BRAND}")).status_code == 401
    assert [what for _, what, _ in await done_by(world)] == ["granted", "restricted", "revoked"]


async def test_who_made_a_key_that_made_a_key_does_not_release(world: World) -> None:
    """A chain of keys hides nobody; nor does a user of RabbitMQ or a role to whom somebody gave rights."""
    world.writers.actor = "person:Dana Duty"
    breach = RightsOfOnePublisher(ALL, frozenset({"breach"}), frozenset({"manage_publishers"}))
    async with as_key(world, rights=breach) as client:
        granted = {"brands": [BRAND], "categories": ["breach"]}
        assert (await client.post("/api/v1/publishers/key:incident/rights", json=granted)).status_code == 200
    rights = RightsOfOnePublisher(frozenset({BRAND}), frozenset({"breach"}))
    for who in ("broker:shop", "role:billing", "person:Eli"):
        await world.publishers.grant_rights_and_missing_key(Identity.parse_identity(who), rights)
    world.writers.actor = None
    for publisher in ("key:incident", "broker:shop", "role:billing", "person:Eli"):
        mailing_id = (await world.accept([person(1)], "breach", publisher=publisher)).mailing_id
        with pytest.raises(ReleaseRefused, match=f"made {publisher} or gave it rights"):
            await world.mailings.release_mailing(mailing_id, "dana duty")
        await world.mailings.release_mailing(mailing_id, "Grace")
