"""Fetches a public page over HTTP, as any reader does: without cookies, and without following redirects."""

import asyncio
from http.client import HTTPException
from urllib.request import Request

from mailer.processors.partner_webhook_posting import OPENER, TIMEOUT

MAX_PAGE = 4 * 1024 * 1024
"""The most octets of a page that are read."""


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
