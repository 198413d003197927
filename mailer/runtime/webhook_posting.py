"""Posts to endpoints: to public addresses only, without redirects, and within limits of time and size."""

import asyncio
import ipaddress
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final

from mailer.policy.webhook_retries import PostResult
from mailer.policy.webhook_urls import IpAddress, WebhookUrl, is_public_address, parse_webhook_url
from mailer.ports.dns_lookup import DnsLookup, LookupFailed

TIMEOUT: Final = 10.0
"""Seconds for a post: name, connection, sending and the head of the answer together."""
MAX_ANSWER: Final = 64 * 1024
"""The most octets of an answer that are read. Its body is not needed, and not read."""
_MOST_INTERIM: Final = 5
"""The most answers of the class 1xx before the real one."""
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r\n")


class _PostFailed(Exception):
    """No answer came; the message says why in a few words."""


class WebhookHttpPoster:
    """Posts a body. Implements `ports.outgoing_webhooks.WebhookPoster`.

    The address is checked after the name was resolved, and the connection goes to the address that was checked: no
    second look-up can lead elsewhere (DNS rebinding). A proxy from the environment is not used.

    Args:
        open_dns: makes what resolves names, at the first name; it may raise `LookupFailed`.
        tls: the context of https; None: the system's authorities are trusted.
        seconds: the longest time of a post.
    """

    def __init__(
        self, open_dns: Callable[[], DnsLookup], tls: ssl.SSLContext | None = None, seconds: float = TIMEOUT
    ) -> None:
        self._open_dns = open_dns
        self._dns: DnsLookup | None = None
        self._tls = tls or ssl.create_default_context()
        self._seconds = seconds

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> PostResult:
        """See the port."""
        try:
            target = parse_webhook_url(url)
            async with asyncio.timeout(self._seconds):
                return await self._post(target, headers, body)
        except TimeoutError:
            return PostResult(None, error="timeout")
        except (_PostFailed, LookupFailed, ValueError) as error:
            words = str(error) if isinstance(error, _PostFailed) else type(error).__name__
            return PostResult(None, error=words)
        except (OSError, EOFError) as error:
            return PostResult(None, error=type(error).__name__)

    async def _post(self, target: WebhookUrl, headers: Mapping[str, str], body: bytes) -> PostResult:
        reader, writer = await self._open_connection(target, await self._find_allowed_addresses(target))
        try:
            writer.write(_request_head(target, headers, len(body)) + body)
            await writer.drain()
            return await _read_result(reader)
        finally:
            writer.transport.abort()

    async def _find_allowed_addresses(self, target: WebhookUrl) -> Sequence[IpAddress]:
        """Returns the addresses of a host.

        Raises:
            _PostFailed: it has none, or any of them is not public.
        """
        if target.loopback is not None:
            return [ipaddress.ip_address(target.loopback)]
        if self._dns is None:
            self._dns = self._open_dns()
        addresses = await self._dns.host_addresses(target.host)
        if not addresses:
            raise _PostFailed("no address")
        if not all(map(is_public_address, addresses)):
            raise _PostFailed("private address")
        return addresses

    async def _open_connection(
        self, target: WebhookUrl, addresses: Sequence[IpAddress]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connects to the first address that takes the connection."""
        connect = partial(asyncio.open_connection, port=target.port, limit=MAX_ANSWER)
        if target.is_encrypted:
            connect = partial(connect, ssl=self._tls, server_hostname=target.host)
        for address in addresses[:-1]:
            with suppress(OSError):
                return await asyncio.wait_for(connect(str(address)), self._seconds / len(addresses))
        return await connect(str(addresses[-1]))


def _request_head(target: WebhookUrl, headers: Mapping[str, str], length: int) -> bytes:
    host = f"[{target.host}]" if ":" in target.host else target.host
    usual = 443 if target.is_encrypted else 80
    lines = [
        f"POST {target.target} HTTP/1.1",
        f"Host: {host}" if target.port == usual else f"Host: {host}:{target.port}",
        "User-Agent: mailer",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


async def _read_result(reader: asyncio.StreamReader) -> PostResult:
    """Reads the head of the answer."""
    for _ in range(_MOST_INTERIM + 1):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise _PostFailed("the answer is too large") from None
        found = _STATUS_LINE.match(head)
        if found is None:
            raise _PostFailed("the answer is no HTTP")
        if not found[1].startswith(b"1"):
            fields = BytesHeaderParser().parsebytes(head[found.end() :])
            return PostResult(int(found[1]), seconds_of_retry_after(fields.get("Retry-After"), datetime.now(UTC)))
    raise _PostFailed("the answer is no HTTP")


def seconds_of_retry_after(value: object, now: datetime) -> int | None:
    """Returns the seconds of a `Retry-After` (RFC 9110 10.2.3), a number or a date; None if it is neither.

    Args:
        value: the header as Python's parser gives it: a text, or an `email.header.Header` if it is not ASCII.
        now: the time of the answer.
    """
    if not isinstance(value, str):
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return int(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(round((at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()), 0)
