"""The hard refusals that are believed, by their number, their share, and the usual share."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from mailer.actions.refusal_judgement import JudgedWindowRefusals, RefusalJudge
from mailer.actions.soft_bounce_counting import SoftBounceCounter
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.refusal_suspicion import RefusalTally, is_hourly_refusal_share_suspicious
from mailer.policy.standing import Standing
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.refusal_quarantine import HardRefusal, ProcessorRefusalCounts
from mailer.ports.time_ordered_uuids import uuid7

NONE = RefusalTally()
TAKEN = Outcome(OutcomeKind.ACCEPTED, 250)
REFUSED = Outcome(OutcomeKind.REFUSED, 550, "5.1.1", "no such user")


@pytest.mark.parametrize(
    ("hour", "usual", "doubted"),
    [
        (RefusalTally(20, 19), RefusalTally(), False),
        (RefusalTally(20, 20), RefusalTally(), True),
        (RefusalTally(200, 20), RefusalTally(), False),
        (RefusalTally(199, 20), RefusalTally(), True),
        (RefusalTally(100, 20), RefusalTally(1000, 40), False),
        (RefusalTally(100, 21), RefusalTally(1000, 40), True),
        (RefusalTally(1000, 110), RefusalTally(1000, 10), True),
        (RefusalTally(1000, 1000), RefusalTally(1000, 250), False),
        (RefusalTally(), RefusalTally(), False),
    ],
)
def test_many_and_far_above_the_usual_share_are_doubted(hour: RefusalTally, usual: RefusalTally, doubted: bool) -> None:
    """Fewer than twenty, a tenth or less, or up to five times the usual are believed."""
    assert is_hourly_refusal_share_suspicious(hour, usual) is doubted


class Memory:
    """Counters without a database; they fail as often as the test wants."""

    def __init__(self, hour: RefusalTally = NONE, usual: RefusalTally = NONE) -> None:
        self.hour = hour
        self.usual = usual
        self.domains: dict[str, RefusalTally] = {}
        self.looks = 0
        self.recorded: list[tuple[int, int]] = []
        self.retracted: list[set[str] | None] = []
        self.failures = 0
        self.away = False

    async def add_and_read_refusal_counts(
        self, processor: str, new: Mapping[str | None, RefusalTally], domains: Collection[str]
    ) -> ProcessorRefusalCounts:
        """Adds and reads."""
        if self.away:
            raise ConnectionError
        self.looks += 1
        self.hour += new[None]
        for name, tally in new.items():
            if name is not None:
                self.domains[name] = self.domains.get(name, NONE) + tally
        return ProcessorRefusalCounts(self.hour, self.usual, {name: self.domains.get(name, NONE) for name in domains})

    async def store_refusals_without_suppressing(
        self, processor: str, believed: Sequence[HardRefusal], doubted: Sequence[HardRefusal]
    ) -> None:
        """Keeps the number of refusals."""
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        self.recorded.append((len(believed), len(doubted)))

    async def suppress_addresses_of_believed_refusals(self, processor: str, believed: Sequence[HardRefusal]) -> None:
        """Keeps the number of addresses."""
        self.recorded.append((-len(believed), 0))

    async def quarantine_recently_believed_refusals(self, processor: str, domains: Collection[str] | None) -> int:
        """Keeps the domains."""
        self.retracted.append(None if domains is None else set(domains))
        return 0


class NothingSoft(SoftBounceCounter):
    """Counts nothing: no window here has a soft bounce."""

    def __init__(self) -> None:
        pass


@dataclass
class Scene:
    """Windows of a processor, over counters in memory and with a clock in the test's hand."""

    memory: Memory = field(default_factory=Memory)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.bounces = RefusalJudge(self.memory, NothingSoft(), lambda: self.seconds)

    async def window(self, taken: int, refused: int, domain: str = "people.example") -> JudgedWindowRefusals:
        """The judgement about a window with so many answers of each kind."""
        rows = [row(n, domain) for n in range(taken + refused)]
        return await self.bounces.judge_refusals("relay", rows, [TAKEN] * taken + [REFUSED] * refused)


def row(number: int, domain: str) -> DeliveryRow:
    """A delivery in hand."""
    return DeliveryRow(uuid7(), number, 1, Standing(number, 1, f"user-{number}@{domain}"))


