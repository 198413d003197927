"""The SMTP processor in front of a real Postfix: what `make test` tries of the real relays, since it is quick."""

import stat
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mailer.policy.outcome import Outcome, Result
from mailer.policy.trouble import Trouble
from mailer.processors.smtp import SmtpProcessor, from_url
from tests.integration.smtp_world import allowed, outgoing, soon
from tests.processes import free_port, until
from tests.relays.helper import Helper, helping
from tests.relays.postfix import postfix
from tests.relays.test_relays import LOGIN
from tests.relays.world import TOKEN, USER, Certificate, Manner, Server


@asynccontextmanager
async def facing(
    manner: Manner,
    place: Path,
    vouched: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    *,
    login: str = "",
    query: str = "",
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN"),
) -> AsyncIterator[tuple[Server, SmtpProcessor, Helper]]:
    """A Postfix, a processor for it, and what Postfix asks."""
    monkeypatch.setenv("SSL_CERT_FILE", str(vouched.certificate))
    async with (
        helping(manner, mechanisms) as (helper, port),
        postfix(manner, place, free_port(), vouched, port) as (server, _),
    ):
        sender = from_url(f"smtp://{login}127.0.0.1:{server.port}?name=relay{query}")
        try:
            yield server, sender, helper
        finally:
            await sender.close()


async def sent(sender: SmtpProcessor, messages: int = 4) -> list[Outcome]:
    """What comes of a window."""
    window = [outgoing(f"r{n}@example.org") for n in range(messages)]
    return await sender.send(window, soon(), allowed)


async def test_it_takes_all_that_is_pipelined(
    place: Path, vouched: Certificate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each message is delivered once, and commands behind a final dot are taken."""
    async with facing(Manner.PLAIN, place, vouched, monkeypatch) as (server, sender, _):
        outcomes = await sent(sender, 100)
        assert {outcome.result for outcome in outcomes} == {Result.ACCEPTED}
        wanted = Counter(f"r{n}@example.org" for n in range(100))

        async def arrived() -> bool:
            return Counter(server.delivered()) == wanted

        await until(arrived, "all of it to be delivered")
        [dead] = await sender.send([outgoing("nobody@example.org")], soon(), allowed)
        assert (dead.result, dead.status) == (Result.REFUSED, "5.1.1")
    assert "behind a final dot" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("manner", "login", "query", "trouble"),
    [
        (Manner.STARTTLS, "", "", Trouble.REFUSED),
        (Manner.AUTH, "", "&tls=starttls", Trouble.REFUSED),
        (Manner.AUTH, f"{USER}:wrong@", "&tls=starttls", Trouble.AUTH),
        (Manner.BAD_HELO, "", "", Trouble.EHLO),
        (Manner.DENIED, "", "", Trouble.REFUSED),
    ],
    ids=["starttls", "auth", "wrong-password", "bad-helo", "denied"],
)
async def test_its_refusals_of_us_are_the_relay_s_trouble(
    place: Path,
    vouched: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    manner: Manner,
    login: str,
    query: str,
    trouble: Trouble,
) -> None:
    """Every message is unsent, and each outcome names the trouble."""
    async with facing(manner, place, vouched, monkeypatch, login=login, query=query) as (_, sender, _):
        outcomes = await sent(sender)
    assert {(outcome.result, outcome.trouble) for outcome in outcomes} == {(Result.UNSENT, trouble)}, outcomes


@pytest.mark.parametrize("manner", [Manner.FQDN, Manner.STARTTLS, Manner.AUTH])
async def test_a_strict_one_takes_us(
    place: Path, vouched: Certificate, monkeypatch: pytest.MonkeyPatch, manner: Manner
) -> None:
    """Our EHLO, TLS and password are what it wants."""
    query = "" if manner is Manner.FQDN else "&tls=starttls"
    login = LOGIN if manner is Manner.AUTH else ""
    async with facing(manner, place, vouched, monkeypatch, login=login, query=query) as (_, sender, helper):
        assert {outcome.result for outcome in await sent(sender)} == {Result.ACCEPTED}
    assert all(helper.logins)


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
async def test_a_token_is_all_that_it_takes(
    place: Path, vouched: Certificate, monkeypatch: pytest.MonkeyPatch, mechanism: str
) -> None:
    """A relay that offers nothing but tokens gets the one of a file; a password is told that it fits nothing."""
    file = place / "token"
    file.write_text(f"{TOKEN}\n")
    offered = (mechanism,)
    token = {"login": f"{USER}@", "query": f"&tls=starttls&token_file={file}", "mechanisms": offered}
    async with facing(Manner.AUTH, place, vouched, monkeypatch, **token) as (server, sender, helper):  # type: ignore[arg-type]
        assert {outcome.result for outcome in await sent(sender)} == {Result.ACCEPTED}
        assert helper.logins
        assert all(helper.logins)
        wrong = from_url(f"smtp://{LOGIN}127.0.0.1:{server.port}?name=relay&tls=starttls")
        outcomes = await sent(wrong)
        await wrong.close()
        assert {(outcome.result, outcome.trouble) for outcome in outcomes} == {(Result.UNSENT, Trouble.AUTH)}
        assert f"offers AUTH {mechanism}" in outcomes[0].text


async def test_a_token_that_has_run_out_is_renewed(
    place: Path, vouched: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused token is asked for again at once, and the new one is used; both stay out of every text."""
    command = place / "renew"
    command.write_text(
        f"#!/bin/sh\nif [ -e {place}/ran ]; then echo {TOKEN}; else touch {place}/ran; echo expired; fi\n"
    )
    command.chmod(stat.S_IRWXU)
    query = f"&tls=starttls&auth=xoauth2&token_command={command}"
    async with facing(
        Manner.AUTH, place, vouched, monkeypatch, login=f"{USER}@", query=query, mechanisms=("XOAUTH2",)
    ) as (_, sender, helper):
        assert {outcome.result for outcome in await sent(sender, 1)} == {Result.ACCEPTED}
        assert helper.logins == [False, True]
        assert TOKEN not in repr(sender)
