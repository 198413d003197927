"""Tests of cancelling: all open deliveries of a mailing end once, in the ledger, whoever holds them."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mailer.ports.deliveries import DeliveryMove, DeliveryState
from mailer.ports.mailings import AcceptedMailing, MailingStatus, ReleaseRefused
from mailer.postgres.halts import PostgresHalts
from tests.factories import World, person

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


async def rest(
    world: World, accepted: AcceptedMailing, state: DeliveryState, reason: str = "", minutes: int = 0
) -> None:
    """Puts each delivery of a mailing into a state in which it waits."""
    claim = await world.deliveries.claim_queued_deliveries_of_batches(accepted.batches, "worker")
    assert claim is not None
    due_at = datetime.now(UTC) + timedelta(minutes=minutes)
    moves = [
        DeliveryMove(row.mailing_id, row.recipient_id, row.attempt, DeliveryState.CLAIMED, state, reason, due_at)
        for row in claim.rows
    ]
    assert await world.deliveries.commit_moves_or_find_refused(claim.token, moves, []) == frozenset()
    await world.deliveries.end_claim_and_requeue_rest(claim.token, None)


async def test_cancelling_ends_whatever_is_open(
    world: World, halts: PostgresHalts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queued, held and deferred ones, in steps; each in the ledger, the counters true, and the mailing is over."""
    monkeypatch.setattr("mailer.pipeline.timekeeper.AT_ONCE", 7)
    queued = await world.accept([person(number) for number in range(20)])
    deferred = await world.accept([person(number) for number in range(20)])
    held = await world.accept([person(number) for number in range(3)])
    await rest(world, deferred, DeliveryState.DEFERRED, "4.7.1", minutes=60)
    await rest(world, held, DeliveryState.HELD, "not_yet_due", minutes=60)
    for accepted in (queued, deferred, held):
        await halts.cancel_mailing(accepted.mailing_id, "Dana", "typo")
        assert (await status_of(world, accepted.mailing_id)).state == "cancelled"
    for _ in range(3):
        await world.timekeeper().run_all_steps_once()
    for accepted in (queued, deferred, held):
        expected = {("cancelled", "cancelled"): accepted.size}
        assert await world.counted(accepted.mailing_id) == expected
        assert await world.real_counts(accepted.mailing_id) == expected
        outcomes = await world.entries(accepted.mailing_id, "outcome")
        assert sorted(entry["recipient"] for entry in outcomes) == sorted({entry["recipient"] for entry in outcomes})
        assert [entry["reason"] for entry in outcomes] == ["cancelled cancelled"] * accepted.size
        status = await status_of(world, accepted.mailing_id)
        assert (status.state, status.finished_at is not None) == ("cancelled", True)
    assert await world.pool.fetchval("SELECT count(*) FROM batches") == 0
    assert (await halts.read_halts_and_missing_ledger_entries((), (), ())).halts == (), "what is over needs no halt"
    assert world.processor.sent == []
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_cancelling_leaves_what_a_worker_holds_to_it(world: World, halts: PostgresHalts) -> None:
    """Cancelling leaves a worker its deliveries until they come back. Mail that was handed over stays so."""
    accepted = await world.accept(PEOPLE)
    claim = await world.deliveries.claim_queued_deliveries_of_batches(accepted.batches, "worker")
    assert claim is not None
    sent = claim.rows[0]
    done = DeliveryMove(
        sent.mailing_id, sent.recipient_id, sent.attempt, DeliveryState.CLAIMED, DeliveryState.HANDED_OVER
    )
    assert await world.deliveries.commit_moves_or_find_refused(claim.token, [done], []) == frozenset()
    await halts.cancel_mailing(accepted.mailing_id, "Dana", "")
    await world.timekeeper().run_all_steps_once()
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 1, ("queued", ""): 4}
    await world.deliveries.end_claim_and_requeue_rest(claim.token, None)
    await world.timekeeper().run_all_steps_once()
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 1, ("cancelled", "cancelled"): 4}
    assert (await status_of(world, accepted.mailing_id)).finished_at is not None


@pytest.mark.parametrize(("category", "ends"), [("newsletter", ("failed", "in_doubt")), ("breach", ("cancelled",) * 2)])
async def test_what_is_in_doubt_is_resolved_first(
    world: World, halts: PostgresHalts, category: str, ends: tuple[str, str]
) -> None:
    """Optional mail in doubt fails; mandatory mail would go again, and is cancelled instead."""
    accepted = await world.accept(PEOPLE, category)
    if category == "breach":
        await world.mailings.release_mailing(accepted.mailing_id, "Erik")
    batches = [row["id"] for row in await world.pool.fetch("SELECT id FROM batches")]
    claim = await world.deliveries.claim_queued_deliveries_of_batches(batches, "dead")
    assert claim is not None
    intents = [
        DeliveryMove(
            row.mailing_id,
            row.recipient_id,
            row.attempt,
            DeliveryState.CLAIMED,
            DeliveryState.INTENDED,
            version=row.standing.version,
        )
        for row in claim.rows
    ]
    assert await world.deliveries.commit_moves_or_find_refused(claim.token, intents, []) == frozenset()
    await halts.cancel_mailing(accepted.mailing_id, "Dana", "")
    await world.lose_leases()
    for _ in range(4):
        await world.timekeeper().run_all_steps_once()
    assert await world.counted(accepted.mailing_id) == {ends: 5}
    assert (await status_of(world, accepted.mailing_id)).finished_at is not None
    assert world.broker.take() == []


async def test_two_timekeepers_cancel_each_delivery_once(world: World, halts: PostgresHalts) -> None:
    """Two timekeepers cancel at once while a worker hands over. Each delivery is cancelled once."""
    accepted = await world.accept([person(number) for number in range(300)])
    await halts.cancel_mailing(accepted.mailing_id, "Dana", "")
    for _ in range(3):
        await asyncio.gather(*(world.timekeeper().run_all_steps_once() for _ in range(3)))
    assert await world.counted(accepted.mailing_id) == {("cancelled", "cancelled"): 300}
    assert len(await world.entries(accepted.mailing_id, "outcome")) == 300
    assert (await status_of(world, accepted.mailing_id)).finished_at is not None
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_mailing_that_waits_for_its_release_can_be_cancelled(world: World, halts: PostgresHalts) -> None:
    """A cancelled mailing cannot be released any more."""
    accepted = await world.accept(PEOPLE, "breach")
    await halts.cancel_mailing(accepted.mailing_id, "Dana", "false alarm")
    with pytest.raises(ReleaseRefused, match="it is cancelled"):
        await world.mailings.release_mailing(accepted.mailing_id, "Erik")
    await world.timekeeper().run_all_steps_once()
    assert await world.counted(accepted.mailing_id) == {("cancelled", "cancelled"): 5}
    assert (await status_of(world, accepted.mailing_id)).finished_at is not None
