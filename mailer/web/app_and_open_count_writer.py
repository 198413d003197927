"""Serves the web app, and writes its counts of opens and clicks."""

import asyncio
from collections.abc import Callable

from mailer.web.app import create_app
from mailer.web.pixel_shortcut import PixelShortcut
from mailer.web.server import serve_app
from mailer.web.tracking import write_counts_each_hour
from mailer.web.web_context import WebContext


async def serve_site_and_write_open_counts(
    site: WebContext, host: str, port: int, stop: asyncio.Event, announce: Callable[[int], object] | None = None
) -> None:
    """Serves a site until `stop` is set; see `server.serve_app`. Opens and clicks are written by the hour."""
    app, over = create_app(site), asyncio.Event()
    counting = asyncio.create_task(write_counts_each_hour(site.opens, app.state.meters, over))
    try:
        shortcut = PixelShortcut(app, site.links, site.opens, site.is_https)
        await serve_app(shortcut, host, port, stop, announce)
    finally:
        over.set()  # only now: requests that were in flight are counted, too
        await counting
