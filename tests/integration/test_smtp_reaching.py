"""A relay whose name has several addresses, and a relay that keeps a process that is to end waiting."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import OutcomeKind
from mailer.processors.smtp import connection_pool
from mailer.processors.smtp.timeouts import SmtpTimeouts
from tests.integration.smtp_world import HANG, Scripted, allowed, outgoing, processor, scripted, soon

PIPELINING = ("SIZE 1000000", "8BITMIME", "PIPELINING")
both_ways = pytest.mark.parametrize("extensions", [("8BITMIME",), PIPELINING], ids=["plain", "pipelined"])


@contextmanager
def black_hole(port: int) -> Iterator[str]:
    """An address of loopback at which this port drops packets: it listens, and its queue of connections is full."""
    address = "127.0.0.2"
    clients = []
    with socket.socket() as listening:
        listening.bind((address, port))
        listening.listen(0)
        try:
            while True:  # until the kernel takes no more
                client = socket.socket()
                clients.append(client)
                client.settimeout(0.3)
                client.connect((address, port))
        except TimeoutError:
            yield address
        finally:
            for client in clients:
                client.close()


@asynccontextmanager
async def at(address: str, port: int, script: dict[str, list[str]]) -> AsyncIterator[Scripted]:
    """A scripted server at one address."""
    server = Scripted(script)
    async with await asyncio.start_server(server.accept, address, port):
        try:
            yield server
        finally:
            server.over.set()
            await asyncio.gather(*server.serving)


def named(monkeypatch: pytest.MonkeyPatch, addresses: Sequence[str], port: int) -> None:
    """Lets the name relay.example have these addresses; everything else is real."""
    loop = type(asyncio.get_running_loop())
    real = loop.getaddrinfo

    async def getaddrinfo(self: Any, host: str, port_: int, **how: Any) -> list[Any]:
        if host != "relay.example":
            return list(await real(self, host, port_, **how))
        assert port_ == port
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)


async def test_the_first_address_drops_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one takes the mail, within the time for a connection (case S7)."""
    async with scripted() as server:
        with black_hole(server.port) as hole:
            named(monkeypatch, [hole, "127.0.0.1"], server.port)
            async with processor(server.port, host="relay.example", times=SmtpTimeouts(connect=30)) as sender:
                begun = time.monotonic()
                outcomes = await sender.send([outgoing() for _ in range(3)], soon(), allowed)
                assert time.monotonic() - begun < 30
    assert {outcome.result for outcome in outcomes} == {OutcomeKind.ACCEPTED}


async def test_every_address_drops_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trouble is named if every address drops packets."""
    async with scripted() as server:
        with black_hole(server.port) as hole:
            named(monkeypatch, [hole], server.port)
            async with processor(server.port, host="relay.example", times=SmtpTimeouts(connect=0.5)) as sender:
                [outcome] = await sender.send([outgoing()], soon(), allowed)
    assert (outcome.result, outcome.trouble) == (OutcomeKind.UNSENT, ConnectionTrouble.TIMED_OUT)


@pytest.mark.parametrize("greeting", [HANG, "554 not here", "421 busy"])
async def test_the_first_address_does_not_greet(monkeypatch: pytest.MonkeyPatch, greeting: str) -> None:
    """The second one takes the mail, and from then on it is the first one."""
    async with scripted() as server, at("127.0.0.2", server.port, {"GREETING": [greeting]}) as other:
        named(monkeypatch, ["127.0.0.2", "127.0.0.1"], server.port)
        async with processor(server.port, host="relay.example", times=SmtpTimeouts(connect=2), idle=0.0) as sender:
            for _ in range(3):
                [outcome] = await sender.send([outgoing()], soon(), allowed)
                assert outcome.result is OutcomeKind.ACCEPTED
        assert other.connections == 1


async def test_a_name_without_an_address() -> None:
    """A name without an address is a trouble of the DNS, or of the name."""
    async with processor(25, host="relay.invalid") as sender:
        [outcome] = await sender.send([outgoing()], soon(), allowed)
    assert (outcome.result, outcome.trouble) == (OutcomeKind.UNSENT, ConnectionTrouble.DNS)
    assert "relay.invalid" in outcome.text


@both_ways
async def test_a_worker_that_ends_does_not_wait_for_ever(
    extensions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unanswered messages are in doubt after a while, and those that have not begun are given back."""
    monkeypatch.setattr(connection_pool, "FINISHING", 0.0)
    monkeypatch.setattr(connection_pool, "PARTING", 0.1)
    async with (
        scripted({".": [HANG]}, extensions=extensions) as server,
        processor(server.port, times=SmtpTimeouts()) as sender,
        asyncio.timeout(30),
        asyncio.TaskGroup() as tasks,
    ):
        window = tasks.create_task(sender.send([outgoing() for _ in range(3)], soon(), allowed))
        await server.hears("DATA")
        sender.start_shutdown_timers()
    assert [outcome.result for outcome in window.result()] == [
        OutcomeKind.IN_DOUBT,
        OutcomeKind.UNSENT,
        OutcomeKind.UNSENT,
    ]


@both_ways
async def test_a_relay_that_answers_nobody_is_a_trouble_to_who_waits(extensions: tuple[str, ...]) -> None:
    """A window that finds every connection waiting for an answer ends with its time, and says why."""
    times = SmtpTimeouts(connect=0.2)
    async with (
        scripted({".": [HANG]}, extensions=extensions) as server,
        processor(server.port, times=times) as sender,
        asyncio.TaskGroup() as tasks,
    ):
        stuck = tasks.create_task(sender.send([outgoing()], soon(), allowed))
        await server.hears("DATA")
        [waits] = await sender.send([outgoing()], time.monotonic() + 1.0, allowed)
        assert (waits.result, waits.trouble) == (OutcomeKind.UNSENT, ConnectionTrouble.TIMED_OUT)
        assert "none has had an answer" in waits.text
        server.over.set()
    assert stuck.result()[0].result is OutcomeKind.IN_DOUBT
