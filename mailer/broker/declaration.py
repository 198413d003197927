"""Declares exchanges, queues and bindings in RabbitMQ, as many as possible, and empties an old queue."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiormq.abc import AbstractChannel
from pamqp.commands import Basic

from mailer.broker.connections import ChannelEnded, RabbitConnection
from mailer.broker.consumer import message_from_rabbit
from mailer.broker.topology import DEAD, DEAD_QUEUE, OLD_DEAD_QUEUE, Binding, Exchange, Part, Queue, Topology
from mailer.ports.broker import BrokerAccessRefused, BrokerMessage

log = logging.getLogger(__name__)

VANISHING_SECONDS = 1.0
"""Seconds before a deleted queue is declared again. RabbitMQ cancels its consumers within that time. If the queue is
back within milliseconds, RabbitMQ cancels none, and sends its messages to dead consumers (seen in 3.10)."""


async def declare_topology(link: RabbitConnection, topology: Topology) -> None:
    """Declares the missing exchanges, queues and bindings of a topology. Goes on after a refused one.

    Waits `VANISHING_SECONDS` if a queue was deleted.

    Raises:
        BrokerAccessRefused: an exchange or queue of that name exists and is different, or our user may not create it.
        BrokerUnavailable: RabbitMQ did not answer, or a part was deleted meanwhile.
    """
    there = [queue for queue in topology.queues if await _queue_exists(link, queue)]
    if there and len(there) < len(topology.queues):
        await asyncio.sleep(VANISHING_SECONDS)
    left, problems = list(topology.parts_in_declaration_order), list[str]()
    while left:
        try:
            async with link.brief_channel() as channel:
                while left:
                    part = left[0]
                    if isinstance(part, Queue) and part in there:  # it may have been deleted since
                        await channel.queue_declare(part.name, passive=True)
                    await _declare_part(channel, part)
                    del left[0]
        except ChannelEnded as error:  # the channel has ended; a binding to a refused queue is refused, too
            if error.code == 404 and left[0] in there:
                there = [queue for queue in there if queue != left[0]]
                await asyncio.sleep(VANISHING_SECONDS)
                continue
            if error.code == 404 and not problems:
                raise  # somebody deleted an exchange or a queue that was there when this began
            problems.append(str(error))
            del left[0]
    if problems:
        raise BrokerAccessRefused("; ".join(dict.fromkeys(problems)))


async def _queue_exists(link: RabbitConnection, queue: Queue) -> bool:
    try:
        async with link.brief_channel() as channel:
            await channel.queue_declare(queue.name, passive=True)
    except ChannelEnded as error:
        if error.code != 404:
            raise
        return False
    return True


async def _declare_part(channel: AbstractChannel, part: Part) -> None:
    match part:
        case Exchange(name, kind, alternate):
            options: dict[str, Any] = {"alternate-exchange": alternate} if alternate else {}
            await channel.exchange_declare(name, exchange_type=kind, durable=True, arguments=options)
        case Queue(name):
            await channel.queue_declare(name, durable=True, arguments=_queue_arguments(part))
        case Binding(exchange, queue, key):
            await channel.queue_bind(queue, exchange, key)


def _queue_arguments(queue: Queue) -> dict[str, Any]:
    """Returns the arguments of a queue. With at-least-once, a dead letter only moves when its new queue confirms it."""
    arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": queue.delivery_limit}
    if queue.most is not None:
        arguments |= {"x-max-length": queue.most, "x-overflow": "drop-head"}
    if queue.dead_letters is not None:
        arguments |= {
            "x-dead-letter-exchange": queue.dead_letters,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }
    return arguments


_OLD_KEYS = ("", "#", OLD_DEAD_QUEUE)
"""The keys that may bind the old queue: our own, and the defaults of tools and clients."""


async def migrate_old_dead_letter_queue(
    link: RabbitConnection, user: str, bury: Callable[[BrokerMessage], Awaitable[None]]
) -> None:
    """Moves the messages of the old dead-letter queue to the new one, and deletes the old queue if nobody uses it.

    The arguments of a queue cannot be changed. If an older worker still consumes the old queue, it stays until the
    next call.

    Args:
        link: the connection to RabbitMQ.
        user: the user that we publish as.
        bury: publishes a dead letter without changes.
    """
    try:
        async with link.brief_channel() as channel:
            for key in _OLD_KEYS:
                await channel.queue_unbind(OLD_DEAD_QUEUE, DEAD, key)
            held = (await channel.queue_declare(OLD_DEAD_QUEUE, passive=True)).message_count or 0
            moved = 0
            # Moves no more than the queue held at first: a moved message could come back by some binding.
            while moved < held and isinstance((got := await channel.basic_get(OLD_DEAD_QUEUE)).delivery, Basic.GetOk):
                await bury(message_from_rabbit(got, user))
                await channel.basic_ack(got.delivery_tag or 0)
                moved += 1
            left = await channel.queue_declare(OLD_DEAD_QUEUE, passive=True)
            if not left.message_count and not left.consumer_count:  # quorum queues know no if-unused and no if-empty
                await channel.queue_delete(OLD_DEAD_QUEUE)
            if moved:
                log.warning("moved %d dead letters from the queue %s to %s", moved, OLD_DEAD_QUEUE, DEAD_QUEUE)
    except ChannelEnded as error:
        if error.code != 404:  # 404: there is no old queue, or not any more
            log.warning("the queue %s cannot be emptied: %s", OLD_DEAD_QUEUE, error)
