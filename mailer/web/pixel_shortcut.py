"""Answers pixels that name nobody before the rest of the site sees the request. Most requests are for these."""

from starlette.types import ASGIApp, Receive, Scope, Send

from mailer.ports.open_and_click_counts import OpenAndClickCounter
from mailer.rendering.signed_links import SignedLinks
from mailer.web.middleware import security_headers
from mailer.web.tracking import GIF, count_open_that_names_nobody

_BEGIN, _END = "/o/", ".gif"


class PixelShortcut:
    """Answers a GET of a pixel as its route does (`tracking.count_open_and_send_pixel`), which takes ten times as long.

    Any other request, a token that is none, and one that names a person go on to the site.
    """

    def __init__(self, app: ASGIApp, links: SignedLinks, opens: OpenAndClickCounter, https: bool) -> None:
        """Stores the parts. With `https`, answers tell browsers to stay on HTTPS."""
        self._app = app
        self._links = links
        self._opens = opens
        fields = {
            **security_headers(https),
            "content-type": "image/gif",
            "content-length": str(len(GIF)),
            "cache-control": "no-store",
        }
        self._fields = [(name.encode(), value.encode()) for name, value in fields.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(_BEGIN):
            await self._app(scope, receive, send)
            return
        name = scope["path"].removeprefix(_BEGIN)
        found = self._links.read_open_token(name.removesuffix(_END)) if name.endswith(_END) else None
        if found is None or found.recipient_id is not None:
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in reversed(scope["headers"])}
        count_open_that_names_nobody(self._opens, found, headers)
        await send({"type": "http.response.start", "status": 200, "headers": list(self._fields)})
        await send({"type": "http.response.body", "body": GIF})
