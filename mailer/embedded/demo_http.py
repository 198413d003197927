"""The HTTP client of the demo: it sends one request, uses no proxy, follows no redirect, and keeps no state."""

import asyncio
import http.client
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

_SECONDS = 30


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The status and the body of an answer."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """Decodes the body as UTF-8."""
        return self.body.decode()


async def send_http_request(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> HttpAnswer:
    """Sends one request, and returns the answer.

    Args:
        method: the HTTP method, such as GET.
        url: an http address.
        body: the body, which is sent as it is.
        headers: further header fields of the request.

    Raises:
        OSError: the server does not answer.
    """
    return await asyncio.to_thread(_send_http_request_blocking, method, url, body, headers or {})


def _send_http_request_blocking(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> HttpAnswer:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)) as connection:
        connection.request(method, parts.path, body, dict(headers))
        answer = connection.getresponse()
        return HttpAnswer(answer.status, answer.read())
