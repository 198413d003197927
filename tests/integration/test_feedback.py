"""Complaints and hard bounces against the mail that was handed over: figures, the pause of promotions, its release."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping

import pytest
from structlog.testing import capture_logs

from mailer.actions.halt_control import resume_promotions
from mailer.pipeline.hand_over_tally import HandOverTally
from mailer.pipeline.optional_mail_watch import OptionalMailWatcher
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.feedback import FeedbackKey, HandOverCount
from mailer.ports.halts import Halt, HaltScope
from mailer.postgres.flow_metrics import PostgresFlowMetrics
from mailer.postgres.halts import PostgresHalts
from mailer.postgres.optional_mail import build_optional_mail_stores
from tests.doubles import FakeProcessor
from tests.factories import BRAND, World, person
from tests.inbound import DOMAIN, Reception, complaint, open_reception

PEOPLE = 10


@pytest.fixture
async def reception(world: World) -> AsyncIterator[Reception]:
    """Reception over a world."""
    async with open_reception(world) as opened:
        yield opened


async def hand_over(world: World, category: str = "promotional", processor: FakeProcessor | None = None) -> None:
    """Hands a mailing over to everybody, and stores the counts."""
    accepted = await world.accept([person(number) for number in range(1, PEOPLE + 1)], category)
    await world.handover(processor).hand_over_batches(accepted.batches)
    await world.tally.store_counts()


async def complain(reception: Reception, people: int, times: int = 1) -> None:
    """Has so many people complain about their last mails, each so many times."""
    sent = reception.world.processor.sent[-PEOPLE:][:people]
    for turn in range(times):
        for message in sent:
            [link] = re.findall(rb"List-Unsubscribe: <([^>]+)>", message.content.replace(b"\r\n ", b""))
            content = complaint(link.decode()).replace(b"Subject: FW: News", b"Subject: FW: News %d" % turn)
            await reception.send(f"abuse@{DOMAIN}", content, "feedback@people.example")
    await reception.handle_stored()


async def figures(world: World) -> dict[str, float]:
    """The sums of the figures on `/metrics`."""
    values = await PostgresFlowMetrics(world.pool).read_metrics()
    names = ("feedback_handed_over", "feedback_complaints", "feedback_hard_bounces")
    assert all(len(labels) == 3 for name in names for labels, _ in values[name])
    return {name: sum(n for _, n in values[name]) for name in names}


def watcher(world: World) -> OptionalMailWatcher:
    """The timekeeper's watcher."""
    return OptionalMailWatcher(build_optional_mail_stores(world.pool), PostgresHalts(world.pool, world.writers))


async def halts(world: World) -> list[Halt]:
    """The halts in force."""
    return [one.halt for one in await PostgresHalts(world.pool, world.writers).list_halts_in_force(10)]


async def test_complaints_pause_promotions_and_nothing_else(reception: Reception) -> None:
    """At the limit that brand's promotions wait; newsletters and breach mail go; a person lets them go on."""
    world, store = reception.world, PostgresHalts(reception.world.pool, reception.world.writers)
    await hand_over(world)
    await complain(reception, 4)
    await watcher(world).stop_promotions_at_limits()
    assert await halts(world) == []
    await complain(reception, 5)
    assert await figures(world) == {
        "feedback_handed_over": PEOPLE,
        "feedback_complaints": 5,
        "feedback_hard_bounces": 0,
    }
    with capture_logs() as logs:
        for _ in range(3):
            await watcher(world).stop_promotions_at_limits()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "promotions are paused; see `mailer halts`"
    ]
    [halt] = await halts(world)
    assert (halt.scope, halt.key, halt.by) == (HaltScope.PROMOTIONAL, BRAND, "mailer")
    assert "5 complaints of 10 optional mails by fake" in halt.reason
    world.halted.promotional[BRAND] = "promotions_paused"
    for category, waits in (("promotional", True), ("newsletter", False), ("breach", True)):
        accepted = await world.accept([person(PEOPLE + 1)], category)
        await world.handover().hand_over_batches(accepted.batches)
        assert (await world.states(accepted.mailing_id))[f"user-{PEOPLE + 1}"][0] == (
            "queued" if waits else "handed_over"
        )
    await world.release_newest()
    assert set((await world.states(accepted.mailing_id)).values()) == {("handed_over", "")}
    assert await resume_promotions(store, BRAND, "Grace")
    await watcher(world).stop_promotions_at_limits()
    assert await halts(world) == []
    told = [(one["reason"], one["brand"], one["category"]) for one in await world.entries(kind="control")]
    assert told == [("paused", BRAND, "promotional"), ("resumed", BRAND, "promotional")]


async def test_one_person_cannot_stop_promotions(reception: Reception) -> None:
    """Whoever gets our mail can report it a thousand times, and counts once."""
    world = reception.world
    await hand_over(world)
    await complain(reception, 1, times=12)
    await watcher(world).stop_promotions_at_limits()
    assert (await figures(world))["feedback_complaints"] == 1
    assert await halts(world) == []


async def test_hard_bounces_pause_promotions(reception: Reception) -> None:
    """Refusals at SMTP time count against the same mail; twenty of few are the least."""
    world = reception.world
    refused = Outcome(OutcomeKind.REFUSED, 550, "5.1.1", "no such user")
    await hand_over(world, processor=FakeProcessor(lambda _: refused))
    await watcher(world).stop_promotions_at_limits()
    assert await halts(world) == []
    await world.pool.execute("UPDATE feedback_counts SET hard_bounces = 20, handed_over = 400")
    await watcher(world).stop_promotions_at_limits()
    assert [halt.key for halt in await halts(world)] == [BRAND]


