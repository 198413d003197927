"""Posts to endpoints: to public addresses only, without redirects, and within limits of time and size."""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from mailer.policy.webhook_retries import PostResult
from mailer.policy.webhook_urls import IpAddress, WebhookUrl, parse_webhook_url
from mailer.ports.dns_lookup import DnsLookup, LookupFailed
from mailer.runtime.checked_http import (
    RequestFailed,
    find_public_addresses,
    open_connection_to_first,
    read_answer_head,
)

TIMEOUT: Final = 10.0
"""Seconds for a post: name, connection, sending and the head of the answer together."""


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
        except (RequestFailed, LookupFailed, ValueError) as error:
            words = str(error) if isinstance(error, RequestFailed) else type(error).__name__
            return PostResult(None, error=words)
        except (OSError, EOFError) as error:
            return PostResult(None, error=type(error).__name__)

    async def _post(self, target: WebhookUrl, headers: Mapping[str, str], body: bytes) -> PostResult:
        addresses, tls = await self._find_allowed_addresses(target), self._tls if target.is_encrypted else None
        reader, writer = await open_connection_to_first(addresses, target.port, tls, target.host, self._seconds)
        try:
            writer.write(_request_head(target, headers, len(body)) + body)
            await writer.drain()
            return await _read_result(reader)
        finally:
            writer.transport.abort()

    async def _find_allowed_addresses(self, target: WebhookUrl) -> Sequence[IpAddress]:
        """Returns the addresses of a host. See `find_public_addresses` for what it raises."""
        if target.loopback is not None:
            return [ipaddress.ip_address(target.loopback)]
        if self._dns is None:
            self._dns = self._open_dns()
        return await find_public_addresses(self._dns, target.host)


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
    status, fields = await read_answer_head(reader)
    return PostResult(status, seconds_of_retry_after(fields.get("Retry-After"), datetime.now(UTC)))


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
