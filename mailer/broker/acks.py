"""The acknowledgements of a RabbitMQ channel. Those of one turn of the event loop are sent together."""

import asyncio
from contextlib import suppress

from aiormq.abc import AbstractChannel
from aiormq.exceptions import AMQPError
from pamqp.exceptions import PAMQPException

_FLUSH_SECONDS = 5.0
_LOST = (AMQPError, PAMQPException, OSError, RuntimeError, StopAsyncIteration)
"""The errors of a channel or a connection that has ended."""


class AckBatcher:
    """Acknowledges messages of one channel by their delivery tags, which rise by one.

    One `basic.ack` (AMQP 0-9-1, 1.8.3.13) can acknowledge all messages up to its tag: 64 events that are taken in
    together need one.

    Args:
        channel: the channel of the messages. If it is lost, RabbitMQ delivers its unsettled messages again.

    Attributes:
        is_closing: True once the channel is to be closed. A frame for a closed channel would end the whole
            connection (504), so nothing is sent any more.
    """

    def __init__(self, channel: AbstractChannel) -> None:
        self.channel = channel
        self.is_closing = False
        self._open: dict[int, None] = {}
        self._last = 0
        self._last_at = asyncio.get_running_loop().time()
        self._done: list[int] = []
        self._leaving: asyncio.Task[None] | None = None

    @property
    def highest_received_tag(self) -> int:
        """Returns the highest tag that has come; 0: none."""
        return self._last

    @property
    def seconds_since_last_message(self) -> float:
        """Returns the seconds since the last message came, or since the channel was opened."""
        return asyncio.get_running_loop().time() - self._last_at

    @property
    def has_unsettled(self) -> bool:
        """Returns True if a message is not settled yet."""
        return bool(self._open)

    def mark_tags_unsettled_up_to(self, tag: int) -> None:
        """Marks a tag as not settled yet, with all lower tags whose messages are still on their way here."""
        self._open |= dict.fromkeys(range(self._last + 1, tag + 1))
        self._last = max(self._last, tag)
        self._last_at = asyncio.get_running_loop().time()

    def remove_unsettled_tag(self, tag: int) -> None:
        """Marks a tag as settled. Sends nothing: the caller has told RabbitMQ already."""
        self._open.pop(tag, None)

    def add_ack(self, tag: int) -> None:
        """Adds the acknowledgement of a message. Does not wait until it is sent, as aio-pika would."""
        self.remove_unsettled_tag(tag)
        self._done.append(tag)
        if self._leaving is None or self._leaving.done():
            self._leaving = asyncio.create_task(self._send_acks())

    async def flush_acks(self) -> None:
        """Waits until all acks are sent, at most `_FLUSH_SECONDS`: a write to a dead connection may never end."""
        if self._leaving is not None:
            await asyncio.wait({self._leaving}, timeout=_FLUSH_SECONDS)
            self._leaving.cancel()

    async def _send_acks(self) -> None:
        with suppress(*_LOST):
            while self._done:
                done, self._done = sorted(self._done), []
                oldest = next(iter(self._open), done[-1] + 1)
                together = [tag for tag in done if tag < oldest]
                if together:
                    await self.channel.basic_ack(together[-1], multiple=True, wait=False)
                for tag in done[len(together) :]:
                    await self.channel.basic_ack(tag, wait=False)
