"""The timekeeper: several at once, a broker that is away, ticks that fail."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import structlog

from mailer.ports.broker import BrokerMessage, BrokerUnavailable, MessageUnroutable, QueueRefusedMessage
from mailer.ports.deliveries import DeliveryMove, DeliveryState
from tests.factories import World, person


async def doubtful(world: World, category: str, people: int) -> None:
    """A mailing whose worker died right after its intents."""
    accepted = await world.accept([person(n) for n in range(people)], category)
    claim = await world.deliveries.claim_queued_deliveries_of_batches(accepted.batches, "dead")
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


async def test_many_timekeepers_do_no_harm(world: World) -> None:
    """Simultaneous timekeepers resolve each delivery once. The ledger tells each step once."""
    for category in ("newsletter", "service", "newsletter"):
        await doubtful(world, category, 40)
    await world.lose_leases()
    keepers = [world.timekeeper() for _ in range(4)]
    for _ in range(4):
        await asyncio.gather(*(keeper.run_all_steps_once() for keeper in keepers))
        await world.run_published()
    await asyncio.gather(*(keeper.run_all_steps_once() for keeper in keepers))
    states = [row["state"] for row in await world.pool.fetch("SELECT state FROM deliveries")]
    assert (states.count("failed"), states.count("handed_over"), len(states)) == (80, 40, 120)
    lost = [entry for entry in await world.entries(kind="outcome") if entry["reason"] == "in_doubt owner_lost"]
    assert len(lost) == 120
    assert len(world.processor.sent) == 40
    assert await world.pool.fetchval("SELECT count(*) FROM mailings WHERE finished_at IS NULL") == 0
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_more_intents_than_one_step(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ticks that follow resolve the intents that one step cannot. None is lost."""
    monkeypatch.setattr("mailer.pipeline.timekeeper.AT_ONCE", 7)
    await doubtful(world, "newsletter", 30)
    await world.lose_leases()
    for _ in range(20):
        await world.timekeeper().run_all_steps_once()
    states = {row["state"] for row in await world.pool.fetch("SELECT state FROM deliveries")}
    assert states == {DeliveryState.FAILED.value}
    assert await world.pool.fetchval("SELECT count(*) FROM batches") == 0


async def test_a_broker_that_is_away(world: World) -> None:
    """All else goes on if the broker is away, and batches are published once it is back."""
    accepted = await world.accept([person(1)])
    world.broker.away = True
    keeper = world.timekeeper()
    await keeper.run_all_steps_once()
    assert await world.upkeep.due_unpublished_batches(10) != []
    world.broker.away = False
    await keeper.run_all_steps_once()
    await world.run_published()
    await keeper.run_all_steps_once()
    status = await world.mailings.mailing_status(accepted.mailing_id)
    assert status is not None
    assert status.state == "finished"


async def test_lost_batches_are_published_when_their_lane_is_idle(world: World) -> None:
    """A batch that nobody claimed is published again, but not into a lane that is still busy."""
    accepted = await world.accept([person(1)])
    await world.upkeep.mark_batches_published(accepted.batches)
    await world.pool.execute("UPDATE batches SET published_at = now() - interval '31 seconds'")
    world.broker.waiting = 5
    await world.timekeeper().run_all_steps_once()
    assert world.broker.take() == []
    world.broker.waiting = 0
    await world.timekeeper().run_all_steps_once()
    await world.timekeeper().run_all_steps_once()
    assert len(world.broker.published) == 1
    await world.run_published()
    assert len(world.processor.sent) == 1


