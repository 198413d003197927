"""An application of its own: `python -m bench.speed.publisher URL FIRST LAST FILE`.

It publishes a service event to each person from `u<FIRST>` to before `u<LAST>`, 20 a second, none waiting for the one
before. To FILE go the addresses and the moments (CLOCK_MONOTONIC) at which their events were given to `publish`.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop

from bench.setting import somebody
from bench.speed.ours import service_event
from mailer.broker.event_publisher import EventPublisher
from mailer.broker.rabbitmq import RabbitBroker

RATE = 20


async def publish(url: str, first: int, last: int) -> dict[str, float]:
    """Publishes them; returns the moments by address."""
    broker, moments = RabbitBroker(url), dict[str, float]()
    publisher = EventPublisher(broker)
    events = {somebody(n).email: service_event(n) for n in range(first, last)}
    async with asyncio.TaskGroup() as tasks:
        begun = time.monotonic()
        for number, (address, event) in enumerate(events.items()):
            await asyncio.sleep(begun + number / RATE - time.monotonic())
            moments[address] = time.monotonic()
            tasks.create_task(publisher.publish_event(event))
    await broker.close()
    return moments


if __name__ == "__main__":
    url, first, last, file = sys.argv[1:]
    Path(file).write_text(json.dumps(uvloop.run(publish(url, int(first), int(last)))))
