"""An outside delivery system, as the hand-over sees it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from mailer.policy.outcome import Outcome

Permit = Callable[[int], str | None]
"""Asked right before each message begins, by its place in the window: None, or why it may not begin any more.

What it says no to is UNSENT with that reason: its lease or its token of a rate has run out, or its mailing was paused.
"""


class OutgoingMessage(NamedTuple):
    """One message on its way out.

    Attributes:
        sender: the envelope sender (RFC 5321 MAIL FROM), an addr-spec.
        recipient: the envelope recipient (RCPT TO), an addr-spec with its domain as A-labels.
        content: the whole message, CRLF line ends, not dot-stuffed.
        envid: names the delivery to whoever reports on it (RFC 3461 4.4); printable ASCII, at most 100 characters.
        is_canonical: each line ends in CRLF, no other CR or LF is in it, and no line begins with a dot, as the renderer
            writes it. Such a message needs no second look at each of its octets, which takes 3 µs for 4 KB.
    """

    sender: str
    recipient: str
    content: bytes
    envid: str | None = None
    is_canonical: bool = False


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

    @property
    def weight(self) -> int:
        """Its share among the processors that may have a message; 0: only when no other one may."""
        ...

    @property
    def purposes(self) -> frozenset[str] | None:
        """The purposes that it may serve; None: all. What a policy forbids it comes on top."""
        ...

    @property
    def weakest_encryption(self) -> str | None:
        """The weakest encryption of a connection on which it took messages, as the ledger notes it: `tls:TLSv1.3 …`.

        None: nothing leaves this machine.
        """
        ...

    async def send(
        self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
    ) -> list[Outcome]:
        """Hands a window over; one outcome a message, in its order. Never raises for what a server does.

        Args:
            window: the messages, each sent as soon as a connection is free.
            deadline: `time.monotonic()` seconds; no message begins after it (its outcome is `UNSENT`).
            permit: asked before each message.
            urgent: whether the connections that are kept from bulk mail may be used.
        """
        ...

    async def close(self) -> None:
        """Ends its connections politely."""
        ...
