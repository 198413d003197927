"""`python -m bench.pages.bare PORT`: the server of the web app with a handler that only answers the pixel."""

import asyncio
import signal
import sys

import uvloop
from starlette.types import Receive, Scope, Send

from mailer.web.server import serve_app
from mailer.web.tracking import GIF


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers each request with the pixel."""
    headers = [(b"content-type", b"image/gif"), (b"content-length", str(len(GIF)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": GIF})


async def main(port: int) -> None:
    """Serves until told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve_app(answer, "127.0.0.1", port, stop, lambda port: print("listening", flush=True))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
