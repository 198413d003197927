"""Commands behind a final dot: relays that offer PIPELINING and take, refuse, drop or hang up on them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from mailer.policy.hand_over_outcome import OutcomeKind
from mailer.processors.smtp.processor import SmtpProcessor
from mailer.processors.smtp.timeouts import SmtpTimeouts
from tests.integration.smtp_world import allowed, outgoing, patient, processor, scripted, soon

PIPELINING = ("SIZE 1000000", "8BITMIME", "PIPELINING")
WINDOW = 30


@dataclass
class Strict:
    """A server that reads the commands behind a final dot before it answers the dot.

    Attributes:
        manner: what it does then: `take`, a reply to each command, `drop` them in silence, or `hang up`.
        taken: the recipients of messages that it has accepted.
        early: how often there was something behind a dot.
        connections: how many there were.
    """

    manner: str
    taken: list[str] = field(default_factory=list)
    early: int = 0
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. What a client sends together arrives together on loopback."""
        self.connections += 1
        writer.write(b"220 strict\r\n")
        received, recipient = b"", ""
        try:
            while data := await reader.read(65_536):
                received += data
                while b"\r\n" in received:
                    line, _, received = received.partition(b"\r\n")
                    verb = line[:4].upper()
                    if verb == b"RCPT":
                        recipient = line.decode().partition("<")[2].partition(">")[0]
                    if verb == b"DATA":
                        writer.write(b"354 go\r\n")
                        while b"\r\n.\r\n" not in received:
                            received += await reader.read(65_536)
                        received = self._judge(received.partition(b"\r\n.\r\n")[2], recipient, writer)
                    else:
                        writer.write(b"250-strict\r\n250 PIPELINING\r\n" if verb == b"EHLO" else b"250 Ok\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _judge(self, behind: bytes, recipient: str, writer: asyncio.StreamWriter) -> bytes:
        """Answers a final dot, and what is behind it; returns what is left to be handled."""
        self.early += bool(behind)
        if behind and self.manner == "hang up":
            writer.transport.abort()
            raise ConnectionResetError
        self.taken.append(recipient)
        writer.write(b"250 taken\r\n")
        if not behind or self.manner == "take":
            return behind
        if self.manner != "drop":
            writer.write(f"{self.manner}\r\n".encode() * behind.count(b"\r\n"))
            if self.manner.startswith("421"):
                writer.close()
        return b""


@asynccontextmanager
async def strict(manner: str, pool: int = 1) -> AsyncIterator[tuple[Strict, SmtpProcessor]]:
    """A strict server, and a processor for it."""
    made = Strict(manner)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    times = SmtpTimeouts(connect=0.3)
    async with server, processor(server.sockets[0].getsockname()[1], pool=pool, times=times) as sender:
        yield made, sender


async def sent(sender: SmtpProcessor) -> Counter[OutcomeKind]:
    """The results of a window."""
    window = [outgoing(f"r{n}@example.org") for n in range(WINDOW)]
    return Counter(outcome.result for outcome in await sender.send(window, soon(), allowed))


REFUSALS = ("503 Bad sequence of commands", "554 5.5.1 no", "550 5.7.1 no", "451 4.3.0 no", "500 what", "421 4.7.0 bye")


@pytest.mark.parametrize("pool", [1, 4])
@pytest.mark.parametrize("reply", REFUSALS)
async def test_a_reply_to_a_command_sent_ahead_says_nothing_about_its_message(reply: str, pool: int) -> None:
    """All messages are taken once, for any answer to commands behind a dot. After that, none are sent ahead."""
    async with strict(reply, pool) as (server, sender):
        assert await sent(sender) == {OutcomeKind.ACCEPTED: WINDOW}
        assert len(set(server.taken)) == len(server.taken) == WINDOW
        assert server.early == 1
        await sent(sender)
        assert server.early == 1


@pytest.mark.parametrize("pool", [1, 4])
async def test_commands_that_are_dropped_in_silence(pool: int) -> None:
    """The envelope is offered again on another connection, and nothing is lost, doubted or sent ahead again."""
    async with strict("drop", pool) as (server, sender):
        assert await sent(sender) == {OutcomeKind.ACCEPTED: WINDOW}
        assert (len(set(server.taken)), len(server.taken), server.early) == (WINDOW, WINDOW, 1)


@pytest.mark.parametrize("pool", [1, 4])
async def test_a_server_that_hangs_up_on_them(pool: int) -> None:
    """One message is in doubt, once in the life of the process, and all others are taken."""
    async with strict("hang up", pool) as (server, sender):
        assert await sent(sender) == {OutcomeKind.ACCEPTED: WINDOW - 1, OutcomeKind.IN_DOUBT: 1}
        assert await sent(sender) == {OutcomeKind.ACCEPTED: WINDOW}
        assert server.early == 1


async def test_a_relay_that_takes_them_gets_them() -> None:
    """Nearly every envelope goes behind the dot before it, on one connection."""
    async with strict("take") as (server, sender):
        assert await sent(sender) == {OutcomeKind.ACCEPTED: WINDOW}
        assert server.early == WINDOW - 2  # one to see how quick the relay is, and the last has nothing behind it
        assert server.connections == 1


DEAD, SPAM, OK = "550 5.1.1 No such user", "554 5.7.1 no", "250 Ok"


async def test_a_refusal_of_a_recipient_is_believed_at_once() -> None:
    """A relay that has taken MAIL ahead and says that a mailbox does not exist is not asked twice."""
    async with (
        scripted({"RCPT": [OK, OK, DEAD, OK]}, extensions=PIPELINING) as server,
        processor(server.port, times=patient(5.0)) as sender,
    ):
        outcomes = await sender.send([outgoing(f"r{n}@example.org") for n in range(5)], soon(), allowed)
        assert [outcome.result for outcome in outcomes] == [OutcomeKind.ACCEPTED] * 2 + [OutcomeKind.REFUSED] + [
            OutcomeKind.ACCEPTED
        ] * 2
        assert sum("<r2@" in command for command in server.commands) == 1


async def test_a_refusal_that_stands_is_the_message_s_own() -> None:
    """A message that is refused again, with none ahead of it, has its outcome; the relay keeps its pipelining."""
    async with (
        scripted({"RCPT": [OK, OK, SPAM, SPAM, OK]}, extensions=PIPELINING) as server,
        processor(server.port, times=patient(5.0)) as sender,
    ):
        window = [outgoing(f"r{n}@example.org") for n in range(6)]
        outcomes = await sender.send(window, soon(), allowed)
        assert [outcome.result for outcome in outcomes] == [OutcomeKind.ACCEPTED] * 2 + [OutcomeKind.BLOCKED] + [
            OutcomeKind.ACCEPTED
        ] * 3
        assert sum("<r2@" in command for command in server.commands) == 2
