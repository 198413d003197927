"""Outcomes of mail survive failures next to it: an error in the middle, a lock, an outage, a doubt."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
import structlog

from mailer.pipeline import outcome_recorder
from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.pipeline.handover import HandOver
from mailer.pipeline.pauses_for_blocked_mail import PausesForBlockedMail
from mailer.pipeline.preparation import RateAdmission, SendChecks
from mailer.pipeline.rates import RateLimiter
from mailer.pipeline.routing import ProcessorRoutes
from mailer.pipeline.shared_address_copies import Key
from mailer.pipeline.urgent_first import LONGEST
from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.deliveries import DeliveryMove, DeliveryRow, DeliveryState
from mailer.ports.ledger_entry import LedgerEntry
from mailer.ports.mailings import AcceptedMailing
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.ports.rates import RateAdmissionRequest, RateAdmissionResult
from mailer.ports.refusal_quarantine import HardRefusal
from mailer.ports.standings import StandingFlag
from mailer.postgres.deliveries import PostgresDeliveries
from mailer.postgres.refusal_quarantine import PostgresRefusalQuarantine
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import BRAND, World, person, until, waiting
from tests.renderers import NoLimits, NoPauses

PEOPLE = WINDOW + 6
"""A number of people that does not fit one window."""
DEFERRED = Outcome(OutcomeKind.DEFERRED, 451, "4.7.1", "later")
REFUSED = Outcome(OutcomeKind.REFUSED, 550, "5.1.1", "no such user")
UNREACHED = Outcome(OutcomeKind.UNSENT, text="no connection", trouble=ConnectionTrouble.UNREACHABLE)
DOUBT = Outcome(OutcomeKind.IN_DOUBT, text="lost after the dot")
SENT = ("handed_over", "")


def handing_over(
    world: World,
    processor: FakeProcessor,
    *,
    deliveries: PostgresDeliveries | None = None,
    meter: RateAdmission | None = None,
    refusals: PostgresRefusalQuarantine | None = None,
) -> HandOver:
    """The hand-over of a world, with one part of it replaced; without rates, if no meter is given."""
    routes = ProcessorRoutes([processor], world.halted.processor_halt_reason)
    checks = SendChecks(world.halted, routes, meter or NoLimits(), PausesForBlockedMail(NoPauses()), world.tally)
    bounces = world.refusal_judge(refusals)
    return HandOver(
        deliveries or world.deliveries, world.mailings, world.renderers, checks, bounces, "worker", asyncio.Event()
    )


async def two_windows(world: World) -> tuple[AcceptedMailing, int]:
    """A mailing to paying people in two windows, and the last one of the second."""
    await world.paying(*range(1, PEOPLE + 1))
    accepted = await world.accept([person(number) for number in range(1, PEOPLE + 1)], "service")
    last = await world.pool.fetchval(
        "SELECT max(recipient_id) FROM deliveries WHERE mailing_id = $1", accepted.mailing_id
    )
    assert isinstance(last, int)
    return accepted, last


async def sent_of(world: World, mailing_id: UUID) -> int:
    """The number of a mailing's deliveries that are recorded as handed over."""
    return sum(state == SENT for state in (await world.states(mailing_id)).values())


async def carry_on(world: World, rounds: int = 2) -> None:
    """Ends the worker's lease, as if it were gone, and has others do the rest."""
    await world.lose_leases()
    for _ in range(rounds):
        await world.timekeeper().run_all_steps_once()
        await world.due_now()
        await world.run_published()


class FailsOnce(NoLimits):
    """A meter that fails when it is asked for its second window."""

    def __init__(self) -> None:
        self.asked = 0

    async def admit_messages(self, wanted: Sequence[RateAdmissionRequest]) -> RateAdmissionResult:
        """Admits all messages, unless it fails."""
        self.asked += 1
        if self.asked == 2:
            raise ConnectionError("the database went away for a moment")
        return await super().admit_messages(wanted)


async def test_an_error_while_the_next_window_is_prepared(world: World) -> None:
    """Accepted mail is recorded even if the next window cannot be prepared. Nobody gets it twice."""
    accepted, _ = await two_windows(world)
    with pytest.raises(ConnectionError):
        await handing_over(world, world.processor, meter=FailsOnce()).hand_over_batches(accepted.batches)
    assert await sent_of(world, accepted.mailing_id) == len(world.processor.sent) == WINDOW
    await carry_on(world)
    assert world.processor.recipients == sorted(f"user-{number}@people.example" for number in range(1, PEOPLE + 1))


