"""The SMTP server of a fault run, a process of its own: it logs what it takes before it says so, and has its troubles.

`python -m tests.chaos.sink LOG SEED` listens on loopback. LOG gets a JSON line for each message that reached its final
dot, or that died with its connection (`tests.chaos.evidence` reads them). Commands: `{"trouble": 0.02}` sets how many
of the messages meet trouble, at most 1; `{"refusal": "greeting"}` has it refuse sessions, in the way that `Refusal`
names (null: no longer); `{"slow": 7.5}` has it answer one final dot of twenty so many seconds late (0: no longer).
Every answer tells the port, what was taken so far, and how many final dots still wait for their answer.
"""

import asyncio
import json
import os
import random
import re
import sys
import time
from enum import StrEnum
from typing import Any, cast

import uvloop

from tests.chaos.servant import serve

_MESSAGE_ID = re.compile(rb"^Message-ID: *(\S+)\r$", re.MULTILINE | re.IGNORECASE)
_ADDRESS = re.compile(rb"<([^>]*)>")
_END = b"\r\n.\r\n"
_EXTENSIONS = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 50000000\r\n"


class Verdict(StrEnum):
    """The result of a message, as the log writes it."""

    ACCEPTED = "accepted"
    """The message is accepted. Its 250 may still get lost."""
    REFUSED = "refused"
    DROPPED = "dropped"
    """The connection ended before a reply."""


class Refusal(StrEnum):
    """A way of refusing a session, for all of its messages. It says nothing about any message."""

    GREETING = "greeting"
    EHLO = "ehlo"
    AUTH = "auth"
    TLS = "tls"
    RELAYING = "relaying"


_REFUSALS = {
    Refusal.GREETING: b"554 5.3.2 no service here\r\n",
    Refusal.EHLO: b"504 5.5.2 need fully-qualified hostname\r\n",
    Refusal.AUTH: b"550 5.7.0 Authentication required\r\n",
    Refusal.TLS: b"530 5.7.0 Must issue a STARTTLS command first\r\n",
    Refusal.RELAYING: b"454 4.7.1 Relay access denied\r\n",
}
SLOW_SHARE = 0.05
"""The share of messages whose final dot is answered late while the sink is slow."""


class Fate(StrEnum):
    """The fates that a message in trouble can meet."""

    MAIL_451 = "mail_451"
    MAIL_421 = "mail_421"
    MAIL_DROP = "mail_drop"
    RCPT_450 = "rcpt_450"
    RCPT_UNKNOWN = "rcpt_unknown"
    DATA_DROP = "data_drop"
    DOT_451 = "dot_451"
    DOT_554 = "dot_554"
    DOT_421 = "dot_421"
    DOT_DROP = "dot_drop"
    TAKEN_DROP = "taken_drop"


_FATES = tuple(Fate)
_WEIGHTS = tuple(1 if fate in (Fate.RCPT_UNKNOWN, Fate.DOT_554) else 4 for fate in _FATES)
"""A relay that refuses many for good would, and should, be quarantined."""


class Sink:
    """The state that all connections share.

    Args:
        log: a descriptor, opened to append. seed: of its troubles.
    """

    def __init__(self, log: int, seed: int) -> None:
        self._log = log
        self._random = random.Random(seed)
        self.trouble = 0.0
        self.refusal: Refusal | None = None
        self.slow = 0.0
        self.taken = 0
        self.waiting = 0

    def dot_delay(self) -> float:
        """Seconds until the final dot of the next message is answered; nearly always none."""
        return self.slow if self.slow and self._random.random() < SLOW_SHARE else 0.0

    def fate(self) -> Fate | None:
        """The fate of the next message; None if nothing happens to it."""
        if self._random.random() >= self.trouble:
            return None
        [fate] = self._random.choices(_FATES, _WEIGHTS)
        return fate

    def note(self, verdict: Verdict, **facts: Any) -> None:
        """Writes a line, at once."""
        self.taken += verdict is Verdict.ACCEPTED
        os.write(self._log, json.dumps({"at": time.time(), "verdict": verdict, **facts}).encode() + b"\n")


