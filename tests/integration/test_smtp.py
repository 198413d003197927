"""The SMTP processor's windows, connections and pools, against real servers and scripted ones."""

import asyncio
import os
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import OutcomeKind
from mailer.processors.smtp.ehlo_name import is_fully_qualified
from tests.integration.smtp_world import (
    CONTENT,
    HANG,
    LEAVES,
    Keep,
    allowed,
    outgoing,
    patient,
    processor,
    real,
    scripted,
    soon,
)

PLAIN = ("SIZE 1000000", "8BITMIME")
PIPELINING = (*PLAIN, "PIPELINING")
both_ways = pytest.mark.parametrize("extensions", [PLAIN, PIPELINING], ids=["plain", "pipelined"])


async def test_a_window_is_delivered_as_it_is() -> None:
    """Each message arrives once, byte for byte, in its own transaction, over no more connections than the pool has."""
    keep = Keep()
    window = [outgoing(f"r{n}@example.org", CONTENT + b"%d\r\n" % n) for n in range(50)]
    async with real(lambda: SMTP(keep, hostname="test")) as port, processor(port, pool=4) as sender:
        outcomes = await sender.send(window, soon(), allowed)
    assert [(outcome.result, outcome.code) for outcome in outcomes] == [(OutcomeKind.ACCEPTED, 250)] * 50
    assert sorted((e.mail_from, e.rcpt_tos, e.original_content) for e in keep.envelopes) == sorted(
        (message.sender, [message.recipient], message.content) for message in window
    )
    assert len(keep.sessions) <= 4


@both_ways
async def test_connections_are_used_again(extensions: tuple[str, ...]) -> None:
    """Two windows need one connection, and closing ends it politely."""
    async with scripted(extensions=extensions) as server:
        async with processor(server.port) as sender:
            assert await sender.send([], soon(), allowed) == []
            for _ in range(2):
                outcomes = await sender.send([outgoing(), outgoing()], soon(), allowed)
                assert [outcome.result for outcome in outcomes] == [OutcomeKind.ACCEPTED] * 2
        assert server.connections == 1
        assert server.commands[-1] == "QUIT"
        assert server.contents[0] == CONTENT.replace(b"\r\n.", b"\r\n..") + b".\r\n"


@both_ways
async def test_each_recipient_has_its_own_reply(extensions: tuple[str, ...]) -> None:
    """One refusal takes nobody else with it, and the transaction that it left open is reset."""
    script = {"RCPT": ["250 Ok", "550 5.1.1 No such user", "450 4.2.1 Later", "250 Ok"]}
    async with scripted(script, extensions=extensions) as server, processor(server.port) as sender:
        outcomes = await sender.send([outgoing(f"r{n}@example.org") for n in range(4)], soon(), allowed)
        assert [outcome.result for outcome in outcomes] == [
            OutcomeKind.ACCEPTED,
            OutcomeKind.REFUSED,
            OutcomeKind.DEFERRED,
            OutcomeKind.ACCEPTED,
        ]
        assert (outcomes[1].code, outcomes[1].status, outcomes[1].text) == (550, "5.1.1", "5.1.1 No such user")
        assert server.commands.count("RSET") == 2
        assert server.connections == 1


async def test_nobody_listens() -> None:
    """Every message is unsent, with the reason, if there is no server."""
    async with real(lambda: SMTP(Keep(), hostname="test")) as port:
        pass
    async with processor(port, pool=4) as sender:
        outcomes = await sender.send([outgoing() for _ in range(6)], soon(), allowed)
    assert {outcome.result for outcome in outcomes} == {OutcomeKind.UNSENT}
    assert outcomes[0].text.startswith(f"relay: no connection to 127.0.0.1 on port {port}")
    assert {outcome.trouble for outcome in outcomes} == {ConnectionTrouble.UNREACHABLE}


@both_ways
async def test_a_server_that_leaves_after_its_greeting(extensions: tuple[str, ...]) -> None:
    """A connection that ends in good order before the first message is a failure like any other."""
    lines = "".join(f"250-{line}\r\n" for line in extensions)
    for _ in range(10):
        async with scripted({"EHLO": [f"{lines}250 hello {LEAVES}"]}) as server, processor(server.port) as sender:
            [outcome] = await sender.send([outgoing()], soon(), allowed)
            assert outcome.result in {OutcomeKind.UNSENT, OutcomeKind.DEFERRED}


async def test_connections_that_cannot_be_made_leave_the_rest_to_the_others() -> None:
    """A server that takes two connections only still gets the whole window."""
    script = {"GREETING": ["220 hi", "220 hi", "421 too many connections"]}
    async with scripted(script) as server, processor(server.port, pool=4) as sender:
        outcomes = await sender.send([outgoing() for _ in range(20)], soon(), allowed)
    assert [outcome.result for outcome in outcomes] == [OutcomeKind.ACCEPTED] * 20


