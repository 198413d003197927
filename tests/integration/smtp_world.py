"""SMTP servers for tests: real ones, and scripted ones that fail where they are told to."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.ports.processor import OutgoingMessage
from mailer.processors.smtp.processor import SmtpProcessor
from mailer.processors.smtp.relay_url import RelaySettings, TlsMode
from mailer.processors.smtp.timeouts import SmtpTimeouts

SECRET = "hunter2-secret"
DROP = "DROP"
"""A script's reply that cuts the connection."""
CLOSE = "CLOSE"
"""A script's reply that ends the connection in good order. The client's further commands are still read."""
HANG = "HANG"
"""A script's reply that never comes: nothing more is read until the test is over."""
READ = "READ"
"""A script's answer to content: it is read as usual."""
LEAVES = "(and leaves)"
"""A mark in a script: the connection is closed after this reply."""
BYTEWISE = "BYTEWISE "
"""A mark in a script before a reply: the reply comes one octet at a time."""
HALF = "HALF "
"""A mark in a script before a reply: it comes without its line end, and the connection is closed after it."""
CONTENT = b"From: news@example.com\r\nSubject: hello\r\n\r\n.dot\r\n..dots\r\nbye\r\n"


def outgoing(recipient: str = "ann@example.org", content: bytes = CONTENT, envid: str | None = None) -> OutgoingMessage:
    """A message to send."""
    return OutgoingMessage("bounce@example.com", recipient, content, envid)


def soon() -> float:
    """A deadline that no test reaches."""
    return time.monotonic() + 60


def allowed(index: int) -> str | None:
    """Permits everything."""
    return None


def patient(seconds: float) -> SmtpTimeouts:
    """The same patience for each step."""
    return SmtpTimeouts(seconds, seconds, seconds, seconds, seconds, seconds)


def relay(
    port: int, *, host: str = "127.0.0.1", tls: TlsMode | None = None, username: str | None = None, **limits: Any
) -> RelaySettings:
    """A relay on loopback: one connection, unless said."""
    limits = dict[str, Any](pool=1, urgent=0, times=patient(5.0)) | limits
    secret = SECRET if username else ""
    made = RelaySettings(
        "127.0.0.1", port, "relay", "DE", "DPA-7", tls or TlsMode.NONE, username=username, password=secret, **limits
    )
    if host != made.host:
        object.__setattr__(made, "host", host)  # a name for loopback, which needs no encryption either
    return made


@asynccontextmanager
async def processor(
    port: int, *, context: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[SmtpProcessor]:
    """A processor that is closed at the end; the options are those of `relay`."""
    made = SmtpProcessor(relay(port, **options), context=context)
    try:
        yield made
    finally:
        await made.close()


@dataclass
class Scripted:
    """A server that answers from a script: each verb's replies in turn, the last one for ever.

    `GREETING` is the greeting, `.` what follows the final dot, `CONTENT` what is done after its first octet; what no
    script names is answered as it should be.

    Attributes:
        commands, contents: what came, in its order.
        cut: what came of a content that did not come whole.
        taken: the recipients of contents that came whole, and that it has accepted or may have.
    """

    script: dict[str, list[str]]
    extensions: Sequence[str] = ("SIZE 1000000", "8BITMIME")
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    cut: list[bytes] = field(default_factory=list)
    port: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    serving: "set[asyncio.Task[None]]" = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    _USUAL: ClassVar = {"GREETING": "220 scripted", "DATA": "354 go ahead", ".": "250 2.0.0 Ok", "QUIT": "221 bye"}

    def _reply(self, verb: str, begun: bool, path: str) -> str:
        """The next reply to a verb, within a transaction that may have begun and come to this recipient."""
        if replies := self.script.get(verb):
            return replies.pop(0) if len(replies) > 1 else replies[0]
        if verb == "EHLO":
            lines = ["scripted", *self.extensions]
            return "\r\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines)
        if verb == "CONTENT":
            return READ
        if not begun and verb in ("RCPT", "DATA"):
            return "503 5.5.1 MAIL first"
        if verb == "DATA" and not path:
            return "554 5.5.1 No valid recipients"
        return self._USUAL.get(verb, "250 Ok")

    async def hears(self, verb: str, times: int = 1) -> None:
        """Returns once a command has come so often."""
        while sum(command.startswith(verb) for command in self.commands) < times:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 10)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A new connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if await self._converse(reader, writer):
                writer.write_eof()
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has left
        finally:
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Talks until one side ends it. Returns True if it ends in good order."""
        verb, begun, path = "GREETING", False, ""
        while True:
            reply = self._reply(verb, begun, path)
            if verb == "." and path and reply[:1] not in "45":
                self.taken.append(path)
            if not await self._say(writer, reply):
                return reply != DROP and reply != HANG
            accepted = reply.removeprefix(BYTEWISE).startswith(("25", "354"))
            if verb == "DATA" and reply.removeprefix(BYTEWISE).startswith("354"):
                if not await self._read_content(reader, writer):
                    return False
                verb = "."
                continue
            if verb == "RCPT" and accepted:
                path = self.commands[-1].partition("<")[2].partition(">")[0]
            elif verb in ("RSET", ".", "MAIL"):
                begun, path = verb == "MAIL" and accepted, ""
            line = (await reader.readuntil(b"\r\n")).decode().rstrip()
            self.commands.append(line)
            self.changed.set()
            verb = line.partition(" ")[0].upper()

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        """Sends a reply. Returns True if the conversation goes on."""
        if reply == HANG:
            await self.over.wait()
        if reply in (HANG, DROP, CLOSE):
            return False
        if reply.startswith(BYTEWISE):
            for octet in reply.removeprefix(BYTEWISE).encode() + b"\r\n":
                writer.write(bytes([octet]))
                await asyncio.sleep(0)
            return True
        writer.write(reply.removeprefix(HALF).encode() + (b"" if reply.startswith(HALF) else b"\r\n"))
        return not (reply.startswith(("421", "221", HALF)) or reply.endswith(LEAVES))

    async def _read_content(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Reads the content. Returns True if it came whole."""
        action = self._reply("CONTENT", True, "")
        first = await reader.readexactly(1)
        if action != READ:
            if await self._say(writer, action):
                await self.over.wait()
            return False
        content = first
        while not content.endswith(b".\r\n") or not (content == b".\r\n" or content.endswith(b"\r\n.\r\n")):
            try:
                content += await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as error:
                self.cut.append(content + error.partial)
                raise
        self.contents.append(content)
        return True


@asynccontextmanager
async def scripted(
    script: Mapping[str, Sequence[str]] | None = None, *, extensions: Sequence[str] | None = None
) -> AsyncIterator[Scripted]:
    """A scripted server on a free port."""
    server = Scripted({verb: list(replies) for verb, replies in (script or {}).items()})
    if extensions is not None:
        server.extensions = extensions
    listening = await asyncio.start_server(server.accept, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        try:
            yield server
        finally:
            server.over.set()
            await asyncio.gather(*server.serving)


class Keep:
    """A handler of aiosmtpd that keeps envelopes, and may offer PIPELINING."""

    def __init__(self, *, pipelining: bool = False) -> None:
        self.envelopes: list[Envelope] = []
        self.sessions: set[int] = set()
        self._offered = ["250-PIPELINING"] if pipelining else []

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, host: str, replies: list[str]
    ) -> list[str]:
        """Greets."""
        session.host_name = host
        return [*replies[:-1], *self._offered, replies[-1]]

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
