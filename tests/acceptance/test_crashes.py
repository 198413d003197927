"""A worker is killed at each crash point, with work of both kinds in flight; another one goes on (invariant 7)."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

import mailer
from mailer import MessageEvent
from mailer.crash_points import CrashPoint
from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.processors.capture.folder import CapturedMessage
from tests.acceptance.samples import event, people
from tests.processes import Stack, open_stack
from tests.shipped import shipped_templates

BRANDS = {"newsletter": "interpals", "service": "paltalk-2006"}
CROWD = 150
"""Two windows and a part of one."""
SINGLE = 3
"""Events of one recipient, of each category."""


@dataclass(frozen=True)
class Crash:
    """The points at which processes die, one after the other.

    Attributes:
        points: as `MAILER_CRASH_AT` takes them; each is reached so often whatever is done first.
        over_rabbitmq: the point is about the broker.
        in_doubt: it lies between an intent and its outcome.
        first: what is published before the first one dies; everything is published after that.
    """

    points: tuple[str, ...]
    over_rabbitmq: bool = False
    in_doubt: bool = False
    first: Iterable[str] = tuple(BRANDS)


CRASHES = {
    CrashPoint.AFTER_CLAIM: Crash(("after_claim:2",)),
    CrashPoint.BEFORE_INTENT: Crash(("before_intent:3",)),
    CrashPoint.AFTER_INTENT: Crash(("after_intent:3",), in_doubt=True),
    CrashPoint.IN_MESSAGE: Crash(("in_message:100",), in_doubt=True),
    CrashPoint.AFTER_FINAL_DOT: Crash(("after_final_dot:100",), in_doubt=True),
    CrashPoint.BEFORE_OUTCOME: Crash(("before_outcome:3",), in_doubt=True),
    CrashPoint.AFTER_OUTCOME: Crash(("after_outcome:3",)),
    CrashPoint.BEFORE_ACK: Crash(("before_ack:3",), over_rabbitmq=True),
    CrashPoint.IN_INTAKE: Crash(("in_intake:2",)),
    CrashPoint.IN_EXPANSION: Crash(("in_expansion",)),
    # Mandatory mail in doubt is what the next timekeeper cuts batches of.
    CrashPoint.IN_TIMEKEEPER: Crash(("after_intent", "in_timekeeper"), in_doubt=True, first=("service",)),
    CrashPoint.IN_OUTBOX_RELAY: Crash(("in_outbox_relay",), over_rabbitmq=True),
    CrashPoint.IN_CHAIN: Crash(("in_chain:3",)),
}
OF_CAMPAIGNS = {CrashPoint.IN_MANIFEST, CrashPoint.IN_CAMPAIGN_RELEASE}
"""Points that no event reaches; tests/integration/test_campaign_checks.py dies there."""
OF_BREACHES = {CrashPoint.IN_BREACH_RELEASE, CrashPoint.IN_BREACH_EXPANSION, CrashPoint.IN_LETTER_RUN}
"""Points of the breach desk; tests/integration/test_breach_doors.py and test_letters.py die there."""


def test_every_point_has_its_crash() -> None:
    """A new crash point is tried, too."""
    assert set(CRASHES) | OF_CAMPAIGNS | OF_BREACHES == set(CrashPoint)
    assert all(crash.points[-1].partition(":")[0] == point for point, crash in CRASHES.items())


@pytest.fixture(params=list(CRASHES), ids=str)
def crash(request: pytest.FixtureRequest) -> Crash:
    """The crash to test. Not asynchronous, since the services' fixtures run loops of their own."""
    crash = CRASHES[request.param]
    if crash.over_rabbitmq:
        request.getfixturevalue("rabbit_url")
    return crash


@pytest.fixture
async def site(crash: Crash, tmp_path: Path, database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Stack]:
    """The broker that the point is about, and no more templates than are mailed, so that a process starts soon."""
    broker_url = request.getfixturevalue("rabbit_url") if crash.over_rabbitmq else "memory://"
    async with open_stack(tmp_path, database_url, broker_url) as stack:
        few = shipped_templates(tmp_path / "few", BRANDS.values(), ["weekly", "maintenance"])
        yield stack.having(TEMPLATES=str(few))


