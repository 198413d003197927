"""A relay that takes long keeps its own mail waiting, and nobody else's."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from mailer.pipeline import routing
from mailer.pipeline.background_hand_overs import HandOverTasks
from mailer.pipeline.consumers import CONSUMERS_A_LANE
from mailer.pipeline.routing import SLOW_WINDOWS
from mailer.policy.category import Lane
from mailer.policy.hand_over_outcome import Outcome
from mailer.ports.processor import OutgoingMessage, Permit
from tests.doubles import FakeProcessor
from tests.factories import World, person, until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window takes long after a twentieth of a second."""
    monkeypatch.setattr(routing, "LONG", 0.05)
    monkeypatch.setattr(routing, "SILENT", 0.05)


@dataclass
class Stuck(FakeProcessor):
    """Takes messages, and answers once the test says so."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(
        self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
    ) -> list[Outcome]:
        """Begins at once, and takes long."""
        outcomes = await super().send(window, deadline, permit, urgent=urgent)
        await self.answers.wait()
        return outcomes


@asynccontextmanager
async def closing(overtime: HandOverTasks, stuck: Stuck) -> AsyncIterator[None]:
    """Ends what goes on by itself."""
    try:
        yield
    finally:
        stuck.answers.set()
        await overtime.wait_for_tasks_left()


async def test_others_mail_goes_while_a_relay_takes_long(world: World) -> None:
    """Mail for the other relay goes on. The slow relay's mail ends once it answers, and none goes out twice."""
    stuck, good = Stuck(name="stuck", weight=9), FakeProcessor(name="good")
    mailings = [await world.accept([person(10 * n + each) for each in range(10)]) for n in range(20)]
    overtime, batches = HandOverTasks(world.handover_by([stuck, good])), [one.batches[0] for one in mailings]

    async def states() -> dict[tuple[str, str], int]:
        found = [await world.states(one.mailing_id) for one in mailings]
        return Counter(state for some in found for state in some.values())

    async def consume() -> None:
        while batches:
            await overtime.hand_over_or_leave_running(Lane.NEWSLETTER, [batches.pop()])

    async with closing(overtime, stuck):
        await asyncio.gather(*(consume() for _ in range(CONSUMERS_A_LANE)))
        # After the first window of each consumer, only who was quick may have given it another one.
        assert CONSUMERS_A_LANE <= len(stuck.windows) < CONSUMERS_A_LANE + SLOW_WINDOWS
        assert len(stuck.sent) + len(good.sent) == 200
        # The outcomes of a window are recorded together.
        waits = len(stuck.windows) * 10
        assert await states() == {("intended", ""): waits, ("handed_over", ""): 200 - waits}
    assert await states() == {("handed_over", ""): 200}
    assert sorted(stuck.recipients + good.recipients) == sorted(f"user-{n}@people.example" for n in range(200))


async def test_a_relay_alone_is_waited_for(world: World) -> None:
    """A consumer holds what it has where no other one can take mail: it could do nothing else."""
    stuck = Stuck(name="stuck")
    accepted = await world.accept([person(1)])
    handover = world.handover_by([stuck])
    overtime = HandOverTasks(handover)
    async with closing(overtime, stuck):
        running = asyncio.create_task(overtime.hand_over_or_leave_running(Lane.NEWSLETTER, accepted.batches))

        async def slow() -> bool:
            return handover.routes.condition_by_processor["stuck"].times >= 3

        await until(slow)
        assert not running.done()
        stuck.answers.set()
        await running
    assert await world.states(accepted.mailing_id) == {"user-1": ("handed_over", "")}
