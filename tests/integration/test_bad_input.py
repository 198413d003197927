"""Bad events: answered with what to mend, at the API and on the queue; nothing is lost, and no worker stops."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from mailer.broker.topology import DEAD, EVENTS
from mailer.ports.broker import HeaderName
from tests.acceptance.samples import event, people
from tests.conftest import Rabbit, Server
from tests.processes import Stack, open_stack, until

KEY = "interpals.newsletter"
INJECTED = "x\r\nBcc: the-victim"
PERSON = {"ref": "ann", "email": "ann@example.org"}
FILE = {"filename": "a.txt", "content_type": "text/plain", "content": "aGk="}
ONE_LINE = "write it on one line"
EXAMPLES = Path(__file__).parents[1] / "cases" / "events"
PATTERN = "should match pattern"


def newsletter(**fields: Any) -> dict[str, Any]:
    """An event that is good, but for these fields."""
    return {**event("bad", "interpals", "newsletter", people("ann")), **fields}


def to(**fields: Any) -> dict[str, Any]:
    """The same with these fields of its only person."""
    return newsletter(to={"people": [{**PERSON, **fields}]})


def without(name: str) -> dict[str, Any]:
    """The same without a field."""
    return {key: value for key, value in newsletter().items() if key != name}


EVENTS_TO_MEND: dict[str, tuple[Any, str]] = {
    "unknown brand": (newsletter(brand="acme"), "brand: there is no acme; there are interpals, paltalk-2002"),
    "unknown category": (
        newsletter(category="gossip"),
        "category: interpals does not send gossip; it sends account, breach,",
    ),
    "category of others": (
        newsletter(category="business_transition"),
        "category: interpals does not send business_transition",
    ),
    "unknown template": (newsletter(template="weekli"), "template: interpals has no weekli; did you mean weekly?"),
    "unknown locale": (to(locale="xx"), "to.people.0.locale: there is no xx; write one such as en"),
    "malformed locale": (to(locale="English"), "to.people.0.locale: is no language tag; write"),
    "category not the template's": (
        newsletter(category="service"),
        "category: template weekly is newsletter, not service; publish it as newsletter, or use another template",
    ),
    "missing context": (newsletter(context={}), "context: headline is missing; template weekly needs it"),
    "missing within": (
        newsletter(context={"headline": "x", "items": [{}]}),
        "title is missing in an object that has nothing",
    ),
    "null in context": (newsletter(context={"headline": None}), "context: headline is missing"),
    "context of a wrong kind": (newsletter(context={"headline": "x", "items": 5}), "context: "),
    "a pipeline's name": (newsletter(context={"headline": "x", "pixel_url": "y"}), "pixel_url is reserved"),
    "malformed address": (to(email="ann@@example.org"), "to.people.0.email: not an e-mail address"),
    "no address": (to(email=""), "to.people.0.email: not an e-mail address"),
    "two addresses": (to(email="a@example.org, b@example.org"), "to.people.0.email: not an e-mail address"),
    "unknown field": (newsletter(subjct="x"), "subjct: is not a field of an event; remove it"),
    "unknown field of a person": (to(mail="x"), "mail: is not a field of an event; remove it"),
    "missing id": (without("id"), "id: is required"),
    "missing audience": (without("to"), "to: is required"),
    "two audiences": (newsletter(to={"refs": ["a"], "audience": "b"}), 'to: takes exactly one of "refs"'),
    "nobody": (newsletter(to={"people": []}), "to.people: "),
    "a person twice": (newsletter(to={"people": [PERSON, PERSON]}), "has the ref 'ann' twice"),
    "another version": (newsletter(v=2), "v: Input should be 1"),
    "times the wrong way": (
        newsletter(send_at="2030-01-02T00:00:00Z", expires_at="2030-01-01T00:00:00Z"),
        "expires_at must be after send_at",
    ),
    "a time without offset": (
        newsletter(send_at="2030-01-02T00:00:00"),
        "send_at: has no time zone; write one, such as Z",
    ),
    "a large context": (newsletter(context={"headline": "x" * 100_000}), "context: is 100,016 bytes; at most 65,536"),
    "large attachments": (
        newsletter(attachments=[{**FILE, "content": "AAAA" * 400_000}]),
        "attachments: are 1,200,000 bytes together; at most 1,048,576: link to larger files",
    ),
    "attachment that is not base64": (newsletter(attachments=[{**FILE, "content": "?"}]), "attachments.0.content: "),
    "a null character": (newsletter(context={"headline": "a\0b"}), "context: has the character U+0000; remove it"),
    "half a character": (newsletter(context={"headline": "\ud800"}), "context"),
    "no number": (newsletter(context={"headline": "x", "n": float("nan")}), "context"),
}
INJECTIONS: dict[str, tuple[Any, str]] = {
    "id": (newsletter(id=INJECTED), f"id: has a line break or control character; {ONE_LINE}"),
    "brand": (newsletter(brand=INJECTED), f"brand: String {PATTERN}"),
    "category": (newsletter(category=INJECTED), f"category: String {PATTERN}"),
    "template": (newsletter(template=INJECTED), f"template: String {PATTERN}"),
    "topic": (newsletter(topic=INJECTED), f"topic: String {PATTERN}"),
    "campaign": (newsletter(campaign=INJECTED), f"campaign: String {PATTERN}"),
    "reason": (newsletter(reason=INJECTED), "reason: has a line break"),
    "inviter": (newsletter(inviter=INJECTED), "inviter: has a line break"),
    "partner": (newsletter(partner=INJECTED), f"partner: String {PATTERN}"),
    "reply_to": (newsletter(reply_to=f"a@example.org{INJECTED}"), "reply_to: has a line break"),
    "context of the subject": (newsletter(context={"headline": INJECTED}), "subject"),
    "context of a person": (to(context={"headline": INJECTED}), "subject"),
    "to.people.email": (to(email=f"a@example.org{INJECTED}"), "to.people.0.email: has a line break"),
    "to.people.ref": (to(ref=INJECTED), "to.people.0.ref: has a line break"),
    "to.people.name": (to(name=INJECTED), f"to.people.0.name: has a line break or control character; {ONE_LINE}"),
    "to.people.name by a separator": (to(name="a\u2028b"), "to.people.0.name: has a line break"),
    "to.people.locale": (to(locale=f"en{INJECTED}"), "to.people.0.locale: is no language tag"),
    "to.people.country": (to(country=f"GB{INJECTED}"), "to.people.0.country: is no country; write the two letters"),
    "to.people.source": (to(source=INJECTED), "to.people.0.source: has a line break"),
    "to.people.policy_version": (to(policy_version=INJECTED), "to.people.0.policy_version: has a line break"),
    "to.refs": (newsletter(to={"refs": [INJECTED]}), "to.refs.0: has a line break"),
    "to.audience": (newsletter(to={"audience": INJECTED}), f"to.audience: String {PATTERN}"),
    "attachments.filename": (newsletter(attachments=[{**FILE, "filename": INJECTED}]), "filename: has a line break"),
    "attachments.content_type": (
        newsletter(attachments=[{**FILE, "content_type": f"text/plain{INJECTED}"}]),
        f"content_type: String {PATTERN}",
    ),
}
FOUND = {
    "expires at the end of time": ("B03a-expires-at-end-of-time", "expires_at: is not between the years 1970 and 2200"),
    "an id of many octets": ("B04-long-id", "id: has 270 octets in UTF-8; at most 255"),
    "digits as a time": ("B07a-send-at-digits", "send_at: is no time; write it as 2026-12-24T09:30:00Z"),
    "a message within a message": ("B23-rfc822", "attachments.0.content_type: is message/rfc822, which cannot be"),
}
"""Inputs that stopped a lane, or made mail that nobody could read, by the names of the files in `tests/cases`."""
OTHER_FORMS: dict[str, tuple[bytes, str]] = {
    "UTF-16": (json.dumps(newsletter()).encode("utf-16"), "not JSON: it is not in UTF-8"),
    "UTF-32": (json.dumps(newsletter()).encode("utf-32-le"), "not JSON: "),
    "a key twice": (json.dumps(newsletter())[:-1].encode() + b', "id": "other"}', "an object has the key 'id' twice"),
    "a number without end": (json.dumps(newsletter())[:-1].encode() + b', "v": 1e400}', "the key 'v' twice"),
    "a long number": (json.dumps(newsletter(context={"headline": "x", "n": 10**30})).encode(), "context: has a whole"),
    "nested as a time": (json.dumps(newsletter(send_at=[[[[]]]])).encode(), "send_at: is no time"),
    "a number as a time": (json.dumps(newsletter(send_at=1735032600)).encode(), "send_at: is no time"),
    "a name that turns around": (
        json.dumps(to(name="a\u202eb")).encode(),
        "to.people.0.name: has a character that turns",
    ),
    "parts as an attachment": (
        json.dumps(newsletter(attachments=[{**FILE, "content_type": "multipart/mixed"}])).encode(),
        "attachments.0.content_type: is multipart/mixed, which cannot be attached",
    ),
}
NOT_EVENTS: dict[str, tuple[bytes, str]] = {
    "not JSON": (b'{"v": 1,', "not JSON"),
    "nothing": (b"", "not JSON"),
    "not text": (b"\xff\xfe\xfa", "not JSON"),
    "too deep": (b"[" * 100_000, "not JSON"),
    "a list": (b"[]", "event: Input should be"),
    "a text": (b'"event"', "event: Input should be"),
}
CASES: dict[str, tuple[bytes, str]] = {
    **{name: (json.dumps(value).encode(), said) for name, (value, said) in EVENTS_TO_MEND.items()},
    **{f"injection into {name}": (json.dumps(value).encode(), said) for name, (value, said) in INJECTIONS.items()},
    **NOT_EVENTS,
    **OTHER_FORMS,
    **{name: ((EXAMPLES / f"{file}.json").read_bytes(), said) for name, (file, said) in FOUND.items()},
}
TEN_MEGABYTES = json.dumps(newsletter(context={"headline": "x" * 10_000_000})).encode()
NO_LANE = {
    "unknown brand": "acme.newsletter",
    "unknown category": "interpals.gossip",
    "category of others": "interpals.business_transition",
}
"""The cases for which nothing is bound, by the keys that are theirs."""
KEYS = {**NO_LANE, "category not the template's": "interpals.service", **dict.fromkeys(FOUND, "interpals.service")}
ON_THE_QUEUE = {
    **{name: case for name, case in CASES.items() if name not in NO_LANE},
    "ten megabytes": (TEN_MEGABYTES, f"the body has {len(TEN_MEGABYTES):,} bytes, more than an event may have"),
    "a wrong key": (
        json.dumps(newsletter(brand="paltalk-2006")).encode(),
        "the routing key is 'interpals.newsletter', but the event belongs to 'paltalk-2006.newsletter'",
    ),
}


@dataclass(frozen=True)
class World:
    """The results of all cases, by their names.

    Attributes:
        answers: the API's: status and problems.
        letters: the headers of the messages in the dead-letter exchange.
        rows: as `mailer dead list` shows them.
        states: of the deliveries of the good events that were published last.
    """

    answers: Mapping[str, tuple[int, list[str]]]
    letters: Mapping[str, Mapping[str, Any]]
    rows: Mapping[str, Mapping[str, Any]]
    states: Mapping[str, Mapping[str, tuple[str, str]]]


@pytest.fixture(scope="module")
def world(postgres_server: Server, rabbit_server: Rabbit, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Sends every case to the API and to the queue, and good events after them."""
    with postgres_server.database() as url, rabbit_server.alone() as rabbit_url:
        return asyncio.run(send_all(tmp_path_factory.mktemp("bad"), url, rabbit_url))


