"""Blocks that are the sender's fault: the blocked stream pauses, and nothing else does."""

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.pipeline.pauses_for_blocked_mail import MOST_STREAMS, PAUSE, STOP, STREAK, WHOLE, PausesForBlockedMail
from mailer.policy.category import CATEGORIES
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.stream_pauses import StreamPause
from mailer.postgres.deliveries_awaiting_staff import PostgresHeldDeliveries
from mailer.postgres.halts import PostgresHalts
from mailer.postgres.stream_pauses import PostgresStreamPauses
from tests.doubles import FakeProcessor
from tests.factories import World, person

PROMOTIONAL, SERVICE, BREACH = CATEGORIES["promotional"], CATEGORIES["service"], CATEGORIES["breach"]
BLOCKED = Outcome(OutcomeKind.BLOCKED, 554, "5.7.1", "we do not like you")
TAKEN = Outcome(OutcomeKind.ACCEPTED, 250)
MINUTE = timedelta(minutes=1)


def paused(streams: PausesForBlockedMail, domain: str, category: str = "promotional", processor: str = "relay") -> bool:
    """True if a stream pauses now, and no longer than it should."""
    now = datetime.now(UTC)
    until = streams.paused_until(processor, CATEGORIES[category], domain, now)
    assert until is None or until <= now + PAUSE
    return until is not None


async def block(streams: PausesForBlockedMail, *domains: str, category: str = "promotional") -> None:
    """Has each domain block enough messages in a row."""
    sent = [(CATEGORIES[category], domain) for domain in domains for _ in range(STREAK)]
    await streams.pause_blocked_streams("relay", sent, [BLOCKED] * len(sent))


async def test_a_domain_that_blocks_is_left_alone_by_that_stream(world: World) -> None:
    """Other domains, categories and processors go on; other workers hear of it; after a while it is tried again."""
    streams, other = (
        PausesForBlockedMail(PostgresStreamPauses(world.pool)),
        PausesForBlockedMail(PostgresStreamPauses(world.pool)),
    )
    await block(streams, "a.example")
    await other.reload_pauses()
    for worker in (streams, other):
        assert paused(worker, "a.example")
        assert not paused(worker, "b.example")
        assert not paused(worker, "a.example", "service")
        assert not paused(worker, "a.example", processor="another")
    later = datetime.now(UTC) + PAUSE + timedelta(seconds=1)
    assert streams.paused_until("relay", PROMOTIONAL, "a.example", later) is None


async def test_domains_that_block_once_take_no_memory(world: World) -> None:
    """However many domains block one message each, a worker counts the newest of them; a row goes on meanwhile."""
    streams = PausesForBlockedMail(PostgresStreamPauses(world.pool))
    row = (PROMOTIONAL, "a.example")
    for turn in range(STREAK - 1):
        sent = [row, *((PROMOTIONAL, f"{turn}-{number}.example") for number in range(MOST_STREAMS - 1))]
        await streams.pause_blocked_streams("relay", sent, [BLOCKED] * len(sent))
    assert not paused(streams, "a.example")
    await streams.pause_blocked_streams("relay", [row], [BLOCKED])
    assert paused(streams, "a.example")
    sent = [(PROMOTIONAL, f"{number}.example") for number in range(2 * MOST_STREAMS)]
    await streams.pause_blocked_streams("relay", sent, [BLOCKED] * len(sent))
    assert len(streams._streaks) == MOST_STREAMS


async def test_one_mailbox_pauses_nothing(world: World) -> None:
    """Few blocks, or blocks with accepted mail between them, are filters of single mailboxes, and pause nothing."""
    streams = PausesForBlockedMail(PostgresStreamPauses(world.pool))
    one = (PROMOTIONAL, "a.example")
    await streams.pause_blocked_streams("relay", [one] * 9, [*[BLOCKED] * (STREAK - 1), TAKEN] * 3)
    await streams.pause_blocked_streams("relay", [one] * 9, [Outcome(OutcomeKind.BLOCKED, status="5.6.7")] * 9)
    assert not paused(streams, "a.example")
    await streams.pause_blocked_streams("relay", [one] * (STREAK - 1), [BLOCKED] * (STREAK - 1))
    assert not paused(streams, "a.example")
    await streams.pause_blocked_streams("relay", [one], [BLOCKED])
    assert paused(streams, "a.example")


async def test_blocks_and_refusals_of_our_set_up_are_counted_apart(world: World) -> None:
    """Two replies of one kind are no streak with one of the other."""
    streams = PausesForBlockedMail(PostgresStreamPauses(world.pool))
    one, set_up = (PROMOTIONAL, "a.example"), Outcome(OutcomeKind.SET_UP, 550, None, "your DNS is broken")
    await streams.pause_blocked_streams("relay", [one] * (STREAK - 1), [BLOCKED] * (STREAK - 1))
    await streams.pause_blocked_streams("relay", [one] * (STREAK - 1), [set_up] * (STREAK - 1))
    assert not paused(streams, "a.example")
    await streams.pause_blocked_streams("relay", [one], [BLOCKED])
    assert paused(streams, "a.example")


