"""The causes for which mail must wait: limits, halts, a worker's end. Nothing is lost, or sent twice."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from mailer.pipeline import hand_over_of_claim, window_sender
from mailer.pipeline.halt_watcher import WAITING
from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.pipeline.pauses_for_blocked_mail import PausesForBlockedMail
from mailer.pipeline.preparation import SendChecks, WindowPreparation
from mailer.pipeline.routing import ProcessorRoutes
from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.mailings import AcceptedMailing
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.ports.rates import Period, RateLimit, Scope, TokenLease, TokenRequest
from mailer.postgres.rates import PostgresRateLimits
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import BRAND, World, person, until
from tests.halts import FakeHalts
from tests.renderers import NoLimits, NoPauses

SECONDS = "SELECT used FROM rate_windows WHERE scope = $1 AND per = 'second' ORDER BY start"


async def limit(world: World, scope: Scope, key: str, n: int, per: Period) -> None:
    """Sets a limit."""
    await world.rates.set_limit(RateLimit(scope, key, per, n), "dana")


async def attempts(world: World, mailing_id: UUID) -> set[int]:
    """The attempts that the ledger tells of."""
    return {entry["attempt"] for entry in await world.entries(mailing_id) if entry["attempt"]}


async def reasons(world: World, mailing_id: UUID) -> Counter[tuple[str, str]]:
    """The outcome of each hand-over in the ledger: result and processor's reply."""
    outcomes = await world.entries(mailing_id, "outcome")
    return Counter((entry["reason"], entry["reply"]) for entry in outcomes)


async def batches_due(world: World) -> list[tuple[str, datetime]]:
    """The batches that are left, with their due times."""
    return [tuple(row) for row in await world.pool.fetch("SELECT state, due_at FROM batches")]


async def finish(world: World, accepted: AcceptedMailing, n: int) -> None:
    """Hands over everything that waits. In the end, each person has had exactly one copy."""
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): n}
    assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
    assert len(world.processor.sent) == len(set(world.processor.recipients)) == n
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_limit_a_second(world: World) -> None:
    """Each second sends just as many as the limit allows, and the whole batch goes under one claim."""
    sent: Counter[int] = Counter()

    def answer(outgoing: OutgoingMessage) -> Outcome:
        sent[math.floor(time.time())] += 1
        return ACCEPTED

    world.processor.answer = answer
    await limit(world, "processor", "fake", 100, "second")
    accepted = await world.accept([person(n) for n in range(250)], "breach")
    await world.mailings.release_mailing(accepted.mailing_id, "Grace")
    [batch] = await world.pool.fetch("SELECT id FROM batches")
    await world.handover().hand_over_batches([batch["id"]])
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 250}
    assert len(set(world.processor.recipients)) == len(world.processor.sent) == 250
    assert await attempts(world, accepted.mailing_id) == {1}
    assert await batches_due(world) == []
    taken = [sent[second] for second in sorted(sent)]
    assert max(taken) == 100
    assert taken[1:-1] == [100] * (len(taken) - 2)
    # By the database's seconds, in which tokens are charged; the first one may have had too little time left.
    charged = [row["used"] for row in await world.pool.fetch(SECONDS, "processor") if row["used"]]
    assert charged[1:-1] == [100] * (len(charged) - 2)
    assert sum(charged) >= 250


async def test_a_limit_of_a_domain_keeps_nobody_else(world: World) -> None:
    """The rest of the batch goes at once. Mail that the domain cannot take waits for the next window."""
    await limit(world, "domain", "slow.example", 20, "day")
    people = [person(n, email=f"user-{n}@{'slow' if n % 2 else 'people'}.example") for n in range(200)]
    accepted = await world.accept(people)
    await world.handover().hand_over_batches(accepted.batches)
    domains = Counter(recipient.rpartition("@")[2] for recipient in world.processor.recipients)
    assert domains == {"people.example": 100, "slow.example": 18}
    assert await world.real_counts(accepted.mailing_id) == {("handed_over", ""): 118, ("queued", ""): 82}
    assert set(await reasons(world, accepted.mailing_id)) == {("accepted", "250 taken")}
    await world.rates.clear_limits("domain", "slow.example", None, "dana")
    await finish(world, accepted, 200)


async def test_a_limit_a_day_gives_the_batch_back_until_tomorrow(world: World) -> None:
    """Mail over the limit is queued again, undecided, and due when the limit's next day begins."""
    await limit(world, "brand", BRAND, 100, "day")
    accepted = await world.accept([person(n) for n in range(150)])
    await world.handover().hand_over_batches(accepted.batches)
    [day] = [row["start"] for row in await world.pool.fetch("SELECT start FROM rate_windows")]
    assert await batches_due(world) == [("queued", day + timedelta(days=1))]
    assert await world.real_counts(accepted.mailing_id) == {("handed_over", ""): 90, ("queued", ""): 60}
    assert len(await world.entries(accepted.mailing_id, "decision")) == 90
    await world.timekeeper().run_all_steps_once()
    assert world.broker.take() == []
    await world.rates.clear_limits("brand", BRAND, None, "dana")
    await finish(world, accepted, 150)


