"""Every way in which a server can answer or die, and the outcome that it leads to.

Each row is walked on a server that offers PIPELINING and on one that does not, and what the server really took is held
against what the processor says.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage
from mailer.processors.smtp.relay_url import TlsMode
from tests.integration.smtp_world import (
    BYTEWISE,
    CLOSE,
    CONTENT,
    DROP,
    HALF,
    HANG,
    LEAVES,
    READ,
    Scripted,
    outgoing,
    patient,
    processor,
    scripted,
    soon,
)

A, D, R, B, S, Q, U = (
    OutcomeKind.ACCEPTED,
    OutcomeKind.DEFERRED,
    OutcomeKind.REFUSED,
    OutcomeKind.BLOCKED,
    OutcomeKind.SET_UP,
    OutcomeKind.IN_DOUBT,
    OutcomeKind.UNSENT,
)
Script = Mapping[str, Sequence[str]]
BIG = b"Subject: big\r\n\r\n" + (b"x" * 70 + b"\r\n") * 200_000
"""Octets that no socket buffer holds."""
SILENCE = 4.0
"""Seconds of patience where a server says nothing. Those rows are walked all at once, so it is waited for once."""
NO = "450 4.2.0 Later"
DEAD = "550 5.1.1 No such user"
SPAM = "554 5.7.1 Spam"
BYE = "421 4.3.2 Closing"
OK = "250 Ok"
JUNK = "junk"


@dataclass(frozen=True)
class Row:
    """A scripted server, and what comes of a window of as many messages as there are outcomes.

    Attributes:
        name: what happens.
        script: what the server does.
        results: the outcomes.
        plain: the outcomes without PIPELINING, None if they are the same, empty where the row makes no sense then.
        contents: the messages' contents by place, where they are not the usual one.
        recipients: the same for their recipients.
        extensions: what the server offers besides PIPELINING.
        forbidden: the places whose permit is refused.
        frozen: after so many DATA commands the process is frozen, for longer than the lease holds.
        halted: after so many DATA commands the server takes two seconds, and no permit is given after it.
        tls, username: how the connection is made.
        text: what the first outcome that is none of accepted says.
    """

    name: str
    script: Script
    results: Sequence[OutcomeKind]
    plain: Sequence[OutcomeKind] | None = None
    contents: Mapping[int, bytes] = field(default_factory=dict)
    recipients: Mapping[int, str] = field(default_factory=dict)
    extensions: Sequence[str] = ("SIZE 100000000", "8BITMIME")
    forbidden: frozenset[int] = frozenset()
    frozen: int | None = None
    halted: int | None = None
    tls: TlsMode = TlsMode.NONE
    username: str | None = None
    text: str = ""

    @property
    def silent(self) -> bool:
        """True if the server never answers in this row."""
        return any(HANG in replies for replies in self.script.values())

    def expected(self, pipelining: bool) -> list[OutcomeKind]:
        """The row's outcomes on a server with or without PIPELINING."""
        return list(self.results if pipelining or self.plain is None else self.plain)


CONNECTING = (
    Row("the connection is cut before the greeting", {"GREETING": [DROP]}, [U, U], text="relay: "),
    Row("it is closed before the greeting", {"GREETING": [CLOSE]}, [U, U], text="relay: "),
    Row("greeting 554", {"GREETING": ["554 go away"]}, [U, U], text="554 go away"),
    Row("greeting 421", {"GREETING": [BYE]}, [U, U], text="421"),
    Row("greeting garbage", {"GREETING": [JUNK]}, [U], text=JUNK),
    Row("greeting over-long", {"GREETING": ["220 " + "x" * 9_000]}, [U], text="too long"),
    Row("greeting never", {"GREETING": [HANG]}, [U], text="relay: "),
    Row("half a greeting", {"GREETING": [HALF + "22"]}, [U], text="relay: "),
    Row("greeting one octet at a time", {"GREETING": [BYTEWISE + "220 hi"]}, [A]),
    Row("EHLO 421", {"EHLO": [BYE]}, [U], text="421"),
    Row("EHLO 500", {"EHLO": ["500 what"]}, [U], text="500 what"),
    Row("EHLO cut", {"EHLO": [DROP]}, [U], text="relay: "),
    Row("EHLO garbage", {"EHLO": [JUNK]}, [U], text=JUNK),
    Row("EHLO never", {"EHLO": [HANG]}, [U], text="relay: "),
    Row("STARTTLS is not offered", {}, [U, U], tls=TlsMode.STARTTLS, text="STARTTLS extension not supported"),
    Row("STARTTLS 454", {"STARTTLS": ["454 no"]}, [U], tls=TlsMode.STARTTLS, extensions=("STARTTLS",), text="454"),
    Row("STARTTLS cut", {"STARTTLS": [DROP]}, [U], tls=TlsMode.STARTTLS, extensions=("STARTTLS",), text="relay: "),
    Row(
        "TLS is not spoken after STARTTLS",
        {"STARTTLS": [f"220 go {LEAVES}"]},
        [U],
        tls=TlsMode.STARTTLS,
        extensions=("STARTTLS",),
        text="relay: ",
    ),
    Row("TLS is not spoken at all", {}, [U], tls=TlsMode.IMPLICIT, text="relay: "),
    Row("AUTH is not offered", {}, [U, U], username="user", text="AUTH extension is not supported"),
    Row(
        "AUTH 535", {"AUTH": ["535 5.7.8 no"]}, [U, U], username="user", extensions=("AUTH PLAIN",), text="AUTH refused"
    ),
    Row("AUTH cut", {"AUTH": [DROP]}, [U], username="user", extensions=("AUTH PLAIN",), text="relay: "),
)

