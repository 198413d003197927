"""The SMTP processor against real servers, and against scripted ones that fail at every step."""

import asyncio
import ipaddress
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailer.policy.outcome import Outcome, Result
from mailer.ports.processor import Outgoing, Processor
from mailer.processors.relay import Relay, Tls, parse
from mailer.processors.smtp import SmtpProcessor, from_url

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


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A self-made certificate for 127.0.0.1: the server's context, and one of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "both.pem"
    file.write_bytes(secret + pem)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())


async def test_a_window_is_delivered_as_it_is() -> None:
    """Each message arrives once, byte for byte, in its own transaction, over no more connections than the pool has."""
    keep = Keep()
    window = [outgoing(f"r{n}@example.org", CONTENT + b"%d\r\n" % n) for n in range(50)]
    async with real(lambda: SMTP(keep, hostname="test")) as port, processor(port, pool=4) as sender:
        outcomes = await sender.send(window, soon())
    assert [(outcome.result, outcome.code) for outcome in outcomes] == [(Result.ACCEPTED, 250)] * 50
    assert sorted((e.mail_from, e.rcpt_tos, e.original_content) for e in keep.envelopes) == sorted(
        (message.sender, [message.recipient], message.content) for message in window
    )
    assert len(keep.sessions) <= 4


async def test_connections_are_used_again() -> None:
    """Two windows need one connection, and closing ends it politely."""
    async with scripted() as server:
        async with processor(server.port) as sender:
            assert await sender.send([], soon()) == []
            for _ in range(2):
                outcomes = await sender.send([outgoing(), outgoing()], soon())
                assert [outcome.result for outcome in outcomes] == [Result.ACCEPTED] * 2
        assert server.connections == 1
        assert server.commands[-1] == "QUIT"
        assert server.contents[0] == CONTENT.replace(b"\r\n.", b"\r\n..") + b".\r\n"


async def test_each_recipient_has_its_own_reply() -> None:
    """One refusal takes nobody else with it, and the transaction that it left open is reset."""
    script = {"RCPT": ["250 Ok", "550 5.1.1 No such user", "450 4.2.1 Later", "250 Ok"]}
    async with scripted(script) as server, processor(server.port) as sender:
        outcomes = await sender.send([outgoing(f"r{n}@example.org") for n in range(4)], soon())
        assert [outcome.result for outcome in outcomes] == [
            Result.ACCEPTED,
            Result.REFUSED,
            Result.DEFERRED,
            Result.ACCEPTED,
        ]
        assert (outcomes[1].code, outcomes[1].status, outcomes[1].text) == (550, "5.1.1", "5.1.1 No such user")
        assert server.commands.count("RSET") == 2
        assert server.connections == 1


@pytest.mark.parametrize(
    ("script", "result", "code"),
    [
        ({"RCPT": ["550 5.1.1 unknown"]}, Result.REFUSED, 550),
        ({"RCPT": ["451 later"]}, Result.DEFERRED, 451),
        ({"RCPT": ["421 4.3.2 closing"]}, Result.DEFERRED, 421),
        ({"RCPT": ["550 5.7.1 spam"]}, Result.BLOCKED, 550),
        ({"MAIL": ["421 4.7.0 slow down"]}, Result.DEFERRED, 421),
        ({"MAIL": ["550 5.1.1 sender unknown"]}, Result.BLOCKED, 550),
        ({"MAIL": ["354 what"]}, Result.DEFERRED, None),
        ({"DATA": ["554 5.5.1 no"]}, Result.BLOCKED, 554),
        ({"DATA": ["250 Ok"]}, Result.DEFERRED, None),
        ({".": ["550 5.1.1 unknown after all"]}, Result.REFUSED, 550),
        ({".": ["552 5.2.2 full"]}, Result.DEFERRED, 552),
        ({".": ["421 4.3.0 closing"]}, Result.DEFERRED, 421),
        ({"RCPT": ["451 later"], "RSET": ["500 what"]}, Result.DEFERRED, 451),
        ({"RCPT": ["550 5.1.1 unknown"], "RSET": [DROP]}, Result.REFUSED, 550),
        ({"MAIL": [DROP]}, Result.DEFERRED, None),
        ({"RCPT": [DROP]}, Result.DEFERRED, None),
        ({"DATA": [DROP]}, Result.DEFERRED, None),
        ({"MAIL": ["garbage"]}, Result.DEFERRED, None),
        ({"RCPT": ["garbage"]}, Result.DEFERRED, None),
        ({".": [DROP]}, Result.IN_DOUBT, None),
        ({".": ["garbage"]}, Result.IN_DOUBT, None),
        ({".": ["354 again"]}, Result.IN_DOUBT, None),
    ],
)
async def test_one_message_on_a_server_that_fails(script: dict[str, list[str]], result: Result, code: int) -> None:
    """Every step that a server can fail at leads to one outcome, in doubt only once the final dot is written."""
    outcome = await once(script)
    assert (outcome.result, outcome.code) == (result, code)
    assert outcome.text


