"""The SMTP processor against real servers, and against scripted ones that fail at every step."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.policy.outcome import Result
from mailer.ports.processor import Outgoing
from mailer.processors.smtp import SmtpProcessor
from tests.integration.smtp_world import (
    CONTENT,
    DROP,
    LEAVES,
    Keep,
    once,
    outgoing,
    processor,
    real,
    relay,
    scripted,
    soon,
)


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
