"""Received mail that is kept: erased, deleted in time, held by law, queued again if its id was lost."""

from collections.abc import AsyncIterator

import pytest

from mailer.actions.legal_hold import lift_legal_hold, set_legal_hold
from mailer.actions.privacy_rights import erase_recipient
from mailer.ports.received_mail import CONTENT_DAYS_KEPT, LATE_MINUTES
from tests.factories import BRAND, World
from tests.inbound import DOMAIN, Reception, bounce, handed_over, open_reception, return_path

ADA = "user-1@people.example"


@pytest.fixture
async def reception(world: World) -> AsyncIterator[Reception]:
    """Reception over a world."""
    async with open_reception(world) as opened:
        yield opened


async def test_an_erasure_empties_what_was_received(reception: Reception) -> None:
    """A message that names the person keeps neither its text nor an address, and its result stays."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    await reception.send(return_path(world.links, mailing, ada), bounce(ADA))
    await reception.send(f"postmaster@{DOMAIN}", f"From: <{ADA}>\r\n\r\nHello\r\n".encode(), ADA)
    await reception.handle_stored()
    await erase_recipient(world.rights, world.policies[BRAND], ada, "letter")
    rows = await world.pool.fetch("SELECT sender, recipient, content, named, recipient_id, kind FROM received_mail")
    assert [tuple(row)[:5] for row in rows] == [("", "", None, [], None)] * 2
    assert await world.pool.fetchval("SELECT count(*) FROM soft_bounces") == 0


async def test_the_content_of_old_mail_is_deleted(reception: Reception) -> None:
    """Handled mail is emptied after 30 days; letters that wait, and all results, stay."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    await reception.send(return_path(world.links, mailing, ada), bounce(ADA))
    await reception.send(f"postmaster@{DOMAIN}", b"Subject: Hello\r\n\r\nWho are you?\r\n", ADA)
    await reception.handle_stored()
    await world.pool.execute("UPDATE received_mail SET at = at - interval '29 days'")
    await world.upkeep.delete_old_received_mail(CONTENT_DAYS_KEPT)
    assert await world.pool.fetchval("SELECT count(content) FROM received_mail") == 2
    await world.pool.execute("UPDATE received_mail SET at = at - interval '1 day'")
    await world.upkeep.delete_old_received_mail(CONTENT_DAYS_KEPT)
    rows = await world.pool.fetch("SELECT state, content IS NULL AS emptied, sender FROM received_mail ORDER BY at")
    assert [tuple(row) for row in rows] == [("handled", True, ""), ("waiting", False, ADA)]
    assert await reception.effects() == [("bounce", "address_dead"), ("reply", "waits")]


async def test_a_legal_hold_keeps_what_was_received(reception: Reception) -> None:
    """Mail of or about a person is evidence as long as the hold stands, also if it is old."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    await reception.send(return_path(world.links, mailing, ada), bounce(ADA))
    await reception.handle_stored()
    await world.pool.execute("UPDATE received_mail SET at = at - interval '31 days'")
    await set_legal_hold(world.rights, BRAND, ada, "Case 7/26", "Dana", named=False)
    await world.upkeep.delete_old_received_mail(CONTENT_DAYS_KEPT)
    assert await world.pool.fetchval("SELECT count(content) FROM received_mail") == 1
    await lift_legal_hold(world.rights, BRAND, ada, "Case 7/26", "Dana")
    await world.upkeep.delete_old_received_mail(CONTENT_DAYS_KEPT)
    assert await world.pool.fetchval("SELECT count(content) FROM received_mail") == 0


async def test_an_id_that_the_queue_has_lost_is_queued_again(reception: Reception) -> None:
    """A message that waits for ten minutes is published once more, and not again before another ten are over."""
    world = reception.world
    mailing, [ada] = await handed_over(world)
    await reception.send(return_path(world.links, mailing, ada), bounce("user-1@people.example"))
    await world.pool.execute("DELETE FROM outbox")
    await world.upkeep.queue_late_received_mail(LATE_MINUTES)  # it is not late yet
    await world.pool.execute("UPDATE received_mail SET queued_at = queued_at - interval '11 minutes'")
    for _ in range(2):
        await world.upkeep.queue_late_received_mail(LATE_MINUTES)
    assert await world.pool.fetchval("SELECT array_agg(exchange) FROM outbox") == ["mailer.inbound"]
    await reception.handle_stored()
    assert await reception.effects() == [("bounce", "address_dead")]