async def test_no_message_begins_after_the_deadline() -> None:
    """Nothing is offered, and no connection is made, after the deadline."""
    async with scripted() as server, processor(server.port) as sender:
        [outcome] = await sender.send([outgoing()], time.monotonic() - 1, allowed)
        assert (outcome.result, server.connections) == (OutcomeKind.UNSENT, 0)


@both_ways
async def test_windows_share_the_pool(extensions: tuple[str, ...]) -> None:
    """Three windows at once wait for one another's connections instead of opening more."""
    async with scripted(extensions=extensions) as server, processor(server.port, pool=2) as sender:
        windows = await asyncio.gather(
            *(sender.send([outgoing() for _ in range(5)], soon(), allowed) for _ in range(3))
        )
        assert {outcome.result for window in windows for outcome in window} == {OutcomeKind.ACCEPTED}
        assert len(server.contents) == 15
        assert server.connections == 2


async def test_a_cancelled_window_leaves_no_connection_half_way() -> None:
    """The pool is whole after a cancellation, and the next window starts on a clean connection."""
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
        task = asyncio.create_task(sender.send([outgoing()], soon(), allowed))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        [outcome] = await sender.send([outgoing("bob@example.org")], soon(), allowed)
    assert outcome.result is OutcomeKind.ACCEPTED
    assert [envelope.rcpt_tos for envelope in keep.envelopes] == [["bob@example.org"]]


async def test_one_write_carries_the_next_envelope_too() -> None:
    """The next MAIL, RCPT and DATA reach a quick server before it answers the final dot (RFC 2920 3.1)."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def envelope() -> None:
            seen.extend([(await reader.readuntil(b"\r\n")).decode().split()[0] for _ in range(3)])

        writer.write(b"220 hi\r\n")
        await reader.readuntil(b"\r\n")
        writer.write(b"250-hello\r\n250 PIPELINING\r\n")
        for taken in (b"250 Taken\r\n", b""):
            await envelope()
            writer.write(b"250 Ok\r\n250 Ok\r\n354 go\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            writer.write(taken)
        await envelope()
        writer.write(b"250 Taken\r\n250 Ok\r\n250 Ok\r\n354 go\r\n")
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"250 Taken\r\n")
        await reader.readuntil(b"QUIT\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, processor(server.sockets[0].getsockname()[1]) as sender:
        outcomes = await sender.send([outgoing() for _ in range(3)], soon(), allowed)
    assert [outcome.text for outcome in outcomes] == ["Taken"] * 3
    assert seen == ["MAIL", "RCPT", "DATA"] * 3


@both_ways
@pytest.mark.parametrize("dsn", [True, False])
async def test_reports_are_asked_for_where_they_are_offered(extensions: tuple[str, ...], dsn: bool) -> None:
    """MAIL and RCPT say who is to be told what (RFC 3461), to a server that offers DSN and to no other."""
    offered = (*extensions, "DSN") if dsn else extensions
    async with scripted(extensions=offered) as server, processor(server.port) as sender:
        [outcome] = await sender.send([outgoing("a+b@example.org", envid="d=7")], soon(), allowed)
        assert outcome.result is OutcomeKind.ACCEPTED
        mail, rcpt = server.commands[1:3]
        assert mail.endswith(" RET=HDRS ENVID=d+3D7") is dsn
        assert rcpt.endswith(" NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb@example.org") is dsn


@both_ways
async def test_a_connection_that_ended_between_windows_costs_nothing(extensions: tuple[str, ...]) -> None:
    """A server that says 421 unasked, or leaves, is connected to anew."""
    async with (
        scripted({".": [f"250 Ok\r\n421 bye {LEAVES}"]}, extensions=extensions) as server,
        processor(server.port) as sender,
    ):
        for _ in range(3):
            [outcome] = await sender.send([outgoing()], soon(), allowed)
            assert outcome.result is OutcomeKind.ACCEPTED
        assert (server.connections, len(server.contents)) == (3, 3)


@both_ways
async def test_a_connection_carries_only_so_many(extensions: tuple[str, ...]) -> None:
    """A connection is ended politely after the relay's number of messages, even in the middle of a window."""
    async with scripted(extensions=extensions) as server, processor(server.port, messages=2) as sender:
        outcomes = await sender.send([outgoing() for _ in range(5)], soon(), allowed)
        assert [outcome.result for outcome in outcomes] == [OutcomeKind.ACCEPTED] * 5
        await sender.close()
        assert (server.connections, server.commands.count("QUIT")) == (3, 3)