class CannotReadAgain(PostgresDeliveries):
    """Deliveries that cannot be read again after a refusal."""

    async def reread_claimed_rows(self, claim: UUID, keys: Sequence[Key]) -> list[DeliveryRow]:
        """Raises an error."""
        raise ConnectionError("gone")


async def test_an_error_while_refused_rows_are_read_again(world: World) -> None:
    """Accepted mail is recorded even if a refused row of the next window cannot be read again."""
    accepted, last = await two_windows(world)

    class Changing(FakeProcessor):
        async def send(
            self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
        ) -> list[Outcome]:
            await world.standings.set_standing_flag(BRAND, last, StandingFlag.RESTRICTED, True, "test")
            return await super().send(window, deadline, permit, urgent=urgent)

    processor, deliveries = Changing(), CannotReadAgain(world.pool, world.writers)
    with pytest.raises(ConnectionError):
        await handing_over(world, processor, deliveries=deliveries).hand_over_batches(accepted.batches)
    assert await sent_of(world, accepted.mailing_id) == len(processor.sent) == WINDOW


async def test_a_processor_that_fails_beside_another(world: World) -> None:
    """Two processors share a window and one has a bug. The mail that the other one took is recorded."""
    asked, taken = asyncio.Event(), asyncio.Event()

    class Slow(FakeProcessor):
        async def send(
            self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
        ) -> list[Outcome]:
            await asked.wait()
            taken.set()
            return await super().send(window, deadline, permit, urgent=urgent)

    class Broken(FakeProcessor):
        async def send(
            self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
        ) -> list[Outcome]:
            asked.set()  # it fails while the other one is at work
            raise RuntimeError("a bug")

    accepted = await world.accept([person(number) for number in range(1, 11)])
    await world.handover_by([Slow(name="slow"), Broken(name="broken")]).hand_over_batches(accepted.batches)
    assert taken.is_set()
    assert await sent_of(world, accepted.mailing_id) == 5
    states = Counter(state for state, _ in (await world.states(accepted.mailing_id)).values())
    assert states == {"handed_over": 5, "intended": 5}  # in doubt, once the lease has run out


class Clumsy(PostgresRefusalQuarantine):
    """A quarantine that cannot make addresses dead at the first try."""

    def __init__(self, world: World) -> None:
        super().__init__(world.pool, world.writers, world.hasher)
        self.tries = 0

    async def suppress_addresses_of_believed_refusals(self, processor: str, believed: Sequence[HardRefusal]) -> None:
        """Fails once."""
        self.tries += 1
        if self.tries == 1:
            raise ConnectionError("a deadlock, a failover")
        await super().suppress_addresses_of_believed_refusals(processor, believed)


async def test_a_burial_that_fails_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address cannot be made dead at the first try: it is at the next, and all others get their mail."""
    monkeypatch.setattr(outcome_recorder, "RETRY_SECONDS", 0.0)
    accepted = await world.accept([person(number) for number in range(1, PEOPLE + 1)])
    answers = iter([REFUSED])
    refusals = Clumsy(world)
    processor = FakeProcessor(lambda outgoing: next(answers, ACCEPTED))
    await handing_over(world, processor, refusals=refusals).hand_over_batches(accepted.batches)
    assert refusals.tries == 2
    assert await world.counted(accepted.mailing_id) == {SENT: PEOPLE - 1, ("failed", "5.1.1"): 1}
    assert await world.pool.fetchval("SELECT count(*) FROM suppressions WHERE reason = 'address_dead'") == 1


class Confused(PostgresRefusalQuarantine):
    """A quarantine that cannot be used."""

    def __init__(self, world: World, error: Exception) -> None:
        super().__init__(world.pool, world.writers, world.hasher)
        self.error = error

    async def store_refusals_without_suppressing(
        self, processor: str, believed: Sequence[HardRefusal], doubted: Sequence[HardRefusal]
    ) -> None:
        """Raises an error."""
        raise self.error


@pytest.mark.parametrize("error", [KeyError("a bug"), asyncpg.QueryCanceledError("somebody holds a lock for hours")])
async def test_outcomes_are_recorded_though_refusals_cannot_be_judged(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Accepted mail is recorded soon, and no address is made dead, if refusals cannot be judged."""
    monkeypatch.setattr(outcome_recorder, "JUDGE_SECONDS", 0.0)
    accepted = await world.accept([person(number) for number in range(1, PEOPLE + 1)])
    answers = iter([REFUSED])
    processor = FakeProcessor(lambda outgoing: next(answers, ACCEPTED))
    with structlog.testing.capture_logs() as logs:
        await handing_over(world, processor, refusals=Confused(world, error)).hand_over_batches(accepted.batches)
    assert [line["event"] for line in logs].count("refusals could not be judged") == 1
    assert await world.counted(accepted.mailing_id) == {SENT: PEOPLE - 1, ("failed", "5.1.1"): 1}
    assert await world.pool.fetchval("SELECT count(*) FROM suppressions WHERE reason = 'address_dead'") == 0


