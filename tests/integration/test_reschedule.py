"""Mailings get another time: at the console, by the API, and by a command; nothing sneaks past a check by it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mailer.policy.moment_wording import moment_in_words
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from mailer.policy.staff_rights import StaffRole
from mailer.ports.halts import MailingControlRefused
from mailer.ports.mailings import ReleaseRefused
from mailer.postgres.halts import PostgresHalts
from mailer.postgres.mailing_rescheduling import PostgresMailingSchedule
from tests.factories import BRAND, World, person
from tests.integration.console_browser import open_browser
from tests.integration.web_world import browse

PEOPLE = [person(number) for number in range(3)]
DANA, ELI = Identity.parse_identity("person:Dana Duty"), Identity.parse_identity("person:Eli")
SOON, LATER = (
    datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=hours, minutes=1) for hours in (2, 5)
)


async def reschedule(world: World, mailing_id: UUID, at: datetime = LATER, by: Identity = DANA) -> bool:
    """Gives a mailing another time. Returns True if a second person has to release it."""
    schedule = PostgresMailingSchedule(world.pool, world.writers)
    return (await schedule.reschedule_mailing(mailing_id, at, by, "the shop opens later")).needs_release


async def add_mailing(world: World, category: str = "newsletter", **values: str) -> UUID:
    """A mailing that is to begin in two hours."""
    return (await world.accept(PEOPLE, category, **{"send_at": SOON.isoformat()} | values)).mailing_id


async def time_of(world: World, mailing_id: UUID) -> tuple[str, datetime | None]:
    """The state of a mailing, and its time."""
    status = await world.mailings.mailing_status(mailing_id)
    assert status is not None
    return status.state, status.send_at


async def make_due(world: World, mailing_id: UUID) -> None:
    """Lets the time of a mailing come."""
    due = "UPDATE batches SET due_at = now() WHERE mailing_id = $1 AND due_at < 'infinity'"
    await world.pool.execute("UPDATE mailings SET send_at = now() WHERE id = $1", mailing_id)
    await world.pool.execute(due, mailing_id)
    await world.timekeeper().run_all_steps_once()
    await world.run_published()


async def test_it_begins_at_its_new_time_and_not_before(world: World) -> None:
    """Neither the old time nor a message in a queue begins it. The ledger has the time and the reason."""
    mailing_id = await add_mailing(world)
    await world.pool.execute("UPDATE batches SET published_at = now() WHERE mailing_id = $1", mailing_id)
    assert not await reschedule(world, mailing_id)
    assert not await reschedule(world, mailing_id)
    assert await time_of(world, mailing_id) == ("scheduled", LATER)
    [batch] = await world.pool.fetch("SELECT id, due_at, published_at FROM batches WHERE mailing_id = $1", mailing_id)
    assert (batch["due_at"], batch["published_at"]) == (LATER, None)
    await world.handover().hand_over_batches([batch["id"]])
    assert world.processor.sent == []
    await make_due(world, mailing_id)
    assert len(world.processor.sent) == 3
    [entry] = [one for one in await world.entries(mailing_id, "mailing") if one["reason"] == "rescheduled"]
    assert entry["fields"] == [f"send_at:{LATER.isoformat()}"]
    assert (entry["rule"], entry["reply"]) == ("action:Dana Duty", "the shop opens later")
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_what_has_begun_or_is_over_keeps_its_time(world: World) -> None:
    """A batch that a worker holds or has given back, a decided delivery, a cancelled mailing and a finished one."""
    held, decided, given_back, over, done = [await add_mailing(world) for _ in range(5)]
    await world.pool.execute(
        "UPDATE batches SET state = 'claimed', claim = gen_random_uuid(), lease_until = now() + interval '1 minute'"
        " WHERE mailing_id = $1",
        held,
    )
    await world.pool.execute("INSERT INTO counters VALUES ($1, 'queued', '', -1), ($1, 'held', 'bug', 1)", decided)
    await world.pool.execute("UPDATE batches SET due_at = $2 WHERE mailing_id = $1", given_back, LATER)
    await PostgresHalts(world.pool, world.writers).cancel_mailing(over, "Dana", "")
    await world.pool.execute("UPDATE mailings SET finished_at = now() WHERE id = $1", done)
    for mailing_id, says in (
        *((one, "has begun already") for one in (held, decided, given_back)),
        (over, "is cancelled"),
        (done, "is finished"),
        (UUID(int=0), "there is no such mailing"),
    ):
        with pytest.raises(MailingControlRefused, match=says):
            await reschedule(world, mailing_id)
    assert not [one for one in await world.entries(kind="mailing") if one["reason"] == "rescheduled"]


async def test_what_a_worker_had_and_gave_back_keeps_its_time(world: World) -> None:
    """A mailing that was paused in a worker's hands: that worker may remember its old time."""
    mailing_id = (await world.accept(PEOPLE)).mailing_id
    batch = await world.pool.fetchval("SELECT id FROM batches WHERE mailing_id = $1", mailing_id)
    world.halted.mailings[mailing_id] = "paused"
    await world.handover().hand_over_batches([batch])
    assert world.processor.sent == []
    assert await world.pool.fetchval("SELECT state FROM batches WHERE id = $1", batch) == "queued"
    with pytest.raises(MailingControlRefused, match="has begun already"):
        await reschedule(world, mailing_id)


