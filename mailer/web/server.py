"""Serves an ASGI application in the running event loop until it is stopped."""

import asyncio
import socket
from collections.abc import Callable

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from starlette.types import ASGIApp

_BACKLOG = 1024

_LEAVE_LOGGING_ALONE = {"incremental": True, "handlers": {}, "loggers": {}}
"""A logging configuration that changes nothing. Granian's default would replace the logging of the whole process."""


async def serve_app(
    app: ASGIApp, host: str, port: int, stop: asyncio.Event, announce: Callable[[int], object] | None = None
) -> None:
    """Serves until `stop` is set, then answers the open requests and returns. It handles no signals.

    Args:
        app: an ASGI application; no lifespan events are sent.
        host: an address or name of this machine.
        port: the port; 0 means any free port.
        stop: the event that ends the server.
        announce: called with the port once the server takes connections.

    Raises:
        OSError: the port is taken, or the host is not of this machine.
    """
    address, port = await _resolve_address_and_free_port(host, port)
    server = Server(
        app,
        address,
        port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        log_level=LogLevels.error,
        log_dictconfig=_LEAVE_LOGGING_ALONE,
    )
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    try:
        await _wait_until_answering_or_ended(address, port, serving)
        if announce is not None:
            announce(port)
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        _require_still_serving(serving)
    finally:
        stopping.cancel()
        server.stop()  # type: ignore[no-untyped-call]  # Granian's has no annotations
        await serving


async def _resolve_address_and_free_port(host: str, port: int) -> tuple[str, int]:
    """Returns the numeric address and a free port. Granian would share a port, and cannot choose a free one."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, address = found[0]
    with socket.create_server(address[:2], family=family) as probe:
        name = probe.getsockname()
    return str(name[0]), int(name[1])


async def _wait_until_answering_or_ended(address: str, port: int, serving: "asyncio.Task[None]") -> None:
    """Waits until the server takes connections. It binds in its own thread, and does not report that."""
    while True:
        try:
            _, writer = await asyncio.open_connection(address, port)
        except ConnectionRefusedError:
            _require_still_serving(serving)
            await asyncio.sleep(0.005)
        else:
            writer.close()
            return


def _require_still_serving(serving: "asyncio.Task[None]") -> None:
    if serving.done():
        raise RuntimeError("the web server ended by itself") from serving.exception()