async def test_outcomes_are_recorded_though_who_is_told_of_them_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in the choice of processors, or in their counts, leaves nothing in doubt."""
    accepted = await world.accept([person(number) for number in range(1, PEOPLE + 1)])
    monkeypatch.setattr(ProcessorRoutes, "note_outcomes_for_routing", lambda *_: 1 / 0)
    monkeypatch.setattr(NoLimits, "count_reply_for_pace", lambda *_: 1 / 0)
    with structlog.testing.capture_logs() as logs:
        await handing_over(world, world.processor).hand_over_batches(accepted.batches)
    assert [line["event"] for line in logs].count("what came of a window could not be noted") == 2
    assert await world.real_counts(accepted.mailing_id) == {SENT: PEOPLE}
    assert len(world.processor.sent) == PEOPLE


async def test_outcomes_do_not_wait_for_somebody_elses_lock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A standing of the second window is locked by a frozen process: the first one's outcomes are recorded."""
    monkeypatch.setattr(outcome_recorder, "LOCK_SECONDS", 0.2)
    accepted, last = await two_windows(world)

    async def recorded() -> bool:
        return await sent_of(world, accepted.mailing_id) == WINDOW

    async with world.pool.acquire() as frozen:
        transaction = frozen.transaction()
        await transaction.start()
        await frozen.execute("UPDATE standings SET version = version + 1 WHERE recipient_id = $1", last)
        running = asyncio.create_task(world.handover().hand_over_batches(accepted.batches))
        await until(lambda: waiting(world.pool))
        await until(recorded)
        assert not running.done()
        await transaction.rollback()
    await running
    assert await world.counted(accepted.mailing_id) == {SENT: PEOPLE}
    assert len(world.processor.sent) == PEOPLE


async def tried(world: World, accepted: AcceptedMailing) -> tuple[datetime | None, str, timedelta | None]:
    """The time at which a mailing's only delivery was first offered, its state, and its wait."""
    row = await world.pool.fetchrow(
        "SELECT tried_at, state, due_at - now() AS wait FROM deliveries WHERE mailing_id = $1", accepted.mailing_id
    )
    assert row is not None
    return row["tried_at"], row["state"], row["wait"]


async def test_the_first_try_is_the_first_offer(world: World) -> None:
    """Mail that could not be offered was not tried. Its first greylisting is retried in about a minute."""
    accepted = await world.accept([person(1)])
    for _ in range(9):
        await world.handover(FakeProcessor(lambda outgoing: UNREACHED)).hand_over_batches(accepted.batches)
        assert (await tried(world, accepted))[0] is None
        await world.due_now()
    await world.handover(FakeProcessor(lambda outgoing: DEFERRED)).hand_over_batches(accepted.batches)
    tried_at, state, wait = await tried(world, accepted)
    assert (tried_at is not None, state) == (True, "deferred")
    assert wait is not None
    assert wait < timedelta(minutes=2)


@pytest.mark.parametrize(
    ("category", "ending"),
    [("newsletter", ("failed", "gave_up 4.7.1")), ("breach", ("diverted", "written_notice"))],
)
async def test_the_age_counts_from_the_first_offer(world: World, category: str, ending: tuple[str, str]) -> None:
    """An old mailing that was just offered is tried again. Mail refused for days is given up, or written."""
    accepted = await world.accept([person(1)], category)
    if category == "breach":
        await world.mailings.release_mailing(accepted.mailing_id, "Grace")
    await world.pool.execute("UPDATE mailings SET released_at = released_at - interval '30 days'")
    processor = FakeProcessor(lambda outgoing: DEFERRED)
    for expected in ("deferred", ending[0]):
        await world.due_now()
        await world.timekeeper().run_all_steps_once()
        await world.run_published(processor)
        assert (await tried(world, accepted))[1] == expected
        await world.pool.execute("UPDATE deliveries SET tried_at = tried_at - interval '30 days'")
    assert await world.states(accepted.mailing_id) == {"user-1": ending}
    assert len(processor.sent) == 2


