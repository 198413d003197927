"""A TCP proxy, a process of its own, that passes connections on until it is told to spoil them.

`python -m tests.chaos.proxy NAME=TARGET …` listens on loopback, once for each target: `host:port`, or the path of a
Unix socket. Commands, each answered with `{"ports": {NAME: port}, "ended": n}`:

`{}` does nothing; `{"do": "drop", "link": NAME}` breaks its connections off; `{"do": "delay", "link": NAME,
"seconds": 0.2}` holds whatever passes for a while (0: no longer); `{"do": "stall", "link": NAME}` lets nothing pass;
`{"do": "go", "link": NAME}` lets everything pass again.
"""

import asyncio
import socket
import sys
from contextlib import suppress
from typing import Any

import uvloop

from tests.chaos.servant import serve

_CHUNK = 1 << 16


class Link:
    """One target and the connections to it."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._delay = 0.0
        self.port = 0

    async def listen(self) -> None:
        """Takes connections."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_CHUNK)
        self.port = server.sockets[0].getsockname()[1]

    def lead_to(self, target: str) -> None:
        """Takes what connects from now on to another target."""
        self._target = target

    def drop(self) -> int:
        """Breaks all connections off, without what is on its way; how many."""
        ended = len(self._open) // 2
        for writer in self._open:
            writer.transport.abort()
        return ended

    def delay(self, seconds: float) -> None:
        """Holds all that passes."""
        self._delay = seconds

    def stall(self) -> None:
        """Lets nothing pass; connections are taken, and wait."""
        self._passing.clear()

    def go(self) -> None:
        """Lets everything pass, as in the beginning."""
        self._delay = 0.0
        self._passing.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _no_delay(writer)
        try:
            far_reader, far_writer = await self._reach()
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._open |= ends
        try:
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._target.startswith("/"):
            return await asyncio.open_unix_connection(self._target, limit=_CHUNK)
        host, port = self._target.rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port), limit=_CHUNK)
        _no_delay(writer)
        return reader, writer

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._passing.wait()
                if writer.is_closing():
                    break
                writer.write(data)
                await writer.drain()
        writer.close()


def _no_delay(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def main(targets: dict[str, str]) -> None:
    """Serves until stdin ends."""
    links = {name: Link(target) for name, target in targets.items()}
    for link in links.values():
        await link.listen()

    async def obey(command: dict[str, Any]) -> dict[str, Any]:
        ended = 0
        match command:
            case {"do": "drop", "link": name}:
                ended = links[name].drop()
            case {"do": "delay", "link": name, "seconds": seconds}:
                links[name].delay(seconds)
            case {"do": "stall", "link": name}:
                links[name].stall()
            case {"do": "go", "link": name}:
                links[name].go()
            case _:
                pass
        return {"ports": {name: link.port for name, link in links.items()}, "ended": ended}

    await serve(obey)


if __name__ == "__main__":
    uvloop.run(main(dict(argument.split("=", 1) for argument in sys.argv[1:])))
