"""Reports that our own sending is at fault: they pause that stream at that domain, and suppress nobody."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from mailer.inbound.reported_sender_faults import LEAST_PEOPLE
from tests.factories import World, person
from tests.inbound import Reception, bounce, open_reception, return_path

SPF = ("5.7.26", "550 5.7.26 This mail has been blocked because the sender is unauthenticated: SPF did not pass")
LISTED = ("5.7.1", "554 5.7.1 Service unavailable; client host is on our block list")


@pytest.fixture
async def reception(world: World) -> AsyncIterator[Reception]:
    """Reception over a world."""
    async with open_reception(world) as opened:
        yield opened


async def handed_over(world: World, category: str) -> tuple[UUID, list[int]]:
    """A mailing to three people, handed over. Returns its id and theirs."""
    numbers = range(1, LEAST_PEOPLE + 1)
    accepted = await world.accept([person(number) for number in numbers], category)
    await world.handover().hand_over_batches(accepted.batches)
    return accepted.mailing_id, [await world.id_of(f"user-{number}") for number in numbers]


async def report(reception: Reception, mailing: UUID, people: list[int], said: tuple[str, str]) -> None:
    """Has a report come back about the mail of each of these people, of whom the first is user-1."""
    for turn, recipient_id in enumerate(people):
        number = await reception.world.pool.fetchval("SELECT ref FROM recipients WHERE id = $1", recipient_id)
        status, words = said
        content = bounce(f"{number}@people.example", status, reply=f"{words} ({turn})")
        await reception.send(return_path(reception.world.links, mailing, recipient_id), content)
    await reception.handle_stored()


@pytest.mark.parametrize(("said", "reason"), [(SPF, "set_up"), (LISTED, "blocked")])
async def test_reports_about_three_people_pause_the_stream(
    reception: Reception, said: tuple[str, str], reason: str
) -> None:
    """Newsletters at that domain wait; promotions and other domains go; the log names what to check; nobody is dead."""
    world = reception.world
    mailing, people = await handed_over(world, "newsletter")
    with capture_logs() as logs:
        await report(reception, mailing, people, said)
    assert {effect for _, effect in await reception.effects()} == {"sender_fault"}
    [pause] = await world.pool.fetch("SELECT processor, category, domain, reason FROM pauses")
    assert tuple(pause) == ("fake", "newsletter", "people.example", reason)
    assert any(line["log_level"] == "error" for line in logs)
    again, _ = await handed_over(world, "newsletter")
    assert {state for state, _ in (await world.states(again)).values()} == {"queued"}
    other, _ = await handed_over(world, "promotional")
    assert {state for state, _ in (await world.states(other)).values()} == {"handed_over"}
    assert await world.pool.fetchval("SELECT count(*) FROM suppressions") == 0


async def test_one_person_stops_no_domain(reception: Reception) -> None:
    """Whoever gets our mail can write such reports to their own return path, as many as they like."""
    world = reception.world
    mailing, [mallory, *_] = await handed_over(world, "newsletter")
    await report(reception, mailing, [mallory] * (3 * LEAST_PEOPLE), SPF)
    assert {effect for _, effect in await reception.effects()} == {"sender_fault"}
    assert await world.pool.fetchval("SELECT count(*) FROM pauses") == 0


async def test_reports_about_old_mail_stop_no_domain(reception: Reception) -> None:
    """Three people who keep a mail each must not stop a domain again and again, for as long as they like."""
    world = reception.world
    mailing, people = await handed_over(world, "newsletter")
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute("ALTER TABLE ledger DISABLE TRIGGER USER")
        await connection.execute("UPDATE ledger SET at = at - interval '25 hours' WHERE kind = 'hand_over'")
        await connection.execute("ALTER TABLE ledger ENABLE TRIGGER USER")
    await report(reception, mailing, people, SPF)
    assert {effect for _, effect in await reception.effects()} == {"sender_fault"}
    assert await world.pool.fetchval("SELECT count(*) FROM pauses") == 0


async def test_a_breach_notice_never_pauses(reception: Reception) -> None:
    """Reports about breach mail act on no stream."""
    world = reception.world
    mailing, people = await handed_over(world, "breach")
    await world.release_newest()
    await report(reception, mailing, people, LISTED)
    assert {effect for _, effect in await reception.effects()} == {"sender_fault"}
    assert await world.pool.fetchval("SELECT count(*) FROM pauses") == 0
