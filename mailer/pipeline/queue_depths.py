"""The number of messages in each queue that the broker can tell of, whatever is wrong with one of them."""

import asyncio
from collections.abc import Sequence

from mailer.ports.broker import Broker, BrokerUnavailable


async def read_queue_depths(broker: Broker, queues: Sequence[str]) -> dict[str, int]:
    """The messages that wait in some queues, by queue. A queue is left out if it is missing, or the broker is away."""
    told = await asyncio.gather(*(broker.queue_depth(queue) for queue in queues), return_exceptions=True)
    depths = dict[str, int]()
    for queue, depth in zip(queues, told, strict=True):
        if isinstance(depth, int):
            depths[queue] = depth
        elif not isinstance(depth, BrokerUnavailable):
            raise depth
    return depths