async def test_refusals_of_our_set_up_with_accepted_mail_between_them_pause_nothing(world: World) -> None:
    """The order within one window counts: a domain that takes mail has no quarrel with our set-up."""
    streams = PausesForBlockedMail(PostgresStreamPauses(world.pool))
    one, set_up = (PROMOTIONAL, "a.example"), Outcome(OutcomeKind.SET_UP, 550, None, "your DNS is broken")
    await streams.pause_blocked_streams("relay", [one] * 9, [*[set_up] * (STREAK - 1), TAKEN] * 3)
    assert not paused(streams, "a.example")
    await streams.pause_blocked_streams("relay", [one] * (STREAK + 1), [TAKEN, *[set_up] * STREAK])
    now = datetime.now(UTC)
    assert streams.paused_until("relay", PROMOTIONAL, "a.example", now) == pytest.approx(now + STOP, abs=MINUTE)
    await streams.pause_blocked_streams("relay", [(PROMOTIONAL, "b.example")] * STREAK, [set_up] * STREAK)
    await streams.pause_blocked_streams("relay", [(BREACH, "b.example")] * STREAK, [set_up] * STREAK)
    assert streams.paused_until("relay", BREACH, "b.example", now) is None


async def test_a_block_does_not_shorten_a_pause_for_our_set_up(world: World) -> None:
    """A stream with both in one window pauses for the longer time, in this worker and in the others."""
    streams, other = (
        PausesForBlockedMail(PostgresStreamPauses(world.pool)),
        PausesForBlockedMail(PostgresStreamPauses(world.pool)),
    )
    one, set_up = (PROMOTIONAL, "a.example"), Outcome(OutcomeKind.SET_UP, 550, None, "your DNS is broken")
    await streams.pause_blocked_streams("relay", [one] * (2 * STREAK), [*[set_up] * STREAK, *[BLOCKED] * STREAK])
    await other.reload_pauses()
    now = datetime.now(UTC)
    for worker in (streams, other):
        assert worker.paused_until("relay", PROMOTIONAL, "a.example", now) == pytest.approx(now + STOP, abs=MINUTE)


async def test_many_domains_pause_the_whole_stream(world: World) -> None:
    """A stream pauses for all domains, if this many domains block it."""
    streams = PausesForBlockedMail(PostgresStreamPauses(world.pool))
    await block(streams, *(f"{n}.example" for n in range(WHOLE - 1)))
    assert not paused(streams, "z.example")
    await block(streams, "last.example")
    assert paused(streams, "z.example")
    assert not paused(streams, "z.example", "newsletter")


async def test_breach_mail_never_pauses(world: World) -> None:
    """Breach mail is neither counted, nor held for blocks of other mail."""
    streams = PausesForBlockedMail(PostgresStreamPauses(world.pool))
    await block(streams, *(f"{n}.example" for n in range(WHOLE)), category="breach")
    assert streams.paused_until("relay", BREACH, "0.example", datetime.now(UTC)) is None
    assert await PostgresStreamPauses(world.pool).list_current_pauses() == []


async def test_without_the_database_the_outcomes_are_not_lost(world: World) -> None:
    """A pause that cannot be stored still holds in this process."""

    class Away(PostgresStreamPauses):
        async def add_pauses(self, pauses: object) -> None:
            raise ConnectionError("gone")

    streams = PausesForBlockedMail(Away(world.pool))
    await block(streams, "a.example")
    assert paused(streams, "a.example")


async def test_many_blocked_messages_of_one_window_are_one_pause(world: World) -> None:
    """Two streaks of one category and domain in one window pause it once, and other workers hear of it."""
    streams = PausesForBlockedMail(PostgresStreamPauses(world.pool))
    await block(streams, "a.example", "a.example", "b.example")
    found = await PostgresStreamPauses(world.pool).list_current_pauses()
    assert sorted((pause.category, pause.domain) for pause in found) == [
        ("promotional", "a.example"),
        ("promotional", "b.example"),
    ]


async def test_what_is_said_twice_holds_for_the_longer_time(world: World) -> None:
    """The same stream twice in one statement is no error."""
    pauses, now = PostgresStreamPauses(world.pool), datetime.now(UTC)
    until = [now + timedelta(minutes=minutes) for minutes in (5, 9, 7)]
    await pauses.add_pauses(
        [StreamPause("relay", "promotional", domain, end) for domain in ("a.example", None) for end in until]
    )
    assert {pause.until for pause in await pauses.list_current_pauses()} == {until[1]}
    assert len(await pauses.list_current_pauses()) == 2


async def test_a_new_worker_knows_of_pauses_before_its_first_window(world: World) -> None:
    """Nothing of a stream that others found blocked is offered by a worker that has just started."""
    until = datetime.now(UTC) + timedelta(minutes=10)
    await PostgresStreamPauses(world.pool).add_pauses([StreamPause("fake", "newsletter", "people.example", until)])
    accepted = await world.accept([person(n) for n in range(1, 4)])
    await world.handover().hand_over_batches(accepted.batches)
    assert world.processor.sent == []
    assert {state for state, _ in (await world.states(accepted.mailing_id)).values()} == {"queued"}