OFFERING = (
    Row("MAIL cut", {"MAIL": [DROP]}, [D, U], text="lost before the final dot"),
    Row("MAIL closed", {"MAIL": [CLOSE]}, [D, U], text="lost before the final dot"),
    Row("MAIL 450", {"MAIL": [NO, OK]}, [D, A], text="4.2.0 Later"),
    Row("MAIL 550 for an unknown sender", {"MAIL": [DEAD, OK]}, [B, A]),
    Row("MAIL 421", {"MAIL": [BYE]}, [U, U], text="Closing"),
    Row("MAIL 530 for want of TLS", {"MAIL": ["530 Must issue STARTTLS"]}, [U, U], text="STARTTLS"),
    Row("MAIL 550 for want of a password", {"MAIL": ["550 5.7.0 Authentication required", OK]}, [U, A]),
    Row("MAIL 521 and leaves", {"MAIL": [f"521 no mail {LEAVES}"]}, [U, U], text="no mail"),
    Row("MAIL garbage", {"MAIL": [JUNK]}, [D, U], text="lost before the final dot"),
    Row("MAIL 354", {"MAIL": ["354 what"]}, [D, U], text="unexpected reply 354"),
    Row("MAIL in several lines", {"MAIL": ["250-Ok\r\n250-and\r\n250 well"]}, [A, A]),
    Row("MAIL one octet at a time", {"MAIL": [BYTEWISE + "250 Ok"]}, [A, A]),
    Row("MAIL never", {"MAIL": [HANG]}, [D, U], text="Timed out"),
    Row("half a reply to MAIL", {"MAIL": [HALF + "250 O"]}, [D, U], text="lost before the final dot"),
    Row("more replies than commands", {"MAIL": ["250 Ok\r\n250 Ok"]}, [D, U], text="unexpected reply 250"),
    Row("RCPT cut", {"RCPT": [DROP]}, [D, U], text="lost before the final dot"),
    Row("RCPT 450", {"RCPT": [NO, OK]}, [D, A]),
    Row("RCPT 550 for a dead address", {"RCPT": [DEAD, OK]}, [R, A], text="No such user"),
    Row("RCPT 554 for spam", {"RCPT": [SPAM, OK]}, [B, A]),
    Row("RCPT 552 for a full mailbox", {"RCPT": ["552 5.2.2 full", OK]}, [D, A]),
    Row("RCPT 554 for relaying", {"RCPT": ["554 5.7.1 <a@b.example>: Relay access denied", OK]}, [U, A]),
    Row("RCPT 454 for relaying", {"RCPT": ["454 4.7.1 <a@b.example>: Relay access denied", OK]}, [U, A]),
    Row(
        "RCPT 504 for our name",
        {"RCPT": ["504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname"]},
        [U, U],
    ),
    Row("RCPT 550 by Outlook.com", {"RCPT": ["550 5.5.0 mailbox unavailable (S2017062302)", OK]}, [R, A]),
    Row("RCPT 550 for our SPF record", {"RCPT": ["550 5.7.27 SPF did not pass", OK]}, [S, A]),
    Row("RCPT 251", {"RCPT": ["251 forwarded"]}, [A, A]),
    Row("RCPT 421", {"RCPT": [BYE]}, [D, U], text="Closing"),
    Row("RCPT garbage", {"RCPT": [JUNK]}, [D, U], text="lost before the final dot"),
    Row("RCPT refused in several lines", {"RCPT": ["550-5.1.1 No\r\n550 5.1.1 such", OK]}, [R, A]),
    Row("RCPT one octet at a time", {"RCPT": [BYTEWISE + DEAD, OK]}, [R, A]),
    Row("RCPT never", {"RCPT": [HANG]}, [D, U], text="Timed out"),
    Row("RSET refused after RCPT", {"RCPT": [DEAD, OK], "RSET": ["500 what"]}, [R, A]),
    Row("RSET cut after RCPT", {"RCPT": [DEAD, OK], "RSET": [CLOSE]}, [R, A]),
    Row("RCPT refused, content wanted", {"RCPT": [DEAD, OK], "DATA": ["354 go"], ".": [SPAM, OK]}, [R, A], plain=()),
    Row("RCPT refused, content for nobody taken", {"RCPT": [DEAD, OK], "DATA": ["354 go"]}, [R, A], plain=()),
    Row("MAIL and RCPT refused, content wanted", {"MAIL": [NO, OK], "DATA": ["354 go"]}, [D, A], plain=()),
    Row("MAIL alone refused", {"MAIL": [NO, OK], "RCPT": [OK], "DATA": ["354 go"]}, [D, U], plain=()),
    Row("DATA cut", {"DATA": [DROP]}, [D, U], text="lost before the final dot"),
    Row("DATA 451", {"DATA": ["451 4.3.0 no", "354 go"]}, [D, A]),
    Row("DATA 554", {"DATA": ["554 5.7.1 no", "354 go"]}, [B, A]),
    Row("DATA 503", {"DATA": ["503 5.5.1 RCPT first", "354 go"]}, [U, A], text="RCPT first"),
    Row("DATA 421", {"DATA": [BYE]}, [D, U], text="Closing"),
    Row("DATA 250", {"DATA": [OK]}, [D, U], text="unexpected reply 250"),
    Row("DATA garbage", {"DATA": [JUNK]}, [D, U], text="lost before the final dot"),
    Row("DATA one octet at a time", {"DATA": [BYTEWISE + "354 go"]}, [A, A]),
    Row("DATA never", {"DATA": [HANG]}, [D, U], text="Timed out"),
    Row("DATA answered twice", {"DATA": ["354 go\r\n250 what"]}, [D, U], text="more replies"),
)

