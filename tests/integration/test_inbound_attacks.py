"""Attacks on received mail by somebody who knows how it works."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from mailer.actions.privacy_rights import erase_recipient
from mailer.inbound import mail_reading
from mailer.inbound.collection.collected_messages import MessageCollector
from mailer.inbound.mailboxes import MailboxDirectory
from mailer.ports.received_mail import MAX_OCTETS
from tests.doubles import FakeReceived
from tests.factories import BRAND, World, person
from tests.inbound import DOMAIN, Reception, bounce, open_reception, return_path

ADA = "user-1@people.example"


@pytest.fixture
async def reception(world: World) -> AsyncIterator[Reception]:
    """Reception over a world."""
    async with open_reception(world) as opened:
        yield opened


async def handed_over(world: World, category: str = "newsletter", **fields: object) -> tuple[UUID, int]:
    """A mailing that was handed over to one person. Returns its id and theirs."""
    accepted = await world.accept([{**person(1), **fields}], category)
    if category == "breach":
        await world.release_newest()
        await world.run_published()
    else:
        await world.handover().hand_over_batches(accepted.batches)
    return accepted.mailing_id, await world.id_of("user-1")


def letter(text: str) -> bytes:
    """A letter of a person."""
    head = f"From: Ada <{ADA}>\r\nSubject: Re: News\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    return f"{head}{text}\r\n".encode()


@pytest.mark.parametrize("category", ["breach", "account"])
async def test_an_opt_out_that_answers_mandatory_mail_ends_optional_mail(reception: Reception, category: str) -> None:
    """A person may answer a mandatory mail with an opt-out: optional mail ends, mandatory mail goes on."""
    world = reception.world
    mailing, ada = await handed_over(world, category)
    await reception.send(return_path(world.links, mailing, ada), letter("Please take me off this list."), ADA)
    await reception.handle_stored()
    assert await reception.effects() == [("reply", "opt_out")]
    again, _ = await handed_over(world)
    assert await world.states(again) == {"user-1": ("suppressed", "opted_out")}
    must, _ = await handed_over(world, "breach")
    assert await world.states(must) == {"user-1": ("handed_over", "")}


async def test_an_old_return_path_says_nothing_of_a_new_address(reception: Reception) -> None:
    """Somebody has a mail of ours, gives a stranger's address as theirs, and reports that as dead."""
    world, victim = reception.world, "victim@people.example"
    mailing, ada = await handed_over(world)
    await handed_over(world, email=victim)
    await reception.send(return_path(world.links, mailing, ada), bounce(victim))
    await reception.handle_stored()
    assert await reception.effects() == [("bounce", "none")]


async def test_a_report_about_mail_to_a_new_address_is_believed(reception: Reception) -> None:
    """Whoever has moved some time ago is no stranger for ever."""
    world, moved = reception.world, "moved@people.example"
    await handed_over(world)
    mailing, ada = await handed_over(world, email=moved)
    await world.pool.execute("UPDATE former_addresses SET at = at - interval '2 hours'")
    await reception.send(return_path(world.links, mailing, ada), bounce(moved))
    await reception.handle_stored()
    assert await reception.effects() == [("bounce", "address_dead")]


async def test_an_erasure_finds_mail_that_nobody_has_handled(reception: Reception) -> None:
    """A message may wait for a worker, or for ever, since handling it fails."""
    world = reception.world
    [ada] = await world.known(1)
    await reception.send(f"postmaster@{DOMAIN}", letter("Hello"), ADA)
    await erase_recipient(world.rights, world.policies[BRAND], ada, "letter")
    rows = await world.pool.fetch("SELECT sender, content, named, state FROM received_mail")
    assert [tuple(row) for row in rows] == [("", None, [], "handled")]
    await reception.handle_stored()
    assert await reception.effects() == [(None, None)]


async def test_a_message_full_of_addresses_is_stored_soon(reception: Reception) -> None:
    """The longest message, of at signs, would take minutes to search; its processor time is bounded."""
    text = b"Subject: x\r\n\r\n" + b"a@" * (MAX_OCTETS // 2 - 20)
    begin = time.process_time()
    assert (await reception.send(f"postmaster@{DOMAIN}", text)).startswith("250")
    await asyncio.wait_for(reception.handle_stored(), 60)
    assert time.process_time() - begin < 20
    assert await reception.effects() == [("reply", "waits")]


async def test_a_message_that_meets_a_bug_waits_for_a_person(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again and again, then a person has to read it: nothing is lost, and the rest goes on."""

    def broken(content: bytes, recipient: str) -> None:
        raise KeyError(content[:10])

    monkeypatch.setattr(mail_reading, "classify_message", broken)
    await reception.send(f"postmaster@{DOMAIN}", b"Subject: Hello\r\n\r\nWho are you?\r\n")
    [row] = await reception.world.outbox.lease_rows("inbound", 10, 30)
    received = FakeReceived(row.message)
    with pytest.raises(KeyError):
        await reception.handler.handle_messages([received])
    await reception.handler.give_up(received, "KeyError at mailer/inbound/handling.py:1 in x", 3)
    [mail] = await reception.store.list_mail(None, waiting=True, limit=10)
    assert (mail.kind, mail.effect, received.settled) == ("unreadable", "waits", "ack")
    assert mail.reason is not None
    assert "KeyError at" in mail.reason


@pytest.mark.parametrize("field", ["<%s@people.example>", "=?utf-8?q?x?= <%s@people.example>"])
async def test_no_field_of_a_collected_message_keeps_it_from_being_stored(reception: Reception, field: str) -> None:
    """A mailbox is read in order: a message that the database never takes would be tried for ever, before others."""
    world = reception.world
    collector = MessageCollector(MailboxDirectory(world.policies, world.links), f"postmaster@{DOMAIN}")
    names = (field % ("é" * 700)).encode()
    fields = b"".join(b"%b: %b\r\n" % (name, names) for name in (b"Return-Path", b"Delivered-To", b"From", b"To"))
    mail = collector.collect_message(fields + b"Subject: x\r\n\r\ny\r\n")
    assert await reception.store.store_collected_mail(mail)
    assert (mail.sender, mail.recipient) == ("", f"postmaster@{DOMAIN}")
