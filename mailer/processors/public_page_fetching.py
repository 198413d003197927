"""Fetches public pages and files over HTTP, without cookies, and without following redirects."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPSConnection
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import Request

from mailer.policy.webhook_urls import is_public_address
from mailer.processors.partner_webhook_posting import OPENER, TIMEOUT

MAX_PAGE = 4 * 1024 * 1024
"""The most octets of a page that are read."""
MAX_FILE = 64 * 1024
"""The most octets of a file at a pinned URL."""
FILE_SECONDS = 10.0
"""Seconds in which a file at a pinned URL has to be read."""


async def fetch_public_page(url: str) -> str:
    """Returns the text of a page.

    Raises:
        OSError: the page cannot be had.
    """
    return await asyncio.to_thread(_fetch_page_blocking, url)


def _fetch_page_blocking(url: str) -> str:
    try:
        with OPENER.open(Request(url, headers={"User-Agent": "mailer"}), timeout=TIMEOUT) as answer:  # noqa: S310 - our own PUBLIC_URL
            return bytes(answer.read(MAX_PAGE)).decode("utf-8", "replace")
    except HTTPException as error:
        raise OSError(type(error).__name__) from None


def is_public_peer(address: str) -> bool:
    """Tells whether an IP address in text is on the public Internet. See `webhook_urls.is_public_address`."""
    return is_public_address(ip_address(address))


@dataclass(frozen=True, slots=True)
class PublicFileFetcher:
    """Fetches a small file at an https URL that the caller has pinned, from a public address only.

    The server's certificate is checked. No redirect and no proxy is used.

    Attributes:
        context: the certificates that are trusted.
        is_allowed: tells whether a network address may be connected to.
    """

    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    is_allowed: Callable[[str], bool] = is_public_peer

    async def fetch_file(self, url: str) -> bytes:
        """Returns the file at a URL.

        Raises:
            OSError: the status is not 200, it has more than `MAX_FILE` octets, takes longer than `FILE_SECONDS`, or
                cannot be had.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" or parts.hostname is None:
            raise OSError("not an https URL")
        connection = _CheckedHttpsConnection(parts.hostname, parts.port, self.context, self.is_allowed)
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        try:
            async with asyncio.timeout(FILE_SECONDS):
                return await asyncio.to_thread(_fetch_file_blocking, connection, target)
        finally:
            connection.shut_down()  # else a server that never ends its answer would hold the thread for ever


def _fetch_file_blocking(connection: "_CheckedHttpsConnection", target: str) -> bytes:
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(f"status {answer.status}")
        read = b""
        while chunk := answer.read1(MAX_FILE + 1 - len(read)):
            read += chunk
            if len(read) > MAX_FILE:
                raise OSError("the file is too long")
        return read
    except HTTPException as error:
        raise OSError(type(error).__name__) from None
    finally:
        connection.close()


class _CheckedHttpsConnection(HTTPSConnection):
    """A connection that sends nothing to an address that is not allowed, whatever the name resolves to."""

    def __init__(self, host: str, port: int | None, context: ssl.SSLContext, is_allowed: Callable[[str], bool]) -> None:
        super().__init__(host, port, timeout=FILE_SECONDS, context=context)
        self._tls = context
        self._is_allowed = is_allowed
        self._opened: socket.socket | None = None

    def shut_down(self) -> None:
        """Ends the connection from another thread: whoever reads it reads its end."""
        if self._opened is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._opened, socket.SHUT_RDWR)

    def connect(self) -> None:
        """Connects, and looks at the address before TLS begins."""
        plain = socket.create_connection((self.host, self.port), FILE_SECONDS)
        try:
            if not self._is_allowed(plain.getpeername()[0]):
                raise OSError("the name leads to an address that is not public")
            self.sock = self._opened = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