@both_ways
async def test_an_old_connection_begins_nothing(extensions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is too old is ended politely, and not used again."""
    async with scripted(extensions=extensions) as server, processor(server.port, age=300.0) as sender:
        await sender.send([outgoing()], soon(), allowed)
        later = SimpleNamespace(monotonic=lambda: time.monotonic() + 301)
        monkeypatch.setattr("mailer.processors.smtp.connection.time", later)
        [outcome] = await sender.send([outgoing()], soon() + 301, allowed)
        await server.hears("QUIT")
        assert (outcome.result, server.connections) == (OutcomeKind.ACCEPTED, 2)


@both_ways
async def test_an_idle_connection_is_ended(extensions: tuple[str, ...]) -> None:
    """A connection that nobody uses is ended by itself, and politely."""
    async with scripted(extensions=extensions) as server, processor(server.port, idle=0.01) as sender:
        await sender.send([outgoing()], soon(), allowed)
        await server.hears("QUIT")
        [outcome] = await sender.send([outgoing()], soon(), allowed)
        assert (outcome.result, server.connections) == (OutcomeKind.ACCEPTED, 2)


async def test_urgent_mail_has_connections_of_its_own() -> None:
    """Urgent mail goes out while bulk mail holds all its connections. More bulk mail waits until its time is up."""
    async with (
        scripted({"MAIL": [HANG, "250 Ok"]}, extensions=PIPELINING) as server,
        processor(server.port, pool=1, urgent=1) as sender,
    ):
        stuck = asyncio.create_task(sender.send([outgoing()], soon(), allowed))
        await server.hears("MAIL")
        [urgent] = await sender.send([outgoing()], soon(), allowed, urgent=True)
        [bulk] = await sender.send([outgoing()], time.monotonic() + 0.02, allowed)
        assert (urgent.result, bulk.result, bulk.trouble) == (OutcomeKind.ACCEPTED, OutcomeKind.UNSENT, None)
        stuck.cancel()
        [bulk] = await sender.send([outgoing()], soon(), allowed)
        assert bulk.result is OutcomeKind.ACCEPTED


async def test_urgent_mail_may_take_every_connection() -> None:
    """A large urgent window goes out over all connections at once, if there is no bulk mail."""
    async with scripted(extensions=PIPELINING) as server, processor(server.port, pool=2, urgent=1) as sender:
        for urgent, connections in ((False, 2), (True, 3)):
            outcomes = await sender.send([outgoing() for _ in range(9)], soon(), allowed, urgent=urgent)
            assert {outcome.result for outcome in outcomes} == {OutcomeKind.ACCEPTED}
            assert server.connections == connections


@both_ways
async def test_a_bug_in_a_permit_is_not_swallowed(extensions: tuple[str, ...]) -> None:
    """A permit that raises an error makes the window fail, on no connection half way. The next window is carried."""

    def broken(index: int) -> str | None:
        if index == 1:
            raise LookupError("a bug")
        return None

    async with scripted(extensions=extensions) as server, processor(server.port) as sender:
        with pytest.raises(LookupError):
            await sender.send([outgoing(), outgoing()], soon(), broken)
        [outcome] = await sender.send([outgoing()], soon(), allowed)
        assert outcome.result is OutcomeKind.ACCEPTED


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_frozen_process_reads_first_what_came_meanwhile(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Frozen after a final dot for longer than a reply may take, it finds the reply, and nothing is in doubt."""

    async def freeze() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 hi\r\n")
            await reader.readuntil(b"\r\n")
            writer.write(b"250-hello\r\n250 PIPELINING\r\n")
            await reader.readuntil(b"DATA\r\n")
            writer.write(b"250 Ok\r\n250 Ok\r\n354 go\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            connection = writer.get_extra_info("socket").fileno()
            os.write(connection, b"250 Taken\r\n")
            asyncio.get_running_loop().call_soon(time.sleep, 0.3)
            await reader.readuntil(b"QUIT\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server, processor(server.sockets[0].getsockname()[1], times=patient(0.25)) as sender:
            [outcome] = await sender.send([outgoing()], soon(), allowed)
        assert (outcome.result, outcome.text) == (OutcomeKind.ACCEPTED, "Taken")

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(freeze())


@both_ways
async def test_ehlo_says_a_name_that_servers_take(extensions: tuple[str, ...]) -> None:
    """The URL's name; without one, no lone label such as localhost, which many servers refuse (RFC 5321 4.1.1.1)."""
    async with scripted(extensions=extensions) as server:
        async with processor(server.port, helo="mail.example.org") as sender:
            await sender.send([outgoing()], soon(), allowed)
        async with processor(server.port) as sender:
            await sender.send([outgoing()], soon(), allowed)
    said, usual = (command.partition(" ")[2] for command in server.commands if command.startswith("EHLO"))
    assert said == "mail.example.org"
    assert usual == "[127.0.0.1]" or is_fully_qualified(usual)
