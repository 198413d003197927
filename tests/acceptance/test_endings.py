"""Workers end, in order and by force, with work in flight. The other workers take over the work that they leave."""

import re
from collections import Counter
from typing import Any

import pytest

from mailer.broker.topology import lane_batches_queue_name
from mailer.pipeline import consumers
from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.policy.category import Lane
from mailer.postgres.mailings import BATCH_SIZE
from mailer.processors.capture.folder import CapturedMessage
from tests.acceptance.samples import event, people
from tests.processes import Process, Stack, free_port, until

AUDIENCE = (consumers.CONSUMERS_A_LANE + 1) * BATCH_SIZE
"""A batch more than one worker has consumers, so that both of them have some."""
OPTIONAL, MANDATORY = "<letters@mail.interpals.example>", "<service@notice.paltalk.example>"
LEASE = 15
IN_DOUBT = (consumers.CONSUMERS_A_LANE + 1) * WINDOW
"""The most messages in doubt after one worker's end: a window for each consumer of a lane's batches and events."""


def crowd(size: int) -> dict[str, Any]:
    """The audience of a mailing that takes a while."""
    return people(*(f"r{n}" for n in range(size)))


async def ready(stack: Stack) -> None:
    """Returns once both workers consume, so that each gets its share."""

    async def consumed() -> bool:
        wanted = 2 * consumers.CONSUMERS_A_LANE
        return all([await stack.consumers(lane_batches_queue_name(lane)) == wanted for lane in Lane])

    await until(consumed, "two workers to consume")


async def amid(stack: Stack, process: Process, lanes: int) -> None:
    """Returns while a worker is handing a window over, on so many lanes."""

    async def holds() -> bool:
        return bool(
            await stack.value(
                "SELECT count(DISTINCT b.lane) = $1 FROM batches b JOIN deliveries d ON d.batch = b.id"
                " WHERE b.owner LIKE $2 AND d.state = 'intended'",
                lanes,
                f"%:{process.pid}:%",
            )
        )

    await until(holds, "a worker to be amid its work")


def copies(stack: Stack, author: str) -> list[CapturedMessage]:
    """The messages of the mailing with this From. There are many, so they are not parsed."""
    return [mail for mail in stack.inbox.list_mails() if author in mail.author]


def recipients(mails: list[CapturedMessage]) -> Counter[str]:
    """The number of copies that each recipient has got."""
    return Counter(mail.recipients[0] for mail in mails)


async def test_a_worker_that_is_asked_to_stop_leaves_the_rest_to_the_other(stack: Stack) -> None:
    """The worker finishes the work that it holds and exits with 0. Everybody gets exactly one copy."""
    size = AUDIENCE
    async with stack.running("worker", "worker", "timekeeper") as (first, *_):
        await ready(stack)
        await stack.application("publish", event("large", "interpals", "newsletter", crowd(size)))
        await amid(stack, first, lanes=1)
        held = f"%:{first.pid}:%"
        assert await stack.query("SELECT FROM batches WHERE owner IS NULL OR owner NOT LIKE $1", held)
        assert await first.stop() == 0
        assert await stack.query("SELECT FROM batches WHERE owner LIKE $1", held) == []
        await stack.finished("large")
    assert recipients(copies(stack, OPTIONAL)) == {f"r{n}@example.org": 1 for n in range(size)}


async def test_a_worker_that_is_killed_loses_nothing(stack: Stack) -> None:
    """Every delivery ends: optional mail is handed over at most once, mandatory at least once, with one Message-ID."""
    leased = stack.having(LEASE_SECONDS=str(LEASE))
    async with leased.running("worker", "worker", "timekeeper") as (first, *_):
        await ready(stack)
        await stack.application(
            "publish",
            event("optional", "interpals", "newsletter", crowd(AUDIENCE)),
            event("mandatory", "paltalk-2006", "service", crowd(AUDIENCE)),
        )
        await amid(stack, first, lanes=2)
        await first.kill()
        await stack.finished("optional", "mandatory")
    await assert_optional_at_most_once(stack)
    await assert_mandatory_at_least_once(stack)


async def assert_optional_at_most_once(stack: Stack) -> None:
    """Mail that may have been handed over is not sent again, is little, and is named in the ledger."""
    sent, states = recipients(copies(stack, OPTIONAL)), await stack.states("optional")
    assert len(states) == AUDIENCE
    assert set(states.values()) <= {("handed_over", ""), ("failed", "in_doubt")}
    handed_over = {ref for ref, (state, _) in states.items() if state == "handed_over"}
    in_doubt = states.keys() - handed_over
    assert max(sent.values()) == 1
    assert {f"{ref}@example.org" for ref in handed_over} <= sent.keys()
    assert len(in_doubt) <= IN_DOUBT
    named = await stack.query(
        "SELECT r.ref FROM ledger l JOIN recipients r ON r.id = l.recipient_id JOIN mailings m ON m.id = l.mailing_id"
        " WHERE m.event_id = 'optional' AND l.kind = 'outcome' AND l.reason = 'failed in_doubt'"
    )
    assert {row["ref"] for row in named} == in_doubt


async def assert_mandatory_at_least_once(stack: Stack) -> None:
    """Everybody has a copy. A person with a second copy can tell by its Message-ID."""
    mails, states = copies(stack, MANDATORY), await stack.states("mandatory")
    assert Counter(states.values()) == {("handed_over", ""): AUDIENCE}
    assert recipients(mails).keys() == {f"r{n}@example.org" for n in range(AUDIENCE)}
    assert len(mails) <= AUDIENCE + IN_DOUBT
    ids = re.compile(rb"^Message-ID: (\S+)", re.MULTILINE)
    assert len({(mail.recipients, tuple(ids.findall(mail.raw))) for mail in mails}) == AUDIENCE


@pytest.mark.parametrize("name", ["worker", "timekeeper"])
async def test_a_process_that_waits_for_rabbitmq_can_be_stopped(small_stack: Stack, name: str) -> None:
    """The process waits until RabbitMQ answers. It exits with 0 when it is asked to end."""
    alone = small_stack.having(BROKER_URL=f"amqp://guest:guest@127.0.0.1:{free_port()}/")
    async with alone.running(name) as (process,):
        await until(lambda: waiting(process), "the process to wait for RabbitMQ")
        assert await process.stop() == 0


async def waiting(process: Process) -> bool:
    """Tells whether a process says that nobody answers."""
    return "does not answer" in process.log
