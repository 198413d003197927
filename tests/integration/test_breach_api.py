"""The API of breach cases: the same rules as in the console, by a key. Nothing of it releases anything."""

from datetime import UTC, datetime, timedelta
from typing import Any

from mailer.policy.breach.facts import BreachFacts
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from tests.factories import BRAND, World
from tests.integration.web_world import browse

PATH = f"/api/v1/breach-cases/{BRAND}"
FOUND = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
FACTS: dict[str, Any] = {"summary": "A laptop", "found_at": FOUND, "data": ["name"], "people_by_place": {"DE": 5}}


async def key_of(world: World, action: str = "write_breach_cases") -> dict[str, str]:
    """The header of a key with one action."""
    rights = RightsOfOnePublisher(frozenset({BRAND}), frozenset(), frozenset({action}), frozenset())
    key = await world.publishers.grant_rights_and_missing_key(Identity.parse_identity(f"key:{action[:5]}"), rights)
    return {"authorization": f"Bearer {key}"}


async def test_a_key_works_on_a_case(world: World) -> None:
    """It creates, reads, saves on top of a revision, marks a duty, takes it back, and decides."""
    async with browse(world) as client:
        client.headers.update(await key_of(world))
        made = await client.post(PATH, json={"name": "Laptop"})
        assert made.status_code == 201, made.text
        assert (made.json()["stage"], made.json()["clocks"]) == ("facts", [])
        one = f"{PATH}/{made.json()['case']}"
        assert (await client.get(one)).headers["etag"] == '"1"'
        saved = await client.put(f"{one}/facts", json={"revision": 1, "facts": FACTS})
        assert (saved.status_code, saved.json()["revision"], saved.json()["stage"]) == (200, 2, "texts")
        [clock] = [item for item in saved.json()["clocks"] if item["clock"] == "gdpr-authority"]
        due = datetime.fromisoformat(clock["due_at"]) - datetime.fromisoformat(FOUND)
        assert (due, clock["done"]) == (timedelta(hours=72), None)
        stale = await client.put(f"{one}/facts", json={"revision": 1, "facts": {}})
        assert (stale.status_code, stale.headers["etag"]) == (412, '"2"')
        duty = {"clock": "gdpr-authority", "told": "The authority", "told_at": FOUND, "reference": "IN-7"}
        told = (await client.post(f"{one}/duties", json=duty)).json()
        [clock] = [item for item in told["clocks"] if item["clock"] == "gdpr-authority"]
        assert (clock["done"]["reference"], clock["done"]["by"]) == ("IN-7", "key:write")
        undone = await client.post(f"{one}/duties/undo", json={"clock": "gdpr-authority", "reason": "another case"})
        assert all(item["done"] is None for item in undone.json()["clocks"])
        again = await client.post(f"{one}/duties/undo", json={"clock": "gdpr-authority", "reason": "another case"})
        assert again.status_code == 409
        decided = await client.post(f"{one}/decision", json={"state": "not_notified", "reason": "No risk."})
        assert (decided.json()["state"], decided.json()["stage"]) == ("not_notified", "not_notified")
        assert (await client.put(f"{one}/facts", json={"revision": 2, "facts": {}})).status_code == 409
        listed = (await client.get(f"{PATH}?limit=1")).json()["cases"]
        assert [(item["name"], item["state"], item["reason"]) for item in listed] == [
            ("Laptop", "not_notified", "No risk.")
        ]


async def test_bad_input_and_strangers(world: World) -> None:
    """Each limit is told; another brand's case is not there; other rights are not this one."""
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    wrongs: tuple[dict[str, Any], ...] = (
        {"found_at": "2026-11-30T03:00"},
        {"found_at": ahead},
        {"began_on": "2190-01-01"},
        {"people_by_place": {"Germany": 5}},
        {"people_by_place": {"DE": -1}},
        {"people_by_place": {"DE": 10**11}},
        {"data": ["everything"]},
        {"summary": "x" * 301},
        {"law_enforcement": "a\x00b", "law_enforcement_delay_until": "2026-12-24"},
        {"law_enforcement_delay_until": "2026-12-24"},
        {"script": "x"},
        *({name: "a\0b"} for name, field in BreachFacts.model_fields.items() if field.annotation is str),
    )
    assert {"summary": "a\0b"} in wrongs
    async with browse(world) as client:
        client.headers.update(await key_of(world))
        for wrong in wrongs:
            answer = await client.post(PATH, json={"name": "x", "facts": wrong})
            assert answer.status_code == 422, wrong
        for name in ("", "x" * 101, "a\nb"):
            assert (await client.post(PATH, json={"name": name})).status_code == 422, name
        made = (await client.post(PATH, json={"name": "x"})).json()
        one = f"{PATH}/{made['case']}"
        for path, body in (
            ("/facts", {"revision": 0, "facts": {}}),
            ("/facts", {"facts": {}}),
            ("/facts", {"revision": 1, "facts": {"found_at": ahead}}),
            ("/decision", {"state": "released", "reason": "x"}),
            ("/decision", {"state": "closed", "reason": ""}),
            ("/decision", {"state": "closed", "reason": "a\x00b"}),
            *(("/duties", {"clock": "c", "told": "x", "told_at": FOUND, key: "\0"}) for key in ("told", "reference")),
            ("/duties", {"clock": "c", "told": "", "told_at": FOUND}),
            ("/duties", {"clock": "c", "told": "x", "told_at": "2026-11-30T03:00"}),
            ("/duties/undo", {"clock": "c"}),
        ):
            method = "PUT" if path == "/facts" else "POST"
            assert (await client.request(method, f"{one}{path}", json=body)).status_code == 422, (path, body)
        unknown = await client.post(f"{one}/duties", json={"clock": "c", "told": "x", "told_at": FOUND})
        assert (unknown.status_code, "clock: the case has none" in unknown.text) == (422, True)
        assert (await client.put(f"{one}/facts", json={"revision": 1, "facts": FACTS})).status_code == 200
        late = {"clock": "gdpr-authority", "told": "x", "told_at": ahead}
        assert (await client.post(f"{one}/duties", json=late)).status_code == 409
        blank = {"state": "closed", "reason": "   "}
        assert (await client.post(f"{one}/decision", json=blank)).status_code == 409
        await world.pool.execute("UPDATE breach_cases SET brand = 'peerstream'")
        for method, path in (("GET", ""), ("PUT", "/facts"), ("POST", "/decision"), ("POST", "/duties")):
            bodies: dict[str, dict[str, Any]] = {
                "/facts": {"revision": 1, "facts": {}},
                "/decision": {"state": "closed", "reason": "x"},
                "/duties": {"clock": "c", "told": "x", "told_at": FOUND},
            }
            assert (await client.request(method, f"{one}{path}", json=bodies.get(path))).status_code == 404
        assert (await client.get("/api/v1/breach-cases/peerstream")).status_code == 403
        assert (await client.get("/api/v1/breach-cases/nobody")).status_code == 404
        client.headers.update(await key_of(world, "schedule_campaigns"))
        assert (await client.get(PATH)).status_code == 403