SPF = Outcome(OutcomeKind.SET_UP, 550, "5.7.27", "5.7.27 SPF of <news@x.example> did not pass")


async def test_a_domain_that_finds_our_set_up_broken_is_stopped_at(world: World) -> None:
    """One such reply stops that stream at that domain, and pages with its words and what to check, once."""
    streams, other = (
        PausesForBlockedMail(PostgresStreamPauses(world.pool)),
        PausesForBlockedMail(PostgresStreamPauses(world.pool)),
    )
    with capture_logs() as logs:
        await streams.pause_blocked_streams("relay", [(PROMOTIONAL, "a.example")] * 2, [SPF, TAKEN])
        await streams.pause_blocked_streams("relay", [(SERVICE, "a.example")], [SPF])
        await streams.pause_blocked_streams("relay", [(BREACH, "a.example")], [SPF])
    [paged] = [line for line in logs if line["log_level"] == "error"]
    assert (paged["says"], "SPF" in paged["check"]) == ("550 5.7.27 SPF of … did not pass", True)
    await other.reload_pauses()
    now = datetime.now(UTC)
    for worker in (streams, other):
        for category in (PROMOTIONAL, SERVICE):
            until = worker.paused_until("relay", category, "a.example", now)
            assert until is not None
            assert until > now + PAUSE
        assert worker.paused_until("relay", BREACH, "a.example", now) is None
        assert worker.paused_until("relay", PROMOTIONAL, "b.example", now) is None
    pauses = PostgresStreamPauses(world.pool)
    assert {(found.reason, found.says) for found in await pauses.list_current_pauses()} == {("set_up", paged["says"])}
    halts = PostgresHalts(world.pool, world.writers)
    assert await halts.resume_processor("relay", "Grace") == (False, 2)
    assert await halts.resume_processor("relay", "Grace") == (False, 0)
    [entry] = await world.entries(kind="control")
    assert (entry["reason"], entry["rule"], entry["processor"]) == ("streams_resumed 2", "action:Grace", "relay")


async def test_what_a_broken_set_up_stops_is_held_and_not_failed(world: World) -> None:
    """Mail that met it is held, the rest of that stream waits, and all arrives once a person says it is mended."""
    mended = False

    def answer(outgoing: object) -> Outcome:
        return TAKEN if mended else SPF

    processor = FakeProcessor(answer)
    accepted = await world.accept([person(n) for n in range(WINDOW + 20)])
    handover = world.handover(processor)
    await handover.hand_over_batches(accepted.batches)
    assert await world.counted(accepted.mailing_id) == {("held", "set_up"): WINDOW, ("queued", ""): 20}
    mended = True
    await PostgresHalts(world.pool, world.writers).resume_processor("fake", "Grace")
    assert (
        await PostgresHeldDeliveries(world.pool, world.writers).release_held_deliveries_of_mailing(
            accepted.mailing_id, "Grace"
        )
        == WINDOW
    )
    # As if two seconds had passed.
    await world.pool.execute("UPDATE batches SET due_at = now() WHERE due_at <= now() + interval '2 seconds'")
    await world.timekeeper().run_all_steps_once()
    await world.run_published(processor)
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): WINDOW + 20}


async def test_what_waits_for_its_time_is_not_hurried_by_a_person_who_mends_a_relay(world: World) -> None:
    """Mail that is planned stays planned, and mail that waits for its release goes on waiting."""
    await world.accept([person(1)], send_at=datetime.now(UTC) + timedelta(days=1))
    await world.accept([person(2)], "breach")
    before = await world.pool.fetch("SELECT id, due_at FROM batches ORDER BY id")
    assert len(before) == 2
    pause = StreamPause("relay", "promotional", "a.example", datetime.now(UTC) + PAUSE)
    await PostgresStreamPauses(world.pool).add_pauses([pause])
    assert await PostgresHalts(world.pool, world.writers).resume_processor("relay", "Grace") == (False, 1)
    assert await world.pool.fetch("SELECT id, due_at FROM batches ORDER BY id") == before


async def test_the_words_of_one_mailbox_stop_no_stream(world: World) -> None:
    """One person's own words stop nobody else's mail at their domain. Several such replies in a row do."""
    streams = PausesForBlockedMail(PostgresStreamPauses(world.pool))
    said = Outcome(OutcomeKind.SET_UP, 550, "5.7.1", "5.7.1 I want no mail without SPF")
    now = datetime.now(UTC)
    for _ in range(STREAK):
        await streams.pause_blocked_streams("relay", [(SERVICE, "a.example")] * 2, [said, TAKEN])
    assert streams.paused_until("relay", SERVICE, "a.example", now) is None
    for _ in range(STREAK):
        await streams.pause_blocked_streams("relay", [(SERVICE, "a.example")], [said])
    assert streams.paused_until("relay", SERVICE, "a.example", now) is not None
