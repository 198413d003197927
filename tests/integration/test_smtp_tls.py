"""The SMTP processor and encryption: no word and no password before the certificate was checked."""

import ssl
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import OutcomeKind
from mailer.processors.smtp.relay_url import TlsMode
from tests.certificates import own_certificate
from tests.integration.smtp_world import CONTENT, SECRET, Keep, allowed, outgoing, processor, real, scripted, soon


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of `own_certificate`."""
    return own_certificate(tmp_path)


async def test_starttls_with_a_certificate_that_is_not_trusted(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """A certificate that nobody vouches for stops everything before AUTH."""
    keep = Keep()
    async with (
        real(lambda: SMTP(keep, hostname="test", tls_context=certificate[0], require_starttls=True)) as port,
        processor(port, tls=TlsMode.STARTTLS, username="user") as sender,
    ):
        outcomes = await sender.send([outgoing(), outgoing()], soon(), allowed)
    assert [outcome.result for outcome in outcomes] == [OutcomeKind.UNSENT] * 2
    assert outcomes[0].text.startswith("relay: the certificate is not trusted: self")
    assert not keep.envelopes
    assert sender.weakest_encryption_used is None


@pytest.mark.parametrize("pipelining", [False, True])
async def test_starttls_with_a_certificate_that_is_trusted(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext], pipelining: bool
) -> None:
    """AUTH and the mail go through, encrypted, if the certificate is trusted, even mail too big for one write."""
    keep = Keep(pipelining=pipelining)
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
        processor(port, tls=TlsMode.STARTTLS, username="user", context=certificate[1]) as sender,
    ):
        outcomes = await sender.send([outgoing(), big, outgoing()], soon(), allowed)
    assert [outcome.result for outcome in outcomes] == [OutcomeKind.ACCEPTED] * 3
    assert [envelope.original_content for envelope in keep.envelopes] == [CONTENT, big.content, CONTENT]
    assert len(logins) == 1
    assert sender.weakest_encryption_used == "tls:TLSv1.3 verified"


async def test_starttls_that_is_not_offered() -> None:
    """Nothing is said in the clear where encryption was asked for."""
    async with scripted() as server, processor(server.port, tls=TlsMode.STARTTLS, username="user") as sender:
        [outcome] = await sender.send([outgoing()], soon(), allowed)
        assert outcome.result is OutcomeKind.UNSENT
        assert "STARTTLS extension not supported" in outcome.text
        assert [command.split()[0] for command in server.commands] == ["EHLO"]


@pytest.mark.parametrize("pipelining", [False, True])
@pytest.mark.parametrize("trusted", [False, True])
async def test_implicit_tls(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext], trusted: bool, pipelining: bool
) -> None:
    """TLS from the first byte, with the certificate checked too."""
    keep = Keep(pipelining=pipelining)
    async with (
        real(lambda: SMTP(keep, hostname="test"), certificate[0]) as port,
        processor(port, tls=TlsMode.IMPLICIT, context=certificate[1] if trusted else None) as sender,
    ):
        [outcome] = await sender.send([outgoing()], soon(), allowed)
    assert outcome.result is (OutcomeKind.ACCEPTED if trusted else OutcomeKind.UNSENT)
    assert trusted or outcome.text.startswith("relay: the certificate is not trusted: self")
    assert outcome.trouble is (None if trusted else ConnectionTrouble.CERTIFICATE)


@pytest.mark.parametrize("reply", ["535 5.7.8 wrong", f"500 what is AUTH PLAIN {SECRET}", f"{SECRET} garbage"])
async def test_auth_that_is_refused(reply: str) -> None:
    """A refused login leaves everything unsent, and no word of the secret or of the server's echo in the reason."""
    async with (
        scripted({"AUTH": [reply]}, extensions=("AUTH PLAIN",)) as server,
        processor(server.port, username="user") as sender,
    ):
        for _ in range(2):
            outcomes = await sender.send([outgoing(), outgoing()], soon(), allowed)
            assert [outcome.result for outcome in outcomes] == [OutcomeKind.UNSENT] * 2
            assert outcomes[0].text.startswith("relay: AUTH refused with ")
            assert SECRET not in outcomes[0].text
        assert not any(command.startswith("MAIL") for command in server.commands)


async def test_auth_that_is_not_offered() -> None:
    """Credentials for a server that does not ask for them are a mistake that is told."""
    async with scripted() as server, processor(server.port, username="user") as sender:
        [outcome] = await sender.send([outgoing()], soon(), allowed)
        assert outcome.result is OutcomeKind.UNSENT
        assert "AUTH extension is not supported" in outcome.text
