"""Opens connections to an SMTP relay with aiosmtplib: addresses, TCP, greeting, EHLO, STARTTLS, AUTH."""

import asyncio
import ssl
import time
from collections.abc import Awaitable
from typing import Final, cast

import aiosmtplib

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.processors.smtp.connection import SmtpConnection
from mailer.processors.smtp.connection_errors import (
    FAILURES,
    NoConnectionResult,
    connection_trouble_of_error,
    error_text,
)
from mailer.processors.smtp.ehlo_name import EhloNameProvider
from mailer.processors.smtp.envelope_ahead_support import EnvelopeAheadSupport
from mailer.processors.smtp.login import SmtpLogin
from mailer.processors.smtp.oauth_tokens import TokenUnavailable
from mailer.processors.smtp.relay_tcp_connecting import Address, OpenedConnection, RelayTcpConnector
from mailer.processors.smtp.relay_url import RelaySettings, TlsMode
from mailer.processors.smtp.transaction import SmtpExtensions

_EVERYWHERE: Final = frozenset((ConnectionTrouble.AUTH, ConnectionTrouble.TOKEN))
"""Failures that would repeat at every address of the relay. Repeated logins could also lock the account."""
_ANSWERS: Final = {
    ConnectionTrouble.GREETING: "greeting",
    ConnectionTrouble.EHLO: "reply to EHLO",
    ConnectionTrouble.STARTTLS: "TLS after STARTTLS",
    ConnectionTrouble.AUTH: "reply to AUTH",
}
"""The reply that each step waits for, as error messages name it."""


class Connector:
    """Opens connections to one relay.

    Args:
        relay: its address and settings.
        context: the TLS settings, which decide which certificates are trusted; None without TLS.
    """

    def __init__(self, relay: RelaySettings, context: ssl.SSLContext | None) -> None:
        self._relay = relay
        self._context = context
        self._addresses = RelayTcpConnector(relay.host, relay.port)
        self._name = EhloNameProvider(relay.helo)
        self._login = SmtpLogin(relay)
        self._ahead = EnvelopeAheadSupport(relay.name)
        self._ways: tuple[str, ...] = ()

    async def connect_or_return_failure(self, patience: float) -> SmtpConnection | NoConnectionResult:
        """Connects, encrypts and authenticates. Tries the relay's addresses until one works.

        Args:
            patience: the maximum number of seconds for all of it.

        Returns:
            A connection that is ready for the first message, or the reason why there is none. The reason contains no
            credentials.
        """
        ends = time.monotonic() + patience
        addresses = await self._resolve_or_return_failure(patience)
        while not isinstance(addresses, NoConnectionResult):
            reached = await self._connect_tcp_or_return_failure(addresses, ends)
            if isinstance(reached, NoConnectionResult):
                return reached
            found = await self._set_up_or_return_failure(reached, ends, len(addresses))
            if isinstance(found, SmtpConnection) or found.trouble in _EVERYWHERE:
                return found
            addresses = self._addresses.mark_failed_and_return_others(addresses, reached.peer)
            if not addresses or time.monotonic() >= ends:
                return found
        return addresses

    async def _resolve_or_return_failure(self, patience: float) -> list[Address] | NoConnectionResult:
        relay = self._relay
        try:
            async with asyncio.timeout(min(patience, relay.times.connect)):
                return await self._addresses.resolve_addresses()
        except (OSError, UnicodeError) as error:
            trouble = connection_trouble_of_error(error, ConnectionTrouble.DNS)
            return NoConnectionResult(trouble, f"{relay.name}: {relay.host}: {error_text(error)}")

    async def _connect_tcp_or_return_failure(
        self, addresses: list[Address], ends: float
    ) -> OpenedConnection | NoConnectionResult:
        relay = self._relay
        try:
            async with asyncio.timeout(min(ends - time.monotonic(), relay.times.connect)):
                return await self._addresses.connect_to_first_accepting(addresses, relay.times.connect)
        except (OSError, RuntimeError) as error:  # uvloop raises both
            where = f"{relay.host} on port {relay.port}"
            trouble = connection_trouble_of_error(error, ConnectionTrouble.UNREACHABLE)
            return NoConnectionResult(trouble, f"{relay.name}: no connection to {where}: {error_text(error)}")

    async def _set_up_or_return_failure(
        self, reached: OpenedConnection, ends: float, address_count: int
    ) -> SmtpConnection | NoConnectionResult:
        """Takes the steps between TCP and the first message. With several addresses, each gets a part of the time."""
        times = self._relay.times
        greeting = times.greeting if address_count == 1 else times.connect / address_count
        opening = _ConnectionSetupSteps(
            self._relay, self._context, self._login, reached, ends - time.monotonic(), greeting
        )
        found = await opening.set_up_client_or_return_failure(await self._name.ehlo_name_for_local_address(reached.own))
        if isinstance(found, NoConnectionResult):
            return found
        self._note_encryption(found)
        extensions = SmtpExtensions.parse_ehlo_keywords(found.esmtp_extensions)
        return SmtpConnection(cast(asyncio.Transport, found.transport), self._relay, extensions, self._ahead)

    @property
    def weakest_encryption_so_far(self) -> str | None:
        """The weakest encryption of all connections so far, as the ledger stores it. None: no connection yet."""
        return min(self._ways, default=None)

    def _note_encryption(self, client: aiosmtplib.SMTP) -> None:
        version = _tls_version(client)
        checked = self._context is not None and self._context.check_hostname
        way = f"tls:{version} {'verified' if checked else 'unverified'}" if version else "tls:none on this machine"
        if way not in self._ways:
            self._ways = (*self._ways, way)