async def send_all(folder: Path, database_url: str, rabbit_url: str) -> World:
    """Sends everything to one worker, which must survive it."""
    async with open_stack(folder, database_url, rabbit_url) as stack:
        key = await stack.api_key("shop", "interpals", "paltalk-2006")
        async with stack.running("web", "worker", "timekeeper"), stack.client(key) as client:
            answers = {}
            for name, (body, _) in {**CASES, "ten megabytes": (TEN_MEGABYTES, "")}.items():
                answer = await client.post("/api/v1/events", content=body)
                answers[name] = answer.status_code, answer.json().get("problems", [])
            good = await client.post("/api/v1/events", json=newsletter(id="good by API"))
            assert good.status_code == 202
            letters = await publish_all(stack)
            await stack.application("publish", newsletter(id="good by queue"))
            await stack.finished("good by API", "good by queue")
            rows = (await stack.done("dead", "list", "--limit", "1000", "--json")).json
        states = {name: await stack.states(name) for name in ("good by API", "good by queue")}
        return World(answers, letters, {row["event"]: row for row in rows}, states)


async def publish_all(stack: Stack) -> dict[str, Mapping[str, Any]]:
    """Publishes messages that none of our libraries would, and reads a copy of each dead letter."""
    messages = {name: body for name, (body, _) in {**CASES, **ON_THE_QUEUE}.items()}
    letters: dict[str, Mapping[str, Any]] = {}

    async def taken() -> bool:
        while copy := await copies.get(fail=False, no_ack=True):
            letters[str(copy.message_id)] = dict(copy.headers)
        kept = await stack.value("SELECT count(*) FROM dead_letters")
        return letters.keys() == messages.keys() and kept == len(messages)

    async with await aio_pika.connect(stack.env["MAILER_BROKER_URL"]) as connection:
        channel = await connection.channel()
        copies = await channel.declare_queue(exclusive=True)
        await copies.bind(DEAD)
        exchange = await channel.get_exchange(EVENTS)
        for name, body in messages.items():
            await exchange.publish(aio_pika.Message(body, message_id=name, user_id="guest"), KEYS.get(name, KEY))
        await until(taken, "every bad event to become a dead letter")
    return letters