CONTENTS = (
    Row("content too big for one write", {}, [A, A], contents={0: BIG[:100_015]}),
    Row("content cut off", {"CONTENT": [DROP]}, [D, U], contents={0: BIG}, text="lost before the final dot"),
    Row("content not read", {"CONTENT": [HANG]}, [D, U], contents={0: BIG}, text="lost before the final dot"),
    Row("content refused early", {"CONTENT": [SPAM, HANG]}, [B, U], contents={0: BIG}),
    Row("content accepted early", {"CONTENT": [OK, HANG]}, [D, U], contents={0: BIG}, text="lost before"),
    Row("garbage within the content", {"CONTENT": [JUNK, HANG]}, [D, U], contents={0: BIG}, text="lost before"),
    Row("a small content cut off, its dot written", {"CONTENT": [DROP]}, [Q, U], text="lost after the final dot"),
    Row("the second content cut off", {"CONTENT": [READ, DROP, READ]}, [A, Q, A]),
)

ANSWERING = (
    Row("cut after the final dot", {".": [DROP]}, [Q, U], text="lost after the final dot"),
    Row("closed after it", {".": [CLOSE]}, [Q, U], text="lost after the final dot"),
    Row("450 after it", {".": [NO, OK]}, [D, A]),
    Row("550 after it, for a dead address", {".": [DEAD, OK]}, [R, A]),
    Row("552 after it, for a full mailbox", {".": ["552 5.2.2 full", OK]}, [D, A]),
    Row("554 after it, for spam", {".": [SPAM, OK]}, [B, A]),
    Row("530 after it", {".": ["530 5.7.0 Authentication required", OK]}, [U, A], text="Authentication"),
    Row("421 for our PTR record after it", {".": ["421 4.7.23 no PTR record"]}, [S, U], text="PTR"),
    Row("421 after it", {".": [BYE]}, [D, U], text="Closing"),
    Row("garbage after it", {".": [JUNK]}, [Q, U], text="lost after the final dot"),
    Row("354 after it", {".": ["354 again"]}, [Q, U], text="unexpected reply 354"),
    Row("nothing after it", {".": [HANG]}, [Q, U], text="Timed out"),
    Row("half a line after it", {".": [HALF + "250 O"]}, [Q, U], text="lost after the final dot"),
    Row("half a reply after it", {".": [HALF + "250-Ok\r\n"]}, [Q, U], text="lost after the final dot"),
    Row("an over-long line after it", {".": ["250 " + "x" * 9_000]}, [Q, U], text="lost after the final dot"),
    Row("an endless reply after it", {".": ["\r\n".join(["250-x" + "x" * 500] * 80)]}, [Q, U], text="lost after"),
    Row("two codes in one reply after it", {".": ["250-Ok\r\n550 no"]}, [Q, U]),
    Row("several lines after it", {".": ["250-2.0.0 Ok\r\n250 queued"]}, [A, A]),
    Row("one octet at a time after it", {".": [BYTEWISE + OK]}, [A, A]),
    Row("the server leaves after each message", {".": [f"250 Ok {LEAVES}"]}, [A, A, A]),
)

