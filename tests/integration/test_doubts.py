"""Mandatory mail in doubt: a bounded number of copies, then a person. Leases are kept while a relay is slow."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from mailer.actions.doubtful_deliveries import end_doubtful_deliveries_of_mailing
from mailer.pipeline import lease_renewal
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.postgres.deliveries_awaiting_staff import PostgresHeldDeliveries
from tests.campaigns import commands
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import World, person, until

IN_DOUBT = Outcome(OutcomeKind.IN_DOUBT, text="lost after the final dot")


async def again(world: World, processor: FakeProcessor, times: int) -> None:
    """Makes waiting mail due and hands it over, this many times."""
    for _ in range(times):
        await world.due_now()
        await world.timekeeper().run_all_steps_once()
        await world.run_published(processor)


async def end(world: World, mailing_id: UUID) -> int:
    """Ends the doubted deliveries, as Grace."""
    return await end_doubtful_deliveries_of_mailing(
        PostgresHeldDeliveries(world.pool, world.writers), world.deliveries, mailing_id, "Grace"
    )


async def test_mandatory_mail_waits_for_a_person_after_three_copies(world: World) -> None:
    """A relay that loses each final dot gets three copies, however often it is tried; log and counts say what waits."""
    loses = FakeProcessor(lambda _: IN_DOUBT)
    await world.paying(1)
    accepted = await world.accept({"refs": ["user-1"]}, "service")
    await world.handover(loses).hand_over_batches(accepted.batches)
    with capture_logs() as logs:
        await again(world, loses, 8)
    assert len(loses.sent) == 3
    assert await world.states(accepted.mailing_id) == {"user-1": ("held", "in_doubt")}
    assert await world.counted(accepted.mailing_id) == {("held", "in_doubt"): 1}
    [said] = [line for line in logs if "waits for a person" in line["event"]]
    assert (said["deliveries"], said["mailing"]) == (1, str(accepted.mailing_id))


async def test_crashes_count_as_copies(world: World) -> None:
    """A worker that dies after each intent may have sent a copy each time: three, and then a person is asked."""

    def dies(outgoing: OutgoingMessage) -> Outcome:
        raise KeyboardInterrupt

    killed = FakeProcessor(dies)
    accepted = await world.accept([person(1)], "policy_change")
    batches: Sequence[int] = accepted.batches
    for _ in range(6):
        for batch in batches:
            with pytest.raises(KeyboardInterrupt):
                await world.handover(killed).hand_over_batches([batch])
        await world.lose_leases()
        for _ in range(3):
            await world.due_now()
            await world.timekeeper().run_all_steps_once()
        batches = [row["id"] for row in await world.pool.fetch("SELECT id FROM batches")]
        world.broker.take()
    assert len(killed.windows) == 3
    assert await world.states(accepted.mailing_id) == {"user-1": ("held", "in_doubt")}


async def test_a_person_sends_one_more_copy(world: World) -> None:
    """A person who releases it sends one more copy. If that one is in doubt, it waits again."""
    loses = FakeProcessor(lambda _: IN_DOUBT)
    await world.paying(1)
    accepted = await world.accept({"refs": ["user-1"]}, "service")
    await world.handover(loses).hand_over_batches(accepted.batches)
    await again(world, loses, 6)
    assert (
        await PostgresHeldDeliveries(world.pool, world.writers).release_held_deliveries_of_mailing(
            accepted.mailing_id, "Grace"
        )
        == 1
    )
    await again(world, loses, 6)
    assert len(loses.sent) == 4
    assert (
        await PostgresHeldDeliveries(world.pool, world.writers).release_held_deliveries_of_mailing(
            accepted.mailing_id, "Grace"
        )
        == 1
    )
    await again(world, world.processor, 2)
    assert await world.states(accepted.mailing_id) == {"user-1": ("handed_over", "")}
    rules = [entry["rule"] for entry in await world.entries(accepted.mailing_id, "mailing")]
    assert rules.count("action:Grace") == 2


@pytest.mark.parametrize(
    ("category", "fate"), [("policy_change", ("failed", "in_doubt")), ("breach", ("diverted", "written_notice"))]
)
async def test_a_person_ends_it(world: World, category: str, fate: tuple[str, str]) -> None:
    """A person who ends it sends no further copy. A breach notice is written instead. The ledger names the person."""
    loses = FakeProcessor(lambda _: IN_DOUBT)
    accepted = await world.accept([person(1)], category)
    if category == "breach":
        await world.mailings.release_mailing(accepted.mailing_id, "Grace")
    for _ in range(8):
        await again(world, loses, 1)
    assert await world.states(accepted.mailing_id) == {"user-1": ("held", "in_doubt")}
    assert await end(world, accepted.mailing_id) == 1
    assert await world.states(accepted.mailing_id) == {"user-1": fate}
    assert len(loses.sent) == 3
    assert await end(world, accepted.mailing_id) == 0


@dataclass
class Slow(FakeProcessor):
    """Answers once it is told to, as a relay that takes its time after the final dot."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(
        self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
    ) -> list[Outcome]:
        """Accepts the messages at once, and answers later."""
        self.begun.set()
        await self.answers.wait()
        return await super().send(window, deadline, permit, urgent=urgent)


