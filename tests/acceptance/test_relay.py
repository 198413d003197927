"""A relay as one rents it: STARTTLS with a certificate that is checked, and AUTH."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.acceptance.samples import event, people
from tests.processes import Stack, free_port, until

USER, PASSWORD = "mailer@relay", "p@ss/word:1"
URL_USER, URL_PASSWORD = "mailer%40relay", "p%40ss%2Fword%3A1"


@dataclass
class Relay:
    """A relay that notes the passwords and the messages that it gets."""

    port: int = 0
    tried: list[tuple[bytes, bytes]] = field(default_factory=list)
    taken: list[tuple[str | None, tuple[str, ...]]] = field(default_factory=list)

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        """Knows one user."""
        assert isinstance(data, LoginPassword)
        self.tried.append((data.login, data.password))
        return AuthResult(success=self.tried[-1] == (USER.encode(), PASSWORD.encode()))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Takes a message, and notes the version of TLS."""
        self.taken.append((session.ssl["cipher"][1] if session.ssl else None, tuple(envelope.rcpt_tos)))
        return "250 2.0.0 Ok"


def certificate(folder: Path) -> Path:
    """A key and a certificate for loopback, signed by itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "relay.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


@asynccontextmanager
async def relaying(pem: Path) -> AsyncIterator[Relay]:
    """A relay that takes no mail without TLS and a password."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    relay = Relay()

    def client() -> SMTP:
        return SMTP(
            relay,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=relay.authenticate,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(client, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    async with server:
        yield relay


def over(stack: Stack, relay: Relay, trusted: Path | None) -> Stack:
    """The same stack with this relay. It trusts the relay's certificate if that is given."""
    url = f"smtp://{URL_USER}:{URL_PASSWORD}@127.0.0.1:{relay.port}?name=rented&country=DE&contract=DPA-9&tls=starttls"
    made = stack.having(PROCESSORS=url)
    return made if trusted is None else made.with_env(SSL_CERT_FILE=str(trusted))


async def test_mail_goes_out_encrypted_and_with_the_password(stack: Stack, tmp_path: Path) -> None:
    """A certificate named by SSL_CERT_FILE is trusted, and the ledger names the relay and its terms."""
    pem = certificate(tmp_path)
    async with relaying(pem) as relay:
        rented = over(stack, relay, pem)
        async with rented.running("worker", "timekeeper"):
            await rented.application("publish", event("notice", "interpals", "service", people("ann", "bob")))
            await rented.finished("notice")
    assert {recipients for _, recipients in relay.taken} == {("ann@example.org",), ("bob@example.org",)}
    assert {version for version, _ in relay.taken} == {"TLSv1.3"}
    assert set(relay.tried) == {(USER.encode(), PASSWORD.encode())}
    rows = await stack.query("SELECT DISTINCT processor, country, contract FROM ledger WHERE kind = 'hand_over'")
    assert [tuple(row) for row in rows] == [("rented", "DE", "DPA-9")]


async def test_a_relay_that_nobody_vouches_for_gets_neither_mail_nor_password(stack: Stack, tmp_path: Path) -> None:
    """Deliveries wait while the relay's certificate is not trusted. The reason is on record, the password nowhere."""
    async with relaying(certificate(tmp_path)) as relay:
        rented = over(stack, relay, None)
        async with rented.running("worker", "timekeeper") as (worker, _):
            await rented.application("publish", event("notice", "interpals", "service", people("ann")))

            async def waits() -> bool:
                return bool(await stack.query("SELECT FROM ledger WHERE kind = 'outcome' AND reason = 'unsent'"))

            await until(waits, "the delivery to go back unsent")
            assert await stack.query("SELECT FROM deliveries WHERE state IN ('handed_over', 'failed')") == []
    assert (relay.taken, relay.tried) == ([], [])
    assert await stack.query("SELECT FROM ledger_notes WHERE text LIKE '%certificate is not trusted%'")
    assert worker.log.count("a relay is in trouble") == 1
    assert PASSWORD not in worker.log
    assert URL_PASSWORD not in worker.log


async def test_an_operator_sees_what_is_wrong_with_a_relay(stack: Stack, tmp_path: Path) -> None:
    """State and remedy stand in `processors list`, `mailing show`, `/readyz` and `/metrics`, until the relay works."""
    pem, port = certificate(tmp_path), free_port()
    async with relaying(pem) as relay:
        rented = over(stack, relay, None)
        async with rented.having(METRICS_PORT=str(port)).running("worker"), rented.running("timekeeper"):
            await stack.application("publish", event("notice", "interpals", "service", people("ann")))

            async def noted() -> bool:
                found = await stack.query("SELECT state FROM relay_states")
                return [row[0] for row in found] == ["certificate"]

            await until(noted, "the state of the relay")
            listed = (await stack.done("processors", "list", "--json")).json["relays"]
            shown = (await stack.done("mailing", "show", "notice", "--json")).json["waiting"]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                ready, metrics = await client.get("/readyz"), await client.get("/metrics")
        assert [(one["processor"], one["state"]) for one in listed] == [("rented", "certificate")]
        assert "certificate" in listed[0]["last_error"]
        assert "SSL_CERT_FILE" in listed[0]["remedy"]
        assert [line.startswith("rented shows a certificate that is not trusted since ") for line in shown] == [True]
        assert (ready.status_code, "SSL_CERT_FILE" in ready.text) == (503, True)
        assert 'mailer_relay_state{relay="rented",state="certificate"} 1.0' in metrics.text
        async with over(stack, relay, pem).running("worker", "timekeeper"):
            await stack.finished("notice")

            async def works() -> bool:
                found = await stack.query("SELECT state FROM relay_states WHERE seen_at > now() - interval '1 minute'")
                return [row[0] for row in found] == ["working"]

            await until(works, "the relay to be found working")
    assert len(relay.taken) == 1


@dataclass
class Undecided:
    """A relay that answers the final dot when the test says so, and what it took."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)
    taken: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Takes a message after a while."""
        self.taken += envelope.rcpt_tos
        await self.answers.wait()
        return "250 2.0.0 Ok"


async def test_a_relay_that_is_silent_at_the_final_dot_keeps_only_its_own_mail(stack: Stack) -> None:
    """Other mail of the lane goes by the other relay. The silent one's mail ends once it answers, none twice."""
    slow, good = Undecided(), Undecided()
    good.answers.set()
    loop, names = asyncio.get_running_loop(), [f"user-{n}" for n in range(24)]
    servers = [await loop.create_server(partial(SMTP, relay), "127.0.0.1", 0) for relay in (slow, good)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    urls = [f"smtp://127.0.0.1:{port}?name={name}" for port, name in zip(ports, ("slow", "good"), strict=True)]
    both = stack.having(PROCESSORS=",".join(urls))
    async with servers[0], servers[1], both.running("worker", "timekeeper") as (worker, _):
        for name in names:
            await both.application("publish", event(name, "interpals", "newsletter", people(name)))

        async def are_out() -> bool:
            states = [row[0] for row in await stack.query("SELECT state FROM deliveries")]
            # The slow relay may also have some in hand that none of its connections has begun yet.
            return len(states) == len(names) and {"intended", "handed_over"}.issuperset(states)

        await until(are_out, "all but what the slow relay holds to go out")
        assert len(slow.taken) < len(names) / 2

        async def is_seen() -> bool:
            listed = (await both.done("processors", "list", "--json")).json["relays"]
            return ("slow", "slow") in [(one["processor"], one["state"]) for one in listed]

        await until(is_seen, "the state of the slow relay")
        assert "a relay is in trouble" in worker.log
        slow.answers.set()
        for name in names:
            await both.finished(name)
    assert sorted([*slow.taken, *good.taken]) == sorted(f"{name}@example.org" for name in names)