async def test_it_runs_until_told_to_stop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that fails is done again. The timekeeper ends when it is told to stop."""
    keeper, stop, tries = world.timekeeper(), asyncio.Event(), 0

    async def give_back(limit: int) -> int:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ConnectionError("the database is away")
        stop.set()
        return 0

    monkeypatch.setattr(world.upkeep, "end_expired_claims_without_intents", give_back)
    await asyncio.wait_for(keeper.run_until_stopped(stop, period=0.001), 10)
    assert tries == 2


@pytest.mark.parametrize(
    "broken",
    [
        "end_expired_claims_without_intents",
        "put_due_deliveries_into_new_batches",
        "due_unpublished_batches",
        "mailings_with_deliveries_to_end",
        "finish_completed_mailings",
        "fold_older_counter_deltas",
        "seal_ledger",
    ],
)
async def test_a_step_that_fails_keeps_no_other_from_being_done(
    world: World, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """The other steps are done if one step meets a bug, and the log names it."""
    called: list[str] = []

    def watched(name: str) -> Callable[..., Awaitable[object]]:
        whole = getattr(world.upkeep, name)

        async def step(*arguments: object) -> object:
            called.append(name)
            if name == broken:
                raise KeyError("a bug")
            return await whole(*arguments)

        return step

    steps = (
        "end_expired_claims_without_intents",
        "put_due_deliveries_into_new_batches",
        "due_unpublished_batches",
        "mailings_with_deliveries_to_end",
        "finish_completed_mailings",
        "create_partitions_of_coming_months",
        "fold_older_counter_deltas",
        "seal_ledger",
    )
    for name in steps:
        monkeypatch.setattr(world.upkeep, name, watched(name))
    with structlog.testing.capture_logs() as logs:
        assert await world.timekeeper().run_all_steps_once() is False
    assert set(called) == set(steps)
    assert len([line for line in logs if line["event"].startswith("a step of the timekeeper failed")]) == 1


async def test_a_deleted_queue_of_batches_ends_no_tick(world: World) -> None:
    """A later tick publishes a batch that no queue takes. This tick does its other work."""
    await world.accept([person(n) for n in range(100)])
    await world.pool.execute("UPDATE batches SET published_at = NULL")
    world.broker.refuses = lambda _: MessageUnroutable("no queue is bound")
    keeper = world.timekeeper()
    assert await keeper.run_all_steps_once()
    assert await world.pool.fetchval("SELECT count(*) FROM seals") == 1
    world.broker.refuses = lambda _: None
    await keeper.run_all_steps_once()
    await world.run_published()
    assert len(world.processor.sent) == 100


async def test_a_deleted_queue_of_one_lane_repeats_nothing_of_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much waits for the missing queue, batches of other lanes are published, once; its own follow later."""
    monkeypatch.setattr("mailer.pipeline.timekeeper.PUBLISHED_AT_ONCE", 2)
    for category in (*["newsletter"] * 5, *["promotional"] * 3):
        await world.accept([person(n) for n in range(2)], category)
    world.broker.refuses = lambda message: MessageUnroutable("gone") if message.routing_key == "newsletter" else None
    keeper = world.timekeeper()
    for _ in range(3):
        assert await keeper.run_all_steps_once()
    assert [message.routing_key for _, message in world.broker.published] == ["promotional"] * 3
    world.broker.refuses = lambda _: None
    await keeper.run_all_steps_once()
    assert [message.routing_key for _, message in world.broker.published[3:]] == ["newsletter"] * 5


@pytest.mark.parametrize(
    "refusal", [QueueRefusedMessage("its queue may be full"), BrokerUnavailable("no confirm in time")]
)
@pytest.mark.parametrize("published", [None, timedelta(seconds=31)], ids=["never", "long ago"])
async def test_a_lane_whose_queue_refuses_keeps_no_other_from_being_published(
    world: World, refusal: Exception, published: timedelta | None
) -> None:
    """Batches of the other lanes go in the same tick, also those that got lost; the log names the one that waits."""
    for category in ("breach", "service", "newsletter", "promotional"):
        await world.accept([person(1)], category)
    await world.pool.execute("UPDATE batches SET published_at = now() - $1::interval", published)
    world.broker.refuses = lambda message: refusal if message.routing_key == "service" else None
    with structlog.testing.capture_logs() as logs:
        await world.timekeeper().run_all_steps_once()
    assert {message.routing_key for _, message in world.broker.published} >= {"newsletter", "promotional"}
    assert [line["lanes"] for line in logs if "lanes" in line] == [["service"]]
    world.broker.refuses = lambda _: None
    await world.timekeeper().run_all_steps_once()
    assert "service" in {message.routing_key for _, message in world.broker.published}


