"""Events that take long to check, through a running worker, and those who wait meanwhile."""

import asyncio
import json

import aio_pika

from mailer.broker.topology import EVENTS, lane_events_queue_name
from mailer.policy.category import Lane
from tests.acceptance.samples import event, people
from tests.processes import Stack, until

LARGE = 2
MANY = 5_000


def large(name: str) -> bytes:
    """An event with thousands of people, each at a domain that takes long to check; nobody gets it for now."""
    everybody = [{"ref": f"{name}-{n}", "email": f"user@دامنه{name[-1]}{n}.example"} for n in range(MANY)]
    value = event(name, "interpals", "newsletter", {"people": everybody}, send_at="2199-01-01T00:00:00Z")
    return json.dumps(value, ensure_ascii=False).encode()


async def handed_over(stack: Stack, name: str) -> bool:
    """Tells whether an event's only message is with the relay."""
    return ("handed_over", "") in (await stack.states(name)).values()


async def test_a_service_event_overtakes_those_that_take_long_to_check(stack: Stack) -> None:
    """A service event is handed over while large events are still being checked, since the check yields to others."""
    names = [f"large{number}" for number in range(LARGE)]
    async with stack.running("worker"), await aio_pika.connect(stack.env["MAILER_BROKER_URL"]) as connection:
        await until(lambda: stack.consumers(lane_events_queue_name(Lane.SERVICE)), "the worker to consume")
        exchange = await (await connection.channel()).get_exchange(EVENTS)
        await stack.application("publish", event("first", "interpals", "service", people("ann")))
        await until(lambda: handed_over(stack, "first"), "the worker to work")
        bodies = await asyncio.gather(*(asyncio.to_thread(large, name) for name in names))
        for name, body in zip(names, bodies, strict=True):
            await exchange.publish(aio_pika.Message(body, message_id=name, user_id="guest"), "interpals.newsletter")
        urgent = event("urgent", "interpals", "service", people("bob"))
        await exchange.publish(
            aio_pika.Message(json.dumps(urgent).encode(), message_id="urgent", user_id="guest"), "interpals.service"
        )
        taken = "SELECT count(*) FROM mailings WHERE event_id = ANY ($1)"
        await until(lambda: handed_over(stack, "urgent"), "the service event")

        async def all_taken() -> bool:
            return bool(await stack.value(taken, names) == LARGE)

        await until(all_taken, "the large events")
    order = await stack.query("SELECT event_id FROM mailings WHERE event_id <> 'first' ORDER BY created_at")
    assert [row["event_id"] for row in order].index("urgent") < LARGE
