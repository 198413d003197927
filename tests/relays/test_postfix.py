"""The SMTP processor in front of a real Postfix. `make test-all` runs this part of the relay tests: it is quick."""

import stat
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.processors.smtp.processor import SmtpProcessor, smtp_processor_from_url
from tests.integration.smtp_world import allowed, outgoing, soon
from tests.processes import free_port, until
from tests.relays.conftest import relay_folder
from tests.relays.helper import Helper, helping
from tests.relays.postfix import postfix, special
from tests.relays.test_relays import LOGIN
from tests.relays.world import TOKEN, USER, Manner, Server, certified

pytestmark = pytest.mark.asyncio(loop_scope="module")
PASSWORDS = ("PLAIN", "LOGIN")
OFFERS: tuple[tuple[str, ...], ...] = (PASSWORDS, ("XOAUTH2",), ("OAUTHBEARER",))
MANNERS = (Manner.STARTTLS, Manner.FQDN, Manner.BAD_HELO)


@dataclass
class Relay:
    """One Postfix that listens on several ports, in a configuration each.

    Attributes:
        server: what it delivers. ports: by configuration. offers: the ports that want AUTH, by what they offer.
        helpers: who checks the logins there. certificate: the file of its issuer.
    """

    server: Server
    ports: dict[Manner, int]
    offers: dict[tuple[str, ...], int]
    helpers: dict[tuple[str, ...], Helper]
    certificate: Path

    @asynccontextmanager
    async def facing(
        self, port: int, monkeypatch: pytest.MonkeyPatch, login: str = "", query: str = ""
    ) -> AsyncIterator[SmtpProcessor]:
        """A processor for one of its ports."""
        monkeypatch.setenv("SSL_CERT_FILE", str(self.certificate))
        sender = smtp_processor_from_url(f"smtp://{login}127.0.0.1:{port}?name=relay{query}")
        try:
            yield sender
        finally:
            await sender.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def relay() -> AsyncIterator[Relay]:
    """Started once for all tests here."""
    async with AsyncExitStack() as stack:
        place = stack.enter_context(relay_folder())
        vouched = certified(place)
        ports = {manner: free_port() for manner in MANNERS}
        more = {port: special(manner, 1) for manner, port in ports.items()}
        offers = dict[tuple[str, ...], int]()
        helpers = dict[tuple[str, ...], Helper]()
        for offer in OFFERS:
            helpers[offer], helper = await stack.enter_async_context(helping(Manner.AUTH, offer))
            offers[offer] = free_port()
            more[offers[offer]] = special(Manner.AUTH, helper) | {"smtpd_sasl_path": f"inet:127.0.0.1:{helper}"}
        plain = postfix(Manner.PLAIN, place, free_port(), vouched, more=more)
        server, _ = await stack.enter_async_context(plain)
        yield Relay(server, ports | {Manner.PLAIN: server.port}, offers, helpers, vouched.certificate)


async def sent(sender: SmtpProcessor, messages: int = 4, domain: str = "example.org") -> list[Outcome]:
    """Outcomes of a window."""
    window = [outgoing(f"r{n}@{domain}") for n in range(messages)]
    return await sender.send(window, soon(), allowed)


