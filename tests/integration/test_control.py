"""Pausing, resuming and stopping, over real rows: nothing begins, is lost, or is sent twice."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.ports.halts import OPERATOR, Halt, HaltScope, MailingControlRefused
from mailer.ports.mailings import MailingStatus, ReleaseRefused
from mailer.ports.processor import OutgoingMessage
from mailer.postgres.halts import PostgresHalts
from tests.doubles import ACCEPTED
from tests.factories import BRAND, World, person, until
from tests.staff import add_person

EVERYTHING = Halt(HaltScope.EVERYTHING, OPERATOR, "Dana", "smoke")
PEOPLE = [person(number) for number in range(5)]


@pytest.fixture
def halts(world: World) -> PostgresHalts:
    """The halts of the world."""
    return PostgresHalts(world.pool, world.writers)


async def status_of(world: World, mailing_id: UUID) -> MailingStatus:
    """The state and the counts of a mailing."""
    status = await world.mailings.mailing_status(mailing_id)
    assert status is not None
    return status


async def batch_states(world: World) -> list[tuple[str, bool]]:
    """Each batch's state, and whether it counts as published."""
    rows = await world.pool.fetch("SELECT state, published_at IS NOT NULL AS published FROM batches ORDER BY id")
    return [(row["state"], row["published"]) for row in rows]


async def tick(world: World, times: int = 3) -> None:
    """Runs some ticks, and hands over the mail that they publish."""
    for _ in range(times):
        await world.timekeeper().run_all_steps_once()
        await world.run_published()


async def test_each_change_stands_in_the_ledger_once(world: World, halts: PostgresHalts) -> None:
    """Halting or lifting again changes nothing and says so. The first time is on record, with person and reason."""
    accepted = await world.accept(PEOPLE)
    for halt in (EVERYTHING, Halt(HaltScope.BRAND, BRAND, "Dana"), Halt(HaltScope.PROCESSOR, "relay", "Dana")):
        assert await halts.add_halt(halt)
        assert not await halts.add_halt(halt)
    assert await halts.pause_mailing(accepted.mailing_id, "Dana", "typo")
    assert not await halts.pause_mailing(accepted.mailing_id, "Erik", "typo")
    seen = {
        (halt.scope, halt.key, halt.by, halt.reason)
        for halt in (await halts.read_halts_and_missing_ledger_entries((), (), ())).halts
    }
    mailing = str(accepted.mailing_id)
    assert seen == {
        (HaltScope.EVERYTHING, OPERATOR, "Dana", "smoke"),
        (HaltScope.BRAND, BRAND, "Dana", ""),
        (HaltScope.PROCESSOR, "relay", "Dana", ""),
        (HaltScope.MAILING, mailing, "Dana", "typo"),
    }
    for scope, key in ((HaltScope.EVERYTHING, OPERATOR), (HaltScope.BRAND, BRAND), (HaltScope.PROCESSOR, "relay")):
        assert await halts.lift_halt(scope, key, "Erik")
        assert not await halts.lift_halt(scope, key, "Erik")
    assert await halts.resume_mailing(accepted.mailing_id, "Erik")
    assert not await halts.resume_mailing(accepted.mailing_id, "Erik")
    assert (await halts.read_halts_and_missing_ledger_entries((), (), ())).halts == ()
    entries = [entry for entry in await world.entries() if entry["rule"] in ("action:Dana", "action:Erik")]
    assert [(e["kind"], e["brand"], e["processor"], e["mailing"], e["reason"], e["reply"]) for e in entries] == [
        ("control", "", None, None, "stopped", "smoke"),
        ("control", BRAND, None, None, "paused", None),
        ("control", "", "relay", None, "paused", None),
        ("mailing", BRAND, None, mailing, "paused", "typo"),
        ("control", "", None, None, "started", None),
        ("control", BRAND, None, None, "resumed", None),
        ("control", "", "relay", None, "resumed", None),
        ("mailing", BRAND, None, mailing, "resumed", None),
    ]
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_what_cannot_be_changed_says_why(world: World, halts: PostgresHalts) -> None:
    """A mailing that is unknown, finished or cancelled; cancelling it again is no mistake."""
    with pytest.raises(MailingControlRefused, match="no such mailing"):
        await halts.pause_mailing(UUID(int=0), "Dana", "")
    finished = await world.accept([person(1)])
    await world.handover().hand_over_batches(finished.batches)
    await tick(world)
    for change in (
        halts.pause_mailing(finished.mailing_id, "Dana", ""),
        halts.resume_mailing(finished.mailing_id, "Dana"),
        halts.cancel_mailing(finished.mailing_id, "Dana", ""),
    ):
        with pytest.raises(MailingControlRefused, match="the mailing is finished"):
            await change
    cancelled = await world.accept([person(1)])
    assert await halts.cancel_mailing(cancelled.mailing_id, "Dana", "")
    for ended in (False, True):
        for refused in (
            halts.pause_mailing(cancelled.mailing_id, "Dana", ""),
            halts.resume_mailing(cancelled.mailing_id, "Dana"),
        ):
            with pytest.raises(MailingControlRefused, match="the mailing is cancelled, and that is for good"):
                await refused
        assert not await halts.cancel_mailing(cancelled.mailing_id, "Dana", "")
        assert ((await status_of(world, cancelled.mailing_id)).finished_at is not None) == ended
        await tick(world)
    reasons = [entry["reason"] for entry in await world.entries(cancelled.mailing_id, "mailing")]
    assert reasons == ["accepted", "cancelled"]