async def test_a_category_that_is_unknown_here_keeps_no_other_in_doubt(world: World) -> None:
    """Deliveries in doubt of a newer version's category stay as they are; all others are resolved."""
    for _ in range(3):
        await doubtful(world, "newsletter", 2)
    newer = await world.pool.fetchval(
        "UPDATE mailings SET category = 'brand_new' WHERE id = ANY (ARRAY("
        "SELECT id FROM mailings ORDER BY id LIMIT 1 OFFSET 1)) RETURNING id"
    )
    await world.lose_leases()
    assert await world.timekeeper().run_all_steps_once()
    await world.pool.execute("UPDATE deliveries SET due_at = now() WHERE state = 'in_doubt'")
    assert await world.timekeeper().run_all_steps_once()
    states = await world.pool.fetch("SELECT mailing_id = $1 AS newer, state FROM deliveries", newer)
    assert Counter(map(tuple, states)) == {(True, "in_doubt"): 2, (False, "failed"): 4}


async def test_a_claim_that_cannot_be_resolved_keeps_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug at what one dead worker held is raised once what the others held is resolved."""
    for _ in range(3):
        await doubtful(world, "newsletter", 2)
    await world.lose_leases()
    move, claims = world.deliveries.commit_moves_or_find_refused, []

    async def faulty(claim: UUID | None, *arguments: Any) -> frozenset[tuple[UUID, int]]:
        claims.append(claim)
        if len(claims) == 1:
            raise KeyError("a bug")
        return await move(claim, *arguments)

    monkeypatch.setattr(world.deliveries, "commit_moves_or_find_refused", faulty)
    assert not await world.timekeeper().run_all_steps_once()
    assert len(set(claims)) == 3
    assert await world.pool.fetchval("SELECT count(*) FROM deliveries WHERE state = 'intended'") == 2


async def test_a_lane_without_a_queue_keeps_no_other_from_being_published_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches that nobody claimed are published again on lanes that can be asked; another one waits until it can."""
    for category in ("service", "newsletter", "promotional"):
        await world.accept([person(1)], category)
    await world.pool.execute("UPDATE batches SET published_at = now() - interval '31 seconds'")

    async def depth(queue: str) -> int:
        if queue == "mailer.batches.newsletter":
            raise BrokerUnavailable(f"no queue {queue}")
        return 0

    monkeypatch.setattr(world.broker, "queue_depth", depth)
    keeper = world.timekeeper()
    with structlog.testing.capture_logs() as logs:
        await keeper.run_all_steps_once()
    assert sorted(message.routing_key for _, message in world.broker.published) == ["promotional", "service"]
    assert [line["queues"] for line in logs if "queues" in line] == [["mailer.batches.newsletter"]]
    monkeypatch.undo()
    await keeper.run_all_steps_once()
    assert world.broker.published[-1][1].routing_key == "newsletter"
    assert len(world.broker.published) == 3


async def test_a_lane_with_a_backlog_publishes_nothing_again(world: World) -> None:
    """Batches that wait behind others are not lost, however long ago they were published."""
    await world.accept([person(1)])
    await world.pool.execute("UPDATE batches SET published_at = now() - interval '1 hour'")
    world.broker.waiting = 7
    await world.timekeeper().run_all_steps_once()
    assert world.broker.published == []


async def test_what_was_confirmed_beside_a_failure_is_not_published_again(world: World) -> None:
    """RabbitMQ goes away in the middle of a lane's batches: those that it had confirmed are not repeated."""
    for _ in range(5):
        await world.accept([person(1)])
    good: list[bytes] = []

    def refuses(message: BrokerMessage) -> Exception | None:
        if len(good) == 2:
            return BrokerUnavailable("gone")
        good.append(message.body)
        return None

    world.broker.refuses = refuses
    keeper = world.timekeeper()
    await keeper.run_all_steps_once()
    world.broker.refuses = lambda _: None
    await keeper.run_all_steps_once()
    bodies = [message.body for _, message in world.broker.published]
    assert len(bodies) == len(set(bodies)) == 5


async def test_what_is_rare_is_done_at_once_and_then_rarely(world: World) -> None:
    """Sealing and folding are done by the first tick, and not by each one after it."""
    await world.accept([person(1)])
    keeper = world.timekeeper()
    for _ in range(3):
        await keeper.run_all_steps_once()
    assert await world.pool.fetchval("SELECT count(*) FROM seals") == 1
