"""Exchanges, queues and bindings in RabbitMQ: as many as possible are declared; an old queue is emptied."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiormq.abc import AbstractChannel
from pamqp.commands import Basic

from mailer.broker.connections import ChannelEnded, RabbitConnection
from mailer.broker.consumer import message_from_rabbit
from mailer.broker.topology import DEAD, DEAD_QUEUE, OLD_DEAD_QUEUE, Binding, Exchange, Part, Queue, Topology
from mailer.ports.broker import BrokerMessage, BrokerRefused

log = logging.getLogger(__name__)

VANISHING_SECONDS = 1.0
"""Seconds before a deleted queue is declared again. RabbitMQ ends its consumers within that time; of one that is back
within milliseconds it ends none, and sends what comes to consumers that nobody is (seen in 3.10)."""


async def declare_topology(link: RabbitConnection, topology: Topology) -> None:
    """Makes what the topology names, where it does not exist yet. What is refused keeps nothing else from being made.

    Waits `VANISHING_SECONDS` where a queue was deleted.

    Raises:
        BrokerRefused: something of that name exists and is different, or the user may not make it.
        BrokerUnavailable: RabbitMQ did not answer.
    """
    there = [queue for queue in topology.queues if await _queue_exists(link, queue)]
    if there and len(there) < len(topology.queues):
        await asyncio.sleep(VANISHING_SECONDS)
    left, problems = list(topology.all_parts), []
    while left:
        try:
            async with link.brief_channel() as channel:
                while left:
                    part = left[0]
                    if isinstance(part, Queue) and part in there:  # it may have been deleted since
                        await channel.queue_declare(part.name, passive=True)
                    await _declare_part(channel, part)
                    del left[0]
        except ChannelEnded as error:  # and with it the channel; a binding to what could not be made is refused, too
            if error.code == 404 and left[0] in there:
                there = [queue for queue in there if queue != left[0]]
                await asyncio.sleep(VANISHING_SECONDS)
                continue
            problems.append(str(error))
            del left[0]
    if problems:
        raise BrokerRefused("; ".join(dict.fromkeys(problems)))


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
    """The arguments of a queue. With at-least-once, a dead letter moves only once its new queue has confirmed it."""
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
"""The keys with which the old queue may be bound: ours, and those that tools and clients take by default."""


async def empty_old_queue(link: RabbitConnection, user: str, bury: Callable[[BrokerMessage], Awaitable[None]]) -> None:
    """Moves what the old queue of dead letters holds into the new one, and deletes it once nobody uses it.

    Its arguments cannot be changed, and an older worker may still consume it: then it stays until the next time.

    Args:
        link: to RabbitMQ.
        user: as whom we publish.
        bury: publishes a dead letter as it is.
    """
    try:
        async with link.brief_channel() as channel:
            for key in _OLD_KEYS:
                await channel.queue_unbind(OLD_DEAD_QUEUE, DEAD, key)
            held = (await channel.queue_declare(OLD_DEAD_QUEUE, passive=True)).message_count or 0
            moved = 0
            # No more than it held: what is moved must not be met again, however the queue is bound.
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
        if error.code != 404:  # it is not there, or not any more
            log.warning("the queue %s cannot be emptied: %s", OLD_DEAD_QUEUE, error)