@dataclass
class Clock:
    """The hand-over's own clock, which can be put forward."""

    ahead: float = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return time.monotonic() + self.ahead


@dataclass
class Dawdling(FakeProcessor):
    """A processor that is late with some messages, once, so that their second is over."""

    clock: Clock = field(default_factory=Clock)
    in_time: int = 0

    async def send(
        self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
    ) -> list[Outcome]:
        """Asks for the permits of the first messages in time, and of the others too late."""
        first = not self.windows

        def late(index: int) -> str | None:
            self.clock.ahead = 3.0 if first and index >= self.in_time else 0.0
            return permit(index)

        try:
            return await super().send(window, deadline, late, urgent=urgent)
        finally:
            self.clock.ahead = 0.0


@pytest.mark.parametrize(("in_time", "attempt"), [(2, 1), (0, 2)], ids=["some", "all"])
async def test_a_token_that_runs_out_after_the_intent(
    world: World, monkeypatch: pytest.MonkeyPatch, in_time: int, attempt: int
) -> None:
    """A message whose token ran out is not offered. It is sent once, under the same claim or later."""
    clock = Clock()
    for module in (hand_over_of_claim, window_sender):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic))
    world.processor = Dawdling(clock=clock, in_time=in_time)
    await limit(world, "processor", "fake", 1000, "second")
    accepted = await world.accept([person(n) for n in range(5)])
    await world.handover().hand_over_batches(accepted.batches)
    if in_time:
        # Something could be sent, so it went on at once, with the rows that were claimed still.
        assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 5}
    else:
        assert [state for state, _ in await batches_due(world)] == ["queued"]
        assert await world.real_counts(accepted.mailing_id) == {("queued", ""): 5}
    await finish(world, accepted, 5)
    assert await attempts(world, accepted.mailing_id) == {1, attempt}
    assert await reasons(world, accepted.mailing_id) == {
        ("accepted", "250 taken"): 5,
        ("unsent", "its token of a rate had run out"): 5 - in_time,
    }


def _halt_mailing(halts: FakeHalts, mailing_id: UUID) -> None:
    halts.mailings[mailing_id] = "halted"


def _halt_brand(halts: FakeHalts, _: UUID) -> None:
    halts.brands[BRAND] = "halted"


def _halt_processor(halts: FakeHalts, _: UUID) -> None:
    halts.processors["fake"] = "halted"


def _halt_everything(halts: FakeHalts, _: UUID) -> None:
    halts.everything = "halted"


@pytest.mark.parametrize("halt", [_halt_mailing, _halt_brand, _halt_processor, _halt_everything])
async def test_a_halt_in_the_middle(world: World, halt: Callable[[FakeHalts, UUID], None]) -> None:
    """No further message begins after a halt. The ledger says that intended mail was not offered, and all is queued."""
    accepted = await world.accept([person(n) for n in range(150)])

    def answer(outgoing: OutgoingMessage) -> Outcome:
        if len(sent := answered) == 69:
            halt(world.halted, accepted.mailing_id)
        sent.append(outgoing.recipient)
        return ACCEPTED

    answered: list[str] = []
    world.processor.answer = answer
    await world.handover().hand_over_batches(accepted.batches)
    assert len(answered) == len(world.processor.sent) == 70
    assert await world.real_counts(accepted.mailing_id) == {("handed_over", ""): 70, ("queued", ""): 80}
    assert await reasons(world, accepted.mailing_id) == {
        ("accepted", "250 taken"): 70,
        ("unsent", "halted"): 2 * WINDOW - 70,
    }
    assert len(await world.entries(accepted.mailing_id, "hand_over")) == 2 * WINDOW
    world.halted = FakeHalts()
    await finish(world, accepted, 150)


async def test_a_worker_that_stops(world: World) -> None:
    """The work under way ends and is recorded. All other mail goes back, due at once, and another worker sends it."""
    accepted = await world.accept([person(n) for n in range(200)])

    def answer(outgoing: OutgoingMessage) -> Outcome:
        world.stop.set()
        return ACCEPTED

    world.processor.answer = answer
    await world.handover().hand_over_batches(accepted.batches)
    assert world.processor.windows == [WINDOW]
    assert await world.real_counts(accepted.mailing_id) == {("handed_over", ""): WINDOW, ("queued", ""): 200 - WINDOW}
    assert await reasons(world, accepted.mailing_id) == {("accepted", "250 taken"): WINDOW}
    [(state, due_at)] = await batches_due(world)
    assert (state, due_at <= datetime.now(UTC)) == ("queued", True)
    world.stop = asyncio.Event()
    world.processor.answer = lambda outgoing: ACCEPTED
    await finish(world, accepted, 200)


