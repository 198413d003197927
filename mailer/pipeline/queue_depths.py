"""The number of messages in each queue of the broker. A fault of one queue does not hide the others."""

import asyncio
from collections.abc import Sequence

from mailer.ports.broker import Broker, BrokerUnavailable


async def read_queue_depths(broker: Broker, queues: Sequence[str]) -> dict[str, int]:
    """Returns the messages waiting in queues, by queue. Leaves out missing queues, and all if the broker is away."""
    told = await asyncio.gather(*(broker.queue_depth(queue) for queue in queues), return_exceptions=True)
    depths = dict[str, int]()
    for queue, depth in zip(queues, told, strict=True):
        if isinstance(depth, int):
            depths[queue] = depth
        elif not isinstance(depth, BrokerUnavailable):
            raise depth
    return depths
