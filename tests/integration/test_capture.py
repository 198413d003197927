"""The capturing server over real SMTP, and the inbox that reads what it kept."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dkim  # type: ignore[import-untyped]  # dkimpy has no types
import pytest
import uvloop
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailer.policy.hand_over_outcome import OutcomeKind
from mailer.ports.processor import OutgoingMessage
from mailer.processors.capture.folder import CaptureFolder
from mailer.processors.capture.server import AiosmtpdNotInstalled, CaptureServer
from mailer.processors.smtp.processor import SmtpProcessor, smtp_processor_from_url

MESSAGE = (
    b"From: =?utf-8?q?J=C3=BCrgen?= <news@example.com>\r\n"
    b"To: ann@example.org\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"X-Twice: 1\r\n"
    b"X-Twice: 2\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="b"\r\n'
    b"\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b".sch=C3=B6n  \r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>hello</p>\r\n"
    b"--b--\r\n"
)


async def deliver(server: CaptureServer, *messages: OutgoingMessage) -> list[OutcomeKind]:
    """Hands messages to the server as a worker would."""
    sender: SmtpProcessor = smtp_processor_from_url(f"smtp://127.0.0.1:{server.port}")
    outcomes = await sender.send(messages, time.monotonic() + 60, lambda index: None)
    await sender.close()
    return [outcome.result for outcome in outcomes]


async def test_a_message_is_kept_as_it_came(tmp_path: Path) -> None:
    """The file holds the very bytes, the inbox shows envelope, fields and both parts."""
    async with CaptureServer(tmp_path / "inbox") as server:
        assert await deliver(server, OutgoingMessage("b@example.com", "jörg@example.org", MESSAGE)) == [
            OutcomeKind.ACCEPTED
        ]
    inbox = CaptureFolder(tmp_path / "inbox")
    [captured] = inbox.list_mails()
    assert (captured.sender, captured.recipients) == ("b@example.com", ("jörg@example.org",))
    assert (captured.author, captured.subject) == ("Jürgen <news@example.com>", "Grüße")
    assert captured.raw == MESSAGE == (tmp_path / "inbox" / f"{captured.id}.eml").read_bytes()
    assert captured.text == ".schön  "
    assert captured.html == "<p>hello</p>"
    assert [value for name, value in captured.headers if name == "X-Twice"] == ["1", "2"]
    again = inbox.get_mail(captured.id)
    assert again == captured


async def test_a_signature_verifies_on_the_file(tmp_path: Path) -> None:
    """DKIM holds after the way through SMTP."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])
    signed = dkim.sign(MESSAGE, b"s", b"example.com", pem) + MESSAGE
    async with CaptureServer(tmp_path) as server:
        await deliver(server, OutgoingMessage("b@example.com", "ann@example.org", signed))
    [captured] = CaptureFolder(tmp_path).list_mails()
    assert dkim.verify(captured.file.read_bytes(), dnsfunc=lambda *_, **__: record)


async def test_newest_first(tmp_path: Path) -> None:
    """The inbox lists what came last at the top."""
    async with CaptureServer(tmp_path) as server:
        for number in range(3):
            await deliver(server, OutgoingMessage("b@example.com", f"r{number}@example.org", MESSAGE))
    listed = CaptureFolder(tmp_path).list_mails()
    assert [captured.recipients[0] for captured in listed] == [f"r{number}@example.org" for number in (2, 1, 0)]
    assert listed[0].at.utcoffset() is not None


async def test_an_unknown_recipient_is_refused(tmp_path: Path) -> None:
    """The hook's answer is the reply to RCPT, and only for whom it names."""

    def answer(recipient: str) -> str | None:
        return "550 5.1.1 No such user" if recipient.startswith("nobody@") else None

    async with CaptureServer(tmp_path, answer=answer) as server:
        results = await deliver(
            server,
            OutgoingMessage("b@example.com", "nobody@example.org", MESSAGE),
            OutgoingMessage("b@example.com", "ann@example.org", MESSAGE),
        )
    assert results == [OutcomeKind.REFUSED, OutcomeKind.ACCEPTED]
    assert [captured.recipients for captured in CaptureFolder(tmp_path).list_mails()] == [("ann@example.org",)]


async def test_pipelining_is_offered_and_works(tmp_path: Path) -> None:
    """Commands may come together, the next MAIL right after the final dot too (RFC 2920)."""
    async with CaptureServer(tmp_path) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        begin = b"MAIL FROM:<b@example.com>\r\nRCPT TO:<r%d@example.org>\r\nDATA\r\n"
        writer.write(b"EHLO localhost\r\n")
        writer.write(begin % 0)
        for number in range(1, 20):
            writer.write(MESSAGE + b".\r\n" + begin % number)
        writer.write(MESSAGE + b".\r\nQUIT\r\n")
        replies = (await reader.read()).decode().splitlines()
        writer.close()
    assert {"250-PIPELINING", "250-SMTPUTF8", "250-8BITMIME"} <= set(replies)
    assert any(reply.startswith("250-SIZE ") for reply in replies)
    assert sum("kept as" in reply for reply in replies) == 20
    assert replies[-1].startswith("221")
    assert {captured.recipients for captured in CaptureFolder(tmp_path).list_mails()} == {
        (f"r{n}@example.org",) for n in range(20)
    }