async def test_a_worker_that_stops_while_it_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that waits for the next window of a limit ends at once, with everything recorded."""
    monkeypatch.setattr(hand_over_of_claim, "PATIENCE", timedelta(days=2))
    await limit(world, "processor", "fake", 20, "day")
    accepted = await world.accept([person(n) for n in range(30)])
    patient = world.open_deliveries(lease_seconds=timedelta(days=3).total_seconds())
    running = asyncio.create_task(world.handover(deliveries=patient).hand_over_batches(accepted.batches))

    async def recorded() -> bool:
        return await world.counted(accepted.mailing_id) == {("handed_over", ""): 18, ("queued", ""): 12}

    await until(recorded)
    assert not running.done()
    world.stop.set()
    await asyncio.wait_for(running, 60)
    assert [state for state, _ in await batches_due(world)] == ["queued"]
    world.stop = asyncio.Event()
    await world.rates.clear_limits("processor", "fake", None, "dana")
    await finish(world, accepted, 30)


class Congested(PostgresRateLimits):
    """A store of rates that answers the first question, and the others when it is told to."""

    def __init__(self, world: World) -> None:
        super().__init__(world.pool, world.writers)
        self.asked = 0
        self.waiting, self.go = asyncio.Event(), asyncio.Event()

    async def lease_tokens(self, asks: Sequence[TokenRequest]) -> list[TokenLease]:
        """Waits, but for the first time."""
        self.asked += 1
        if self.asked > 1:
            self.waiting.set()
            await self.go.wait()
        return await super().lease_tokens(asks)


async def test_outcomes_do_not_wait_for_the_next_window(world: World) -> None:
    """Outcomes of one window are recorded even if the next window cannot be prepared."""
    world.rates = rates = Congested(world)
    await limit(world, "processor", "fake", 1000, "day")
    accepted = await world.accept([person(n) for n in range(150)])
    running = asyncio.create_task(world.handover().hand_over_batches(accepted.batches))
    await rates.waiting.wait()

    async def recorded() -> bool:
        return (await world.counted(accepted.mailing_id)).get(("handed_over", "")) == WINDOW

    await until(recorded)
    assert not running.done()
    assert (await reasons(world, accepted.mailing_id)).total() == WINDOW
    rates.go.set()
    await running
    await finish(world, accepted, 150)


async def test_one_of_two_by_weight_is_away(world: World) -> None:
    """The other processor gets its share too, within its own limit. Mail without a token waits."""
    away = Outcome(OutcomeKind.UNSENT, text="no connection", trouble=ConnectionTrouble.UNREACHABLE)
    heavy = FakeProcessor(lambda _: away, "heavy", weight=3)
    light = world.processor = FakeProcessor(name="light")
    await limit(world, "processor", "light", 100, "day")
    accepted = await world.accept([person(n) for n in range(200)])
    await world.handover_by([heavy, light]).hand_over_batches(accepted.batches)
    assert (heavy.windows, heavy.sent, len(light.sent)) == ([48], [], 90)
    assert await world.real_counts(accepted.mailing_id) == {("handed_over", ""): 90, ("queued", ""): 110}
    outcomes = await world.entries(accepted.mailing_id, "outcome")
    by: Counter[tuple[Any, Any]] = Counter((entry["processor"], entry["reason"]) for entry in outcomes)
    assert by == {("heavy", "unsent"): 48, ("light", "accepted"): 90}
    assert await attempts(world, accepted.mailing_id) == {1}
    await world.rates.clear_limits("processor", "light", None, "dana")
    await finish(world, accepted, 200)


async def test_what_waits_for_witnesses_goes_soon_and_is_not_claimed_again_and_again(world: World) -> None:
    """Mail that waits for witnesses after a failover gets short pauses. They grow with the wait, up to seconds."""
    accepted = await world.accept([person(1)])
    claim = await world.deliveries.claim_queued_deliveries_of_batches(accepted.batches, "worker")
    assert claim is not None
    renderer = world.renderers.make_and_cache_renderer(
        (await world.mailings.read_facts_of_mailings([accepted.mailing_id]))[accepted.mailing_id], None
    )
    checks = SendChecks(
        world.halted,
        ProcessorRoutes([world.processor], world.halted.processor_halt_reason),
        NoLimits(),
        PausesForBlockedMail(NoPauses()),
        world.tally,
    )
    preparing, begun = (
        WindowPreparation(checks, None, world.deliveries.find_last_delivery_of_text_to_shared_address),
        datetime.now(UTC),
    )

    async def pause(seconds: float) -> float:
        now = begun + timedelta(seconds=seconds)
        prepared = await preparing.prepare_window(claim.rows, {accepted.mailing_id: renderer}, {}, {}, now)
        assert prepared.steps == []
        [until] = prepared.left.values()
        return (until - now).total_seconds()

    world.halted.everything = WAITING
    assert [await pause(seconds) for seconds in (0, 0.5, 1, 3, 10, 30, 90)] == [0.5, 0.5, 1, 3, 5, 5, 0.5]
