"""The whole way, from an event to the Maildir of a real server, in each configuration that operators meet.

Nothing is lost, nothing optional comes twice, nothing mandatory more than three times, and a relay that refuses us
fails nobody's delivery.
"""

import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from _pytest.mark import ParameterSet

from tests.acceptance.samples import event, people
from tests.processes import Stack, free_port, until
from tests.relays.exim import exim
from tests.relays.haraka import haraka
from tests.relays.helper import helping
from tests.relays.opensmtpd import opensmtpd
from tests.relays.postfix import postfix
from tests.relays.sandbox import Running
from tests.relays.world import PASSWORD, USER, Certificate, Manner, Server

SERVERS = {"postfix": postfix, "exim": exim, "opensmtpd": opensmtpd, "haraka": haraka}
NAMES = tuple(f"r{n}" for n in range(12))
FINAL = {"handed_over", "failed", "suppressed", "diverted"}
COPIES = 3
"""The most copies of mandatory mail."""
LOGIN = f"{USER}:{quote(PASSWORD, safe='')}@"
each_server = pytest.mark.parametrize("software", SERVERS)


@dataclass
class World:
    """A real server, and mailer in front of it."""

    stack: Stack
    software: str
    place: Path
    port: int
    vouched: Certificate

    @asynccontextmanager
    async def serving(self, manner: Manner) -> AsyncIterator[tuple[Server, Running]]:
        """The server in a configuration; the same folder and port each time."""
        async with (
            helping(manner) as (_, helper),
            SERVERS[self.software](manner, self.place, self.port, self.vouched, helper) as started,
        ):
            yield started

    def facing(self, login: str = "", **options: str) -> Stack:
        """Mailer with this server as its relay."""
        query = "".join(f"&{name}={value}" for name, value in options.items())
        url = f"smtp://{login}127.0.0.1:{self.port}?name=relay&country=DE&contract=DPA-9{query}"
        return self.stack.having(PROCESSORS=url).with_env(SSL_CERT_FILE=str(self.vouched.certificate))

    async def publish(self) -> None:
        """Optional and mandatory mail to everybody, and to somebody whom the server does not know."""
        to = people(*NAMES, "nobody")
        events = [event("news", "interpals", "newsletter", to), event("leak", "interpals", "breach", to)]
        await self.stack.done("publish", "-", stdin="\n".join(map(json.dumps, events)))
        await self.stack.taken_in("leak")
        await self.stack.done("mailing", "approve", "leak", "--by", "Dana Duty")

    async def states(self) -> Counter[str]:
        """Counts the deliveries in each state."""
        rows = await self.stack.query("SELECT state::text, count(*) FROM deliveries GROUP BY 1")
        return Counter({row[0]: row[1] for row in rows})

    async def tried(self, what: str) -> None:
        """Returns once the ledger holds an outcome of this kind, or of a later one, for a delivery."""
        asked = "SELECT count(*) FROM ledger WHERE kind = 'outcome' AND starts_with(reason, $1)"
        await until(lambda: self.stack.value(asked, what), f"an outcome {what}")

    async def hurry(self) -> None:
        """Makes due what waits for a later try."""
        await self.stack.query("UPDATE deliveries SET due_at = now() WHERE due_at > now() AND due_at < 'infinity'")
        await self.stack.query("UPDATE batches SET due_at = now() WHERE due_at > now() AND due_at < 'infinity'")

    async def finish(self, server: Server) -> None:
        """Returns once every delivery has its final state, and holds what the server has against the rules."""

        async def finished() -> bool:
            await self.hurry()
            states = await self.states()
            return states.total() == 2 * (len(NAMES) + 1) and set(states) <= FINAL

        await until(finished, "all deliveries to end")
        wanted = {f"{name}@example.org": 2 for name in NAMES}

        async def arrived() -> bool:
            return Counter(server.delivered()) == wanted

        await until(arrived, f"the mail of everybody; there is {Counter(server.delivered())}")
        for mailing in ("news", "leak"):
            assert (await self.stack.states(mailing))["r0"][0] == "handed_over"

    async def settle(self, server: Server) -> None:
        """The same where messages may be in doubt: optional mail at most once, mandatory once to thrice."""
        doubted = (
            "SELECT count(*) FROM deliveries d JOIN mailings m ON m.id = d.mailing_id"
            " WHERE m.event_id = 'news' AND d.state = 'failed' AND d.reason = 'in_doubt'"
        )

        async def finished() -> bool:
            await self.hurry()
            states = await self.states()
            return states.total() == 2 * (len(NAMES) + 1) and set(states) <= FINAL

        await until(finished, "all deliveries to end")

        async def arrived() -> bool:
            news, leaks = (Counter(server.delivered(optional=optional)) for optional in (True, False))
            everybody = {f"{name}@example.org" for name in NAMES}
            assert set(news.values()) <= {1}, news
            assert set(leaks.values()) <= set(range(1, COPIES + 1)), leaks
            missing = len(everybody - set(news))
            return set(leaks) == everybody and missing <= await self.stack.value(doubted)

        await until(arrived, "the mail of everybody")

    async def names_the_trouble(self) -> None:
        """The command that an operator asks says that the relay refuses us, in its own words, and what to do."""

        async def told() -> bool:
            [relay] = (await self.stack.done("processors", "list", "--json")).json["relays"]
            return relay["state"] == "misconfigured" and bool(relay["last_error"] and relay["remedy"])

        await until(told, "the relay's state")
        shown = await self.stack.status("news")
        assert any("relay" in why for why in shown["waiting"]), shown

    async def nobody_failed(self) -> None:
        """No delivery is over, and no address is dead."""
        states = await self.states()
        assert not set(states) & FINAL, states