async def test_nothing_is_lost_and_nothing_is_sent_twice(site: Stack, crash: Crash) -> None:
    """No crash skips a person. At most one window of each mailing is in doubt. A repeated event is recognised."""
    processes = ("worker", "timekeeper") if crash.over_rabbitmq else ("worker",)
    await publish(site, crash.first)
    for point in crash.points:
        await site.dies("worker", point)
        await let_leases_end(site)
    await publish(site, BRANDS)
    async with site.running(*processes):
        await site.finished(*events("newsletter"), *events("service"))
    assert await site.value("SELECT count(*) FROM mailings") == 2 * (1 + SINGLE)
    assert await in_doubt(site, "newsletter") | await in_doubt(site, "service") or not crash.in_doubt
    allowed = WINDOW * len(crash.points)
    await assert_optional_at_most_once(site, allowed)
    await assert_mandatory_at_least_once(site, allowed)


def events(category: str) -> dict[str, list[str]]:
    """The events of a category and their recipients: one mailing of many, and many of one."""
    crowd = {f"{category}-crowd": [f"{category}{number}" for number in range(CROWD)]}
    return crowd | {f"{category}-{number}": [f"{category}-single{number}"] for number in range(SINGLE)}


async def publish(stack: Stack, categories: Iterable[str]) -> None:
    """Puts the events of some categories in the outbox, with the same ids each time."""
    connection = await asyncpg.connect(stack.database_url)
    async with connection.transaction():
        for category in categories:
            for event_id, refs in events(category).items():
                told = event(event_id, BRANDS[category], category, people(*refs))
                await mailer.publish_in_transaction(connection, MessageEvent.model_validate(told))
    await connection.close()


async def let_leases_end(stack: Stack) -> None:
    """Ends the leases of processes that are dead, as waiting would do."""
    await stack.query("UPDATE outbox SET lease_until = now() WHERE lease_until > now()")
    await stack.query("UPDATE batches SET lease_until = now() WHERE lease_until > now()")


async def states(stack: Stack, category: str) -> Mapping[str, tuple[str, str]]:
    """The state and the reason of each recipient of a category. They are exactly the planned recipients."""
    found = {ref: state for event_id in events(category) for ref, state in (await stack.states(event_id)).items()}
    assert found.keys() == {ref for refs in events(category).values() for ref in refs}
    return found


async def in_doubt(stack: Stack, category: str) -> set[str]:
    """The people whom the ledger names as possibly served."""
    named = await stack.query(
        "SELECT r.ref FROM ledger l JOIN recipients r ON r.id = l.recipient_id"
        " WHERE l.category = $1 AND l.kind = 'outcome' AND l.reason = 'in_doubt owner_lost'",
        category,
    )
    return {row["ref"] for row in named}


def copies(stack: Stack, category: str) -> dict[str, list[CapturedMessage]]:
    """The copies that each recipient of a category has got."""
    found: dict[str, list[CapturedMessage]] = {}
    for mail in stack.inbox.list_mails():
        ref = mail.recipients[0].removesuffix("@example.org")
        if ref.startswith(category):
            found.setdefault(ref, []).append(mail)
    return found


async def assert_optional_at_most_once(stack: Stack, allowed: int) -> None:
    """A person in doubt has one copy or none, and is not tried again. Everybody else has one."""
    found, doubted = await states(stack, "newsletter"), await in_doubt(stack, "newsletter")
    sent = copies(stack, "newsletter")
    assert set(found.values()) <= {("handed_over", ""), ("failed", "in_doubt")}
    assert {ref for ref, (state, _) in found.items() if state == "failed"} == doubted
    assert len([ref for ref in doubted if "single" not in ref]) <= allowed
    assert {len(mails) for mails in sent.values()} == {1}
    assert found.keys() - doubted <= sent.keys() <= found.keys()


async def assert_mandatory_at_least_once(stack: Stack, allowed: int) -> None:
    """Everybody has a copy. A person with a second copy was in doubt, and can tell by the Message-ID."""
    found, doubted = await states(stack, "service"), await in_doubt(stack, "service")
    sent = copies(stack, "service")
    assert Counter(found.values()) == {("handed_over", ""): CROWD + SINGLE}
    assert sent.keys() == found.keys()
    assert len([ref for ref in doubted if "single" not in ref]) <= allowed
    assert {ref for ref, mails in sent.items() if len(mails) > 1} <= doubted
    assert max(map(len, sent.values())) <= 2
    assert all(len({message_id(mail) for mail in mails}) == 1 for mails in sent.values())


def message_id(mail: CapturedMessage) -> bytes:
    """The Message-ID of a message. There is exactly one."""
    (found,) = re.findall(rb"^Message-ID: (\S+)", mail.raw, re.MULTILINE)
    return bytes(found)