async def test_a_slow_answer_makes_one_copy(database_url: str, world: World) -> None:
    """A window whose answer comes after the lease is not taken for a dead worker's."""
    deliveries = world.open_deliveries(lease_seconds=1)
    slow = Slow()
    await world.paying(1, 2)
    accepted = await world.accept({"refs": ["user-1", "user-2"]}, "service")
    task = asyncio.create_task(world.handover(slow, deliveries).hand_over_batches(accepted.batches))
    await slow.begun.wait()
    end = asyncio.get_running_loop().time() + 2.5
    while asyncio.get_running_loop().time() < end:
        await world.timekeeper().run_all_steps_once()
        await world.run_published()
        await asyncio.sleep(0.05)  # the time that a relay takes, and not a wait for anything of ours
    assert world.processor.sent == []
    slow.answers.set()
    await task
    assert set((await world.states(accepted.mailing_id)).values()) == {("handed_over", "")}
    assert len(slow.sent) == 2


async def test_a_lease_that_is_lost_is_not_renewed(world: World) -> None:
    """The answer, once others have taken the window, comes too late, and nothing more begins."""
    deliveries, slow = world.open_deliveries(lease_seconds=1), Slow()
    accepted = await world.accept([person(n) for n in range(100)], "policy_change")
    task = asyncio.create_task(world.handover(slow, deliveries).hand_over_batches(accepted.batches))
    await slow.begun.wait()
    await world.lose_leases()
    with capture_logs() as logs:

        async def said() -> bool:
            return any("a lease was lost" in line["event"] for line in logs)

        await until(said)
    slow.answers.set()
    await task
    assert slow.windows == [64]


async def test_who_is_told_to_end_waits_no_longer_than_the_lease(world: World) -> None:
    """A worker that is asked to stop gives a silent relay up when its lease is over: the window is in doubt."""
    deliveries, silent = world.open_deliveries(lease_seconds=1), Slow()
    accepted = await world.accept([person(1)], "policy_change")
    task = asyncio.create_task(world.handover(silent, deliveries).hand_over_batches(accepted.batches))
    await silent.begun.wait()
    world.stop.set()
    with pytest.raises(TimeoutError):
        await task
    await world.lose_leases()
    for _ in range(2):
        await world.timekeeper().run_all_steps_once()
    reasons = [entry["reason"] for entry in await world.entries(accepted.mailing_id, "outcome")]
    assert reasons == ["in_doubt owner_lost", "deferred in_doubt"]


async def test_a_quick_answer_renews_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual window costs no statement for its lease."""
    asked = 0

    async def renew(self: object, claim: object) -> None:
        nonlocal asked
        asked += 1

    monkeypatch.setattr(type(world.deliveries), "renew_claim_lease", renew)
    accepted = await world.accept([person(n) for n in range(200)])
    await world.handover(FakeProcessor(lambda _: ACCEPTED)).hand_over_batches(accepted.batches)
    assert asked == 0
    assert lease_renewal.MARGIN < 0.5


async def test_the_commands_let_it_go_on_or_end_it(world: World, tmp_path: Path, database_url: str) -> None:
    """`mailing show` says that a person is needed; `resume` sends one more copy, `end` none."""
    loses, operator = FakeProcessor(lambda _: IN_DOUBT), commands(tmp_path, database_url)
    accepted = await world.accept([person(1)], "policy_change")
    await world.handover(loses).hand_over_batches(accepted.batches)
    await again(world, loses, 6)
    mailing = str(accepted.mailing_id)
    [line] = (await operator.done("mailing", "show", mailing, "--json")).json["waiting"]
    assert line.startswith("1 may have arrived")
    assert f"mailer mailing end {mailing}" in line
    resumed = (await operator.done("mailing", "resume", mailing, "--by", "Grace", "--json")).json
    assert (resumed["new"], resumed["tried_again"]) == (False, 1)
    await again(world, loses, 6)
    assert len(loses.sent) == 4
    ended = (await operator.done("mailing", "end", mailing, "--by", "Grace", "--json")).json
    assert ended == {"ended": mailing, "deliveries": 1}
    assert await world.states(accepted.mailing_id) == {"user-1": ("failed", "in_doubt")}