async def test_mandatory_mail_is_not_counted(world: World) -> None:
    """A breach notice to old addresses must not stop promotions, nor dilute their complaints."""
    await world.paying(*range(1, PEOPLE + 1))
    await hand_over(world, "service")
    assert await figures(world) == dict.fromkeys(
        ("feedback_handed_over", "feedback_complaints", "feedback_hard_bounces"), 0
    )


async def test_old_counts_go(world: World) -> None:
    """Mail of eight days ago is in no figure, and its rows are deleted."""
    await hand_over(world)
    await world.pool.execute("UPDATE feedback_counts SET hour = hour - interval '8 days 1 hour', complaints = 9")
    assert sum((await figures(world)).values()) == 0
    await watcher(world).stop_promotions_at_limits()
    assert await world.pool.fetchval("SELECT count(*) FROM feedback_counts") == 0
    assert await halts(world) == []


async def test_a_waiting_batch_of_a_paused_lane_is_not_taken_up(world: World) -> None:
    """The claim itself leaves promotions alone, also of a worker that has not read the halt yet."""
    accepted = await world.accept([person(1)], "promotional")
    await PostgresHalts(world.pool, world.writers).add_halt(Halt(HaltScope.PROMOTIONAL, BRAND, "mailer", "a test"))
    await world.timekeeper().run_all_steps_once()
    assert world.broker.take() == []
    [status] = await world.mailings.statuses_of_newest_mailings(1)
    assert (status.id, status.state, list(status.halted)) == (accepted.mailing_id, "paused", ["promotional"])


async def alarms(world: World) -> list[tuple[object, object]]:
    """The mailing and recipient of each alarm of one look."""
    with capture_logs() as logs:
        await watcher(world).alarm_if_opt_outs_are_not_honoured()
    said = "optional mail was handed over to somebody who had left"
    assert all(line["log_level"] == "error" for line in logs)
    return [(line["mailing"], line["recipient"]) for line in logs if line["event"] == said]


async def test_mail_to_somebody_who_had_left_alarms(world: World) -> None:
    """A standing that was tampered with lets mail go, and the record of opt-outs tells it: once, also in the figure."""
    [ada, bob, eve] = await world.known(1, 2, 3)
    for recipient_id, scope in ((ada, "*"), (bob, "newsletter"), (eve, "promotional")):
        await world.standings.record_opt_out(BRAND, recipient_id, scope, "one-click")
    await world.pool.execute(
        "UPDATE suppressions SET at = now() - interval '1 hour', recorded_at = now() - interval '1 hour'"
    )
    accepted = await world.accept([person(1), person(2), person(3)])
    await world.pool.execute("UPDATE standings SET opted_out = '{}', version = version + 1")
    await world.handover().hand_over_batches(accepted.batches)
    assert {state for state, _ in (await world.states(accepted.mailing_id)).values()} == {"handed_over"}
    assert sorted(await alarms(world)) == [(str(accepted.mailing_id), ada), (str(accepted.mailing_id), bob)]
    assert await alarms(world) == []
    values = await PostgresFlowMetrics(world.pool).read_metrics()
    assert values["mailed_after_opt_out"] == [((), 2.0)]


@pytest.mark.parametrize(
    "tampered",
    [
        "UPDATE suppressions SET at = now() - interval '1 hour'",
        "UPDATE suppressions SET at = now() - interval '2 hours', recorded_at = now() - interval '2 hours',"
        " lifted_at = now() - interval '1 hour', lifted_by = 'Ada', lift_reason = 'asked'",
        "UPDATE suppressions SET recorded_at = now() - interval '1 hour', scope = 'promotional'",
    ],
)
async def test_what_was_not_left_then_does_not_alarm(world: World, tampered: str) -> None:
    """An opt-out that came with an old date after the mail, one that was taken back before it, one from other mail."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "*", "one-click")
    await world.pool.execute(tampered)
    accepted = await world.accept([person(1)])
    await world.pool.execute("UPDATE standings SET opted_out = '{}', version = version + 1")
    await world.handover().hand_over_batches(accepted.batches)
    assert len(world.processor.sent) == 1
    assert await alarms(world) == []


async def test_mandatory_mail_to_somebody_who_has_left_does_not_alarm(world: World) -> None:
    """An opt-out stops no service mail."""
    [ada] = await world.paying(1)
    await world.standings.record_opt_out(BRAND, ada, "*", "one-click")
    await world.pool.execute(
        "UPDATE suppressions SET at = now() - interval '1 hour', recorded_at = at - interval '1 hour'"
    )
    await hand_over(world, "service")
    assert await alarms(world) == []


class HangingCounts:
    """A store whose writes never end."""

    def __init__(self) -> None:
        self.began = asyncio.Event()

    async def add_hand_over_counts(self, counts: Mapping[FeedbackKey, HandOverCount]) -> None:
        """Hangs."""
        self.began.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("is_ended", [True, False], ids=["the worker ends", "the write is given up"])
async def test_counts_that_hang_cost_no_outcome(world: World, monkeypatch: pytest.MonkeyPatch, is_ended: bool) -> None:
    """Hand-overs are recorded, also if the worker ends while the counts are being written."""
    monkeypatch.setattr("mailer.pipeline.hand_over_tally.LONGEST", 60 if is_ended else 0.1)
    counts = HangingCounts()
    world.tally = HandOverTally(counts)
    accepted = await world.accept([person(1)], "promotional")
    work = asyncio.create_task(world.handover().hand_over_batches(accepted.batches))
    await asyncio.wait_for(counts.began.wait(), 20)
    if is_ended:
        work.cancel()
    await asyncio.wait([work], timeout=20)
    assert work.done()
    assert await world.pool.fetchval("SELECT state FROM deliveries") == "handed_over"