async def test_what_a_halt_kept_from_beginning_gets_a_time(world: World) -> None:
    """A mailing without a time, which was never taken by a worker, as its brand stands still."""
    mailing_id = (await world.accept(PEOPLE)).mailing_id
    await reschedule(world, mailing_id)
    assert await time_of(world, mailing_id) == ("scheduled", LATER)
    await reschedule(world, mailing_id, SOON)
    assert await time_of(world, mailing_id) == ("scheduled", SOON)


async def test_who_was_erased_meanwhile_does_not_keep_the_time(world: World) -> None:
    """An erasure cancels a delivery of a mailing that has not begun."""
    mailing_id = await add_mailing(world)
    erased = "INSERT INTO counters VALUES ($1, 'queued', '', -1), ($1, 'cancelled', 'erased', 1)"
    await world.pool.execute(erased, mailing_id)
    await reschedule(world, mailing_id)
    assert (await time_of(world, mailing_id))[1] == LATER


async def test_it_outlives_neither_its_expiry_nor_an_opt_out(world: World) -> None:
    """A time after `expires_at` is refused; who leaves before the new time gets nothing then."""
    mailing_id = await add_mailing(world, expires_at=(LATER - timedelta(hours=1)).isoformat())
    with pytest.raises(MailingControlRefused, match="good until"):
        await reschedule(world, mailing_id)
    lasting = await add_mailing(world)
    await reschedule(world, lasting)
    await world.standings.record_opt_out(BRAND, await world.id_of("user-1"), "newsletter", "page")
    await make_due(world, lasting)
    assert len(world.processor.sent) == 2
    assert (await world.states(lasting))["user-1"] == ("suppressed", "opted_out")


async def test_a_released_mailing_waits_for_its_release_again(world: World) -> None:
    """Whoever gives it another time does not release it; the second person sees the time that is released."""
    mailing_id = await add_mailing(world, "breach")
    await world.mailings.release_mailing(mailing_id, "Eli")
    assert (await time_of(world, mailing_id))[0] == "scheduled"
    assert await reschedule(world, mailing_id)
    assert await time_of(world, mailing_id) == ("awaiting_release", LATER)
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert world.processor.sent == []
    with pytest.raises(ReleaseRefused, match="person:dana duty rescheduled this mailing"):
        await world.mailings.release_mailing(mailing_id, "dana duty")
    seen = await world.mailings.mailing_status(mailing_id)
    await reschedule(world, mailing_id, SOON)
    with pytest.raises(ReleaseRefused, match="changed since you looked at it"):
        await world.mailings.release_mailing(mailing_id, "Eli", seen)
    seen = await world.mailings.mailing_status(mailing_id)
    for moment in (LATER, SOON):
        await reschedule(world, mailing_id, moment, by=ELI)
    with pytest.raises(ReleaseRefused, match="changed since you looked at it"):
        await world.mailings.release_mailing(mailing_id, "Eli", seen)
    for moment in (LATER, SOON):
        await reschedule(world, mailing_id, moment)
    await world.mailings.release_mailing(mailing_id, "Eli")
    assert await time_of(world, mailing_id) == ("scheduled", SOON)
    await make_due(world, mailing_id)
    assert len(world.processor.sent) == 3


