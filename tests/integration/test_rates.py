"""Rates: the number of messages that all workers together may hand over."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.database.connections import open_pool
from mailer.database.statements import Pool
from mailer.ledger.writers import LedgerWriters
from mailer.pipeline.rates import RateLimiter
from mailer.policy.category import Lane
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.pace import RESERVES
from mailer.ports.rates import Period, RateAdmissionRequest, RateAdmissionResult, RateLimit, Scope
from mailer.postgres.rates import PostgresRateLimits, delete_finished_rate_windows

BRAND = "paltalk-2006"
MAILING = UUID("0192f0c1-0000-7000-8000-000000000001")
THROTTLE = Outcome(OutcomeKind.DEFERRED, 421, "4.7.28", "too fast")


def wanted(
    n: int, domain: str = "gmail.com", lane: Lane = Lane.PROMOTIONAL, processor: str = "relay"
) -> list[RateAdmissionRequest]:
    """Requests for a number of messages of one kind."""
    return [RateAdmissionRequest(processor, domain, BRAND, MAILING, lane)] * n


@pytest.fixture
async def rates(database_url: str) -> AsyncIterator[PostgresRateLimits]:
    """The limits of a database of the test's own."""
    async with opened(database_url) as rates:
        yield rates


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresRateLimits]:
    """The limits of a database."""
    pool: Pool = await open_pool(url)
    try:
        yield PostgresRateLimits(pool, LedgerWriters("k" * 32))
    finally:
        await pool.close()


async def limit(rates: PostgresRateLimits, scope: Scope, key: str, n: int, per: Period = "day") -> None:
    """Sets a limit."""
    await rates.set_limit(RateLimit(scope, key, per, n), "dana")


async def used(rates: PostgresRateLimits) -> dict[str, int]:
    """The tokens used in the current windows, by key and period."""
    return {f"{found.key}/{found.per}": found.used for found in await rates.list_limits_and_paces()}


async def send(meter: RateLimiter, window: Sequence[RateAdmissionRequest], sent: Counter[int]) -> RateAdmissionResult:
    """Asks as the hand-over would, and counts the second in which each message went, by the system's clock."""
    admission = await meter.admit_messages(window)
    for granted in admission.granted:
        if granted and time.monotonic() < admission.until:
            sent[math.floor(time.time())] += 1
    return admission


async def test_without_limits_nothing_is_asked(rates: PostgresRateLimits) -> None:
    """Mail that no limit concerns goes without a statement, for any time."""
    await limit(rates, "processor", "another", 1)
    meter = RateLimiter(rates, "w")
    admission = await meter.admit_messages(wanted(3))
    assert (list(admission.granted), admission.until, admission.again) == ([True] * 3, math.inf, None)
    assert await rates._pool.fetchval("SELECT count(*) FROM rate_windows") == 0


async def test_all_limits_of_a_message_hold(rates: PostgresRateLimits) -> None:
    """Processor, domain, brand and mailing each have a say, and what one refuses does not use up another."""
    await limit(rates, "processor", "relay", 100)
    await limit(rates, "domain", "gmail.com", 10)
    await limit(rates, "brand", BRAND, 40)
    await limit(rates, "mailing", str(MAILING), 30)
    meter = RateLimiter(rates, "w")
    urgent = wanted(20, "GMail.com", Lane.BREACH) + wanted(64, "example.org", Lane.BREACH)
    granted = (await meter.admit_messages(urgent)).granted
    assert (sum(granted[:20]), sum(granted[20:])) == (10, 20)
    await meter._return_unused_tokens(math.inf)
    assert await used(rates) == {
        "relay/day": 30,
        "gmail.com/day": 10,
        f"{BRAND}/day": 30,
        f"{MAILING}/day": 30,
    }


