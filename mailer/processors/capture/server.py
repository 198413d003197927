"""A real SMTP server on loopback that stores received messages in a folder.

Each message is stored in two files. `<id>.eml` holds its bytes exactly as received, so that DKIM verifies on the file.
`<id>.json` holds its envelope, author, subject and time. Each file is written under another name and then renamed, so
that no reader sees half a file. The JSON file is written last.
"""

import asyncio
import email.policy
import json
import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, cast
from weakref import WeakSet

from mailer.runtime.private_files import create_private_folder, open_private_file_descriptor

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

_HOST: Final = "127.0.0.1"


class AiosmtpdNotInstalled(Exception):
    """The library aiosmtpd, which the server needs, is not installed."""


class CaptureServer:
    """An SMTP server in the running event loop, on a port of loopback. It is an asynchronous context manager."""

    def __init__(self, folder: Path, port: int = 0, answer: Callable[[str], str | None] | None = None) -> None:
        """Stores the settings; `start` opens the port.

        Args:
            folder: the folder for the messages. It is created if it does not exist.
            port: the port to listen on; 0 means any free port.
            answer: a function from a recipient's address to the reply that refuses it at RCPT, such as
                "550 5.1.1 No such user". It returns None to accept the recipient.
        """
        self._folder = folder
        self._wanted = port
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._clients: WeakSet[SMTP] = WeakSet()

    @property
    def port(self) -> int:
        """The port on which the server listens.

        Raises:
            RuntimeError: the server is not running.
        """
        if self._server is None:
            raise RuntimeError("the capturing server is not running")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Opens the port and accepts connections.

        Raises:
            AiosmtpdNotInstalled: aiosmtpd is not installed.
            OSError: the port is already in use.
        """
        server = load_capture_session_class()
        # aiosmtpd logs each command, with addresses, at INFO.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        create_private_folder(self._folder)
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
        """Starts the server."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the server."""
        await self.stop()


def load_capture_session_class() -> "type[SMTP]":
    """Imports aiosmtpd, which the extra `demo` installs, and returns our class of its SMTP server.

    Raises:
        AiosmtpdNotInstalled: aiosmtpd is not installed.
    """
    try:
        import aiosmtpd.smtp  # noqa: F401 - the module below needs it
    except ModuleNotFoundError:
        raise AiosmtpdNotInstalled("the capturing SMTP server needs aiosmtpd: pip install 'pactmail[demo]'") from None
    from mailer.processors.capture.session import CaptureSession

    return CaptureSession


class _SmtpHandler:
    """The handler of the SMTP commands. aiosmtpd calls its methods by their names."""

    def __init__(self, folder: Path, answer: Callable[[str], str | None] | None) -> None:
        self._folder = folder
        self._answer = answer

    async def handle_EHLO(
        self, server: "SMTP", session: "Session", envelope: "Envelope", host: str, replies: list[str]
    ) -> list[str]:
        # aiosmtpd reads commands one by one from a buffer, so a client may send several at a time (RFC 2920 3.2).
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
            return f"250 2.0.0 Ok: kept as {self._store_received_mail(envelope)}"
        except OSError:
            return "452 4.3.1 Insufficient system storage"

    def _store_received_mail(self, envelope: "Envelope") -> str:
        content = envelope.original_content or b""
        author, subject, feedback = _decoded_value_of_each_header(content, "From", "Subject", "Feedback-ID")
        id = str(uuid.uuid4())
        facts = {
            "at": datetime.now(UTC).isoformat(),
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "author": author,
            "subject": subject,
            "feedback_id": feedback,
        }
        _write_atomically(self._folder / f"{id}.eml", content)
        _write_atomically(self._folder / f"{id}.json", json.dumps(facts).encode())
        return id


def _decoded_value_of_each_header(content: bytes, *names: str) -> list[str]:
    """Returns the decoded values of the named header fields; "" for a field that is missing.

    Only the named fields are decoded. Decoding all fields and reading the body takes three times as long.
    """
    head, _, _ = content.partition(b"\r\n\r\n")
    written = {name.lower(): value for name, value in reversed([*BytesHeaderParser().parsebytes(head).raw_items()])}
    return [_decoded_header(name, written[name.lower()]) if name.lower() in written else "" for name in names]


@lru_cache(maxsize=256)
def _decoded_header(name: str, value: str) -> str:
    """Decodes a header field. Most messages of a mailing have the same ones, and decoding is slow."""
    return str(email.policy.default.header_fetch_parse(name, value))


def _write_atomically(file: Path, content: bytes) -> None:
    """Writes a file under another name, then renames it, so that readers never see a part of it."""
    aside = file.with_name(f".{file.name}.part")
    with open(aside, "wb", opener=open_private_file_descriptor) as opened:
        opened.write(content)
    aside.replace(file)