class _ConnectionSetupSteps:
    """The set-up of one connection: all steps between TCP and the first message.

    Args:
        relay: see `Connector`.
        context: see `Connector`.
        login: logs in.
        reached: the TCP connection.
        patience: the maximum number of seconds for all steps.
        greeting: the maximum number of seconds for the greeting.
    """

    def __init__(
        self,
        relay: RelaySettings,
        context: ssl.SSLContext | None,
        login: SmtpLogin,
        reached: OpenedConnection,
        patience: float,
        greeting: float,
    ) -> None:
        self._relay = relay
        self._context = context
        self._login = login
        self._connection = reached.connection
        self._ends = time.monotonic() + patience
        self._greeting = greeting
        self._step = ConnectionTrouble.GREETING

    async def set_up_client_or_return_failure(self, name: str) -> aiosmtplib.SMTP | NoConnectionResult:
        """Takes all steps, with this name in EHLO. Returns a client that is ready for a message, or the failure."""
        relay = self._relay
        client = aiosmtplib.SMTP(
            hostname=relay.host,
            timeout=None,
            use_tls=relay.tls is TlsMode.IMPLICIT,
            start_tls=False,
            tls_context=self._context,
            local_hostname=name,
            sock=self._connection,
        )
        try:
            await self._greet_and_log_in(client)
        except TokenUnavailable as error:
            _close_abruptly(client)
            return NoConnectionResult(ConnectionTrouble.TOKEN, f"{relay.name}: {error}")
        except (*FAILURES, UnicodeError) as error:
            _close_abruptly(client)
            return NoConnectionResult(
                connection_trouble_of_error(error, self._step), f"{relay.name}: {error_text(error)}"
            )
        except BaseException:
            _close_abruptly(client)
            raise
        if not client.is_connected:
            return NoConnectionResult(
                ConnectionTrouble.LOST, f"{relay.name}: the connection ended as soon as it was made"
            )
        return client

    async def _greet_and_log_in(self, client: aiosmtplib.SMTP) -> None:
        """Waits for the greeting, sends EHLO, starts TLS if the relay needs it, and logs in."""
        seconds = self._relay.times.command
        await self._run_step(ConnectionTrouble.GREETING, self._greeting, client.connect())
        await self._run_step(ConnectionTrouble.EHLO, seconds, client.ehlo())
        if self._relay.tls is TlsMode.STARTTLS:
            await self._run_step(ConnectionTrouble.STARTTLS, seconds, client.starttls())
            await self._run_step(ConnectionTrouble.EHLO, seconds, client.ehlo())
        if self._relay.tls is not TlsMode.NONE and _tls_version(client) is None:
            self._step = ConnectionTrouble.TLS
            raise ConnectionError("the connection is not encrypted, and nothing is said on it")
        await self._run_step(ConnectionTrouble.AUTH, seconds, self._login.log_in(client))

    async def _run_step(self, step: ConnectionTrouble, seconds: float, doing: Awaitable[object]) -> None:
        """Awaits one step with a time limit, and remembers the step for error reports."""
        self._step = step
        seconds = min(seconds, self._ends - time.monotonic())
        try:
            async with asyncio.timeout(seconds):
                await doing
        except TimeoutError:
            raise TimeoutError(f"no {_ANSWERS.get(step, 'answer')} within {seconds:.1f} seconds") from None


def _tls_version(client: aiosmtplib.SMTP) -> str | None:
    """Returns the TLS version of a connection, or None if it is not encrypted."""
    layer = client.transport.get_extra_info("ssl_object") if client.transport is not None else None
    version: str | None = layer.version() if layer is not None else None
    return version


def _close_abruptly(client: aiosmtplib.SMTP) -> None:
    """Closes a connection without QUIT."""
    if client.transport is not None:
        cast(asyncio.WriteTransport, client.transport).abort()
    client.close()
