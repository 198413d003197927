"""Breach mail that comes back after its hand-over: its people stand in the queue of written notices, once."""

from collections.abc import AsyncIterator

import pytest

from mailer.actions.privacy_rights import erase_recipient
from mailer.actions.quarantined_refusal_verdicts import apply_verdict_on_quarantined_refusals
from mailer.policy.breach.returned_mail import MAIL_CAME_BACK
from mailer.policy.refusal_suspicion import LEAST_REFUSALS
from mailer.ports.breach_cases import BreachCase
from mailer.ports.refusal_quarantine import RefusalSelection, RefusalVerdict
from mailer.postgres.breach_stops import PostgresBreachStops
from mailer.postgres.refusal_quarantine import PostgresRefusalQuarantine
from tests.accounts import mailed, released
from tests.breach_outcome_scenes import Line, notices_of, open_case, released_phase
from tests.factories import BRAND, World
from tests.inbound import Reception, bounce, complaint, letter, open_reception, return_path

ADA = "user-1@people.example"
OPEN = ("open", MAIL_CAME_BACK)


@pytest.fixture
async def reception(world: World) -> AsyncIterator[Reception]:
    """Reception over a world."""
    async with open_reception(world) as opened:
        yield opened


async def came_back(reception: Reception, mailing_id: object, number: int = 1, **report: str) -> None:
    """Handles a report about the mail of `user-N`."""
    world, address = reception.world, f"user-{number}@people.example"
    path = return_path(world.links, mailing_id, await world.id_of(f"user-{number}"))  # type: ignore[arg-type]
    await reception.send(path, bounce(report.pop("about", address), **report))
    await reception.handle_stored()


async def moved(world: World) -> list[tuple[str, str]]:
    """The entries of the ledger that say so: the rule and the note."""
    return [(e["rule"], e["reply"]) for e in await world.entries(kind="action") if e["reason"] == MAIL_CAME_BACK]


@pytest.mark.promise("interpals-18")
@pytest.mark.rule("breach-moves-on")
@pytest.mark.parametrize("status", ["5.1.1", "5.2.2", "5.7.1"])
async def test_a_breach_notice_that_comes_back_is_written(reception: Reception, status: str) -> None:
    """A dead address, a full mailbox and a refusal of ours end alike: a notice in writing with its entry, once."""
    world = reception.world
    await world.known(1, 2)
    mailing = (await released(world, {"refs": ["user-1", "user-2"]})).mailing_id
    assert await notices_of(world, [mailing]) == {}
    for said in ("once", "twice"):
        await came_back(reception, mailing, status=status, reply=f"550 {said}")
    assert await notices_of(world, [mailing]) == {"user-1": OPEN}
    assert await moved(world) == [("action:inbound", f"fake {status}")]
    assert await world.states(mailing) == {"user-1": ("handed_over", ""), "user-2": ("handed_over", "")}


async def test_other_mail_that_comes_back_is_not_written(reception: Reception) -> None:
    """A newsletter that bounces puts nobody into the queue, although the same person got a breach notice."""
    world = reception.world
    await world.known(1)
    breach = (await released(world, {"refs": ["user-1"]})).mailing_id
    news = (await mailed(world, {"refs": ["user-1"]})).mailing_id
    await came_back(reception, news)
    assert await notices_of(world, [breach, news]) == {}


async def test_complaints_delays_and_replies_change_nothing(reception: Reception) -> None:
    """Spam reports, an absence and a delay say nothing about whether the notice arrived."""
    world = reception.world
    [ada] = await world.known(1)
    mailing = (await released(world, {"refs": ["user-1"]})).mailing_id
    path = return_path(world.links, mailing, ada)
    away = letter("I am away.", "Out of office").replace(b"Subject:", b"Auto-Submitted: auto-replied\r\nSubject:")
    for content in (bounce(ADA, "4.4.1", "delayed"), complaint("https://mail.example/u/none"), away):
        await reception.send(path, content)
    await reception.handle_stored()
    assert len(await reception.effects()) == 3
    assert await notices_of(world, [mailing]) == {}


async def test_somebody_who_moved_meanwhile_is_written_to(reception: Reception) -> None:
    """The mail went to the former address and came back: the new address has had none."""
    world = reception.world
    await world.known(1)
    mailing = (await released(world, {"refs": ["user-1"]})).mailing_id
    await world.accept([{"ref": "user-1", "email": "new@people.example", "country": "US", "source": "sign-up"}])
    await came_back(reception, mailing)
    assert await notices_of(world, [mailing]) == {"user-1": OPEN}