@pytest.fixture
async def world(small_stack: Stack, place: Path, vouched: Certificate, software: str) -> World:
    """A server that is not started yet."""
    return World(small_stack, software, place, free_port(), vouched)


RIGHT: tuple[tuple[Manner, str, dict[str, str]], ...] = (
    (Manner.PLAIN, "", {}),
    (Manner.FQDN, "", {}),
    (Manner.STARTTLS, "", {"tls": "starttls"}),
    (Manner.AUTH, LOGIN, {"tls": "starttls"}),
    (Manner.GREY, "", {}),
)


IMPOSSIBLE = {("opensmtpd", Manner.DENIED)}
"""OpenSMTPD says "550 Invalid recipient" where it does not relay: no word tells that from a dead address. Nor can
Debian 12's complete a TLS handshake; see there."""


def walks(rows: Sequence[tuple[Manner, str, dict[str, str]]]) -> list[ParameterSet]:
    """Each configuration at each server that can have it."""
    return [
        pytest.param(software, *row, id=f"{software}-{row[0]}")
        for software in SERVERS
        for row in rows
        if (software, row[0]) not in IMPOSSIBLE and not (software == "opensmtpd" and row[2])
    ]


@pytest.mark.parametrize(("software", "manner", "login", "options"), walks(RIGHT))
async def test_a_relay_that_is_set_up_as_it_should_be(
    world: World, manner: Manner, login: str, options: dict[str, str]
) -> None:
    """Everybody gets each mail once. People whom the relay does not know get none."""
    facing = world.facing(login, **options)
    async with world.serving(manner) as (server, _), facing.running("worker"):
        await world.publish()
        await world.finish(server)


WRONG: tuple[tuple[Manner, str, dict[str, str]], ...] = (
    (Manner.STARTTLS, "", {}),
    (Manner.AUTH, "", {"tls": "starttls"}),
    (Manner.BAD_HELO, "", {}),
    (Manner.DENIED, "", {}),
)


@pytest.mark.parametrize(("software", "manner", "login", "options"), walks(WRONG))
async def test_a_relay_that_refuses_us_fails_nobody(
    world: World, manner: Manner, login: str, options: dict[str, str]
) -> None:
    """The refusals are about the set-up. The mail waits, and goes out once the set-up is right."""
    async with world.serving(manner), world.facing(login, **options).running("worker") as (worker,):
        await world.publish()
        await world.tried("unsent")
        await world.nobody_failed()
        assert worker.log.count("a relay is in trouble") == 1, worker.log
        assert "relay refuses us, not our messages" in worker.log
        await world.names_the_trouble()
    async with world.serving(Manner.PLAIN) as (server, _), world.facing().running("worker"):
        await world.finish(server)


@each_server
async def test_a_relay_that_takes_few_messages(world: World) -> None:
    """Mail beyond its rate waits, and goes out once it takes more."""
    async with world.serving(Manner.RATE), world.facing(pool="1", urgent="0").running("worker"):
        await world.publish()
        await world.tried("deferred")
    async with world.serving(Manner.PLAIN) as (server, _), world.facing().running("worker"):
        await world.finish(server)


@each_server
async def test_a_relay_that_takes_only_small_messages(world: World) -> None:
    """Nobody gets anything, nobody's address is dead, and nothing is offered without end."""
    async with world.serving(Manner.SMALL) as (server, _), world.facing().running("worker"):
        await world.publish()

        async def tried() -> bool:
            states = await world.states()
            return states.total() == 2 * (len(NAMES) + 1) and set(states) <= {"failed", "deferred", "diverted"}

        await until(tried, "every message to be tried")
        assert server.delivered() == []
        dead = await world.stack.query("SELECT count(*) FROM suppressions")
        assert dead[0][0] <= 1  # nobody@, if the relay says so before it sees how large the message is


@each_server
async def test_a_relay_that_answers_slowly(world: World) -> None:
    """A final dot that is answered after the lease makes no second copy of optional mail, and few of others."""
    facing = world.facing(pool="16", urgent="0").having(LEASE_SECONDS="2")
    async with world.serving(Manner.SLOW) as (server, _), facing.running("worker"):
        await world.publish()
        await world.settle(server)


@each_server
async def test_a_relay_that_is_killed_amid(world: World) -> None:
    """Mail that it has taken is there once, mail in doubt by the rules, and all else goes out when it is back."""
    async with world.facing().running("worker"):
        async with world.serving(Manner.SLOW) as (_, running):
            await world.publish()
            intended = "SELECT count(*) FROM deliveries WHERE state = 'intended'"
            await until(lambda: world.stack.value(intended), "hand-overs")
            await running.end(signal.SIGKILL)
        async with world.serving(Manner.PLAIN) as (server, _):
            await world.settle(server)
