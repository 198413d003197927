import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from mailer.web.server import serve_app
from tests.integration.web_world import KEY, World
from tests.processes import SECONDS


@asynccontextmanager
async def _serving(app: ASGIApp, stop: asyncio.Event) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application on a free port, and a stop when done."""
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        group.create_task(serve_app(app, "127.0.0.1", 0, stop, port.set_result))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{await port}", timeout=SECONDS) as client:
            yield client
        stop.set()


async def test_the_site_over_a_real_socket() -> None:
    """Page, one-click and pixel work over HTTP, with no body for HEAD and no server named."""
    world = World()
    async with _serving(world.app, asyncio.Event()) as client:
        page = await client.get(world.unsubscribe())
        head = await client.head(world.unsubscribe())
        done = await client.post(world.unsubscribe(), content=b"List-Unsubscribe=One-Click", headers={"user-agent": ""})
        pixel = await client.get(world.pixel())
    assert (page.status_code, head.status_code, done.status_code) == (200, 200, 200)
    assert page.text.startswith("<!doctype html>")
    assert head.content == b""
    assert head.headers["server"] == "mailer"
    assert len(pixel.content) == 43
    assert world.standings.changes == [("interpals", 17, "newsletter", "one-click")]


async def test_a_client_that_sends_too_much_sees_why() -> None:
    """The server answers ten megabytes with 413 or 401 and a body. It does not reset the connection."""
    body = b" " * 10_000_000
    async with _serving(World().app, asyncio.Event()) as client:
        large = await client.post("/api/v1/events", content=body, headers={"authorization": f"Bearer {KEY}"})
        nobody = await client.post("/api/v1/events", content=body)
        lives = await client.get("/healthz")
    assert large.status_code == 413
    assert large.json()["problems"][0].startswith("the request is larger than")
    assert nobody.status_code == 401
    assert lives.status_code == 200


async def test_a_stop_answers_what_is_in_flight() -> None:
    """Requests that had begun get their answers, and then the port is free again."""
    begun, go = asyncio.Semaphore(0), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.release()
        await go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    stop = asyncio.Event()
    async with _serving(slow, stop) as client:
        requests = [asyncio.create_task(client.get("/")) for _ in range(20)]
        for _ in requests:
            await begun.acquire()
        stop.set()
        go.set()
        answers = await asyncio.gather(*requests)
        port = client.base_url.port
    assert [answer.text for answer in answers] == ["done"] * 20
    assert port is not None
    with socket.create_server(("127.0.0.1", port)) as free:
        assert free.getsockname()[1] == port


async def test_a_port_that_is_taken_is_an_error() -> None:
    """A port in use is an error. It is not shared with the program that has it."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve_app(World().app, "127.0.0.1", taken.getsockname()[1], asyncio.Event())


class _Handler(logging.Handler):
    closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


async def test_serving_leaves_the_logging_of_the_process_alone() -> None:
    """A handler that was there before is neither closed nor taken away."""
    handler = _Handler()
    before = list(logging.getLogger().handlers)
    async with _serving(World().app, asyncio.Event()) as client:
        await client.get("/healthz")
    assert not handler.closed
    assert logging.getLogger().handlers == before
