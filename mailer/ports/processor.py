"""An outside delivery system, as the hand-over sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mailer.policy.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way out.

    Attributes:
        sender: the envelope sender (RFC 5321 MAIL FROM), an addr-spec.
        recipient: the envelope recipient (RCPT TO), an addr-spec with its domain as A-labels.
        content: the whole message, CRLF line ends, not dot-stuffed.
    """

    sender: str
    recipient: str
    content: bytes


class Processor(Protocol):
    """Takes messages and answers for each of them."""

    @property
    def name(self) -> str:
        """Its name in the ledger."""
        ...

    @property
    def country(self) -> str:
        """Where it processes, ISO 3166-1 alpha-2."""
        ...

    @property
    def contract(self) -> str:
        """The reference of the contract under which it works for us."""
        ...

    @property
    def outside(self) -> bool:
        """Whether it is beyond our own network; what is within is no processor of others (GDPR Art. 4(8))."""
        ...

    async def send(self, window: Sequence[Outgoing], deadline: float) -> list[Outcome]:
        """Hands a window over; one outcome a message, in its order. Never raises for what a server does.

        Args:
            window: the messages, each sent as soon as a connection is free.
            deadline: `time.monotonic()` seconds; no message begins after it (its outcome is `UNSENT`).
        """
        ...

    async def close(self) -> None:
        """Ends its connections politely."""
        ...