@pytest.mark.parametrize("name", CASES)
def test_the_api_says_what_to_mend(world: World, name: str) -> None:
    """The API answers with 422 and a body that names the field and the remedy."""
    status, problems = world.answers[name]
    assert status == 422, problems
    assert any(CASES[name][1] in problem for problem in problems), problems


def test_ten_megabytes_are_too_many_for_the_api(world: World) -> None:
    """The API answers ten megabytes with 413 and names the limit."""
    assert world.answers["ten megabytes"][0] == 413
    assert "4,194,304 bytes" in world.answers["ten megabytes"][1][0]


@pytest.mark.parametrize("name", ON_THE_QUEUE)
def test_the_queue_answers_with_a_dead_letter(world: World, name: str) -> None:
    """The message moves to the dead-letter exchange with the reason in its headers, and becomes a row with it."""
    reason, key = ON_THE_QUEUE[name][1], KEYS.get(name, KEY)
    headers, row = world.letters[name], world.rows[name]
    assert reason in headers[HeaderName.REASON]
    assert (headers[HeaderName.EXCHANGE], headers[HeaderName.ROUTING_KEY]) == (EVENTS, key)
    assert reason in row["reason"]
    assert (row["exchange"], row["routing_key"], row["replayed_at"]) == (EVENTS, key, None)


