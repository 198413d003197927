"""The listeners of reception."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast
from weakref import WeakSet

from mailer.inbound.reception.listener_url import ListenerUrl
from mailer.inbound.reception.session import ReceptionHandler, ReceptionSession


class ListenerUnusable(Exception):
    """Mail cannot be received at an address of `MAILER_INBOUND`. The message says why."""


@asynccontextmanager
async def receiving_mail(
    urls: Sequence[ListenerUrl], handler: ReceptionHandler, default_name: str
) -> AsyncIterator[list[int]]:
    """Receives mail at all addresses until the context ends. Yields the ports, in the order of the addresses.

    At the end no new connection is accepted, and open ones are closed: a message without an answer is sent again.

    Args:
        urls: the addresses.
        handler: answers the commands.
        default_name: the name in the greeting of an address that has none of its own.

    Raises:
        ListenerUnusable: a certificate cannot be read, or an address is taken or not of this machine.
    """
    # aiosmtpd logs each command, with addresses, at INFO.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    sessions: WeakSet[ReceptionSession] = WeakSet()
    servers = list[asyncio.Server]()
    try:
        for url in urls:
            servers.append(await _open_listener(url, handler, default_name, sessions))
        yield [server.sockets[0].getsockname()[1] for server in servers]
    finally:
        for server in servers:
            server.close()
        for session in sessions:
            if session.transport is not None:
                cast(asyncio.WriteTransport, session.transport).abort()
        for server in servers:
            await server.wait_closed()


async def _open_listener(
    url: ListenerUrl, handler: ReceptionHandler, default_name: str, sessions: WeakSet[ReceptionSession]
) -> asyncio.Server:
    loop, context = asyncio.get_running_loop(), _tls_context_or_none(url)

    def client() -> ReceptionSession:
        session = ReceptionSession(
            handler, is_lmtp=url.is_lmtp, hostname=url.name or default_name, tls_context=context, loop=loop
        )
        sessions.add(session)
        return session

    try:
        return await loop.create_server(client, url.host, url.port)
    except OSError as error:
        raise ListenerUnusable(f"mail cannot be received at {url.host}:{url.port}: {error.strerror or error}") from None


def _tls_context_or_none(url: ListenerUrl) -> ssl.SSLContext | None:
    if url.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(url.certificate, url.key)
    except (OSError, ssl.SSLError) as error:
        raise ListenerUnusable(f"the certificate {url.certificate} cannot be used: {error}") from None
    return context
