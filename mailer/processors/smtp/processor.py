"""The processor for an SMTP relay. A small pool of connections sends each window."""

import ssl
from collections.abc import Sequence
from pathlib import Path

from mailer.policy.hand_over_outcome import Outcome
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.processors.smtp.connection_pool import ConnectionPool
from mailer.processors.smtp.connector import Connector
from mailer.processors.smtp.relay_url import RelaySettings, TlsMode, parse_relay_url
from mailer.processors.smtp.return_path_fields import add_return_path_field
from mailer.processors.smtp.window_message_queue import WindowMessageQueue


class SmtpProcessor:
    """Implements `mailer.ports.processor.Processor` on an SMTP relay.

    Attributes:
        name: the name of the relay in the ledger.
        country: the country in which it processes data, ISO 3166-1 alpha-2.
        contract: the reference of the contract under which it works for us.
        is_outside_our_network, weight, purposes: see the port.
    """

    def __init__(self, relay: RelaySettings, *, context: ssl.SSLContext | None = None) -> None:
        """Stores the settings. The first window opens connections.

        Args:
            relay: the address and settings of the relay.
            context: the TLS settings, which decide which certificates are trusted. The default trusts the system's.
        """
        if context is None and relay.tls is not TlsMode.NONE:
            context = ssl.create_default_context()
        self.name, self.country, self.contract = relay.name, relay.country, relay.contract
        self.is_outside_our_network, self.weight, self.purposes = (
            relay.is_outside_our_network,
            relay.weight,
            relay.purposes,
        )
        self._relay = relay
        self._dialler = Connector(relay, context)
        self._pool = ConnectionPool(relay, self._dialler)

    @property
    def weakest_encryption_used(self) -> str | None:
        """See the port."""
        return self._dialler.weakest_encryption_so_far

    def __repr__(self) -> str:
        """Shows the relay, without credentials."""
        return f"SmtpProcessor({self._relay!r})"

    async def send(
        self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
    ) -> list[Outcome]:
        """Hands a window over. Returns one outcome for each message, in the same order. See the port."""
        if not window:
            return []
        if self._relay.service is not None:
            window = [add_return_path_field(message, self._relay.service) for message in window]
        share = WindowMessageQueue(window, deadline, permit)
        return share.outcome_of_each_message_or_unsent(await self._pool.send_window_until_trouble(share, urgent))

    def start_shutdown_timers(self) -> None:
        """See the port. All running windows end within 30 seconds."""
        self._pool.start_shutdown_timers()

    async def close(self) -> None:
        """Waits until all running windows have ended, then ends the connections with QUIT."""
        await self._pool.close()


def smtp_processor_from_url(url: str) -> SmtpProcessor:
    """Returns the processor of a URL. See `parse_relay_url` for its form and errors."""
    return SmtpProcessor(parse_relay_url(url))


async def open_smtp_processor(url: str, data: Path) -> SmtpProcessor:
    """Returns the processor of a URL. It connects with its first window, and stores no files."""
    return smtp_processor_from_url(url)
