"""An outside delivery system: the interface that the hand-over uses."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from mailer.policy.hand_over_outcome import Outcome

Permit = Callable[[int], str | None]
"""A check just before each message, given its index in the window. It returns None, or the reason not to send it.

A message that it forbids gets the outcome UNSENT with that reason. Reasons: the lease or the rate token has expired, or
the mailing was paused.
"""


class OutgoingMessage(NamedTuple):
    """One message on its way out.

    Attributes:
        sender: the envelope sender (RFC 5321 MAIL FROM), an addr-spec.
        recipient: the envelope recipient (RCPT TO), an addr-spec with its domain as A-labels.
        content: the whole message, CRLF line ends, not dot-stuffed.
        envid: the id of the delivery in delivery reports (RFC 3461 4.4); printable ASCII, at most 100 characters.
        is_canonical: each line ends in CRLF, it has no other CR or LF, and no line begins with a dot; the renderer
            writes it so. Such a message needs no second pass over its octets, which takes 3 µs for 4 KB.
    """

    sender: str
    recipient: str
    content: bytes
    envid: str | None = None
    is_canonical: bool = False


class Processor(Protocol):
    """Takes messages, and returns an outcome for each of them."""

    @property
    def name(self) -> str:
        """The processor's name in the ledger."""
        ...

    @property
    def country(self) -> str:
        """The country in which it processes data, as ISO 3166-1 alpha-2."""
        ...

    @property
    def contract(self) -> str:
        """The reference of the contract under which it works for us."""
        ...

    @property
    def is_outside_our_network(self) -> bool:
        """True if it is outside our own network. A system inside it is no processor in law (GDPR Art. 4(8))."""
        ...

    @property
    def weight(self) -> int:
        """Its share of the messages that several processors may take. 0: it takes mail only if no other one can."""
        ...

    @property
    def purposes(self) -> frozenset[str] | None:
        """The purposes that it may serve; None: all. A policy can forbid it more."""
        ...

    @property
    def weakest_encryption_used(self) -> str | None:
        """The weakest encryption of the connections that were made, as text for the ledger: `tls:TLSv1.3 …`.

        None: no message leaves this machine.
        """
        ...

    async def send(
        self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
    ) -> list[Outcome]:
        """Sends the messages of a window. Returns one outcome for each, in order. Errors of a server never raise.

        Args:
            window: the messages, each sent as soon as a connection is free.
            deadline: `time.monotonic()` seconds; no message begins after it (its outcome is `UNSENT`).
            permit: called before each message.
            urgent: True if it may use the connections that are reserved for urgent mail.
        """
        ...

    def start_shutdown_timers(self) -> None:
        """Limits the time of all running windows, as this process stops: they end even if no server answers."""
        ...

    async def close(self) -> None:
        """Closes its connections in an orderly way."""
        ...