async def test_it_takes_all_that_is_pipelined(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each message is delivered once, and commands behind a final dot are taken."""
    before = Counter(relay.server.delivered())
    async with relay.facing(relay.ports[Manner.PLAIN], monkeypatch) as sender:
        assert {outcome.result for outcome in await sent(sender, 100)} == {OutcomeKind.ACCEPTED}
        wanted = before + Counter(f"r{n}@example.org" for n in range(100))

        async def arrived() -> bool:
            return Counter(relay.server.delivered()) == wanted

        await until(arrived, "all of it to be delivered")
        [dead] = await sender.send([outgoing("nobody@example.org")], soon(), allowed)
        assert (dead.result, dead.status) == (OutcomeKind.REFUSED, "5.1.1")
    assert "behind a final dot" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("manner", "query", "domain", "trouble"),
    [
        (Manner.STARTTLS, "", "example.org", ConnectionTrouble.REFUSED),
        (Manner.BAD_HELO, "", "example.org", ConnectionTrouble.EHLO),
        (Manner.PLAIN, "", "elsewhere.example", ConnectionTrouble.REFUSED),
    ],
    ids=["starttls", "bad-helo", "denied"],
)
async def test_its_refusals_of_us_are_the_relay_s_trouble(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, manner: Manner, query: str, domain: str, trouble: ConnectionTrouble
) -> None:
    """Every message is unsent, and each outcome names the trouble."""
    async with relay.facing(relay.ports[manner], monkeypatch, query=query) as sender:
        outcomes = await sent(sender, domain=domain)
    assert {(outcome.result, outcome.trouble) for outcome in outcomes} == {(OutcomeKind.UNSENT, trouble)}, outcomes


@pytest.mark.parametrize(
    ("login", "trouble"),
    [("", ConnectionTrouble.REFUSED), (f"{USER}:wrong@", ConnectionTrouble.AUTH)],
    ids=["no login", "wrong password"],
)
async def test_a_password_that_is_missing_or_wrong(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, login: str, trouble: ConnectionTrouble
) -> None:
    """The same."""
    async with relay.facing(relay.offers[PASSWORDS], monkeypatch, login, "&tls=starttls") as sender:
        outcomes = await sent(sender)
    assert {(outcome.result, outcome.trouble) for outcome in outcomes} == {(OutcomeKind.UNSENT, trouble)}, outcomes


async def test_a_strict_one_takes_us(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our EHLO, TLS and password are what it wants."""
    async with relay.facing(relay.ports[Manner.FQDN], monkeypatch) as sender:
        assert {outcome.result for outcome in await sent(sender)} == {OutcomeKind.ACCEPTED}
    async with relay.facing(relay.ports[Manner.STARTTLS], monkeypatch, query="&tls=starttls") as sender:
        assert {outcome.result for outcome in await sent(sender)} == {OutcomeKind.ACCEPTED}
    async with relay.facing(relay.offers[PASSWORDS], monkeypatch, LOGIN, "&tls=starttls") as sender:
        assert {outcome.result for outcome in await sent(sender)} == {OutcomeKind.ACCEPTED}


@pytest.mark.parametrize("offer", OFFERS[1:])
async def test_a_token_is_all_that_it_takes(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, offer: tuple[str, ...]
) -> None:
    """A relay that offers nothing but tokens gets the one of a file; a password is told that it fits nothing."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    query = f"&tls=starttls&token_file={file}"
    async with relay.facing(relay.offers[offer], monkeypatch, f"{USER}@", query) as sender:
        assert {outcome.result for outcome in await sent(sender)} == {OutcomeKind.ACCEPTED}
    async with relay.facing(relay.offers[offer], monkeypatch, LOGIN, "&tls=starttls") as sender:
        outcomes = await sent(sender)
    assert {(outcome.result, outcome.trouble) for outcome in outcomes} == {(OutcomeKind.UNSENT, ConnectionTrouble.AUTH)}
    assert f"offers AUTH {offer[0]}" in outcomes[0].text


async def test_a_token_that_has_run_out_is_renewed(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A refused token is asked for again at once, and the new one is used; no text holds either."""
    command, ran = tmp_path / "renew", tmp_path / "ran"
    command.write_text(f"#!/bin/sh\nif [ -e {ran} ]; then echo {TOKEN}; else touch {ran}; echo expired; fi\n")
    command.chmod(stat.S_IRWXU)
    helper = relay.helpers[("XOAUTH2",)]
    helper.logins.clear()
    query = f"&tls=starttls&auth=xoauth2&token_command={command}"
    async with relay.facing(relay.offers[("XOAUTH2",)], monkeypatch, f"{USER}@", query) as sender:
        assert {outcome.result for outcome in await sent(sender, 1)} == {OutcomeKind.ACCEPTED}
        assert TOKEN not in repr(sender)
    assert helper.logins == [False, True]
