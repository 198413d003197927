"""Posts JSON over HTTP to a partner's webhook."""

import asyncio
from email.message import Message
from http.client import HTTPException
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from mailer.ports.partner_suppressions import WebhookPostFailed

TIMEOUT = 10.0
"""Seconds to wait for the partner's answer."""


class _NoRedirects(HTTPRedirectHandler):
    """A redirect handler that follows no redirect, so that JSON goes only to the URL in the policy."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        return None


OPENER = build_opener(_NoRedirects)
"""Opens a URL, and follows no redirect."""


async def post_json_or_raise(url: str, body: bytes) -> None:
    """See `ports.partner_suppressions.WebhookPoster`."""
    await asyncio.to_thread(_post_json_or_raise_blocking, url, body)


def _post_json_or_raise_blocking(url: str, body: bytes) -> None:
    request = Request(url, body, {"Content-Type": "application/json", "User-Agent": "mailer"}, method="POST")  # noqa: S310 - the policy allows https, and http to this machine
    try:
        with OPENER.open(request, timeout=TIMEOUT):
            return
    except HTTPError as error:
        with error:
            raise WebhookPostFailed(f"status {error.code}") from None
    except URLError as error:
        raise WebhookPostFailed(type(error.reason).__name__) from None
    except (OSError, HTTPException) as error:
        raise WebhookPostFailed(type(error).__name__) from None
