"""Dead letters: what could not be taken in, kept with its reason until somebody has judged it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailer.ports.broker import Message


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused message.

    Attributes:
        exchange: where it was published first. replayed_at: when it was published again, None if it was not.
    """

    id: int
    at: datetime
    reason: str
    exchange: str
    publisher: str
    message: Message
    replayed_at: datetime | None


class DeadLetters(Protocol):
    """The rows of refused messages."""

    async def keep(self, message: Message, exchange: str, routing_key: str, reason: str, publisher: str) -> None:
        """Adds one, with the exchange and the routing key to which it was published first."""
        ...