HALTED = ("everything", "brand", "mailing")


async def stand_still(halts: PostgresHalts, scope: str, mailing_id: UUID) -> None:
    """Halts a mailing by any of the scopes."""
    if scope == "mailing":
        await halts.pause_mailing(mailing_id, "Dana", "")
    else:
        await halts.add_halt(EVERYTHING if scope == "everything" else Halt(HaltScope.BRAND, BRAND, "Dana"))


async def go_on(halts: PostgresHalts, scope: str, mailing_id: UUID) -> None:
    """Lifts the halt again."""
    if scope == "mailing":
        await halts.resume_mailing(mailing_id, "Dana")
    else:
        await halts.lift_halt(HaltScope(scope), OPERATOR if scope == "everything" else BRAND, "Dana")


@pytest.mark.parametrize("scope", HALTED)
async def test_what_stands_still_is_neither_published_nor_lost(world: World, halts: PostgresHalts, scope: str) -> None:
    """The batches of halted work wait where they are. The first tick after the halt publishes them."""
    accepted = await world.accept(PEOPLE)
    await stand_still(halts, scope, accepted.mailing_id)
    assert (await status_of(world, accepted.mailing_id)).state == "paused"
    assert (await status_of(world, accepted.mailing_id)).halted == (scope,)
    await world.upkeep.mark_batches_published(accepted.batches)  # by whoever had taken it in
    assert await batch_states(world) == [("queued", False)]
    assert await world.upkeep.due_unpublished_batches(10) == []
    await world.pool.execute("UPDATE batches SET published_at = now() - interval '1 hour'")
    assert await world.upkeep.published_unclaimed_batches_of_lane("newsletter", 30, 10) == []
    await world.pool.execute("UPDATE batches SET published_at = NULL")
    await tick(world)
    assert world.processor.sent == []
    await go_on(halts, scope, accepted.mailing_id)
    assert (await status_of(world, accepted.mailing_id)).state == "running"
    await tick(world)
    assert len(world.processor.sent) == 5
    assert (await status_of(world, accepted.mailing_id)).state == "finished"


@pytest.mark.parametrize("scope", HALTED)
async def test_what_stands_still_is_not_claimed(world: World, halts: PostgresHalts, scope: str) -> None:
    """A halted batch is not claimed. Its message is used up by the try, and is published again when work goes on."""
    accepted = await world.accept(PEOPLE)
    other = await world.accept([person(9)], "newsletter", brand="paltalk-2006", controller="paltalk-2006")
    await world.upkeep.mark_batches_published([*accepted.batches, *other.batches])
    await stand_still(halts, scope, accepted.mailing_id)
    await world.handover().hand_over_batches([*accepted.batches, *other.batches])
    assert world.processor.sent == []
    others = await world.real_counts(other.mailing_id)
    assert (("queued", "") in others) == (scope == "everything")
    assert await world.deliveries.claim_queued_deliveries_of_batches(accepted.batches, "worker") is None
    await go_on(halts, scope, accepted.mailing_id)
    await tick(world)
    assert await world.real_counts(accepted.mailing_id) == {("handed_over", ""): 5}