async def test_lost_within_the_content_is_not_in_doubt() -> None:
    """A message of which the server took no more than the beginning cannot have been accepted."""
    outcome = await once({}, reads_content=False, content=(b"x" * 70 + b"\r\n") * 300_000)
    assert outcome.result is Result.DEFERRED
    assert outcome.text.startswith("lost before the final dot")


@pytest.mark.parametrize("second", [DROP, "421 4.4.2 idle for too long"])
async def test_a_connection_that_died_between_messages_is_made_again(second: str) -> None:
    """A used connection that ends before it takes MAIL costs no message an attempt."""
    async with scripted({"MAIL": ["250 Ok", second, "250 Ok"]}) as server, processor(server.port) as sender:
        outcomes = await sender.send([outgoing(), outgoing(), outgoing()], soon())
        assert [outcome.result for outcome in outcomes] == [Result.ACCEPTED] * 3
        assert server.connections == 2
        assert len(server.contents) == 3


async def test_a_server_that_falls_with_each_message_costs_one() -> None:
    """Where a new connection falls with its first message, the others are not tried on further ones."""
    async with scripted({".": ["250 Ok", DROP]}) as server, processor(server.port) as sender:
        outcomes = await sender.send([outgoing() for _ in range(5)], soon())
        assert [outcome.result for outcome in outcomes] == [
            Result.ACCEPTED,
            Result.IN_DOUBT,
            Result.IN_DOUBT,
            Result.UNSENT,
            Result.UNSENT,
        ]
        assert server.connections == 2


async def test_nobody_listens() -> None:
    """Where there is no server, every message is unsent, with the reason."""
    async with real(lambda: SMTP(Keep(), hostname="test")) as port:
        pass
    async with processor(port, pool=4) as sender:
        outcomes = await sender.send([outgoing() for _ in range(6)], soon())
    assert {outcome.result for outcome in outcomes} == {Result.UNSENT}
    assert outcomes[0].text.startswith(f"relay: Error connecting to 127.0.0.1 on port {port}")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({"GREETING": ["554 go away"]}, "554 go away"),
        ({"GREETING": [DROP]}, "Error connecting"),
        ({"GREETING": ["garbage"]}, "garbage"),
        ({"EHLO": ["421 closing"]}, "421 closing"),
        ({"EHLO": [DROP]}, "Connection lost"),
    ],
)
async def test_a_server_that_does_not_talk(script: dict[str, list[str]], reason: str) -> None:
    """Without a greeting and an EHLO, nothing is offered."""
    outcome = await once(script)
    assert outcome.result is Result.UNSENT
    assert reason in outcome.text or "EOF" in outcome.text


async def test_a_server_that_leaves_after_its_greeting() -> None:
    """A connection that ends in good order before the first message is a failure like any other."""
    for _ in range(20):
        outcome = await once({"EHLO": [f"250 hello {LEAVES}"]})
        assert outcome.result in {Result.UNSENT, Result.DEFERRED}


