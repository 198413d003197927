"""Clients that are slow, greedy or gone, against the sessions of reception, over real connections."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import pytest

from mailer.inbound.mailboxes import MailboxDirectory
from mailer.inbound.reception import session
from mailer.inbound.reception.limits import MAX_HELD_OCTETS, ReceptionLimits
from mailer.inbound.reception.listener_url import parse_listener_url
from mailer.inbound.reception.server import ListenerUnusable, receiving_mail
from mailer.inbound.reception.session import MAX_RECIPIENTS, ReceptionHandler
from mailer.ports.received_mail import NewReceivedMail, ReceivedMailStore
from mailer.rendering.signed_links import SignedLinks
from tests.factories import policies
from tests.inbound import DOMAIN
from tests.processes import until

POSTMASTER = f"RCPT TO:<postmaster@{DOMAIN}>\r\n".encode()


@dataclass
class _Store:
    stored: list[NewReceivedMail] = field(default_factory=list)
    may_store: asyncio.Event = field(default_factory=asyncio.Event)
    is_away: bool = False

    async def store_mail(self, mails: Sequence[NewReceivedMail]) -> Sequence[UUID]:
        """Stores messages once it may; the database may be away by then."""
        await self.may_store.wait()
        if self.is_away:
            raise ConnectionRefusedError("postmaster@brand.example is away")
        self.stored += mails
        return [uuid4() for _ in mails]


@dataclass
class _Server:
    store: _Store
    limits: ReceptionLimits
    port: int

    async def connect(self, *commands: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Opens a session, and sends commands, each after the reply to the one before."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        await reader.readline()
        for command in commands:
            writer.write(command)
            while (await reader.readline())[3:4] == b"-":
                pass
        return reader, writer


def _directory() -> MailboxDirectory:
    return MailboxDirectory(policies(), SignedLinks("https://mail.example", ["a key of ours"]))


@asynccontextmanager
async def serving(protocol: str = "smtp") -> AsyncIterator[_Server]:
    """Receives mail on a free port."""
    store, limits = _Store(), ReceptionLimits()
    store.may_store.set()
    handler = ReceptionHandler(cast(ReceivedMailStore, store), _directory(), limits)
    async with receiving_mail([parse_listener_url(f"{protocol}://127.0.0.1:0")], handler, "mx.x.example") as [port]:
        yield _Server(store, limits, port)


TO_DATA = (b"EHLO mx.people.example\r\n", b"MAIL FROM:<>\r\n", POSTMASTER, b"DATA\r\n")


async def test_a_whole_session_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that always has another command is closed all the same, and its place is free."""
    monkeypatch.setattr(session, "SESSION_SECONDS", 0.3)
    async with serving() as server, asyncio.timeout(20):
        reader, writer = await server.connect(b"EHLO mx.people.example\r\n")
        with suppress(ConnectionError):
            while not (reader.at_eof() or writer.is_closing()):
                writer.write(b"NOOP\r\n")
                await reader.readline()
        writer.close()
        assert server.limits.add_session("127.0.0.1")


async def test_a_text_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends its text an octet at a time is closed: nothing is stored, and no memory stays held."""
    monkeypatch.setattr(session, "COMMAND_SECONDS", 0.4)
    async with serving() as server, asyncio.timeout(20):
        reader, writer = await server.connect(*TO_DATA)
        ended = asyncio.ensure_future(reader.read())
        while not ended.done():
            writer.write(b"x")
            await asyncio.wait([ended], timeout=0.05)
        writer.close()

        async def is_released() -> bool:
            return server.limits.free_octets == MAX_HELD_OCTETS

        await until(is_released, "the octets of the text to be released")
        assert server.store.stored == []


async def test_a_thousand_recipients_are_refused_but_five() -> None:
    """Each of the rest is put off, in one session, and the message is stored once for the one address."""
    async with serving() as server, asyncio.timeout(20):
        reader, writer = await server.connect(*TO_DATA[:2])
        writer.write(POSTMASTER * 1000)
        replies = [(await reader.readline())[:3] for _ in range(1000)]
        assert replies == [b"250"] * MAX_RECIPIENTS + [b"452"] * (1000 - MAX_RECIPIENTS)
        writer.write(b"DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n")
        assert [(await reader.readline())[:3] for _ in range(2)] == [b"354", b"250"]
        writer.close()
    assert len(server.store.stored) == 1


async def test_lmtp_answers_a_null_sender_for_each_recipient_while_the_database_is_away() -> None:
    """A report for two mailboxes is put off twice: the server in front keeps it, and nothing is lost."""
    async with serving("lmtp") as server, asyncio.timeout(20):
        server.store.is_away = True
        abuse = f"RCPT TO:<abuse@{DOMAIN}>\r\n".encode()
        reader, writer = await server.connect(b"LHLO mx.people.example\r\n", *TO_DATA[1:3], abuse, b"DATA\r\n")
        writer.write(b"Subject: x\r\n\r\nx\r\n.\r\n")
        assert [await reader.readline() for _ in range(2)] == [
            b"451 4.3.0 The message could not be stored; please try again later\r\n"
        ] * 2
        writer.close()


async def test_the_end_of_the_process_leaves_no_message_between() -> None:
    """A session that waits for its answer when the process ends gets none: the client sends the message again."""
    async with serving() as server, asyncio.timeout(20):
        server.store.may_store.clear()
        reader, writer = await server.connect(*TO_DATA)
        writer.write(b"Subject: x\r\n\r\nx\r\n.\r\n")
        await writer.drain()
    with suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert server.store.stored == []


async def test_an_address_that_is_taken_is_named() -> None:
    """A second process for the same address ends with the reason; the first one goes on."""
    async with serving() as server, asyncio.timeout(20):
        handler = ReceptionHandler(cast(ReceivedMailStore, _Store()), _directory(), ReceptionLimits())
        url = parse_listener_url(f"smtp://127.0.0.1:{server.port}")
        with pytest.raises(ListenerUnusable, match=f"127.0.0.1:{server.port}"):
            async with receiving_mail([url], handler, "mx.x.example"):
                pass
        _, writer = await server.connect(b"NOOP\r\n")
        writer.close()


async def test_a_wrong_certificate_is_named(tmp_path: Path) -> None:
    """A file that is missing or holds no certificate ends the process with its name, before mail is taken."""
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    for path in (wrong, tmp_path / "missing.pem"):
        url = replace(parse_listener_url("smtp://127.0.0.1:0"), certificate=path, key=path)
        handler = ReceptionHandler(cast(ReceivedMailStore, _Store()), _directory(), ReceptionLimits())
        with pytest.raises(ListenerUnusable, match=path.name):
            async with receiving_mail([url], handler, "mx.x.example"):
                pass
