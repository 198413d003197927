"""HTTP to servers that others name: connections to public addresses that were checked, and the head of an answer."""

import asyncio
import re
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.message import Message
from email.parser import BytesHeaderParser
from functools import partial
from typing import Final, NamedTuple

from mailer.policy.webhook_urls import IpAddress, is_public_address
from mailer.ports.dns_lookup import DnsLookup

MAX_ANSWER: Final = 64 * 1024
"""The most octets of an answer that are read. Its body is not needed, and not read."""
_MOST_INTERIM: Final = 5
"""The most answers of the class 1xx before the real one."""
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r\n")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class RequestFailed(Exception):
    """No answer came; the message says why in a few words."""


class AddressRefused(RequestFailed):
    """A name leads to an address that nothing is sent to."""


class AnswerHead(NamedTuple):
    """The status of an answer, and its header fields."""

    status: int
    fields: Message


async def find_public_addresses(
    dns: DnsLookup, host: str, is_allowed: Callable[[IpAddress], bool] = is_public_address
) -> Sequence[IpAddress]:
    """Returns the addresses of a host. Whoever connects has to connect to one of them, not to the name.

    Raises:
        AddressRefused: any of them is not allowed.
        RequestFailed: it has none.
        LookupFailed: the DNS does not answer.
    """
    addresses = await dns.host_addresses(host)
    if not addresses:
        raise RequestFailed("no address")
    if not all(map(is_allowed, addresses)):
        raise AddressRefused("private address")
    return addresses


async def open_connection_to_first(
    addresses: Sequence[IpAddress], port: int, tls: ssl.SSLContext | None, host: str, seconds: float
) -> Streams:
    """Connects to the first address that takes the connection.

    Args:
        addresses: at least one, checked.
        port: the port.
        tls: the context of https; None: http.
        host: the name that the certificate has to have.
        seconds: the longest time for all of them.

    Raises:
        OSError: none of them takes it.
    """
    connect = partial(asyncio.open_connection, port=port, limit=MAX_ANSWER)
    if tls is not None:
        connect = partial(connect, ssl=tls, server_hostname=host)
    for address in addresses[:-1]:
        with suppress(OSError):
            return await asyncio.wait_for(connect(str(address)), seconds / len(addresses))
    return await connect(str(addresses[-1]))


async def read_answer_head(reader: asyncio.StreamReader) -> AnswerHead:
    """Reads the head of an answer, at most `MAX_ANSWER` octets.

    Raises:
        RequestFailed: it is too large, or no HTTP.
        EOFError, OSError: the connection ends.
    """
    for _ in range(_MOST_INTERIM + 1):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise RequestFailed("the answer is too large") from None
        found = _STATUS_LINE.match(head)
        if found is None:
            raise RequestFailed("the answer is no HTTP")
        if not found[1].startswith(b"1"):
            return AnswerHead(int(found[1]), BytesHeaderParser().parsebytes(head[found.end() :]))
    raise RequestFailed("the answer is no HTTP")
