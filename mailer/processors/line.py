"""Making a connection to an SMTP relay: TCP, greeting, EHLO, STARTTLS, AUTH; all by aiosmtplib."""

import asyncio
import ssl
from typing import cast

import aiosmtplib

from mailer.processors.faults import FAILURES, reason_of
from mailer.processors.letter import Extensions
from mailer.processors.pipelined import Pipelined
from mailer.processors.relay import Relay, Tls, is_loopback
from mailer.processors.sequential import Sequential
from mailer.processors.speaker import Speaker


class Dialler:
    """Makes connections to one relay.

    Args:
        relay: where to, and how.
        context: for TLS; decides which certificates are trusted.
    """

    def __init__(self, relay: Relay, context: ssl.SSLContext | None) -> None:
        self._relay = relay
        self._context = context
        # Asking the resolver for our own name can take seconds: once is enough, and loopback does not care.
        self._hostname = "localhost" if is_loopback(relay.host) else None

    async def dial(self, patience: float) -> Speaker | str:
        """Connects, encrypts and authenticates.

        Args:
            patience: the most seconds that it may take.

        Returns:
            A connection on which a transaction can begin, or why there is none, with no credentials in it.
        """
        relay = self._relay
        client = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            timeout=relay.timeout,
            use_tls=relay.tls is Tls.IMPLICIT,
            start_tls=relay.tls is Tls.STARTTLS,
            tls_context=self._context,
            local_hostname=self._hostname,
        )
        try:
            async with asyncio.timeout(min(patience, relay.timeout)):
                await client.connect()
                self._hostname = client.local_hostname
                if client.is_ehlo_or_helo_needed:
                    await client.ehlo()
                await self._authenticate(client)
        except (*FAILURES, UnicodeError) as error:
            _hang_up(client)
            return f"{relay.name}: {reason_of(error)}"
        except BaseException:
            _hang_up(client)
            raise
        if not client.is_connected:
            return f"{relay.name}: the connection ended as soon as it was made"
        extensions = Extensions.of(client.esmtp_extensions)
        if extensions.pipelining:
            return Pipelined(cast(asyncio.Transport, client.transport), relay, extensions)
        return Sequential(client, relay, extensions)

    async def _authenticate(self, client: aiosmtplib.SMTP) -> None:
        """Logs in, if there is a user name. What the server says to that may quote the secret, so it is not kept."""
        if self._relay.username is None:
            return
        try:
            await client.login(self._relay.username, self._relay.password)
        except aiosmtplib.SMTPResponseException as error:
            reply = str(error.code) if error.code > 0 else "no proper reply"
            raise aiosmtplib.SMTPException(f"AUTH refused with {reply}") from None


def _hang_up(client: aiosmtplib.SMTP) -> None:
    """Ends a connection without a word."""
    if client.transport is not None:
        cast(asyncio.WriteTransport, client.transport).abort()
    client.close()