async def test_connections_that_cannot_be_made_leave_the_rest_to_the_others() -> None:
    """A server that takes two connections only still gets the whole window."""
    script = {"GREETING": ["220 hi", "220 hi", "421 too many connections"]}
    async with scripted(script) as server, processor(server.port, pool=4) as sender:
        outcomes = await sender.send([outgoing() for _ in range(20)], soon())
    assert [outcome.result for outcome in outcomes] == [Result.ACCEPTED] * 20


async def test_no_message_begins_after_the_deadline() -> None:
    """Once its time is up, nothing is offered, and no connection is made for it."""
    async with scripted() as server, processor(server.port) as sender:
        [outcome] = await sender.send([outgoing()], time.monotonic() - 1)
        assert (outcome.result, server.connections) == (Result.UNSENT, 0)


async def test_the_deadline_is_asked_before_each_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was frozen between two messages sends only the first."""
    deadline = soon()
    async with scripted() as server, processor(server.port) as sender:

        def frozen_after_the_first() -> float:
            return time.monotonic() + (3600 if server.contents else 0)

        clock = SimpleNamespace(monotonic=frozen_after_the_first)
        monkeypatch.setattr("mailer.processors.smtp.time", clock)
        outcomes = await sender.send([outgoing(), outgoing()], deadline)
        assert [outcome.result for outcome in outcomes] == [Result.ACCEPTED, Result.UNSENT]
        assert len(server.contents) == 1


async def test_windows_share_the_pool() -> None:
    """Two windows at once wait for one another's connections instead of opening more."""
    async with scripted() as server, processor(server.port, pool=2) as sender:
        windows = await asyncio.gather(*(sender.send([outgoing() for _ in range(5)], soon()) for _ in range(3)))
        assert {outcome.result for window in windows for outcome in window} == {Result.ACCEPTED}
        assert len(server.contents) == 15
        assert server.connections == 2


async def test_a_cancelled_window_leaves_no_connection_half_way() -> None:
    """After a cancellation the pool is whole, and the next window starts on a clean connection."""
    arrived = asyncio.Event()
    go_on = asyncio.Event()

    class Slow(Keep):
        async def handle_RCPT(
            self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
        ) -> str:
            arrived.set()
            await go_on.wait()
            envelope.rcpt_tos.append(address)
            return "250 Ok"

    keep = Slow()
    async with real(lambda: SMTP(keep, hostname="test")) as port, processor(port) as sender:
        task = asyncio.create_task(sender.send([outgoing()], soon()))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        [outcome] = await sender.send([outgoing("bob@example.org")], soon())
    assert outcome.result is Result.ACCEPTED
    assert [envelope.rcpt_tos for envelope in keep.envelopes] == [["bob@example.org"]]


@pytest.mark.parametrize(("verb", "result"), [("RCPT", Result.DEFERRED), (".", Result.IN_DOUBT)])
async def test_a_reply_that_never_comes(verb: str, result: Result) -> None:
    """A silent server is given up, before the dot as deferred and after it as in doubt."""
    async with scripted({verb: ["250-half a reply"]}) as server:
        sender = SmtpProcessor(relay(server.port), timeout=1)
        [outcome] = await sender.send([outgoing()], soon())
        await sender.close()
    assert outcome.result is result
    assert "Timed out" in outcome.text


