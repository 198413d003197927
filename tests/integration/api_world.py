"""An HTTP server on loopback that answers as a service does, or fails where a script tells it to."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mailer.ports.processor import Processor
from mailer.processors.registry import find_processor_scheme_for_url
from tests.email_api_calls import ApiCall, RequestRefusedError, TakenMail
from tests.email_apis import SERVICES, Service

CUT_AT_ONCE = "cut at once"
"""A script's step: the connection is cut before anything is read."""
CUT_WITHOUT_ANSWER = "cut without an answer"
"""The request is taken, and the connection is cut then."""
CUT_UNTAKEN = "cut untaken"
"""The whole request is read and not taken, and the connection is cut then."""
CUT_IN_BODY = "cut in the body"
"""The connection is cut after the first octet of the body."""
HANG = "hang"
"""The request is taken, and no answer ever comes."""
HALF = "half an answer"
"""The request is taken, and its answer breaks off."""
TOO_LARGE = "too large an answer"
"""The request is taken, and its answer has no end."""
JUNK = "junk"
"""The request is taken, and its answer is none."""
BYTEWISE = "one octet at a time"
"""The answer comes one octet at a time."""
CLOSES = "closes"
"""The answer is as usual, and the connection is closed after it."""


@dataclass(frozen=True)
class Canned:
    """An answer that a script gives to a request, which is not taken."""

    status: int
    body: bytes = b"{}"
    headers: str = ""


Step = str | Canned


@dataclass
class ApiDouble:
    """A service on loopback. Each request meets the next step of the script, and is answered as usual after its end.

    Attributes:
        calls: all requests that came whole. taken: all messages that it took. refused: what it found wrong.
    """

    service: Service
    script: list[Step] = field(default_factory=list)
    calls: list[ApiCall] = field(default_factory=list)
    taken: list[TakenMail] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        self.connections += 1
        try:
            while await self._answer_one_request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _answer_one_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request. Returns True if the connection goes on."""
        if self.script and self.script[0] == CUT_AT_ONCE:
            self.script.pop(0)
            return False
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        step = self.script.pop(0) if self.script else ""
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if step == CUT_IN_BODY:
            await reader.readexactly(1)
            return False
        body = await reader.readexactly(int(headers["content-length"]))
        method, path, _ = first.split(" ")
        call = ApiCall(method, path, headers, body)
        self.calls.append(call)
        self.arrived.set()
        return await self._write_answer(call, step, writer)

    async def _write_answer(self, call: ApiCall, step: Step, writer: asyncio.StreamWriter) -> bool:
        if isinstance(step, Canned):
            writer.write(http_answer(step.status, step.body, step.headers))
            return True
        if step == CUT_UNTAKEN:
            return False
        answer = self._answer_as_service(call)
        match step:
            case "cut without an answer":
                return False
            case "hang":
                await self.over.wait()
                return False
            case "half an answer":
                writer.write(answer[: len(answer) - 1] if answer.endswith((b"}", b"]")) else answer[:20])
                await writer.drain()
                return False
            case "too large an answer":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n" + b"[" * 3_000_000)
                await writer.drain()
                return False
            case "junk":
                writer.write(b"\x00\x01 junk\r\n\r\n")
                await writer.drain()
                return False
            case "one octet at a time":
                for octet in answer:
                    writer.write(bytes((octet,)))
                    await writer.drain()
            case _:
                writer.write(answer)
        await writer.drain()
        return step != CLOSES

    def _answer_as_service(self, call: ApiCall) -> bytes:
        try:
            reply = self.service.answer(call)
        except RequestRefusedError as refused:
            self.refused.append(str(refused))
            lines = "".join(f"{name}: {value}\r\n" for name, value in refused.headers.items())
            return http_answer(refused.status, json.dumps(refused.body).encode(), lines)
        self.taken += reply.taken
        lines = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
        return http_answer(reply.status, b"" if reply.body is None else json.dumps(reply.body).encode(), lines)


def http_answer(status: int, body: bytes, headers: str = "") -> bytes:
    """An answer as it goes over the wire."""
    return f"HTTP/1.1 {status} Told\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def api_double(
    scheme: str, script: Sequence[Step] = (), tls: ssl.SSLContext | None = None
) -> AsyncIterator[ApiDouble]:
    """A running double of a service, with TLS if there is a context."""
    double = ApiDouble(SERVICES[scheme], list(script))
    server = await asyncio.start_server(double.serve, "127.0.0.1", 0, limit=2**20, ssl=tls)
    double.port = server.sockets[0].getsockname()[1]
    try:
        yield double
    finally:
        double.over.set()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Processor]:
    """The processor of a URL, closed at the end."""
    processor = await find_processor_scheme_for_url(url).open_processor(url, Path())
    try:
        yield processor
    finally:
        await processor.close()