FOLLOWING = (
    Row("the connection ends before the second MAIL", {"MAIL": [OK, CLOSE, OK]}, [A, A, A]),
    Row("421 to the second MAIL", {"MAIL": [OK, BYE, OK]}, [A, A, A]),
    Row("garbage to the second MAIL", {"MAIL": [OK, JUNK, OK]}, [A, A, A]),
    Row("450 to the second MAIL", {"MAIL": [OK, NO, OK]}, [A, D, A]),
    Row("the second RCPT refused", {"RCPT": [OK, DEAD, OK]}, [A, R, A]),
    Row("closed at the second RCPT", {"RCPT": [OK, CLOSE, OK]}, [A, D, A]),
    Row("421 to the second RCPT", {"RCPT": [OK, BYE, OK]}, [A, D, A]),
    Row("the second DATA refused", {"DATA": ["354 go", SPAM, "354 go"]}, [A, B, A]),
    Row("every RCPT refused", {"RCPT": [DEAD]}, [R, R, R]),
    Row("the first refused after its dot, the next under way", {".": [DEAD, OK]}, [R, A, A]),
    Row("closed after each dot but the first", {".": [OK, CLOSE]}, [A, Q, Q, U, U]),
    Row("421 after the second dot", {".": [OK, BYE, OK]}, [A, D, A]),
    Row("garbage after the second dot", {".": [OK, JUNK, OK]}, [A, Q, A]),
    Row("nothing after the second dot", {".": [OK, HANG]}, [A, Q, Q, U]),
)

OURS = (
    Row("SMTPUTF8 needed and not offered", {}, [A, B, A], recipients={1: "jürgen@example.org"}, text="SMTPUTF8"),
    Row("8BITMIME needed and not offered", {}, [A, B], contents={1: "\r\nä\r\n".encode()}, extensions=(), text="8BIT"),
    Row("SIZE exceeded", {}, [A, B, A], contents={1: CONTENT * 3}, extensions=("SIZE 100",), text="octets"),
    Row("SIZE without a limit", {}, [A], contents={0: CONTENT * 3}, extensions=("SIZE 0",)),
    Row(
        "an address that would break the command",
        {},
        [A, B],
        recipients={1: "a@example.org> NOTIFY=NEVER"},
        text="an envelope address",
    ),
    Row(
        "an address with a line end",
        {},
        [B, A],
        recipients={0: "a@example.org>\r\nRCPT TO:<b@example.org"},
        text="an envelope address",
    ),
    Row("half an address", {}, [B, A], recipients={0: "a\udce9@example.org"}, text="an envelope address"),
    Row(
        "a dot on a line that ends in LF",
        {},
        [B, A],
        contents={0: b"\r\na\n.\nMAIL FROM:<b@example.org>\r\n"},
        text="a bare CR or LF",
    ),
    Row("a bare CR", {}, [A, B], contents={1: b"\r\na\rb\r\n"}, text="a bare CR or LF"),
    Row("the second permit refused", {}, [A, U, A], forbidden=frozenset({1}), text="halted"),
    Row("no permit at all", {}, [U, U], forbidden=frozenset({0, 1}), text="halted"),
    Row("frozen after the first 354", {}, [U, U], frozen=1, text="its time was up"),
    Row("frozen after the second 354", {}, [A, U, U], frozen=2, text="its time was up"),
    Row("frozen with an envelope sent ahead", {}, [A, A, U, U], frozen=3, text="its time was up"),
    Row("halted with an envelope sent ahead", {}, [A, A, U, U], plain=[A, A, A, U], halted=3, text="halted"),
)

