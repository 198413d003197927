"""The interface of one service's API: pure functions that write requests and read answers. Nothing here is sent."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from mailer.policy.hand_over_outcome import Outcome
from mailer.ports.processor import OutgoingMessage


class NotCarriedError(Exception):
    """A service cannot carry a message as it is. Another processor may.

    Args:
        reason: the property that it cannot carry, without an address.
        status: the enhanced status code (RFC 3463) that says so.
    """

    def __init__(self, reason: str, status: str = "5.6.3") -> None:
        super().__init__(reason)
        self.status = status


_PLAIN_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
"""An address that no service can read as two."""


def check_plain_envelope(message: OutgoingMessage) -> None:
    """Checks that the addresses of the envelope are in ASCII, and need no quotes.

    Raises:
        NotCarriedError: one is not, or the sender is empty.
    """
    if not (_PLAIN_ADDRESS.fullmatch(message.recipient) and _PLAIN_ADDRESS.fullmatch(message.sender)):
        raise NotCarriedError("an address of the envelope that is empty, quoted or not ASCII", "5.6.7")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A POST request to a service. Its repr shows no header and no body, as they have secrets and addresses.

    Attributes:
        path: the path of its URL. headers: without Host and Content-Length. body: at least one octet.
    """

    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """The answer of a service.

    Attributes:
        status: the HTTP status code.
        headers: by their names in lower case.
        body: at most `http_sender.MAX_ANSWER` octets.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class ProviderApi(Protocol):
    """Writes the requests of one service, and reads its answers."""

    @property
    def max_messages(self) -> int:
        """The maximum number of messages in a request."""
        ...

    @property
    def max_octets(self) -> int:
        """The maximum number of octets of all messages in a request."""
        ...

    @property
    def has_idempotency_key(self) -> bool:
        """True if a request that is repeated at once is taken once only."""
        ...

    def write_message(self, message: OutgoingMessage) -> bytes:
        """Returns one message in the form of the service.

        Raises:
            NotCarriedError: the service cannot carry it.
        """
        ...

    def write_request(self, messages: Sequence[bytes], secret: str, now: datetime) -> ApiRequest:
        """Returns the request that sends some messages, as `write_message` gave them."""
        ...

    def read_outcomes(self, answer: ApiAnswer, count: int) -> Sequence[Outcome]:
        """Returns the outcome of each message of a request, in their order.

        An outcome UNSENT with a trouble and without a code is about the service, not about the message.
        """
        ...