async def test_refused_ones_are_told_when(rates: PostgresRateLimits) -> None:
    """Mail over the limit may be tried again when the next window begins."""
    await limit(rates, "brand", BRAND, 100, "hour")
    admission = await RateLimiter(rates, "w").admit_messages(wanted(90))
    assert sum(admission.granted) == 85, "15 stay for more urgent mail"
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    assert admission.again in (hour, hour + timedelta(hours=1))
    assert 0 <= admission.until - time.monotonic() <= 3600


async def test_urgent_mail_finds_tokens_that_bulk_cannot_take(rates: PostgresRateLimits) -> None:
    """However much bulk there is, each more urgent lane still gets its part of the limit."""
    await limit(rates, "processor", "relay", 1000)
    meters = [RateLimiter(rates, name) for name in "ab"]
    shares = []
    for lane in reversed(Lane):
        granted = await asyncio.gather(*(meter.admit_messages(wanted(600, lane=lane)) for meter in meters))
        shares.append(sum(sum(admission.granted) for admission in granted))
    assert shares == [850, 50, 50, 50]


async def test_what_was_not_sent_is_used_for_others(rates: PostgresRateLimits) -> None:
    """Tokens of a day whose messages were not offered go to the next ones, or back to all workers."""
    await limit(rates, "brand", BRAND, 10)
    meter, other = RateLimiter(rates, "a"), RateLimiter(rates, "b")
    first = await meter.admit_messages(wanted(10, lane=Lane.BREACH))
    assert sum(first.granted) == 10
    meter.put_tokens_back(first, wanted(4, lane=Lane.BREACH))
    assert sum((await meter.admit_messages(wanted(1, lane=Lane.BREACH))).granted) == 1
    await meter._return_unused_tokens(math.inf)
    assert await used(rates) == {f"{BRAND}/day": 7}
    assert sum((await other.admit_messages(wanted(10, lane=Lane.BREACH))).granted) == 3


async def test_tokens_of_a_window_that_is_over_are_not_given_back(rates: PostgresRateLimits) -> None:
    """Tokens granted before the current window began cannot be given back to it."""
    await limit(rates, "brand", BRAND, 10)
    meter = RateLimiter(rates, "a")
    await meter.admit_messages(wanted(10, lane=Lane.BREACH))
    meter.put_tokens_back(RateAdmissionResult((True,), math.inf, at=time.monotonic() - 60), wanted(1, lane=Lane.BREACH))
    assert sum((await meter.admit_messages(wanted(1, lane=Lane.BREACH))).granted) == 0


async def test_a_changed_limit_holds_at_once(rates: PostgresRateLimits) -> None:
    """The lease itself reads the limit, and a raised one ends the waiting."""
    await limit(rates, "brand", BRAND, 100)
    meter = RateLimiter(rates, "a")
    assert sum((await meter.admit_messages(wanted(1, lane=Lane.BREACH))).granted) == 1
    await limit(rates, "brand", BRAND, 6)
    assert sum((await meter.admit_messages(wanted(64, lane=Lane.BREACH))).granted) <= 6
    await limit(rates, "brand", BRAND, 500)
    await meter.reload_limit_snapshot()
    assert sum((await meter.admit_messages(wanted(64, lane=Lane.BREACH))).granted) == 64
    assert await rates.clear_limits("brand", BRAND, None, "dana") == 1
    await meter.reload_limit_snapshot()
    assert (await meter.admit_messages(wanted(64))).until == math.inf


@pytest.mark.parametrize(("age", "figure"), [(-1, None), (0, 2), (1, 5), (2, 9), (30, 9)])
async def test_a_warm_up_rises_by_the_day(rates: PostgresRateLimits, age: int, figure: int | None) -> None:
    """Each day of the plan has its figure, the last holds on, and before the first day nothing is limited."""
    today = datetime.now(UTC).date()
    plan = RateLimit("processor", "relay", "day", None, (2, 5, 9), today - timedelta(days=age))
    await rates.set_limit(plan, "dana")
    assert [found.n for found in await rates.list_limits_and_paces()] == [figure]
    granted = (await RateLimiter(rates, "a").admit_messages(wanted(20, lane=Lane.BREACH))).granted
    assert sum(granted) == (20 if figure is None else figure)


