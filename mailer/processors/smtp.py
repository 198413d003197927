"""An SMTP relay as a processor: each window is shared by the connections of a small pool."""

import asyncio
import ssl
from collections.abc import Sequence

from mailer.policy.outcome import Outcome
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.processors.connection_pool import ConnectionPool
from mailer.processors.connector import Connector
from mailer.processors.relay_url import RelaySettings, TlsMode, parse_relay_url
from mailer.processors.window_queue import WindowQueue


class SmtpProcessor:
    """Implements `mailer.ports.processor.Processor` on an SMTP relay.

    Attributes:
        name: its name in the ledger.
        country: where it processes, ISO 3166-1 alpha-2.
        contract: the reference of the contract under which it works for us.
        outside, weight, purposes: see the port.
    """

    def __init__(self, relay: RelaySettings, *, context: ssl.SSLContext | None = None) -> None:
        """Connects nothing yet.

        Args:
            relay: where to, and how.
            context: which certificates are trusted; the system's by default.
        """
        if context is None and relay.tls is not TlsMode.NONE:
            context = ssl.create_default_context()
        self.name, self.country, self.contract = relay.name, relay.country, relay.contract
        self.outside, self.weight, self.purposes = relay.is_outside, relay.weight, relay.purposes
        self._relay = relay
        self._dialler = Connector(relay, context)
        self._pool = ConnectionPool(relay, self._dialler)

    @property
    def weakest_encryption(self) -> str | None:
        """See the port."""
        return self._dialler.weakest_encryption

    def __repr__(self) -> str:
        """Names the relay, without credentials."""
        return f"SmtpProcessor({self._relay!r})"

    async def send(
        self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
    ) -> list[Outcome]:
        """Hands a window over; one outcome a message, in its order. See the port."""
        if not window:
            return []
        share = WindowQueue(window, deadline, permit)
        return share.outcomes_or_unsent(await self._pool.send_window(share, urgent))

    def begin_shutdown(self) -> None:
        """Ends the windows in hand within half a minute, whatever the relay does: the process has been told to stop."""
        self._pool.begin_shutdown()

    async def close(self) -> None:
        """Ends its connections politely, once the windows under way are through."""
        await self._pool.close()


async def shut_down_processors(processors: Sequence[SmtpProcessor], stop: asyncio.Event) -> None:
    """Tells processors that the process ends, once it is told so: a relay may take ten minutes for an answer."""
    await stop.wait()
    for processor in processors:
        processor.begin_shutdown()


def processor_from_url(url: str) -> SmtpProcessor:
    """The processor of a URL; see `mailer.processors.relay_url.parse_relay_url` for its form and its errors."""
    return SmtpProcessor(parse_relay_url(url))
