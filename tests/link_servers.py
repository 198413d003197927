"""Servers of pages as the web has them: they answer by path, redirect, hang, never end, and are proxies."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def redirect(location: str, status: int = 302) -> bytes:
    """A raw redirect."""
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def status(number: int) -> bytes:
    """A raw answer with a status."""
    return f"HTTP/1.1 {number} Said\r\nContent-Length: 0\r\n\r\n".encode()


@dataclass
class PageServer:
    """A running server.

    Attributes:
        answers: the raw answer by `METHOD /path` or `/path`; `OK` for others.
        endless: paths whose body never ends. hanging: paths that are never answered.
        port: where it listens. asked: the requests as `METHOD /path`. heads: their heads.
        open_now, most_open: the requests that it works on now, and the most of them at once.
    """

    answers: Mapping[str, bytes] = field(default_factory=dict)
    endless: frozenset[str] = frozenset()
    hanging: frozenset[str] = frozenset()
    port: int = 0
    asked: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    sent: int = 0
    open_now: int = 0
    most_open: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Waits until something holds after a request came or ended, five seconds at most."""
        async with asyncio.timeout(5):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def answer_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads a request and answers it."""
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, path, _ = head.split(" ", 2)
            self.heads.append(head)
            self.asked.append(f"{method} {path}")
            self._changed.set()
            if path in self.hanging:
                await reader.read()
                return
            writer.write(self.answers.get(f"{method} {path}", self.answers.get(path, OK)))
            await writer.drain()
            while path in self.endless:
                writer.write(b"x" * 65_536)
                self.sent += 65_536
                await writer.drain()
        except (OSError, EOFError):
            pass  # the client has gone
        finally:
            self.open_now -= 1
            self._changed.set()
            writer.transport.abort()


@asynccontextmanager
async def serving(server: PageServer, tls: ssl.SSLContext | None = None) -> AsyncIterator[PageServer]:
    """Runs a server on a free port of this machine."""
    running = await asyncio.start_server(server.answer_client, "127.0.0.1", 0, ssl=tls)
    server.port = running.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        running.close()


@dataclass
class TunnelProxy:
    """A proxy that opens tunnels.

    Attributes:
        to: the port of this machine to which each tunnel leads. asked: the heads of the requests for tunnels.
        refusal: the raw answer to each request instead of a tunnel; None: it opens one.
    """

    to: int
    port: int = 0
    refusal: bytes | None = None
    asked: list[str] = field(default_factory=list)

    async def answer_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Opens a tunnel."""
        try:
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if self.refusal is not None:
                writer.write(self.refusal)
                await writer.drain()
                return
            there, here = await asyncio.open_connection("127.0.0.1", self.to)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_copy(reader, here), _copy(there, writer))
        except (OSError, EOFError):
            pass  # the client has gone
        finally:
            writer.transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while octets := await source.read(65_536):
        target.write(octets)
        await target.drain()
    target.close()


@asynccontextmanager
async def proxying(proxy: TunnelProxy) -> AsyncIterator[TunnelProxy]:
    """Runs a proxy on a free port of this machine."""
    running = await asyncio.start_server(proxy.answer_client, "127.0.0.1", 0)
    proxy.port = running.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        running.close()