async def test_mandatory_mail_in_doubt_goes_again_at_once_and_then_waits(world: World) -> None:
    """A relay always breaks off before it answers: mandatory mail goes again at once twice, then a person is asked."""
    await world.paying(1)
    accepted = await world.accept([person(1)], "service")
    processor, timekeeper = FakeProcessor(lambda outgoing: DOUBT), world.timekeeper()
    await world.handover(processor).hand_over_batches(accepted.batches)
    for _ in range(5):  # ticks in which no time passes for what waits
        await timekeeper.run_all_steps_once()
        await world.run_published(processor)
    assert len(processor.sent) == 3
    assert await world.states(accepted.mailing_id) == {"user-1": ("held", "in_doubt")}


async def test_a_copy_waits_for_what_becomes_of_the_first(world: World) -> None:
    """The first of two with one address was not offered and then leaves: the other one gets the mail."""
    accepted = await world.accept([person(1), person(2, email="user-1@people.example")])
    await world.handover(FakeProcessor(lambda outgoing: UNREACHED)).hand_over_batches(accepted.batches)
    assert (await world.states(accepted.mailing_id))["user-2"] != ("suppressed", "duplicate_address")
    await world.standings.set_standing_flag(BRAND, await world.id_of("user-1"), StandingFlag.RESTRICTED, True, "test")
    await carry_on(world)
    states = await world.states(accepted.mailing_id)
    assert (states["user-1"][0], states["user-2"]) == ("suppressed", SENT)
    assert world.processor.recipients == ["user-1@people.example"]


@dataclass
class Counting:
    """A meter that counts the tokens given and returned."""

    real: RateLimiter
    taken: list[RateAdmissionRequest] = field(default_factory=list)
    given: list[RateAdmissionRequest] = field(default_factory=list)

    async def admit_messages(self, wanted: Sequence[RateAdmissionRequest]) -> RateAdmissionResult:
        """Admits messages as the real meter does, and counts them."""
        self.taken += wanted
        return await self.real.admit_messages(wanted)

    def put_tokens_back(self, admission: RateAdmissionResult, unsent: Sequence[RateAdmissionRequest]) -> None:
        """Takes tokens back as the real meter does, and counts them."""
        self.given += unsent
        self.real.put_tokens_back(admission, unsent)

    def count_reply_for_pace(self, processor: str, domain: str, outcome: Outcome) -> None:
        """Counts a reply as the real meter does."""
        self.real.count_reply_for_pace(processor, domain, outcome)


class NeverSettled(PostgresDeliveries):
    """Deliveries of people whose standing changes all the time."""

    async def commit_moves_or_find_refused(
        self,
        claim: UUID | None,
        moves: Sequence[DeliveryMove],
        entries: Sequence[LedgerEntry],
        patience: float | None = None,
    ) -> frozenset[Key]:
        """Refuses every intent."""
        refused = frozenset(move.delivery_key for move in moves if move.to_state is DeliveryState.INTENDED)
        return refused or await super().commit_moves_or_find_refused(claim, moves, entries, patience)


async def test_tokens_come_back_when_nothing_could_be_intended(world: World) -> None:
    """Mail that was admitted and never intended gives back each token that it took."""
    accepted = await world.accept([person(1), person(2)])
    meter = Counting(RateLimiter(world.rates, "worker"))
    deliveries = NeverSettled(world.pool, world.writers)
    await handing_over(world, world.processor, deliveries=deliveries, meter=meter).hand_over_batches(accepted.batches)
    assert world.processor.sent == []
    assert len(meter.taken) >= 2
    assert len(meter.given) == len(meter.taken)


async def test_bulk_mail_gives_way_to_urgent_mail(world: World) -> None:
    """Bulk mail begins nothing for a while, if urgent mail needs the database. Then both have gone out."""
    handover = handing_over(world, world.processor)
    await world.paying(2)
    bulk = await world.accept([person(1)])
    urgent = await world.accept([person(2)], "service")
    with handover.precedence.mark_urgent_work_running(urgent=True):
        begun = time.monotonic()
        await asyncio.gather(handover.hand_over_batches(bulk.batches), handover.hand_over_batches(urgent.batches))
        assert time.monotonic() - begun >= 0.9 * LONGEST
    assert [await sent_of(world, mailing.mailing_id) for mailing in (urgent, bulk)] == [1, 1]