def test_concurrent_workers_never_exceed_a_limit(database_url: str) -> None:
    """No second and no day has more than its limit, for any simultaneous requests of workers."""

    @settings(max_examples=12, deadline=None)
    @given(
        st.integers(1, 120),
        st.integers(1, 300),
        st.lists(st.lists(st.tuples(st.integers(1, 64), st.sampled_from(Lane)), max_size=5), min_size=2, max_size=4),
    )
    def holds(a_second: int, a_day: int, workers: list[list[tuple[int, Lane]]]) -> None:
        asyncio.run(_stays_within(database_url, a_second, a_day, workers))

    holds()


async def _stays_within(url: str, a_second: int, a_day: int, workers: list[list[tuple[int, Lane]]]) -> None:
    async with opened(url) as rates:
        processor, brand = f"p{uuid4().hex}", f"b{uuid4().hex}"
        await limit(rates, "processor", processor, a_second, "second")
        await limit(rates, "brand", brand, a_day)
        seconds: Counter[int] = Counter()
        lanes: Counter[Lane] = Counter()

        async def work(meter: RateLimiter, windows: list[tuple[int, Lane]]) -> None:
            for n, lane in windows:
                admission = await send(
                    meter, [RateAdmissionRequest(processor, "a.example", brand, MAILING, lane)] * n, seconds
                )
                lanes[lane] += sum(admission.granted)

        await asyncio.gather(*(work(RateLimiter(rates, str(n)), windows) for n, windows in enumerate(workers)))
        assert all(n <= a_second for n in seconds.values())
        for lane, reserve in RESERVES.items():
            urgent = sum(n for other, n in lanes.items() if RESERVES[other] >= reserve)
            assert urgent <= a_day - a_day * reserve // 100, f"{lane} leaves tokens to more urgent ones"


async def test_tokens_taken_at_the_end_of_a_second_hold_through_the_next(rates: PostgresRateLimits) -> None:
    """Tokens of an ample limit are charged to two seconds, so that mail under way need not ask again."""
    await limit(rates, "processor", "relay", 1_000_000, "second")
    meter, seconds = RateLimiter(rates, "a"), Counter[int]()
    admission = await send(meter, wanted(64), seconds)
    while admission.until - admission.at <= 1:
        admission = await send(meter, wanted(64), seconds)
    charged = await rates._pool.fetch("SELECT start, used FROM rate_windows ORDER BY start")
    assert charged[-1]["start"] - charged[-2]["start"] == timedelta(seconds=1)
    assert charged[-1]["used"] >= 64
    assert sum(row["used"] for row in charged) >= sum(seconds.values()) + 64


async def test_a_throttled_domain_is_slowed_down_for_all(rates: PostgresRateLimits) -> None:
    """Replies that ask for it halve the pace of that domain by that processor, and other workers keep to it."""
    meter, other = RateLimiter(rates, "a"), RateLimiter(rates, "b")
    for _ in range(100):
        meter.count_reply_for_pace("relay", "GMAIL.com", THROTTLE)
        meter.count_reply_for_pace("relay", "example.org", Outcome(OutcomeKind.ACCEPTED, 250))
    await meter.refresh_limits_and_return_tokens()
    [pace] = await rates.list_limits_and_paces()
    assert (pace.scope, pace.key, pace.n) == ("pace", "relay gmail.com", 100)
    await other.refresh_limits_and_return_tokens()
    for window, most in ((wanted(300, lane=Lane.BREACH), 200), (wanted(1, "example.org"), math.inf)):
        granted = [await one.admit_messages(window) for one in (meter, other)]
        assert 1 <= sum(sum(admission.granted) for admission in granted) <= most
    assert (await other.admit_messages(wanted(1, "gmail.com", processor="another"))).until == math.inf