ROWS = (*CONNECTING, *OFFERING, *CONTENTS, *ANSWERING, *FOLLOWING, *OURS)
WALKS = [(row, pipelining) for row in ROWS for pipelining in (True, False) if row.expected(pipelining)]


def titled(row: Row, pipelining: bool) -> str:
    """A walk's name."""
    return f"{row.name}, {'pipelined' if pipelining else 'plain'}"


@pytest.mark.parametrize(
    ("row", "pipelining"), [pytest.param(*walk, id=titled(*walk)) for walk in WALKS if not walk[0].silent]
)
async def test_a_way_of_answering_or_dying(row: Row, pipelining: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each leads to its outcomes, and never to one that the server's own record contradicts."""
    outcomes = await walk(row, pipelining, monkeypatch)
    assert [outcome.result for outcome in outcomes] == row.expected(pipelining), outcomes


async def test_ways_of_saying_nothing() -> None:
    """A server that falls silent is given up after the relay's timeout, wherever it is."""
    walks = [walk for walk in WALKS if walk[0].silent]
    found = await asyncio.gather(*(walk(*each) for each in walks))
    came = {titled(*each): [o.result for o in outcomes] for each, outcomes in zip(walks, found, strict=True)}
    assert came == {titled(row, pipelining): row.expected(pipelining) for row, pipelining in walks}


async def walk(row: Row, pipelining: bool, monkeypatch: pytest.MonkeyPatch | None = None) -> list[Outcome]:
    """Sends a row's window to its server, and holds the outcomes against what the server took."""
    extensions = (*row.extensions, "PIPELINING") if pipelining else row.extensions
    window = window_of(row)
    async with (
        scripted(row.script, extensions=extensions) as server,
        processor(
            server.port, tls=row.tls, username=row.username, times=patient(SILENCE if row.silent else 30.0)
        ) as sender,
    ):
        frozen = Frozen(row, server)
        if monkeypatch is not None:
            for module in ("window_message_queue", "connection", "wire_protocol"):
                monkeypatch.setattr(f"mailer.processors.smtp.{module}.time", SimpleNamespace(monotonic=frozen.clock))

        def permit(index: int) -> str | None:
            return "halted" if index in row.forbidden or (row.halted and frozen()) else None

        outcomes = await sender.send(window, soon(), permit)
        assert row.text in next((outcome.text for outcome in outcomes if outcome.result is not A), "")
        assert all(outcome.text for outcome in outcomes)
        hold_against(server, window, outcomes)
    return outcomes


def window_of(row: Row) -> list[OutgoingMessage]:
    """The row's messages, each to another recipient."""
    return [
        outgoing(row.recipients.get(n, f"r{n}@example.org"), row.contents.get(n, CONTENT))
        for n in range(len(row.results))
    ]


@dataclass
class Frozen:
    """A clock that leaps once the server has seen a row's DATA commands, as for a process that was frozen there."""

    row: Row
    server: Scripted

    def __call__(self) -> bool:
        """True if the clock has leapt."""
        wanted = self.row.frozen or self.row.halted
        return wanted is not None and self.server.commands.count("DATA") >= wanted

    def clock(self) -> float:
        """The time, with the leap."""
        leap = 3_600.0 if self.row.frozen else 2.0
        return time.monotonic() + (leap if self() else 0.0)


def hold_against(server: Scripted, window: Sequence[OutgoingMessage], outcomes: Sequence[Outcome]) -> None:
    """Compares the outcomes with what the server took: each message at most once, and never called unsent."""
    said = {message.recipient: outcome.result for message, outcome in zip(window, outcomes, strict=True)}
    assert len(set(server.taken)) == len(server.taken)
    assert {said[recipient] for recipient in server.taken} <= {A, Q}
    assert {recipient for recipient, result in said.items() if result is A} <= set(server.taken)


def test_the_table_is_as_long_as_it_should_be() -> None:
    """The table has at least 45 rows, each with a name of its own."""
    assert len(ROWS) == len({row.name for row in ROWS}) >= 45