async def test_a_backlog_is_not_published_again(world: World, halts: PostgresHalts) -> None:
    """Batches whose messages still wait in their queue are not published anew for having stood still."""
    accepted = await world.accept(PEOPLE)
    await world.upkeep.mark_batches_published(accepted.batches)
    world.broker.waiting = 1
    for _ in range(3):
        await halts.add_halt(EVERYTHING)
        await world.timekeeper().run_all_steps_once()
        await halts.lift_halt(HaltScope.EVERYTHING, OPERATOR, "Dana")
        await world.timekeeper().run_all_steps_once()
    assert world.broker.take() == []


async def test_a_pause_in_the_middle_of_a_window(world: World, halts: PostgresHalts) -> None:
    """Mail that was not offered before a pause goes back as it was. Each person gets it once after the pause."""
    accepted = await world.accept(PEOPLE)

    def answer(outgoing: OutgoingMessage) -> Outcome:
        world.halted.mailings[accepted.mailing_id] = "mailing_halted"
        return ACCEPTED

    await halts.pause_mailing(accepted.mailing_id, "Dana", "")
    await halts.resume_mailing(accepted.mailing_id, "Dana")
    world.processor.answer = answer
    await world.handover().hand_over_batches(accepted.batches)
    assert len(world.processor.sent) == 1
    await halts.pause_mailing(accepted.mailing_id, "Dana", "")
    await tick(world)
    assert await world.real_counts(accepted.mailing_id) == {("handed_over", ""): 1, ("queued", ""): 4}
    assert await batch_states(world) == [("queued", False)]
    await halts.resume_mailing(accepted.mailing_id, "Dana")
    world.halted.mailings.clear()
    world.processor.answer = lambda outgoing: ACCEPTED
    await tick(world)
    assert world.processor.recipients == [f"user-{number}@people.example" for number in range(5)]
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 5}
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_pause_outlasts_what_the_mailing_may(world: World, halts: PostgresHalts) -> None:
    """A mailing that expires during its pause ends as expired when it goes on, and nothing of it is sent."""
    expires = datetime.now(UTC) + timedelta(hours=1)
    accepted = await world.accept(PEOPLE, expires_at=expires.isoformat())
    await halts.pause_mailing(accepted.mailing_id, "Dana", "")
    await world.pool.execute("UPDATE mailings SET expires_at = now() - interval '1 second'")
    await tick(world)
    assert (await status_of(world, accepted.mailing_id)).state == "paused"
    await halts.resume_mailing(accepted.mailing_id, "Dana")
    await tick(world)
    assert await world.counted(accepted.mailing_id) == {("expired", "expired"): 5}
    assert world.processor.sent == []