async def test_an_address_in_utf8_needs_smtputf8() -> None:
    """Where SMTPUTF8 is not offered, that message alone fails, with 5.6.7; where it is, it arrives."""
    window = [outgoing(), outgoing("jürgen@example.org", "To: jürgen@example.org\r\n\r\nhi\r\n".encode())]
    for offered, second in ((False, (Result.BLOCKED, "5.6.7")), (True, (Result.ACCEPTED, "2.0.0"))):
        keep = Keep()

        def make(keep: Keep = keep, offered: bool = offered) -> SMTP:
            return SMTP(keep, enable_SMTPUTF8=offered, hostname="test")

        async with real(make) as port, processor(port) as sender:
            outcomes = await sender.send(window, soon())
        assert outcomes[0].result is Result.ACCEPTED
        assert (outcomes[1].result, outcomes[1].status) == second
        assert [envelope.rcpt_tos for envelope in keep.envelopes][1:] == ([["jürgen@example.org"]] if offered else [])


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (outgoing("a@example.org>\r\nRCPT TO:<b@example.org"), "5.5.4"),
        (outgoing("a@example.org> NOTIFY=NEVER"), "5.5.4"),
        (outgoing("a\udce9@example.org"), "5.5.4"),
        (outgoing(content=b"Subject: x\r\n\r\na\n.\nMAIL FROM:<b@example.org>\r\n"), "5.6.0"),
        (outgoing(content=b"Subject: x\r\n\r\na\rb\r\n"), "5.6.0"),
        (outgoing(content="Subject: x\r\n\r\nä\r\n".encode()), "5.6.3"),
    ],
)
async def test_what_must_not_be_written(message: Outgoing, status: str) -> None:
    """What would smuggle a command or break the protocol is not offered, and the others are."""
    async with scripted(extensions=()) as server, processor(server.port) as sender:
        outcomes = await sender.send([message, outgoing()], soon())
        assert (outcomes[0].result, outcomes[0].status) == (Result.BLOCKED, status)
        assert outcomes[1].result is Result.ACCEPTED
        assert len(server.contents) == 1