@pytest.mark.parametrize("name", NO_LANE)
def test_an_event_that_no_lane_takes_is_a_dead_letter(world: World, name: str) -> None:
    """RabbitMQ itself moves it there, so the reason stands in the row only."""
    row = world.rows[name]
    assert name in world.letters
    assert row["routing_key"] == NO_LANE[name]
    assert f"nothing takes {NO_LANE[name]!r}: the brand or its category is unknown" in row["reason"]


def test_the_worker_lives_on(world: World) -> None:
    """Good events that were published after all the bad ones are delivered, and nobody got anything of the others."""
    assert world.states == {name: {"ann": ("handed_over", "")} for name in ("good by API", "good by queue")}


async def test_one_who_cannot_be_rendered_does_not_stop_the_others(stack: Stack) -> None:
    """The one delivery fails with its reason on record, the others are delivered, and the batch is done with."""
    names = [f"r{number}" for number in range(100)]
    audience = people(*names)
    audience["people"][41]["context"] = {"headline": INJECTED}
    audience["people"][70]["context"] = {"items": [{"title": "x"}]}
    async with stack.running("worker", "timekeeper"):
        await stack.application("publish", newsletter(id="batch", to=audience))
        await stack.finished("batch")
    failed = dict.fromkeys(("r41", "r70"), ("failed", "render_error"))
    assert await stack.states("batch") == dict.fromkeys(names, ("handed_over", "")) | failed
    assert len(stack.mails()) == 98
    notes = await stack.query(
        "SELECT n.text FROM ledger l JOIN ledger_notes n USING (writer, n) WHERE l.reason = 'render_error' ORDER BY 1"
    )
    assert len(notes) == 2
    assert not any("victim" in row["text"] for row in notes)


