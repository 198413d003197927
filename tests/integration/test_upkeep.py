"""The timekeeper's statements."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from mailer.ports.deliveries import DeliveryMove, DeliveryState
from mailer.ports.time_ordered_uuids import uuid7
from mailer.ports.timekeeping import DueBatch
from tests.factories import World, person


async def defer(world: World, mailing_id: UUID, batches: tuple[int, ...], reason: str = "4.7.1") -> int:
    """Defers all of a mailing, as if they had been refused for now; says how many."""
    claim = await world.deliveries.claim_queued_deliveries_of_batches(batches, "worker")
    assert claim is not None
    now = datetime.now(UTC)
    moves = [
        DeliveryMove(
            mailing_id, row.recipient_id, row.attempt, DeliveryState.CLAIMED, DeliveryState.DEFERRED, reason, now
        )
        for row in claim.rows
    ]
    assert await world.deliveries.commit_moves_or_find_refused(claim.token, moves, []) == frozenset()
    await world.deliveries.end_claim_and_requeue_rest(claim.token, None)
    return len(moves)


async def test_what_was_never_published_is_due(world: World) -> None:
    """Batches that are due and were never published are named lane by lane, not more of each than asked for."""
    first = await world.accept([person(2)], "service")
    second = await world.accept([person(1)])
    third = await world.accept([person(1)])
    await world.accept([person(3)], send_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    await world.accept([person(4)], "breach")
    batches = [*first.batches, *second.batches, *third.batches]
    due = [DueBatch(batch, lane) for batch, lane in zip(batches, ("service", "newsletter", "newsletter"), strict=True)]
    assert await world.upkeep.due_unpublished_batches(10) == due
    assert await world.upkeep.due_unpublished_batches(1) == due[:2]
    await world.upkeep.mark_batches_published(first.batches)
    assert await world.upkeep.due_unpublished_batches(10) == due[1:]
    await world.deliveries.claim_queued_deliveries_of_batches([*second.batches, *third.batches], "worker")
    assert await world.upkeep.due_unpublished_batches(10) == []


async def test_what_was_published_long_ago_is_lost(world: World) -> None:
    """Batches of a lane that were published and never claimed are lost after a while."""
    accepted = await world.accept([person(1)])
    await world.upkeep.mark_batches_published(accepted.batches)
    assert (
        await world.upkeep.published_unclaimed_batches_of_lane("newsletter", 30, 10)
        == []
        == await world.upkeep.lanes_with_lost_batches(30)
    )
    await world.pool.execute("UPDATE batches SET published_at = now() - interval '31 seconds'")
    assert await world.upkeep.published_unclaimed_batches_of_lane("newsletter", 30, 10) == [
        DueBatch(accepted.batches[0], "newsletter")
    ]
    assert await world.upkeep.published_unclaimed_batches_of_lane("service", 30, 10) == []
    assert await world.upkeep.lanes_with_lost_batches(30) == ["newsletter"]
    await world.deliveries.claim_queued_deliveries_of_batches(accepted.batches, "worker")
    assert await world.upkeep.published_unclaimed_batches_of_lane("newsletter", 30, 10) == []


async def test_what_is_due_again_is_batched(world: World) -> None:
    """Deferred deliveries that are due are queued in new batches of their mailing, and the counters follow."""
    first = await world.accept([person(n) for n in range(30)])
    second = await world.accept([person(n) for n in range(10)], "service")
    assert await defer(world, first.mailing_id, first.batches) == 30
    assert await defer(world, second.mailing_id, second.batches) == 10
    assert await world.upkeep.put_due_deliveries_into_new_batches(35) == 35
    assert await world.upkeep.put_due_deliveries_into_new_batches(35) == 5
    assert await world.upkeep.put_due_deliveries_into_new_batches(35) == 0
    for accepted in (first, second):
        assert await world.counted(accepted.mailing_id) == {("queued", ""): accepted.size}
        assert await world.real_counts(accepted.mailing_id) == {("queued", ""): accepted.size}
    lanes = await world.pool.fetch("SELECT lane, count(*) FROM batches GROUP BY lane ORDER BY lane")
    assert [row["lane"] for row in lanes] == ["newsletter", "service"]
    assert (
        await world.pool.fetchval(
            "SELECT count(*) FROM deliveries d LEFT JOIN batches b ON b.id = d.batch WHERE b IS NULL"
        )
        == 0
    )


async def test_what_is_not_due_stays(world: World) -> None:
    """A deferred delivery whose time has not come is not touched."""
    accepted = await world.accept([person(1)])
    await defer(world, accepted.mailing_id, accepted.batches)
    await world.pool.execute("UPDATE deliveries SET due_at = now() + interval '1 minute'")
    assert await world.upkeep.put_due_deliveries_into_new_batches(10) == 0


async def test_two_that_batch_at_once_share_the_work(world: World) -> None:
    """Each due delivery gets into one batch, even if two timekeepers make batches at once."""
    accepted = await world.accept([person(n) for n in range(200)])
    await defer(world, accepted.mailing_id, accepted.batches)
    done = await asyncio.gather(*(world.upkeep.put_due_deliveries_into_new_batches(50) for _ in range(6)))
    assert sum(done) + await world.upkeep.put_due_deliveries_into_new_batches(200) == 200
    assert await world.counted(accepted.mailing_id) == {("queued", ""): 200}
    assert (
        await world.pool.fetchval("SELECT count(DISTINCT recipient_id) FROM deliveries WHERE state = 'queued'") == 200
    )


async def test_a_mailing_is_finished_when_nothing_is_open(world: World) -> None:
    """A mailing is finished once no delivery of it is open: not while one is held, deferred, in doubt or claimed."""
    accepted = await world.accept([person(1)])
    assert await world.upkeep.finish_completed_mailings() == 0
    await defer(world, accepted.mailing_id, accepted.batches)
    assert await world.upkeep.finish_completed_mailings() == 0
    await world.upkeep.put_due_deliveries_into_new_batches(10)
    [batch] = await world.pool.fetch("SELECT id FROM batches")
    await world.handover().hand_over_batches([batch["id"]])
    assert await world.upkeep.finish_completed_mailings() == 1
    assert await world.upkeep.finish_completed_mailings() == 0
    status = await world.mailings.mailing_status(accepted.mailing_id)
    assert status is not None
    assert (status.state, status.counts) == ("finished", {("handed_over", ""): 1})
    # Its counters take a row a reason from now on.
    assert await world.pool.fetchval("SELECT count(*) FROM counters") == 1


async def test_counters_are_folded(world: World) -> None:
    """Many deltas become one row a reason, with the same sums, even while more are added."""
    accepted = await world.accept([person(1)])
    deltas = [(accepted.mailing_id, state, "", n) for state, n in (("queued", -1), ("failed", 1)) for _ in range(150)]
    await world.pool.executemany("INSERT INTO counters VALUES ($1, $2, $3, $4)", deltas)
    # All of one second, whenever they were written: each second has rows of its own.
    await world.pool.execute("UPDATE counters SET at = date_trunc('second', now()) + random() * interval '0.9 seconds'")
    before = await world.counted(accepted.mailing_id)
    more = [(accepted.mailing_id, "failed", "late", 1)] * 50
    await asyncio.gather(
        world.upkeep.fold_older_counter_deltas(),
        world.pool.executemany("INSERT INTO counters VALUES ($1, $2, $3, $4)", more),
        world.upkeep.fold_older_counter_deltas(),
    )
    assert await world.counted(accepted.mailing_id) == before | {("failed", "late"): 50}
    assert await world.pool.fetchval("SELECT count(*) FROM counters") <= 2 + 50


async def test_partitions_are_made_ahead(world: World) -> None:
    """The months to come have their partitions, made once, and each table's rows find theirs."""
    before = await world.pool.fetch("SELECT relid::text FROM pg_partition_tree('deliveries') WHERE isleaf")
    assert len(before) >= 4
    await asyncio.gather(*(world.upkeep.create_partitions_of_coming_months() for _ in range(3)))
    assert await world.pool.fetch("SELECT relid::text FROM pg_partition_tree('deliveries') WHERE isleaf") == before
    month = datetime.now(UTC).strftime("%Y%m")
    await world.accept([person(1)])
    for table in ("deliveries", "ledger"):
        assert await world.pool.fetchval(f"SELECT count(*) FROM {table}_{month}") == 1  # noqa: S608 - ours