async def test_starttls_with_a_certificate_that_is_not_trusted(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """A certificate that nobody vouches for stops everything before AUTH."""
    keep = Keep()
    async with (
        real(lambda: SMTP(keep, hostname="test", tls_context=certificate[0], require_starttls=True)) as port,
        processor(port, tls=Tls.STARTTLS, username="user") as sender,
    ):
        outcomes = await sender.send([outgoing(), outgoing()], soon())
    assert [outcome.result for outcome in outcomes] == [Result.UNSENT] * 2
    assert outcomes[0].text.startswith("relay: the certificate is not trusted: self")
    assert not keep.envelopes


async def test_starttls_with_a_certificate_that_is_trusted(certificate: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """With the certificate trusted, AUTH and the mail go through, encrypted; also what is too big for one write."""
    keep = Keep()
    logins: list[object] = []

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: object) -> AuthResult:
        logins.append(login)
        return AuthResult(success=True)

    def make() -> SMTP:
        return SMTP(
            keep,
            hostname="test",
            tls_context=certificate[0],
            require_starttls=True,
            auth_required=True,
            authenticator=check,
        )

    big = outgoing(content=b"Subject: big\r\n\r\n" + (b"x" * 70 + b"\r\n") * 40_000)
    async with (
        real(make) as port,
        processor(port, tls=Tls.STARTTLS, username="user", context=certificate[1]) as sender,
    ):
        outcomes = await sender.send([outgoing(), big, outgoing()], soon())
    assert [outcome.result for outcome in outcomes] == [Result.ACCEPTED] * 3
    assert [envelope.original_content for envelope in keep.envelopes] == [CONTENT, big.content, CONTENT]
    assert len(logins) == 1


async def test_starttls_that_is_not_offered() -> None:
    """Nothing is said in the clear where encryption was asked for."""
    async with scripted() as server, processor(server.port, tls=Tls.STARTTLS, username="user") as sender:
        [outcome] = await sender.send([outgoing()], soon())
        assert outcome.result is Result.UNSENT
        assert "STARTTLS extension not supported" in outcome.text
        assert [command.split()[0] for command in server.commands] == ["EHLO"]


@pytest.mark.parametrize("trusted", [False, True])
async def test_implicit_tls(certificate: tuple[ssl.SSLContext, ssl.SSLContext], trusted: bool) -> None:
    """TLS from the first byte, with the certificate checked too."""
    keep = Keep()
    async with (
        real(lambda: SMTP(keep, hostname="test"), certificate[0]) as port,
        processor(port, tls=Tls.IMPLICIT, context=certificate[1] if trusted else None) as sender,
    ):
        [outcome] = await sender.send([outgoing()], soon())
    assert outcome.result is (Result.ACCEPTED if trusted else Result.UNSENT)
    assert trusted or "certificate verify failed" in outcome.text


@pytest.mark.parametrize("reply", ["535 5.7.8 wrong", f"500 what is AUTH PLAIN {SECRET}", f"{SECRET} garbage"])
async def test_auth_that_is_refused(reply: str) -> None:
    """A refused login leaves everything unsent, and no word of the secret or of the server's echo in the reason."""
    async with (
        scripted({"AUTH": [reply]}, extensions=("AUTH PLAIN",)) as server,
        processor(server.port, username="user") as sender,
    ):
        for _ in range(2):
            outcomes = await sender.send([outgoing(), outgoing()], soon())
            assert [outcome.result for outcome in outcomes] == [Result.UNSENT] * 2
            assert outcomes[0].text.startswith("relay: AUTH refused with ")
            assert SECRET not in outcomes[0].text
        assert not any(command.startswith("MAIL") for command in server.commands)


async def test_auth_that_is_not_offered() -> None:
    """Credentials for a server that does not ask for them are a mistake that is told."""
    async with scripted() as server, processor(server.port, username="user") as sender:
        [outcome] = await sender.send([outgoing()], soon())
        assert outcome.result is Result.UNSENT
        assert "AUTH extension is not supported" in outcome.text


def test_a_url_is_a_processor() -> None:
    """Everything that the URL says is there, and nothing secret shows."""
    url = f"smtp://us%40er:{SECRET}%2F@mx.example.com:2587?name=main&country=DE&contract=DPA-7&pool=2"
    made: Processor = from_url(url)
    assert (made.name, made.country, made.contract) == ("main", "DE", "DPA-7")
    assert SECRET not in repr(made)
    assert "us@er" not in repr(made)
    parsed = parse(url)
    assert (parsed.host, parsed.port, parsed.tls, parsed.pool) == ("mx.example.com", 2587, Tls.STARTTLS, 2)
    assert (parsed.username, parsed.password) == ("us@er", f"{SECRET}/")


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtp://mx.example.com?country=DE&contract=x", 587, Tls.STARTTLS),
        ("smtp://mx.example.com:465?country=DE&contract=x", 465, Tls.IMPLICIT),
        ("smtp://mx.example.com?country=DE&contract=x&tls=implicit", 465, Tls.IMPLICIT),
        ("smtp://127.0.0.1:1025", 1025, Tls.NONE),
        ("smtp://[::1]", 25, Tls.NONE),
        ("smtp://localhost:2525?tls=starttls", 2525, Tls.STARTTLS),
    ],
)
def test_defaults_of_a_url(url: str, port: int, tls: Tls) -> None:
    """Encryption is required of anything but loopback, and the port follows it."""
    parsed = parse(url)
    assert (parsed.port, parsed.tls) == (port, tls)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&timeout=3", "allowed are name, country, contract"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&tls=none", "only for loopback"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&tls=ssl", "starttls, implicit, none"),
        (f"smtp://u:{SECRET}@mx.example.com?country=Germany&contract=x", "two capital letters"),
        (f"smtp://u:{SECRET}@mx.example.com", "needs country=… and contract=…"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&country=FR&contract=x", "twice"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&pool=many", "pool must be a number"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&pool=0", "from 1 to 64"),
        (f"smtp://u:{SECRET}@mx.example.com?country", "key=value"),
        (f"smtp://u:{SECRET}@mx.example.com/path", "percent-encode"),
        (f"smtp://u:{SECRET}@mx.example.com:port", "percent-encode"),
        (f"smtp://u:{SECRET}/x@mx.example.com?country=DE&contract=x", "percent-encode"),
        (f"smtp://u:1?{SECRET}=x@mx.example.com", "percent-encode"),
        (f"smtp://u:1#{SECRET}@mx.example.com", "percent-encode"),
        (f"smtps://u:{SECRET}@mx.example.com", "has the form"),
        ("smtp://", "has the form"),
    ],
)
def test_a_bad_url_is_explained(url: str, reason: str) -> None:
    """The error says what to mend and never quotes what may be a password."""
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        from_url(url)
    assert SECRET not in str(caught.value)
