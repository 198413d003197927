"""Large events, and events that take long to check, while others wait."""

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from mailer.events import EventRefused, MessageEvent
from mailer.nonblocking_event_parser import SMALL, NonblockingEventParser
from tests.factories import World, person, plain_event, received

MANY = 10_000
ADDRESSES: dict[str, Callable[[int], str]] = {
    "each at an international domain of its own": lambda n: f"user{n}@почта{n}.пример.рф",
    "from right to left": lambda n: f"user{n}@دامنه{n}.example",
    "international local parts": lambda n: f"ж{n}@bücher.example",
}


def many(address: Callable[[int], str], people: int = MANY) -> dict[str, Any]:
    """An event that brings many people along."""
    return plain_event([person(n, email=address(n)) for n in range(people)])


@dataclass
class Watch:
    """The longest time in which the loop served nobody else, and all that was used, in seconds of its thread."""

    longest: float = 0.0
    all: float = 0.0


@asynccontextmanager
async def watching() -> AsyncIterator[Watch]:
    """Measures by the time that this thread was given, so that a busy machine changes nothing.

    What all tests before have left in memory is no part of it: the collector leaves it alone, as a worker's does.
    """
    gc.collect()
    gc.freeze()
    watch, began = Watch(), time.thread_time()

    async def tick() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            watch.longest, last = max(watch.longest, now - last), now

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        yield watch
    finally:
        ticking.cancel()
        watch.all = time.thread_time() - began
        gc.unfreeze()


@pytest.mark.parametrize("name", ADDRESSES)
async def test_others_are_served_while_ten_thousand_people_are_checked(name: str) -> None:
    """No step of the check takes more than a small part of it, however long the whole takes."""
    body = json.dumps(many(ADDRESSES[name])).encode()
    async with watching() as watch:
        event = await NonblockingEventParser().parse_message_event_without_blocking(body)
    assert isinstance(event, MessageEvent)
    assert watch.longest < max(watch.all / 4, 0.25), watch


@pytest.mark.parametrize("address", ["x", "a@-b.рф", "a@" + "ж" * 70 + ".рф"])
async def test_people_who_are_all_wrong_are_not_all_looked_at(address: str) -> None:
    """Enough of them are told, and how many were looked at."""
    with pytest.raises(EventRefused) as refused:
        await NonblockingEventParser().parse_any_event_without_blocking(
            json.dumps(many(lambda n: address), ensure_ascii=False).encode()
        )
    assert len(refused.value.problems) == 20
    assert refused.value.problems[0].startswith("to.people.0.email: not an e-mail address")
    assert refused.value.problems[-1] == "to.people: only the first 21 of 10,000 were looked at"


async def test_a_large_event_is_read_as_a_small_one() -> None:
    """The people of a large event are read as those of a small one. A fault among many is named by its place."""
    event = many(ADDRESSES["each at an international domain of its own"], 300)
    body = json.dumps(event).encode()
    assert len(body) > SMALL
    assert (
        await NonblockingEventParser().parse_any_event_without_blocking(body)
        == await NonblockingEventParser().parse_message_event_without_blocking(body)
        == MessageEvent.model_validate(event)
    )
    event["to"]["people"][270]["collected_at"] = "0001-01-01T00:00:00+14:00"
    event["to"]["people"][280]["ref"] = "user-1"
    with pytest.raises(EventRefused) as refused:
        await NonblockingEventParser().parse_any_event_without_blocking(json.dumps(event).encode())
    assert refused.value.problems == ("to.people.270.collected_at: is not between the years 1970 and 2200",)


ODD: list[Callable[[dict[str, Any]], Any]] = [
    lambda event: [event],
    lambda event: {**event, "to": None},
    lambda event: {**event, "to": {"people": None}},
    lambda event: {**event, "to": {"people": [None]}},
    lambda event: {**event, "to": {"people": {}}},
    lambda event: {**event, "to": {**event["to"], "refs": ["a"]}},
    lambda event: {**event, "to": {"people": event["to"]["people"] * 40}},
    lambda event: {**event, "account": "erase"},
    lambda event: {**event, "v": 2},
]


@pytest.mark.parametrize("odd", ODD)
async def test_what_is_large_and_no_event_is_refused(odd: Callable[[dict[str, Any]], Any]) -> None:
    """A large body that is no event is refused, for any value in the place of its people."""
    body = json.dumps(odd(many(lambda n: f"u{n}@example.org", 300))).encode() + b" " * SMALL
    with pytest.raises(EventRefused):
        await NonblockingEventParser().parse_any_event_without_blocking(body)


OVERGROWN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "people who are none": lambda event: {**event, "to": {"people": [1] * 300_000}},
    "attachments that are none": lambda event: {**event, "attachments": [1] * 300_000},
    "attachments of many fields": lambda event: {**event, "attachments": [_fields(100_000)]},
    "fields of the event": lambda event: {**event, **_fields(100_000)},
    "fields of the audience": lambda event: {**event, "to": {**event["to"], **_fields(100_000)}},
    "fields of a person": lambda event: {**event, "to": {"people": [{**person(1), **_fields(100_000)}]}},
    "fields of an account event": lambda event: {
        **{"v": 1, "id": "a", "brand": "acme", "ref": "r", "account": "erase"},
        **_fields(100_000),
    },
}


def _fields(count: int) -> dict[str, int]:
    return {f"field{n}": n for n in range(count)}


@pytest.mark.parametrize("name", OVERGROWN)
async def test_a_thousand_faults_are_not_all_named(name: str) -> None:
    """One says it: to name each would hold the loop for seconds, and take a gigabyte."""
    body = json.dumps(OVERGROWN[name](plain_event([person(1)])), separators=(",", ":")).encode()
    with pytest.raises(EventRefused) as refused:
        await NonblockingEventParser().parse_any_event_without_blocking(body)
    assert len(refused.value.problems) == 1, refused.value.problems


async def test_a_small_event_does_not_wait_for_large_ones(world: World) -> None:
    """A small event is handed over before a slow one and a wrong one that arrived together with it."""
    order: list[str] = []
    events = {
        "large": many(ADDRESSES["each at an international domain of its own"], 2_000),
        "wrong": {**many(lambda n: f"user{n}@example.org", 2_000), "template": "nothing"},
        "small": plain_event([person(1)]),
    }
    arrived = {name: received(event) for name, event in events.items()}

    def noting(name: str, settle: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Coroutine[Any, Any, None]]:
        async def settled(*arguments: Any) -> None:
            order.append(name)
            await settle(*arguments)

        return settled

    for name, item in arrived.items():
        item.acknowledge, item.reject = noting(name, item.acknowledge), noting(name, item.reject)  # type: ignore[method-assign]
    await world.intake().accept_event_messages("newsletter", list(arrived.values()))
    assert order == ["small", "large", "wrong"]
    assert [item.settled for item in arrived.values()] == ["ack", arrived["wrong"].settled, "ack"]


async def test_intake_of_a_large_event_lets_others_work(world: World) -> None:
    """A large event comes into the database in steps, so that other work goes on."""
    item = received(many(ADDRESSES["each at an international domain of its own"]))
    async with watching() as watch:
        await world.intake().accept_event_messages("newsletter", [item])
    assert item.settled == "ack"
    assert watch.longest < max(watch.all / 4, 0.25), watch
