"""SMTP servers for tests: real ones, and scripted ones that fail where they are told to."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.policy.outcome import Outcome
from mailer.ports.processor import Outgoing
from mailer.processors.relay import Relay, Tls
from mailer.processors.smtp import SmtpProcessor

SECRET = "hunter2-secret"
DROP = "DROP"
"""In a script: the connection is cut instead of a reply."""
LEAVES = "(and leaves)"
"""In a script: the connection is closed after this reply."""
CONTENT = b"From: news@example.com\r\nSubject: hello\r\n\r\n.dot\r\n..dots\r\nbye\r\n"


def outgoing(recipient: str = "ann@example.org", content: bytes = CONTENT) -> Outgoing:
    """A message."""
    return Outgoing("bounce@example.com", recipient, content)


def soon() -> float:
    """A deadline that no test reaches."""
    return time.monotonic() + 60


def relay(port: int, tls: Tls = Tls.NONE, pool: int = 1, username: str | None = None) -> Relay:
    """A relay on loopback."""
    return Relay("127.0.0.1", port, "relay", "DE", "DPA-7", tls, pool, username, SECRET if username else "")


@asynccontextmanager
async def processor(
    port: int, *, pool: int = 1, tls: Tls = Tls.NONE, username: str | None = None, context: ssl.SSLContext | None = None
) -> AsyncIterator[SmtpProcessor]:
    """A processor that is closed at the end."""
    made = SmtpProcessor(relay(port, tls, pool, username), context=context, timeout=5)
    try:
        yield made
    finally:
        await made.close()


@dataclass
class Scripted:
    """A server that answers from a script: each verb's replies in turn, the last one for ever.

    `GREETING` is the greeting, `.` what follows the final dot; what no script names is answered as it should be.
    """

    script: dict[str, list[str]]
    extensions: Sequence[str] = ("SIZE 1000000", "8BITMIME")
    reads_content: bool = True
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    port: int = 0

    _USUAL: ClassVar = {"GREETING": "220 scripted", "DATA": "354 go ahead", ".": "250 2.0.0 Ok", "QUIT": "221 bye"}

    def reply(self, verb: str) -> str:
        """The next reply to a verb."""
        if verb == "EHLO" and verb not in self.script:
            lines = ["scripted", *self.extensions]
            return "\r\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines)
        replies = self.script.get(verb, [self._USUAL.get(verb, "250 Ok")])
        return replies.pop(0) if len(replies) > 1 else replies[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        verb = "GREETING"
        try:
            while True:
                reply = self.reply(verb)
                if reply == DROP:
                    return
                writer.write(reply.encode() + b"\r\n")
                if verb == "QUIT" or reply.startswith("421") or reply.endswith(LEAVES):
                    await writer.drain()
                    return
                if verb == "DATA" and reply.startswith("354"):
                    if not self.reads_content:
                        await reader.readexactly(1)
                        return
                    self.contents.append(await reader.readuntil(b"\r\n.\r\n"))
                    verb = "."
                    continue
                line = (await reader.readuntil(b"\r\n")).decode().rstrip()
                self.commands.append(line)
                verb = line.partition(" ")[0].upper()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has left
        finally:
            writer.transport.abort() if DROP in (reply, "" if self.reads_content else DROP) else writer.close()


@asynccontextmanager
async def scripted(
    script: dict[str, list[str]] | None = None, *, extensions: Sequence[str] | None = None, reads_content: bool = True
) -> AsyncIterator[Scripted]:
    """A scripted server on a free port."""
    server = Scripted(script or {}, reads_content=reads_content)
    if extensions is not None:
        server.extensions = extensions
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


async def once(script: dict[str, list[str]], *, reads_content: bool = True, content: bytes = CONTENT) -> Outcome:
    """What comes of one message on a new connection to a scripted server."""
    async with scripted(script, reads_content=reads_content) as server, processor(server.port) as sender:
        [outcome] = await sender.send([outgoing(content=content)], soon())
        return outcome


class Keep:
    """A handler of aiosmtpd that keeps envelopes."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.sessions: set[int] = set()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Accepts."""
        self.envelopes.append(envelope)
        self.sessions.add(id(session))
        return "250 2.0.0 Ok"


@asynccontextmanager
async def real(make: Callable[[], SMTP], context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A real aiosmtpd server on a free port; with a context, TLS from the first byte."""
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