async def test_a_key_does_not_hide_who_gave_the_time(world: World) -> None:
    """Whoever made the key that rescheduled a mailing does not release it."""
    mailing_id = await add_mailing(world, "breach")
    world.writers.actor = str(ELI)
    planner = Identity.parse_identity("key:planner")
    await world.publishers.grant_rights_and_missing_key(planner, RightsOfOnePublisher(frozenset({BRAND})))
    world.writers.actor = None
    await reschedule(world, mailing_id, by=planner)
    with pytest.raises(ReleaseRefused, match="person:Eli made key:planner"):
        await world.mailings.release_mailing(mailing_id, "Eli")
    await world.mailings.release_mailing(mailing_id, "Grace")


async def test_the_page_asks_for_time_and_reason(world: World) -> None:
    """UTC, with a reason; a refusal is told on the page; a release at a time that was not shown is refused."""
    mailing_id = await add_mailing(world, "breach")
    path, at = f"/console/mailings/{mailing_id}", f"{LATER:%Y-%m-%dT%H:%M}"
    async with open_browser(world) as browser, open_browser(world) as other:
        await browser.enter(role=StaffRole.OPS)
        asked = (await browser.open(f"{path}/reschedule")).text
        assert moment_in_words(SOON) in asked
        assert "a second person has to release it" in asked
        refusals: list[tuple[dict[str, str | list[str]], int, str]] = [
            ({"at": at}, 422, "Please say why"),
            ({"at": "tomorrow", "reason": "later"}, 422, "This is no time"),
            ({"at": "2020-01-01T00:00", "reason": "later"}, 409, "is over; give a time to come"),
            ({"at": at, "reason": "x" * 301}, 422, "takes 300 at most"),
        ]
        for fields, status, says in refusals:
            refused = await browser.send(f"{path}/reschedule", fields)
            assert (refused.status_code, says in refused.text) == (status, True), says
        await other.enter("Eli", StaffRole.PRIVACY_OFFICER)
        assert (await other.open(f"{path}/reschedule")).status_code == 403
        shown = (await other.open(f"{path}/release")).text
        assert f'name="send_at" value="{SOON.isoformat()}"' in shown
        assert (await browser.send(f"{path}/reschedule", {"at": at, "reason": "later"})).status_code == 303
        assert (await browser.open(f"{path}/release")).text.count("A second person has to release it.") == 1
        late = await other.send(f"{path}/release", {"send_at": SOON.isoformat()}, f"{path}/release")
        assert (late.status_code, "Its time has changed" in late.text) == (409, True)
        done = await other.send(f"{path}/release", {"send_at": LATER.isoformat()}, f"{path}/release")
        assert done.status_code == 303
    [entry] = [one for one in await world.entries(mailing_id, "mailing") if one["reason"] == "rescheduled"]
    assert (entry["actor"], entry["reply"]) == ("person:Dana Duty", "later; from 192.0.2.0/24")


async def test_a_key_reschedules(world: World) -> None:
    """With the right of its own, a reason and a time to come; another brand's mailing is none."""
    mailing_id = await add_mailing(world)
    rights = RightsOfOnePublisher(frozenset({BRAND}), actions=frozenset({"reschedule_mailing"}))
    key = await world.publishers.grant_rights_and_missing_key(Identity.parse_identity("key:planner"), rights)
    path = f"/api/v1/mailings/{BRAND}/{mailing_id}/reschedule"
    said: dict[str, object] = {"send_at": LATER.isoformat(), "reason": "the shop opens later"}
    async with browse(world, authorization=f"Bearer {key}") as client:
        for bad in ({}, {"reason": "later"}, said | {"reason": " "}, said | {"send_at": "soon"}, said | {"x": 1}):
            assert (await client.post(path, json=bad)).status_code == 422
        over = await client.post(path, json=said | {"send_at": "2020-01-01T00:00:00Z"})
        assert (over.status_code, "is over" in over.text) == (409, True)
        done = await client.post(path, json=said)
        assert (done.status_code, done.json()["send_at"]) == (200, f"{LATER:%Y-%m-%dT%H:%M:%SZ}")
        assert done.json()["rescheduled_by"] == "key:planner"
        await world.pool.execute("UPDATE mailings SET brand = 'peerstream' WHERE id = $1", mailing_id)
        assert (await client.post(path, json=said)).status_code == 404