class Session(asyncio.Protocol):
    """A connection (RFC 5321, RFC 2920)."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._replies: list[bytes] = []
        self._content = False
        self._late = False
        self._forget()

    def _forget(self) -> None:
        self._mail_at: float | None = None
        self._sender = self._recipient = ""
        self._fate: Fate | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets."""
        self._transport = cast(asyncio.Transport, transport)
        if self._sink.refusal is Refusal.GREETING:
            self._close(_REFUSALS[Refusal.GREETING])
        else:
            self._transport.write(b"220 sink.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Takes whole commands and contents from the buffer."""
        self._buffer += data
        self._work()

    def _work(self) -> None:
        while self._transport and not self._late and (self._message() if self._content else self._line()):
            continue
        if self._transport and self._replies and not self._transport.is_closing():
            self._transport.write(b"".join(self._replies))
        self._replies.clear()

    def _line(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        match line[:4].upper():
            case b"EHLO" if self._sink.refusal is Refusal.EHLO:
                self._replies.append(_REFUSALS[Refusal.EHLO])
            case b"EHLO":
                self._replies.append(_EXTENSIONS)
            case b"MAIL":
                self._mail(line)
            case b"RCPT":
                self._rcpt(line)
            case b"DATA" if self._recipient:
                self._content = True
                self._replies.append(b"354 go ahead\r\n")
            case b"DATA":
                self._replies.append(b"503 5.5.1 no recipient\r\n")
            case b"RSET" | b"NOOP":
                self._forget()
                self._replies.append(b"250 2.0.0 ok\r\n")
            case b"QUIT":
                self._close(b"221 2.0.0 bye\r\n")
            case _:
                self._replies.append(b"500 5.5.2 what?\r\n")
        return True

    def _mail(self, line: bytes) -> None:
        self._forget()
        if self._sink.refusal in (Refusal.AUTH, Refusal.TLS):
            self._replies.append(_REFUSALS[self._sink.refusal])
            return
        self._mail_at = time.time()
        self._fate = self._sink.fate()
        found = _ADDRESS.search(line)
        self._sender = found[1].decode() if found else ""
        match self._fate:
            case Fate.MAIL_451:
                self._sender = ""
                self._replies.append(b"451 4.3.0 later\r\n")
            case Fate.MAIL_421:
                self._close(b"421 4.3.2 closing\r\n")
            case Fate.MAIL_DROP:
                self._drop()
            case _:
                self._replies.append(b"250 2.1.0 ok\r\n")

    def _rcpt(self, line: bytes) -> None:
        found = _ADDRESS.search(line)
        if not self._sender or not found:
            self._replies.append(b"503 5.5.1 no sender\r\n")
            return
        if self._sink.refusal is Refusal.RELAYING:
            self._replies.append(_REFUSALS[Refusal.RELAYING])
            return
        match self._fate:
            case Fate.RCPT_450:
                self._replies.append(b"450 4.2.1 later\r\n")
            case Fate.RCPT_UNKNOWN:
                self._replies.append(b"550 5.1.1 no such user\r\n")
            case _:
                self._recipient = found[1].decode()
                self._replies.append(b"250 2.1.5 ok\r\n")

    def _message(self) -> bool:
        if self._fate is Fate.DATA_DROP and self._buffer:
            self._drop()
            return False
        end = self._buffer.find(_END)
        if end < 0:
            return False
        content = bytes(self._buffer[: end + 2])
        del self._buffer[: end + len(_END)]
        self._content = False
        if delay := self._sink.dot_delay():
            self._late = True
            self._sink.waiting += 1
            asyncio.get_running_loop().call_later(delay, self._judge_late, content)
            return False
        self._judge(content)
        self._forget()
        return True

    def _judge_late(self, content: bytes) -> None:
        """Answers a final dot that had to wait. The message is taken even if nobody is there to hear the answer."""
        self._late = False
        self._sink.waiting -= 1
        self._judge(content)
        self._forget()
        self._work()

    def _judge(self, content: bytes) -> None:
        match self._fate:
            case Fate.DOT_451:
                self._refuse(content, b"451 4.3.0 later\r\n")
            case Fate.DOT_554:
                self._refuse(content, b"554 5.7.1 not wanted\r\n")
            case Fate.DOT_421:
                self._refuse(content, b"")
                self._close(b"421 4.3.2 closing\r\n")
            case Fate.DOT_DROP:
                self._drop(content)
            case Fate.TAKEN_DROP:
                self._note(Verdict.ACCEPTED, content)
                self._drop()
            case _:
                self._note(Verdict.ACCEPTED, content)
                self._replies.append(b"250 2.0.0 taken\r\n")

    def _refuse(self, content: bytes, reply: bytes) -> None:
        self._note(Verdict.REFUSED, content)
        self._replies.append(reply)

    def _note(self, verdict: Verdict, content: bytes = b"") -> None:
        found = _MESSAGE_ID.search(content)
        self._sink.note(
            verdict,
            mail_at=self._mail_at,
            sender=self._sender,
            recipient=self._recipient,
            message_id=found[1].decode() if found else None,
            fate=self._fate,
        )

    def _close(self, reply: bytes) -> None:
        if self._transport:
            self._transport.write(b"".join((*self._replies, reply)))
            self._transport.close()
        self._transport = None

    def _drop(self, content: bytes = b"") -> None:
        self._note(Verdict.DROPPED, content)
        if self._transport:
            self._transport.abort()
        self._transport = None


async def main(log: str, seed: int) -> None:
    """Serves until stdin ends."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sink = Sink(descriptor, seed)
    server = await asyncio.get_running_loop().create_server(lambda: Session(sink), "127.0.0.1", 0, backlog=1000)
    port = server.sockets[0].getsockname()[1]

    async def obey(command: dict[str, Any]) -> dict[str, Any]:
        sink.trouble = command.get("trouble", sink.trouble)
        sink.slow = command.get("slow", sink.slow)
        if "refusal" in command:
            sink.refusal = Refusal(command["refusal"]) if command["refusal"] else None
        return {"port": port, "taken": sink.taken, "waiting": sink.waiting}

    await serve(obey)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