async def test_a_dead_letter_that_was_mended_is_replayed(stack: Stack) -> None:
    """An event for an audience that nobody knew is delivered once the audience is imported and the letter replayed."""
    (stack.folder / "gold.csv").write_text(
        "ref,email,country,source,audiences\nann,ann@example.org,US,sign-up,gold\nbob,bob@example.org,US,sign-up,gold\n"
    )
    async with stack.running("worker", "timekeeper"):
        await stack.application("publish", newsletter(id="early", to={"audience": "gold"}))
        await until(lambda: stack.query("SELECT FROM dead_letters"), "the dead letter")
        [letter] = (await stack.done("dead", "list", "--json")).json
        await stack.done("recipients", "import", "gold.csv", "--brand", "interpals")
        await stack.done("dead", "replay", str(letter["id"]))
        await stack.finished("early")
        shown = (await stack.done("dead", "show", str(letter["id"]), "--json")).json
        status = await stack.status("early")
    assert letter["reason"] == "to.audience: interpals has no audience 'gold'; import it first"
    assert (letter["event"], letter["publisher"], letter["replayed_at"]) == ("early", "broker:guest", None)
    assert shown["replayed_at"] is not None
    assert json.loads(shown["body"])["to"] == {"audience": "gold"}
    assert await stack.states("early") == dict.fromkeys(("ann", "bob"), ("handed_over", ""))
    assert status["publisher"] == "broker:guest"


async def test_a_dead_letter_that_is_still_bad_is_a_new_one(small_stack: Stack) -> None:
    """Replayed as it is, with the in-process broker: the first keeps its time of replay, the second its own reason."""
    stack = small_stack
    async with stack.running("worker"):
        await stack.application("publish", newsletter(id="never", to={"audience": "gold"}))
        await until(lambda: stack.query("SELECT FROM dead_letters"), "the dead letter")
        await stack.done("dead", "replay", "1")
        await until(lambda: stack.query("SELECT FROM dead_letters WHERE id = 2"), "the second dead letter")
        await stack.application("publish", newsletter(id="good"))
        await stack.finished("good")
    second, first = (await stack.done("dead", "list", "--json")).json
    assert first["replayed_at"] is not None
    assert second["replayed_at"] is None
    assert first["reason"] == second["reason"]