async def test_resuming_does_not_bring_a_mailing_forward(world: World, halts: PostgresHalts) -> None:
    """A mailing that is scheduled is still scheduled after its pause."""
    accepted = await world.accept(PEOPLE, send_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    await halts.pause_mailing(accepted.mailing_id, "Dana", "")
    await halts.resume_mailing(accepted.mailing_id, "Dana")
    assert (await status_of(world, accepted.mailing_id)).state == "scheduled"
    await tick(world)
    assert world.processor.sent == []
    assert await world.upkeep.due_unpublished_batches(10) == []


async def test_a_paused_mailing_waits_for_its_release_too(world: World, halts: PostgresHalts) -> None:
    """Released while it is paused it waits for both, and goes when both have come."""
    accepted = await world.accept(PEOPLE, "breach")
    await halts.pause_mailing(accepted.mailing_id, "Dana", "")
    await world.mailings.release_mailing(accepted.mailing_id, "Erik")
    await tick(world)
    assert world.processor.sent == []
    await halts.resume_mailing(accepted.mailing_id, "Dana")
    await tick(world)
    assert len(world.processor.sent) == 5


@pytest.mark.parametrize("giver", ["Dana Duty", "Eli"])
async def test_whoever_made_ones_link_lately_is_no_second_person(world: World, giver: str) -> None:
    """With the link of the other, one person could be both, whoever of them published. After a week they are two."""
    [other] = {"Dana Duty", "Eli"} - {giver}
    await add_person(world.staff, other)
    await world.pool.execute("UPDATE staff_access_grants SET giver = $1", parse_person_identity(giver).form[1])
    accepted = await world.accept(PEOPLE, "breach", publisher="person:Dana Duty")
    with pytest.raises(ReleaseRefused, match="not independent"):
        await world.mailings.release_mailing(accepted.mailing_id, "ELI")
    await world.pool.execute("UPDATE staff_access_grants SET at = now() - interval '8 days'")
    await world.mailings.release_mailing(accepted.mailing_id, "ELI")
    assert (await status_of(world, accepted.mailing_id)).state != "awaiting_release"


async def test_two_timekeepers_publish_each_batch_once(world: World) -> None:
    """One timekeeper publishes while the other passes by."""
    for number in range(12):
        await world.accept([person(number)])
    await asyncio.gather(*(world.timekeeper().run_all_steps_once() for _ in range(4)))
    assert len(world.broker.take()) == 12
    await world.pool.execute("UPDATE batches SET published_at = now() - interval '31 seconds'")
    await asyncio.gather(*(world.timekeeper().run_all_steps_once() for _ in range(4)))
    assert len(world.broker.take()) == 12


async def test_a_timekeeper_that_was_frozen_keeps_nobody_for_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database ends its turn, and the next one publishes."""
    monkeypatch.setattr("mailer.postgres.timekeeping._ALONE_SECONDS", 1)
    async with (
        world.upkeep.holding_publishing_lock_if_free() as first,
        world.upkeep.holding_publishing_lock_if_free() as second,
    ):
        assert (first, second) == (True, False)
    await world.pool.expire_connections()
    frozen = world.upkeep.holding_publishing_lock_if_free()
    assert await frozen.__aenter__()

    async def free() -> bool:
        async with world.upkeep.holding_publishing_lock_if_free() as alone:
            return alone

    await until(free)
    with pytest.raises(Exception, match=r"connection|closed"):
        await frozen.__aexit__(None, None, None)


async def test_progress_comes_from_the_counters(world: World) -> None:
    """Done, open, the rate over the last minute and the estimated end, also after the counters were folded."""
    accepted = await world.accept([person(number) for number in range(200)])
    mailing_id = accepted.mailing_id
    await world.pool.execute("UPDATE mailings SET released_at = now() - interval '10 minutes'")
    for _ in range(60):
        deltas = [(mailing_id, "queued", "", -2), (mailing_id, "handed_over", "", 2)]
        await world.pool.executemany("INSERT INTO counters VALUES ($1, $2, $3, $4)", deltas)
    await world.pool.execute("UPDATE counters SET at = now() - interval '5 minutes' WHERE n = -2")
    first = await status_of(world, mailing_id)
    await world.upkeep.fold_older_counter_deltas()
    folded = await status_of(world, mailing_id)
    assert await world.pool.fetchval("SELECT count(*) FROM counters") < 10
    for status in (first, folded):
        now = datetime.now(UTC)
        progress = status.progress(now)
        assert (progress.done, progress.open, progress.rate) == (120, 80, 2.0)
        assert progress.eta == now + timedelta(seconds=40)
    await world.pool.execute("UPDATE counters SET at = now() - interval '61 seconds'")
    later = (await status_of(world, mailing_id)).progress(datetime.now(UTC))
    assert (later.done, later.open, later.rate, later.eta) == (120, 80, 0.0, None)


async def test_what_does_not_run_has_no_rate(world: World, halts: PostgresHalts) -> None:
    """A mailing that is paused, waits or is over has no rate."""
    paused = await world.accept(PEOPLE)
    await halts.pause_mailing(paused.mailing_id, "Dana", "")
    waiting = await world.accept(PEOPLE, "breach")
    for accepted in (paused, waiting):
        progress = (await status_of(world, accepted.mailing_id)).progress(datetime.now(UTC))
        assert (progress.done, progress.open, progress.rate, progress.eta) == (0, 5, None, None)


async def test_a_young_mailing_is_measured_by_its_own_time(world: World) -> None:
    """A mailing that has run for ten seconds has a rate over ten seconds."""
    accepted = await world.accept(PEOPLE)
    await world.handover().hand_over_batches(accepted.batches)
    status = await status_of(world, accepted.mailing_id)
    assert status.began_at is not None
    progress = status.progress(status.began_at + timedelta(seconds=10))
    assert (progress.done, progress.open, progress.rate) == (5, 0, 0.5)


async def test_refused_mail_is_over_too(world: World) -> None:
    """The rate counts every delivery that ends."""
    world.processor.answer = lambda outgoing: Outcome(OutcomeKind.BLOCKED, 550, "5.7.1")
    accepted = await world.accept(PEOPLE)
    await world.handover().hand_over_batches(accepted.batches)
    assert (await status_of(world, accepted.mailing_id)).ended_lately == 5