async def test_partitions_begin_with_their_month(world: World) -> None:
    """A month's bound is the least UUIDv7 of its first moment, in UTC for any time zone of the session."""
    moment = datetime(2026, 12, 1, tzinfo=UTC)
    floor = await world.pool.fetchval("SELECT uuid_floor($1)", moment)
    assert floor.int >> 80 == moment.timestamp() * 1000
    assert floor.int & ((1 << 80) - 1) == 0
    assert uuid7() > await world.pool.fetchval("SELECT uuid_floor(now() - interval '1 minute')")
    async with world.pool.acquire() as connection:
        await connection.execute("SET timezone = 'Pacific/Kiritimati'")
        await connection.execute("SELECT ensure_partitions(14)")
        bound = await connection.fetchval(
            "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'deliveries_202712'"
        )
    assert f"FROM ('{await world.pool.fetchval('SELECT uuid_floor($1)', datetime(2027, 12, 1, tzinfo=UTC))}')" in bound


async def test_the_seal_has_the_heads(world: World) -> None:
    """The timekeeper's seal is the ledger's."""
    await world.accept([person(1)])
    await world.upkeep.seal_ledger()
    sealed = await world.ledger.latest_seal()
    assert sealed is not None
    assert len(json.loads(sealed["body"])["heads"]) == 1