async def test_workers_that_are_throttled_together_add_up(rates: PostgresRateLimits) -> None:
    """The pace is half of the rate that all workers observed together. One slow-down is enough for a while."""
    for name, n in (("a", 100), ("b", 60), ("a", 500)):
        meter = RateLimiter(rates, name)
        for _ in range(n):
            meter.count_reply_for_pace("relay", "gmail.com", THROTTLE)
        await meter.refresh_limits_and_return_tokens()
    assert [round(pace.n or 0) for pace in await rates.list_limits_and_paces()] == [160]


async def test_a_few_refusals_slow_nothing_down(rates: PostgresRateLimits) -> None:
    """Less than a tenth of the replies, or a message or two, say nothing about the pace; a third one does."""
    meter = RateLimiter(rates, "a")
    for _ in range(200):
        meter.count_reply_for_pace("relay", "gmail.com", Outcome(OutcomeKind.ACCEPTED, 250))
    for _ in range(10):
        meter.count_reply_for_pace("relay", "gmail.com", THROTTLE)
    for n in range(2):
        meter.count_reply_for_pace("relay", "tiny.example", THROTTLE)
        meter.count_reply_for_pace("relay", f"{n}.example", THROTTLE)
        await meter.refresh_limits_and_return_tokens()
    assert await rates.list_limits_and_paces() == []
    meter.count_reply_for_pace("relay", "tiny.example", THROTTLE)
    meter.count_reply_for_pace("relay", "tiny.example", Outcome(OutcomeKind.ACCEPTED, 250))
    await meter.refresh_limits_and_return_tokens()
    assert [pace.key for pace in await rates.list_limits_and_paces()] == ["relay tiny.example"]


async def test_a_relay_that_shuts_down_slows_nothing_down(rates: PostgresRateLimits) -> None:
    """A relay's 421 on every connection does not slow down the domains of the mail under way."""
    meter = RateLimiter(rates, "a")
    for outcome, paces in ((Outcome(OutcomeKind.DEFERRED, 421, "4.3.2"), 0), (THROTTLE, 1)):
        for _ in range(50):
            meter.count_reply_for_pace("relay", "gmail.com", outcome)
        await meter.refresh_limits_and_return_tokens()
        assert len(await rates.list_limits_and_paces()) == paces


async def test_old_windows_and_paces_are_forgotten(rates: PostgresRateLimits) -> None:
    """Finished windows and paces are deleted, a number of rows a statement. The current window stays."""
    await limit(rates, "brand", BRAND, 10)
    await RateLimiter(rates, "a").admit_messages(wanted(1))
    await rates._pool.execute(
        "INSERT INTO rate_windows SELECT 'brand', 'x', 'second', now() - n * interval '2 minutes' "
        "FROM generate_series(1, 5) n"
    )
    await rates._pool.execute("INSERT INTO paces VALUES ('relay', 'x.example', 1, 9, now() - interval '1 hour', '{}')")
    assert [await delete_finished_rate_windows(rates._pool, 3), await delete_finished_rate_windows(rates._pool, 3)] == [
        3,
        2,
    ]
    assert await used(rates) == {f"{BRAND}/day": 1}
    assert await rates._pool.fetchval("SELECT count(*) FROM paces") == 0


async def test_changes_stand_in_the_ledger(rates: PostgresRateLimits) -> None:
    """The ledger names the person who set a limit, and the person who cleared it."""
    await limit(rates, "processor", "relay", 5)
    await rates.clear_limits("processor", "relay", None, "robin")
    found = await rates._pool.fetch(
        "SELECT l.reason, l.rule, l.processor, n.text FROM ledger l JOIN ledger_notes n USING (writer, n) ORDER BY l.n"
    )
    assert [tuple(row) for row in found] == [
        ("rate_set", "action:dana", "relay", "processor relay: 5/day"),
        ("rate_cleared", "action:robin", "relay", "processor relay: a day"),
    ]
