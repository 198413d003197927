"""Tests of the intake: the events that become mailings, the time at which they do, and the release they need."""

import json

from tests.acceptance.samples import event, people
from tests.processes import Stack, field

SENT = ("handed_over", "")
THREE = ("ann", "bob", "cem")


async def test_a_breach_notice_waits_for_somebody_else(stack: Stack) -> None:
    """A second person must release a breach notice, once. Nothing of it is sent before, and other mail passes it."""
    async with stack.running("web", "worker", "worker", "timekeeper"), stack.client():
        key = await stack.api_key("shop", "interpals")
        await stack.application("http", event("leak", "interpals", "breach", people(*THREE)), key=key)
        await stack.taken_in("leak")
        own = await stack.run("mailing", "approve", "leak", "--by", "key:shop")
        await stack.application("http", event("notice", "interpals", "service", people(*THREE)), key=key)
        await stack.finished("notice")
        waiting = await stack.status("leak")
        assert stack.mails(Feedback_ID=":breach:") == []
        await stack.done("mailing", "approve", "leak", "--by", "Dana Duty")
        await stack.finished("leak")
        again = await stack.run("mailing", "approve", "leak", "--by", "Dana Duty")
    assert (own.status, own.err) == (
        2,
        "mailer: a person has to release it: 'key:shop' is no person; name the person who does it\n",
    )
    assert (waiting["state"], waiting["publisher"]) == ("awaiting_release", "key:shop")
    assert (again.status, again.err.count("\n")) == (2, 1)
    assert await stack.states("leak") == dict.fromkeys(THREE, SENT)
    assert len(stack.mails(Feedback_ID=":breach:")) == 3


async def test_the_same_event_again_is_the_same_mailing(stack: Stack) -> None:
    """Ten simultaneous copies of an event, by RabbitMQ, outbox and HTTP, make one mailing with one copy each."""
    once = event("once", "interpals", "newsletter", people(*THREE))
    async with stack.running("web", "worker", "worker", "timekeeper"), stack.client(await key(stack)) as client:
        await stack.application("publish", *[once] * 10)
        await stack.application("transaction", once, once)
        await stack.finished("once")
        first = await client.post("/api/v1/events", json=once)
        other = event("once", "paltalk-2006", "service", people("dee"))
        accepted = await client.post("/api/v1/events", json=other)
        await stack.application("publish", event("last", "interpals", "newsletter", people("eva")))
        await stack.finished("once", "last")
    assert (first.status_code, first.json()["state"], first.json()["audience_size"]) == (200, "finished", 3)
    assert accepted.status_code == 202
    assert await stack.value("SELECT count(*) FROM mailings") == 3
    assert sorted(field(mail, "To") for mail in stack.mails()) == [
        f"{name}@example.org" for name in ("ann", "bob", "cem", "dee", "eva")
    ]


async def key(stack: Stack) -> str:
    """An API key for both brands."""
    return await stack.api_key("shop", "interpals", "paltalk-2006")


async def test_what_is_published_while_no_worker_runs_waits_in_rabbitmq(stack: Stack) -> None:
    """Events wait in RabbitMQ, published in any way, even before any worker has run and declared a queue."""
    await stack.application("publish", event("a", "interpals", "newsletter", people(*THREE)))
    await stack.application("blocking", event("b", "interpals", "promotional", people(*THREE)))
    await stack.application("transaction", event("c", "interpals", "service", people(*THREE)))
    await stack.done("publish", "-", stdin=as_line(event("d", "paltalk-2006", "service", people(*THREE))))
    assert await stack.value("SELECT count(*) FROM mailings") == 0
    async with stack.running("worker", "worker", "timekeeper"):
        await stack.finished("a", "b", "c", "d")
    for event_id in "abcd":
        assert await stack.states(event_id) == dict.fromkeys(THREE, SENT)
    assert len(stack.mails()) == 12


async def test_what_is_published_while_no_worker_runs_waits_in_the_outbox(small_stack: Stack) -> None:
    """Events wait in the outbox of the in-process broker. Two workers share it, and each copy is still one."""
    stack = small_stack
    await stack.application("publish", event("a", "interpals", "newsletter", people(*THREE)))
    await stack.application("blocking", event("b", "interpals", "promotional", people(*THREE)))
    await stack.application("transaction", event("c", "interpals", "service", people(*THREE)))
    await stack.done("publish", "-", stdin=as_line(event("d", "paltalk-2006", "service", people(*THREE))))
    assert await stack.value("SELECT count(*) FROM mailings") == 0
    async with stack.running("worker", "worker"):
        await stack.application("publish", event("e", "interpals", "service", people(*THREE)))
        await stack.finished("a", "b", "c", "d", "e")
    for event_id in "abcde":
        assert await stack.states(event_id) == dict.fromkeys(THREE, SENT)
    assert len(stack.mails()) == 15
    assert await stack.value("SELECT count(*) FROM outbox") == 0


def as_line(event: dict[str, object]) -> str:
    """An event as it is written in a file of events."""
    return json.dumps(event)