async def test_the_first_are_believed_and_then_none() -> None:
    """Nineteen refusals in windows of one are believed. The twentieth trips, and takes the others back."""
    scene = Scene()
    found = [await scene.window(0, 1) for _ in range(25)]
    assert [len(judgement.believed) for judgement in found] == [1] * 19 + [0] * 6
    assert [len(judgement.doubted) for judgement in found] == [0] * 19 + [1] * 6
    assert scene.memory.retracted == [None] * 6


async def test_a_window_that_trips_is_doubted_as_a_whole() -> None:
    """A window's own refusals count before it is judged."""
    scene = Scene()
    found = await scene.window(0, 64)
    assert (len(found.believed), len(found.doubted)) == (0, 64)


async def test_a_usual_share_is_believed() -> None:
    """A usual share of dead addresses in a big mailing is believed, and nobody has to look at it."""
    scene = Scene(Memory(usual=RefusalTally(100_000, 1_000)))
    found = [await scene.window(63, 1) for _ in range(100)]
    assert all(len(judgement.believed) == 1 for judgement in found)
    assert scene.memory.retracted == []


async def test_one_domain_is_doubted_and_the_others_believed() -> None:
    """A domain that suddenly refuses everyone is quarantined alone, among much mail that arrives."""
    scene = Scene()
    for _ in range(10):
        await scene.window(64, 0)
    found = await scene.window(0, 30, "broken.example")
    assert (len(found.believed), len(found.doubted)) == (0, 30)
    assert scene.memory.retracted == [{"broken.example"}]
    assert len((await scene.window(63, 1)).believed) == 1


async def test_answers_of_an_hour_ago_hide_nothing() -> None:
    """Mail that a domain accepted long ago does not make its refusals of today look few."""
    scene = Scene()
    await scene.window(1000, 0, "broken.example")
    scene.seconds += 3600
    scene.memory.hour = RefusalTally(100_000, 0)
    assert len((await scene.window(0, 30, "broken.example")).doubted) == 30


async def test_other_workers_answers_count() -> None:
    """The counters are read with the first refusal, so that one that has just started knows of the trouble."""
    scene = Scene(Memory(hour=RefusalTally(100, 100)))
    assert len((await scene.window(0, 1)).doubted) == 1


async def test_what_it_costs() -> None:
    """The counters are read once in ten seconds without a refusal, and once a second with refusals."""
    scene = Scene(Memory(usual=RefusalTally(100, 50)))
    for _ in range(200):
        await scene.window(64, 0)
        scene.seconds += 0.1
    assert scene.memory.looks == 2
    for _ in range(30):
        await scene.window(60, 4)
        scene.seconds += 0.1
    assert scene.memory.looks == 2 + 3
    assert scene.memory.hour.answered >= 200 * 64


async def test_a_window_that_is_judged_again_counts_once() -> None:
    """The hand-over judges again after a database error. Nothing is counted twice, and nothing is lost."""
    scene = Scene()
    scene.memory.failures = 3
    for _ in range(3):
        with pytest.raises(ConnectionError):
            await scene.window(50, 10)
    assert len((await scene.window(50, 10)).believed) == 10
    assert scene.memory.hour == RefusalTally(60, 10)
    assert scene.memory.domains == {"people.example": RefusalTally(60, 10)}


async def test_without_counters_it_is_judged_by_what_is_known() -> None:
    """A window without a refusal is not kept from being recorded, and what has come is counted later."""
    scene = Scene()
    scene.memory.away = True
    for _ in range(3):
        assert (await scene.window(64, 0)).doubted == frozenset()
    assert len((await scene.window(0, 64)).doubted) == 64
    scene.memory.away = False
    scene.seconds += 1
    await scene.window(0, 1)
    assert scene.memory.hour == RefusalTally(3 * 64 + 65, 65)


async def test_only_answers_count() -> None:
    """Deferred, unsent or lost mail says nothing about an address."""
    scene = Scene()
    others = [Outcome(result) for result in (OutcomeKind.DEFERRED, OutcomeKind.UNSENT, OutcomeKind.IN_DOUBT)]
    await scene.bounces.judge_refusals("relay", [row(n, "people.example") for n in range(3)], others)
    assert scene.memory.hour == NONE
