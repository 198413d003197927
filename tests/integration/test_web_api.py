import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from mailer.events import MAX_EVENT_BYTES
from mailer.ports.broker import HeaderName
from mailer.ports.mailings import MailingStatus
from tests.integration.web_world import KEY, MAILING, World

BEARER = {"authorization": f"Bearer {KEY}"}
EVENT: dict[str, Any] = {
    "v": 1,
    "id": "order/17 ü",
    "brand": "interpals",
    "category": "newsletter",
    "template": "weekly",
    "to": {"people": [{"ref": "user-17", "email": "ada@people.example"}]},
}
STATUS = MailingStatus(
    id=MAILING,
    brand="interpals",
    event_id="order/17 ü",
    category="newsletter",
    template="weekly",
    campaign=None,
    publisher="key:shop",
    state="running",
    audience_size=3,
    created_at=datetime(2026, 11, 21, tzinfo=UTC),
    released_by=None,
    finished_at=None,
    counts={("suppressed", "opted_out"): 1, ("handed_over", ""): 2},
    opens=4,
    machine_opens=5,
)


async def _post(world: World, body: bytes | str, headers: dict[str, str] = BEARER) -> httpx.Response:
    async with world.client() as client:
        return await client.post("/api/v1/events", content=body, headers=headers)


async def test_an_event_is_accepted_and_parked() -> None:
    """A good event is a row in the outbox, as it came, with its publisher; the answer says where to ask."""
    world = World()
    body = json.dumps(EVENT).encode()
    answer = await _post(world, body)
    assert answer.status_code == 202
    assert answer.json() == {
        "event": "order/17 ü",
        "brand": "interpals",
        "state": "accepted",
        "status_url": "https://mail.example/api/v1/events/interpals/order%2F17%20%C3%BC",
    }
    [(exchange, message)] = world.outbox.parked
    assert exchange == "mailer.events"
    assert message.body == body
    assert message.routing_key == "interpals.newsletter"
    assert message.message_id == "order/17 ü"
    assert message.headers == {HeaderName.PUBLISHER: "key:shop"}


async def test_a_known_event_is_answered_with_its_first_mailing() -> None:
    """The same id again parks nothing, also where the template has gone since; another event under it is 409."""
    world = World()
    world.mailings.rows["interpals", "order/17 ü"] = STATUS
    answer = await _post(world, json.dumps(EVENT | {"template": "unknown"}))
    world.mailings.differs = ("template",)
    other = await _post(world, json.dumps(EVENT))
    assert answer.status_code == 200
    assert answer.json()["mailing"] == str(MAILING)
    assert (other.status_code, "differs in template;" in other.json()["problems"][0]) == (409, True)
    assert world.outbox.parked == []


async def test_the_state_of_an_event_can_be_asked() -> None:
    """Counts by state and reason, and opens; the status URL of an odd id leads there."""
    world = World(public_url="http://site")
    url = (await _post(world, json.dumps(EVENT))).json()["status_url"]
    async with world.client() as client:
        early = await client.get(url, headers=BEARER)
        world.mailings.rows["interpals", "order/17 ü"] = STATUS
        answer = await client.get(url, headers=BEARER)
    assert early.status_code == 404
    assert "ask again" in early.json()["problems"][0]
    assert answer.status_code == 200
    assert answer.json()["state"] == "running"
    assert answer.json()["counts"] == [
        {"state": "handed_over", "reason": "", "count": 2},
        {"state": "suppressed", "reason": "opted_out", "count": 1},
    ]
    assert (answer.json()["opens"], answer.json()["machine_opens"]) == (4, 5)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {KEY}"}])
async def test_without_a_good_key_nothing_is_taken(headers: dict[str, str]) -> None:
    """No key, a wrong one and another scheme are 401 with a challenge (RFC 6750 3)."""
    world = World()
    answer = await _post(world, json.dumps(EVENT), headers)
    async with world.client() as client:
        asked = await client.get("/api/v1/events/interpals/x", headers=headers)
    assert answer.status_code == asked.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["problems"]
    assert world.outbox.parked == []


