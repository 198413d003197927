"""A receiver of webhooks as an application writes it: a real server that verifies, and misbehaves when told to."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "receiving-webhooks.md"
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@cache
def is_from_mailer() -> Callable[[Mapping[str, str], bytes, list[str]], bool]:
    """The function of the documentation that verifies a post."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own documentation
    found: Callable[[Mapping[str, str], bytes, list[str]], bool] = names["is_from_mailer"]
    return found


@dataclass
class Post:
    """A post that arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        """The body, parsed."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    def is_signed_by(self, *secrets: str) -> bool:
        """Tells whether the documentation's function accepts it."""
        return is_from_mailer()(self.headers, self.body, [*secrets])


@dataclass
class Receiver:
    """A running receiver.

    Attributes:
        port: where it listens. posts: what has arrived. answers: the raw answers by path, the next one first; the last
            one stays. hanging: paths that get no answer until the event is set.
    """

    port: int = 0
    posts: list[Post] = field(default_factory=list)
    answers: dict[str, list[bytes]] = field(default_factory=dict)
    hanging: dict[str, asyncio.Event] = field(default_factory=dict)

    def url(self, path: str = "/hook") -> str:
        """The URL of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Post]:
        """The posts to a path."""
        return [post for post in self.posts if post.path == path]

    async def answer_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads a request and answers it."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            request, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            path = request.split(" ")[1]
            self.posts.append(Post(path, headers, await reader.readexactly(int(headers["content-length"]))))
            if path in self.hanging:
                await self.hanging[path].wait()
            answers = self.answers.get(path, [OK])
            writer.write(answers.pop(0) if len(answers) > 1 else answers[0])
            await writer.drain()
        except (OSError, EOFError):
            pass  # the client has gone
        finally:
            writer.close()


def answer(status: str, **headers: str) -> bytes:
    """A raw answer."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: 0\r\n\r\n".encode()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Runs a receiver on a free port of this machine."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.answer_client, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        for event in receiver.hanging.values():
            event.set()
        server.close()
