"""HTTP as the demo's people and applications speak it: one request, no proxy, no redirect followed, nothing kept."""

import asyncio
import http.client
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

_SECONDS = 30


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer: its status, and its body as it came."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()


async def fetch_url(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> HttpAnswer:
    """Asks once.

    Args:
        method: such as GET.
        url: an http address.
        body: sent as it is.
        headers: what the request says beside what HTTP needs.

    Raises:
        OSError: nobody answers.
    """
    return await asyncio.to_thread(_fetch_url, method, url, body, headers or {})


def _fetch_url(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> HttpAnswer:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)) as connection:
        connection.request(method, parts.path, body, dict(headers))
        answer = connection.getresponse()
        return HttpAnswer(answer.status, answer.read())
