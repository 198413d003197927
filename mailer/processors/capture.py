"""A real SMTP server on loopback that keeps what it gets in a folder, and the inbox that reads the folder.

A message is two files: `<id>.eml`, its bytes exactly as received, so that DKIM verifies on the file, and `<id>.json`,
its envelope and what a list shows of it. Both appear whole (written aside, then renamed), the second one last.
"""

import asyncio
import email.policy
import json
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, cast
from weakref import WeakSet

from mailer.runtime.private_files import open_private, private_folder

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

_HOST: Final = "127.0.0.1"


class CaptureUnavailable(Exception):
    """The library that the server stands on is not installed."""


@dataclass(frozen=True)
class CapturedMessage:
    """A message that was captured.

    Attributes:
        id: the name of its files.
        at: when it was received, UTC.
        sender: the envelope sender.
        recipients: the envelope recipients.
        author: the From field, decoded.
        subject: the Subject field, decoded.
        file: where its bytes are.
    """

    id: str
    at: datetime
    sender: str
    recipients: tuple[str, ...]
    author: str
    subject: str
    file: Path

    @cached_property
    def raw(self) -> bytes:
        """The message exactly as received."""
        return self.file.read_bytes()

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All fields in their order, decoded, a name as often as it occurs."""
        return [(name, str(value)) for name, value in self._parsed_message.items()]

    @property
    def html(self) -> str | None:
        """The HTML part, None if there is none."""
        return self._body_part("html")

    @property
    def text(self) -> str | None:
        """The plain text part, None if there is none."""
        return self._body_part("plain")

    @cached_property
    def _parsed_message(self) -> EmailMessage:
        return BytesParser(EmailMessage, policy=email.policy.default).parsebytes(self.raw)

    def _body_part(self, subtype: str) -> str | None:
        part = self._parsed_message.get_body((subtype,))
        return None if part is None else str(part.get_content())


class CaptureFolder:
    """Reads what a `CaptureServer`, in whichever process, has put into a folder."""

    def __init__(self, folder: Path) -> None:
        """The folder need not exist yet."""
        self._folder = folder

    def list_mails(self) -> list[CapturedMessage]:
        """Everything captured, newest first. Reads the small files only."""
        found = [self._read_mail(file) for file in self._folder.glob("*.json")]
        return sorted(found, key=_sort_key, reverse=True)

    def count_mails(self) -> int:
        """How many messages were captured."""
        return sum(1 for _ in self._folder.glob("*.json"))

    def mails_received_by(self, address: str) -> Sequence[CapturedMessage]:
        """What one address got, newest first; holds nothing of the others."""
        found = (self._read_mail(file) for file in self._folder.glob("*.json"))
        return sorted((mail for mail in found if address in mail.recipients), key=_sort_key, reverse=True)

    def get_mail(self, id: str) -> CapturedMessage | None:
        """One message; None if there is none with that id, or if it is no id at all."""
        try:
            file = self._folder / f"{uuid.UUID(id)}.json"
        except ValueError:
            return None
        return self._read_mail(file) if file.exists() else None

    def _read_mail(self, file: Path) -> CapturedMessage:
        facts = json.loads(file.read_bytes())
        return CapturedMessage(
            id=file.stem,
            at=datetime.fromisoformat(facts["at"]),
            sender=facts["sender"],
            recipients=tuple(facts["recipients"]),
            author=facts["author"],
            subject=facts["subject"],
            file=file.with_suffix(".eml"),
        )


class CaptureServer:
    """An SMTP server in the running loop, on a free port of loopback. An asynchronous context manager."""

    def __init__(self, folder: Path, port: int = 0, answer: Callable[[str], str | None] | None = None) -> None:
        """Listens to nothing yet.

        Args:
            folder: where messages go; made if it does not exist.
            port: 0 for any free one.
            answer: the reply with which a recipient is refused at RCPT, such as "550 5.1.1 No such user", or None to
                accept it.
        """
        self._folder = folder
        self._wanted = port
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._clients: WeakSet[SMTP] = WeakSet()

    @property
    def port(self) -> int:
        """Where it listens.

        Raises:
            RuntimeError: it does not.
        """
        if self._server is None:
            raise RuntimeError("the capturing server is not running")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Listens.

        Raises:
            CaptureUnavailable: aiosmtpd is not installed.
            OSError: the port is taken.
        """
        server = smtp_server_class()
        # It logs each command, addresses and all, at INFO.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        private_folder(self._folder)
        loop = asyncio.get_running_loop()
        keeper = _SmtpHandler(self._folder, self._answer)

        def client() -> "SMTP":
            protocol = server(keeper, enable_SMTPUTF8=True, hostname="localhost", ident="capture", loop=loop)
            self._clients.add(protocol)
            return protocol

        self._server = await loop.create_server(client, _HOST, self._wanted)

    async def stop(self) -> None:
        """Closes the port and every connection."""
        if self._server is None:
            return
        self._server.close()
        for client in self._clients:
            if client.transport is not None:
                cast(asyncio.WriteTransport, client.transport).abort()
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        """Starts."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops."""
        await self.stop()


