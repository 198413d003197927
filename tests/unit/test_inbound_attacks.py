"""Attacks on reception by a client, under the event loop that processes have."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import cast
from uuid import UUID

import uvloop

from mailer.inbound.mailboxes import MailboxDirectory
from mailer.inbound.reception.limits import MAX_SESSIONS_OF_PEER, ReceptionLimits
from mailer.inbound.reception.listener_url import parse_listener_url
from mailer.inbound.reception.server import receiving_mail
from mailer.inbound.reception.session import ReceptionHandler
from mailer.ports.received_mail import NewReceivedMail, ReceivedMailStore
from mailer.rendering.signed_links import SignedLinks
from tests.factories import policies


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
