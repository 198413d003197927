"""A worker's memory is bounded, for any contents of its queues."""

import json
from pathlib import Path

from mailer.broker.topology import lane_events_queue_name
from mailer.events import MAX_EVENT_BYTES
from tests.acceptance.samples import event, people
from tests.processes import Stack, until
from tests.raw_amqp import raw_channel, short

MOST = 300 * 1024
"""KiB."""
LANES = {"service": "service", "newsletter": "newsletter", "promotional": "promotional"}
CROWD = 10_000
LARGEST = 16 * 1024 * 1024
"""Octets of the largest message that RabbitMQ 4 takes by default."""


def peak(pid: int) -> int:
    """The most memory that a process has had, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def crowded(number: int, category: str) -> bytes:
    """A good event of nearly the largest size."""
    padding = "x" * 150
    crowd = people(*(f"user-{n}" for n in range(CROWD)))
    for person in crowd["people"]:
        person["ref"] = f"{padding}-{person['ref']}"
    return json.dumps(event(f"crowd-{category}-{number}", "interpals", category, crowd)).encode()


async def test_large_messages_on_every_lane_fit_into_a_workers_memory(stack: Stack) -> None:
    """Junk of the largest size, bodies of 16 MiB, and events of 10,000 people, many more than fit at once."""
    async with stack.running("worker") as [worker]:
        await until(lambda: stack.consumers(lane_events_queue_name("service")), "consumers")
        before = peak(worker.pid)
        user = {"user_id": short(b"guest")}
        async with raw_channel(stack.env["MAILER_BROKER_URL"]) as channel:
            for lane in LANES:
                for _ in range(12):
                    await channel.publish("mailer.events", f"interpals.{lane}".encode(), user, b"[" * MAX_EVENT_BYTES)
                for _ in range(5):
                    await channel.publish("mailer.events", f"interpals.{lane}".encode(), user, b"x" * LARGEST)
                body = crowded(0, lane)
                assert len(body) < MAX_EVENT_BYTES
                await channel.publish("mailer.events", f"interpals.{lane}".encode(), user, body)

        async def through() -> bool:
            letters = await stack.value("SELECT count(*) FROM dead_letters")
            return bool(letters == 17 * len(LANES) and await stack.value("SELECT count(*) FROM mailings") == len(LANES))

        await until(through, "everything to be taken in or dead", 300)
        assert peak(worker.pid) < MOST, f"{before} KiB before, {peak(worker.pid)} KiB at most"
    kinds = await stack.query("SELECT kind, count(*), max(octet_length(body)) FROM dead_letters GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in kinds] == [("refused", 36, MAX_EVENT_BYTES), ("too_large", 15, 0)]