def smtp_server_class() -> "type[SMTP]":
    """The class of the server, of the extra `demo`.

    Raises:
        CaptureUnavailable: aiosmtpd is not installed.
    """
    try:
        from aiosmtpd.smtp import SMTP
    except ModuleNotFoundError:
        raise CaptureUnavailable("the capturing SMTP server needs aiosmtpd: pip install 'pactmail[demo]'") from None
    return SMTP


class _SmtpHandler:
    """What the server does: aiosmtpd finds these methods by their names."""

    def __init__(self, folder: Path, answer: Callable[[str], str | None] | None) -> None:
        self._folder = folder
        self._answer = answer

    async def handle_EHLO(
        self, server: "SMTP", session: "Session", envelope: "Envelope", host: str, replies: list[str]
    ) -> list[str]:
        # Commands are read one by one from a buffer, so they may come several at a time (RFC 2920 3.2).
        session.host_name = host
        return [*replies[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", replies[-1]]

    async def handle_RCPT(
        self, server: "SMTP", session: "Session", envelope: "Envelope", address: str, options: list[str]
    ) -> str:
        refusal = self._answer(address) if self._answer else None
        if refusal is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: "SMTP", session: "Session", envelope: "Envelope") -> str:
        try:
            return f"250 2.0.0 Ok: kept as {self._store_envelope(envelope)}"
        except OSError:
            return "452 4.3.1 Insufficient system storage"

    def _store_envelope(self, envelope: "Envelope") -> str:
        content = envelope.original_content or b""
        author, subject = _decoded_headers(content, "From", "Subject")
        id = str(uuid.uuid4())
        facts = {
            "at": datetime.now(UTC).isoformat(),
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "author": author,
            "subject": subject,
        }
        _write_atomically(self._folder / f"{id}.eml", content)
        _write_atomically(self._folder / f"{id}.json", json.dumps(facts).encode())
        return id


def _decoded_headers(content: bytes, *names: str) -> list[str]:
    """The values of a message's header fields, decoded; empty where one is missing.

    Only these are parsed: with all of them, and the lines of the body, it takes three times as long.
    """
    head, _, _ = content.partition(b"\r\n\r\n")
    written = {name.lower(): value for name, value in reversed([*BytesHeaderParser().parsebytes(head).raw_items()])}
    parse = email.policy.default.header_fetch_parse
    return [str(parse(name, written[name.lower()])) if name.lower() in written else "" for name in names]


def _sort_key(captured: CapturedMessage) -> tuple[datetime, str]:
    return captured.at, captured.id


def _write_atomically(file: Path, content: bytes) -> None:
    """A file that is there as a whole or not at all."""
    aside = file.with_name(f".{file.name}.part")
    with open(aside, "wb", opener=open_private) as opened:
        opened.write(content)
    aside.replace(file)
