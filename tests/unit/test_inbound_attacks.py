"""Attacks on reception by a client, under the event loop that processes have."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import pytest
import uvloop

from mailer.inbound.mailboxes import MailboxDirectory
from mailer.inbound.reception.limits import MAX_SESSIONS_OF_PEER, ReceptionLimits
from mailer.inbound.reception.listener_url import parse_listener_url
from mailer.inbound.reception.server import receiving_mail
from mailer.inbound.reception.session import ReceptionHandler
from mailer.inbound.sender_authentication import dkim, dmarc
from mailer.mail_receiving import SenderProver
from mailer.ports.received_mail import (
    Mailbox,
    NewReceivedMail,
    ReceivedMail,
    ReceivedMailStore,
)
from mailer.rendering.signed_links import SignedLinks
from mailer.runtime import spf_evaluation
from tests.dkim_signatures import MESSAGE, key_record, private_key, sign
from tests.dns_zone import WrittenZone
from tests.factories import BRAND, policies


class _Store:
    async def store_mail(self, mails: Sequence[NewReceivedMail]) -> Sequence[UUID]:
        """Stores nothing."""
        return []


def _first_replies(port: int, count: int) -> list[bytes]:
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            found.append(client.recv(1000)[:3])
        return found


def test_connections_of_one_client_are_limited_under_uvloop() -> None:
    """A connection too many is refused, as under asyncio, whose transports have other classes."""

    async def attack() -> list[bytes]:
        links = SignedLinks("https://mail.example", ["a key of ours"])
        directory = MailboxDirectory(policies(), links)
        handler = ReceptionHandler(cast(ReceivedMailStore, _Store()), directory, ReceptionLimits())
        async with receiving_mail([parse_listener_url("smtp://127.0.0.1:0")], handler, "mx.mailer.example") as [port]:
            return await asyncio.to_thread(_first_replies, port, MAX_SESSIONS_OF_PEER + 2)

    assert uvloop.run(attack()) == [b"220"] * MAX_SESSIONS_OF_PEER + [b"421"] * 2


_TO_OTHERS = MESSAGE.replace(b"out@brand.example", b"out@another.example")


@pytest.mark.parametrize(
    ("content", "is_proven"),
    [
        (sign(), True),
        (sign(_TO_OTHERS), False),
        (sign(_TO_OTHERS).replace(b"Subject:", b"Cc: out@brand.example\r\nSubject:"), False),
        (sign(names=["from", "subject"]), False),
    ],
)
async def test_an_opt_out_that_was_written_to_others_proves_nothing(content: bytes, is_proven: bool) -> None:
    """Whoever got a signed opt-out sends it again, to us: as it is, with a recipient added, or never covered."""
    record = key_record(private_key())
    zone = WrittenZone(txt={"k1._domainkey.mail.example": [record], "_dmarc.mail.example": ["v=DMARC1; p=reject"]})
    received = NewReceivedMail(BRAND, Mailbox.OPT_OUT, "", "out@brand.example", "", "mx.example", content)
    proven = await SenderProver(zone).prove(ReceivedMail(UUID(int=1), datetime.now(UTC), received))
    assert (proven.address, proven.is_proven) == ("zoe@mail.example", is_proven)


class _SilentZone(WrittenZone):
    """A DNS that never answers for text."""

    async def txt_records(self, name: str) -> Sequence[str]:
        """Waits for ever."""
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_dns_that_never_answers_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-ups have limits of time: a letter then comes from nobody who is proven."""
    for module in (dkim, dmarc, spf_evaluation):
        monkeypatch.setattr(module, "SECONDS", 0.1)
    async with asyncio.timeout(20):
        assert not (await SenderProver(_SilentZone()).prove(_letter(Mailbox.OPT_OUT, sign()))).is_proven


def _letter(mailbox: Mailbox, content: bytes) -> ReceivedMail:
    to = "out@brand.example"
    new = NewReceivedMail(BRAND, mailbox, "zoe@mail.example", to, "203.0.113.1", "mx.mail.example", content)
    return ReceivedMail(UUID(int=7), datetime(2026, 11, 30, 7, tzinfo=UTC), new)
