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
from mailer.processors.capture_server import AiosmtpdNotInstalled, CaptureFolder, CaptureServer
from mailer.processors.smtp_processor import SmtpProcessor, smtp_processor_from_url

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
