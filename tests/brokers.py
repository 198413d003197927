"""A stand-in for the broker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mailer.ports.broker import BrokerMessage, BrokerUnavailable, ReceivedMessage


@dataclass
class FakeBroker:
    """Keeps what is published; away as long as the test wants."""

    published: list[tuple[str, BrokerMessage]] = field(default_factory=list)
    mandatory: list[bool] = field(default_factory=list)
    away: bool = False
    refuses: Callable[[BrokerMessage], Exception | None] = lambda message: None
    waiting: int = 0

    async def publish_message(self, exchange: str, message: BrokerMessage, *, mandatory: bool = True) -> None:
        """Keeps a message."""
        if error := BrokerUnavailable("gone fishing") if self.away else self.refuses(message):
            raise error
        self.published.append((exchange, message))
        self.mandatory.append(mandatory)

    @asynccontextmanager
    async def messages_while_consuming(
        self, queue: str, prefetch: int, at_once: int | None = None
    ) -> AsyncIterator[AsyncIterator[list[ReceivedMessage]]]:
        """Nothing ever arrives."""

        async def arrivals() -> AsyncIterator[list[ReceivedMessage]]:
            await asyncio.Event().wait()
            yield []

        yield arrivals()

    async def queue_depth(self, queue: str) -> int:
        """Returns what the test says."""
        return self.waiting

    async def close(self) -> None:
        """Nothing to end."""

    def take(self) -> list[BrokerMessage]:
        """Returns what was published since the last time."""
        messages, self.published = [message for _, message in self.published], []
        return messages
