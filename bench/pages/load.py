"""Requests over kept connections: one at a time at a given rate, or as many as the server answers."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True)
class Answer:
    """The status of an answer, and the octets of its head and body."""

    status: int
    text: bytes


class Wire:
    """A kept connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Wire":
        """Connects to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**22))

    async def ask(self, request: bytes) -> Answer:
        """Sends a request, and returns the answer once it is here whole."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head)
        body = await self._reader.readexactly(int(found[1]) if found else 0)
        return Answer(int(head[9:12]), head + body)

    def close(self) -> None:
        """Ends the connection."""
        self._writer.close()


def request(path: str, host: str, cookie: str = "", body: str | None = None) -> bytes:
    """The octets of a GET; of a POST of a form if there is a body."""
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"host: {host}", f"user-agent: {AGENT}"]
    lines += [f"cookie: {cookie}"] if cookie else []
    if body is not None:
        lines += ["content-type: application/x-www-form-urlencoded", "sec-fetch-site: same-origin"]
        lines += [f"content-length: {len(body.encode())}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + (body or "")).encode()


async def at_rate(port: int, requests: Sequence[tuple[str, bytes]], rate: float) -> dict[str, list[float]]:
    """Sends named requests at a steady rate, whether or not earlier ones are answered.

    Returns:
        By name, the milliseconds from the moment when a request was due to its answer. An answer of 400 or more counts
        as a minute.
    """
    took: dict[str, list[float]] = {}
    free: list[Wire] = []

    async def one(name: str, octets: bytes, due: float) -> None:
        wire = free.pop() if free else await Wire.open(port)
        try:
            answer = await wire.ask(octets)
        except (asyncio.IncompleteReadError, ConnectionError):  # the server has ended an idle connection
            wire = await Wire.open(port)
            answer = await wire.ask(octets)
        free.append(wire)
        took.setdefault(name, []).append((time.monotonic() - due) * 1000 if answer.status < 400 else 60_000)

    begun = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number, (name, octets) in enumerate(requests):
            due = begun + number / rate
            await asyncio.sleep(max(0, due - time.monotonic()))
            tasks.create_task(one(name, octets, due))
    for wire in free:
        wire.close()
    return took


async def as_many(port: int, requests: Sequence[bytes], connections: int) -> tuple[float, Counter[int]]:
    """Sends requests over some connections, each as soon as the one before is answered: the rate, and the statuses."""
    left: Iterator[bytes] = iter(requests)
    statuses: Counter[int] = Counter()

    async def work(wire: Wire) -> None:
        for octets in left:
            statuses[(await wire.ask(octets)).status] += 1
        wire.close()

    wires = [await Wire.open(port) for _ in range(connections)]
    begun = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for wire in wires:
            tasks.create_task(work(wire))
    return len(requests) / (time.monotonic() - begun), statuses
