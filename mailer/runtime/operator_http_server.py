"""The operators' port: an HTTP server for `/metrics`, `/livez` and `/readyz`, in a separate thread.

The server has its own thread and event loop. It answers also while the process is busy, and costs nothing without
requests. It supports GET and HEAD, one request for each connection. A client has `SECONDS` for its request and the
answer. If more than `CLIENTS` connect, the oldest connection is closed.
"""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from mailer.metrics_and_logger import log

SECONDS = 5.0
"""The longest time that a client has to send its request and to read the answer."""
CLIENTS = 64
"""The most connections at a time."""
_MAX_HEAD = 8 * 1024
"""The most octets of a request's first line and header fields."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer: a status, header fields (names in lower case) and a body."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


Application = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application."""


class OperatorHttpServer:
    """A context manager that serves its paths between enter and exit.

    Args:
        host: an address or name of this machine.
        port: the port; 0 for any free one.
        paths: a function for each path that returns the answer. The server's thread calls it, so it must not wait.

    Raises:
        OSError: at enter: the port is taken, or the host is not an address of this machine.
    """

    def __init__(self, host: str, port: int, paths: Mapping[str, Callable[[], HttpAnswer]]) -> None:
        self._host = host
        self.port = port
        """The port that the server listens on. Known after enter."""
        self.other: Application | None = None
        """An ASGI application that serves all other paths in the server's thread. None: they get 404."""
        self._paths = paths
        self._clients: dict[asyncio.Task[None], None] = {}

    def __enter__(self) -> Self:
        listening = _open_listening_socket(self._host, self.port)
        self.port = listening.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run_server, args=(listening,), name="operators", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(SECONDS)

    def _run_server(self, listening: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve_connections(listening))

    async def _serve_connections(self, listening: socket.socket) -> None:
        server = await asyncio.start_server(self._handle_connection, sock=listening, limit=_MAX_HEAD)
        await self._stop.wait()
        server.close()
        clients = list(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _handle_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        if len(self._clients) >= CLIENTS:
            oldest = next(iter(self._clients))
            del self._clients[oldest]
            oldest.cancel()
        self._clients[task] = None
        try:
            async with asyncio.timeout(SECONDS):
                await self._read_request_and_write_answer(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._clients.pop(task, None)

    async def _read_request_and_write_answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads one request and writes its answer."""
        line, _, _ = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
        words = line.decode("latin-1").split(" ")
        answer = (
            _text_answer(400, "this is no HTTP request")
            if len(words) != 3
            else await self._answer_for_path(words[0], words[1])
        )
        headers = {
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
            **dict(answer.headers),
            "content-length": len(answer.body),
            "connection": "close",
        }
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n{fields}\r\n"
        writer.write(head.encode("latin-1") + (b"" if words[0] == "HEAD" else answer.body))
        writer.close()
        await writer.wait_closed()

    async def _answer_for_path(self, method: str, target: str) -> HttpAnswer:
        if method not in ("GET", "HEAD"):
            return _text_answer(405, "GET and HEAD only")
        path, _, query = target.partition("?")
        try:
            if path in self._paths:
                return self._paths[path]()
            if self.other is not None:
                return await _call_asgi(self.other, path, query)
        except Exception:
            log.exception("the operators' port could not answer")
            return _text_answer(500, "it failed; the log says where")
        return _text_answer(404, f"there are {', '.join(self._paths)}")


def _open_listening_socket(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=CLIENTS)
    except OSError as error:
        raise OSError(
            f"MAILER_METRICS_PORT: cannot listen on port {port} of {host} ({error.strerror}); give each process on a"
            " machine a port of its own, or 0 for none, and let MAILER_METRICS_HOST be an address of this machine"
        ) from None


def _text_answer(status: int, text: str) -> HttpAnswer:
    return HttpAnswer(status, [("content-type", "text/plain; charset=utf-8")], f"{text}\n".encode())


async def _call_asgi(application: Application, path: str, query: str) -> HttpAnswer:
    """Returns the answer of an ASGI application to a GET request without a body."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "root_path": "",
        "query_string": query.encode("latin-1"),
        "headers": [],
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]]
    return HttpAnswer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))
