"""An application that listens hears what became of its mail."""

import asyncio
import json

import aio_pika

from tests.acceptance.samples import event, people
from tests.processes import Stack


async def test_who_binds_a_queue_hears_what_became_of_each(stack: Stack, rabbit_url: str) -> None:
    """A queue bound by brand and category gets every state, with the refs that the application knows."""
    async with stack.running("worker", "timekeeper"):
        # The worker makes the exchange; what this one has to tell may be told before or after the queue is bound.
        await stack.application("publish", event("before", "interpals", "service", people("ann")))
        await stack.finished("before")
        connection = await aio_pika.connect(rabbit_url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True)
            await queue.bind("mailer.outcomes", "interpals.service.#")
            await stack.application("publish", event("told", "interpals", "service", people("ann", "bob")))
            heard: dict[str, str] = {}
            async with asyncio.timeout(60), queue.iterator() as messages:
                async for message in messages:
                    body = json.loads(message.body)
                    await message.ack()
                    assert message.routing_key == f"interpals.service.{body['state']}"
                    for mailing in body["mailings"]:
                        if mailing["event"] == "told":
                            heard |= {delivery["ref"]: body["state"] for delivery in mailing["deliveries"]}
                    if len(heard) == 2:
                        break
    assert set(heard.values()) == {"handed_over"}
    assert await stack.query("SELECT FROM dead_letters") == []