async def test_whoever_was_erased_meanwhile_is_left_alone(reception: Reception) -> None:
    """Nothing leads to the person any more, so that nobody has to write; an open notice of theirs closes."""
    world = reception.world
    ids = await world.known(1, 2)
    mailing = (await released(world, {"refs": ["user-1", "user-2"]})).mailing_id
    await came_back(reception, mailing, 2)
    for one in ids:
        await erase_recipient(world.rights, world.policies[BRAND], one, "test")
    path = return_path(world.links, mailing, ids[0])
    await reception.send(path, bounce(ADA))
    await reception.handle_stored()
    rows = await world.pool.fetch("SELECT recipient_id, state, note FROM notices")
    assert [tuple(row) for row in rows] == [(ids[1], "closed", "erased")]


async def test_a_later_phase_that_reached_the_person_is_enough(reception: Reception) -> None:
    """Days later the first notice bounces, and the second has arrived: no letter. If that bounces too, one letter."""
    world = reception.world
    await world.known(1, 2)
    case = await open_case(world)
    first = await released_phase(world, case, 1, {1: Line(), 2: Line()})
    second = await released_phase(world, case, 2, {1: Line()})
    mailings = [*first.values(), *second.values()]
    await came_back(reception, first["elsewhere"], 1, status="5.2.2")
    assert await notices_of(world, mailings) == {}
    await came_back(reception, second["elsewhere"], 1, status="5.2.2")
    await came_back(reception, first["elsewhere"], 1, status="5.2.2", reply="552 said again")
    await came_back(reception, first["elsewhere"], 2, status="5.2.2")
    assert await notices_of(world, list(second.values())) == {"user-1": OPEN}
    assert await notices_of(world, list(first.values())) == {"user-2": OPEN}


async def test_a_mailing_that_was_cancelled_is_not_written(reception: Reception) -> None:
    """The wrong people were told, and the mailing was stopped: nobody writes to them as well."""
    world = reception.world
    await world.known(1)
    mailing = (await released(world, {"refs": ["user-1"]})).mailing_id
    await world.pool.execute("UPDATE mailings SET state = 'cancelled' WHERE id = $1", mailing)
    await came_back(reception, mailing)
    assert await notices_of(world, [mailing]) == {}


async def cancelled(world: World, case: BreachCase, phase: int) -> None:
    """A phase whose mailings were finished stood still, and was ended as cancelled."""
    stops = PostgresBreachStops(world.pool, world.writers)
    await stops.begin_stop(case.id, phase, "person:Ada", "The wrong list")
    await stops.end_stop(case.id, phase, "cancelled", "person:Ada")


async def test_mail_of_a_cancelled_phase_is_not_written(reception: Reception) -> None:
    """Its mailing was finished before the stop, so it is not cancelled itself; nor does it count as having told."""
    world = reception.world
    await world.known(1, 2)
    case = await open_case(world)
    first = await released_phase(world, case, 1, {1: Line()})
    second = await released_phase(world, case, 2, {1: Line(), 2: Line()})
    await cancelled(world, case, 2)
    for number in (1, 2):
        await came_back(reception, second["elsewhere"], number)
    await world.pool.execute("DELETE FROM received_mail")
    await came_back(reception, first["elsewhere"], 1)
    assert await notices_of(world, list(second.values())) == {}
    assert await notices_of(world, list(first.values())) == {"user-1": OPEN}


@pytest.mark.parametrize("verdict", list(RefusalVerdict))
async def test_a_mass_of_bounces_waits_for_a_verdict(reception: Reception, verdict: RefusalVerdict) -> None:
    """Suspiciously many are doubted; what was believed before is closed. Whatever the verdict, all are written."""
    world, numbers = reception.world, range(1, LEAST_REFUSALS + 3)
    await world.known(*numbers)
    mailing = (await released(world, {"refs": [f"user-{number}" for number in numbers]})).mailing_id
    for number in numbers:
        await came_back(reception, mailing, number)
    quarantine = PostgresRefusalQuarantine(world.pool, world.writers, world.hasher)
    waiting = await notices_of(world, [mailing])
    assert sorted(waiting) == sorted(f"user-{number}" for number in range(1, LEAST_REFUSALS))
    await quarantine.quarantine_recently_believed_refusals("fake", None)
    assert {state for state, _ in (await notices_of(world, [mailing])).values()} == {"closed"}
    [group] = await quarantine.list_quarantined_groups(None)
    assert group.waiting == len(numbers)
    which = RefusalSelection(group.processor, None, group.since, group.until)
    await apply_verdict_on_quarantined_refusals(quarantine, world.deliveries, which, verdict, "Dana")
    assert await notices_of(world, [mailing]) == {f"user-{number}": OPEN for number in numbers}
    assert len(await moved(world)) == len(numbers) + LEAST_REFUSALS - 1