async def test_a_key_is_good_for_its_brands_only() -> None:
    """Publishing for another brand, or asking about its events, is 403."""
    world = World()
    answer = await _post(world, json.dumps(EVENT | {"brand": "paltalk-2006"}))
    async with world.client() as client:
        asked = await client.get("/api/v1/events/paltalk-2006/x", headers=BEARER)
    assert answer.status_code == asked.status_code == 403
    assert answer.json() == {
        "problems": [
            "key:shop may not publish newsletter mail of paltalk-2006;"
            " `mailer publishers add key:shop --brand paltalk-2006 --category newsletter` lets it"
        ]
    }
    assert world.outbox.parked == []


def _with_person(**values: str) -> dict[str, Any]:
    return EVENT | {"to": {"people": [{"ref": "user-17", "email": "ada@people.example"} | values]}}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"null", "event: "),
        (json.dumps(EVENT | {"colour": "red"}), "colour: is not a field of an event"),
        (json.dumps(_with_person(email="nonsense")), "to.people.0.email: not an e-mail address"),
        (json.dumps(_with_person(name="A\r\nBcc: b@c.example")), "to.people.0.name: has a line break"),
        (json.dumps(_with_person(locale="Klingon")), "to.people.0.locale: "),
        (json.dumps(EVENT | {"context": {"x": "\ud800"}}), "context: "),
        (json.dumps(EVENT | {"context": {"x": "x" * 100_000}}), "context: is 100,009 bytes"),
        (json.dumps(EVENT | {"template": "unknown"}), "template: interpals has no template unknown"),
        (b"", "not JSON"),
    ],
)
async def test_a_bad_event_is_refused_with_what_to_mend(body: bytes | str, problem: str) -> None:
    """A bad event gets 422 and a line for each problem. The next event is accepted."""
    world = World()
    answer = await _post(world, body)
    assert answer.status_code == 422
    assert answer.json()["problems"][0].startswith(problem)
    assert world.outbox.parked == []
    assert (await _post(World(), json.dumps(EVENT))).status_code == 202


async def test_a_huge_body_is_refused_while_it_arrives() -> None:
    """A body of ten megabytes is read to its end, but not kept, so that the client sees the answer."""
    taken = 0

    async def huge() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(160):
            taken += 1
            yield b" " * 65_536

    async with World().client() as client:
        answer = await client.post("/api/v1/events", content=huge(), headers=BEARER)
    assert answer.status_code == 413
    assert answer.json() == {
        "problems": [
            f"the request is larger than {MAX_EVENT_BYTES:,} bytes: shorten it, name an audience, link to large files"
        ]
    }
    assert taken == 160


async def test_a_failure_on_our_side_is_answered_in_json() -> None:
    """A bug in a dependency is 500 with a body in the API's form, without its message."""
    world = World(on_admit=lambda event: 1 // 0)
    answer = await _post(world, json.dumps(EVENT))
    assert answer.status_code == 500
    assert "same id" in answer.json()["problems"][0]
    assert "division" not in answer.text


async def test_openapi_describes_the_event_and_every_answer() -> None:
    """The description has the event's whole schema, the scheme of the key, and resolves all its references."""
    async with World().client() as client:
        description = (await client.get("/api/v1/openapi.json")).json()
        docs = await client.get("/docs")
    post = description["paths"]["/api/v1/events"]["post"]
    assert set(post["responses"]) == {
        *("200", "202", "400", "401", "403", "408", "409", "413", "414", "415", "422", "500", "503")
    }
    assert post["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/MessageEvent"}
    assert "404" in description["paths"]["/api/v1/events/{brand}/{event_id}"]["get"]["responses"]
    assert description["components"]["securitySchemes"]["API key"]["scheme"] == "bearer"
    assert list(description["paths"])[:2] == ["/api/v1/events", "/api/v1/events/{brand}/{event_id}"]
    schemas = description["components"]["schemas"]
    references = {line.split('"')[3] for line in json.dumps(description, indent=0).splitlines() if '"$ref"' in line}
    assert {reference.removeprefix("#/components/schemas/") for reference in references} <= set(schemas)
    assert {"MessageEvent", "Person", "Attachment", "Problems"} <= set(schemas)
    assert docs.status_code == 404