LONGEST_LINE = b"x" * 999 + b"\r\n"
"""Octets of the longest line that aiosmtpd takes: two more than RFC 5321 allows."""
SIZE_LIMIT = 33_554_432
"""Octets of the largest message that aiosmtpd takes."""


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
async def test_a_text_ends_at_its_lone_dot_however_it_comes(tmp_path: Path, piece: int) -> None:
    """Every text comes out as it went in, in pieces of any size, also with dots and empty lines where they mislead."""
    texts = [b"", b"\r\n", b".\r\n", b"..\r\n", b"a.\r\n", b"\r\n.\r\n\r\n", b".\n\r\n", b"a\r.\r\n", LONGEST_LINE * 3]
    async with CaptureServer(tmp_path) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        sent = b"EHLO localhost\r\n"
        for number, text in enumerate(texts):
            sent += b"MAIL FROM:<b@example.com>\r\nRCPT TO:<r%d@example.org>\r\nDATA" % number
            sent += (b"\r\n" + text).replace(b"\r\n.", b"\r\n..") + b".\r\n"
        sent += b"QUIT\r\n"
        for start in range(0, len(sent), piece):
            writer.write(sent[start : start + piece])
            await writer.drain()
        assert (await reader.read()).count(b"kept as") == len(texts)
        writer.close()
    kept = {captured.recipients[0]: captured.raw for captured in CaptureFolder(tmp_path).list_mails()}
    assert kept == {f"r{number}@example.org": text for number, text in enumerate(texts)}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (b"a\r\n" + b"x" + LONGEST_LINE, b"500 Line too long"),
        (b"x" * 5_000 + b"\r\nb\r\n", b"500 Line too long"),
        ((b"x" * 62 + b"\r\n") * (SIZE_LIMIT // 64) + b"y\r\n", b"552 Error: Too much mail data"),
    ],
    ids=["a line of 1,002 octets", "a line of 5,002 octets", "a text of 32 MiB and a line"],
)
async def test_what_is_too_long_is_refused_and_the_next_is_kept(tmp_path: Path, text: bytes, answer: bytes) -> None:
    """A line that is too long would show a fault of ours, so it is refused; the session goes on."""
    begin = b"MAIL FROM:<b@example.com>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n"
    async with CaptureServer(tmp_path) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"EHLO localhost\r\n" + begin + text + b".\r\n" + begin + b"good\r\n.\r\nQUIT\r\n")
        replies = (await reader.read()).splitlines()
        writer.close()
    assert sum(reply.startswith(answer) for reply in replies) == 1
    [captured] = CaptureFolder(tmp_path).list_mails()
    assert captured.raw == b"good\r\n"


async def test_data_out_of_order_is_refused(tmp_path: Path) -> None:
    """DATA needs a recipient and no argument."""
    begin = b"MAIL FROM:<b@example.com>\r\n"
    async with CaptureServer(tmp_path) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        sent = (
            b"DATA\r\n",
            b"EHLO localhost\r\n",
            begin,
            b"DATA\r\n",
            b"RCPT TO:<ann@example.org>\r\n",
            b"DATA now\r\n",
        )
        writer.write(b"".join(sent) + b"QUIT\r\n")
        replies = (await reader.read()).splitlines()
        writer.close()
    assert [reply[:3] for reply in replies if reply.startswith(b"50")] == [b"503", b"503", b"501"]
    assert CaptureFolder(tmp_path).list_mails() == []


async def test_a_folder_that_cannot_be_written_defers(tmp_path: Path) -> None:
    """A message that cannot be stored is deferred, and leaves nothing behind."""
    folder = tmp_path / "inbox"
    async with CaptureServer(folder) as server:
        folder.rmdir()
        assert await deliver(server, OutgoingMessage("b@example.com", "ann@example.org", MESSAGE)) == [
            OutcomeKind.DEFERRED
        ]
    assert CaptureFolder(folder).list_mails() == []


async def test_addresses_stay_out_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No command of a client is logged, even at the debug level."""
    caplog.set_level(logging.DEBUG)
    async with CaptureServer(tmp_path) as server:
        await deliver(server, OutgoingMessage("b@example.com", "ann@example.org", MESSAGE))
    assert "example" not in caplog.text


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_stopping_ends_connections_and_frees_the_port(
    tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Stopping cuts off a client that lingers, on either event loop, and the port can be used again."""

    async def linger() -> None:
        server = CaptureServer(tmp_path)
        await server.start()
        port = server.port
        assert await deliver(server, OutgoingMessage("b@example.com", "ann@example.org", MESSAGE)) == [
            OutcomeKind.ACCEPTED
        ]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.readline()).startswith(b"220")
        await server.stop()
        assert await reader.read() == b""
        writer.close()
        async with CaptureServer(tmp_path, port) as again:
            assert again.port == port
        with pytest.raises(RuntimeError, match="not running"):
            _ = server.port

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(linger())


@pytest.mark.parametrize("id", ["../secret", "", "x", "0192f0c1-0000-7000-8000-000000000000"])
def test_no_such_message(tmp_path: Path, id: str) -> None:
    """An id that does not exist finds nothing, least of all a file of another folder."""
    (tmp_path / "secret.json").write_text(json.dumps({}))
    assert CaptureFolder(tmp_path / "inbox").get_mail(id) is None


async def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says in one line what to install, if the demo extra is missing."""
    monkeypatch.setitem(sys.modules, "aiosmtpd.smtp", None)
    with pytest.raises(AiosmtpdNotInstalled, match=r"pip install 'pactmail\[demo\]'"):
        await CaptureServer(tmp_path).start()
