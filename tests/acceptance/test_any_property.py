"""Boundary values of every AMQP property, through a worker that runs: each message is taken in, or one dead letter."""

import json
import struct
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.broker.topology import DEAD_QUEUE, lane_batches_queue_name, lane_events_queue_name
from mailer.policy.category import Lane
from tests.acceptance.samples import CATEGORIES, event, people
from tests.processes import Stack, until
from tests.raw_amqp import header, long, publish_raw, short

SHORT = st.sampled_from([b"", b"\0", b"a", b"\xff\xfe", "ü".encode() * 127, b"\xc3" * 255, b"x" * 255, b"0", b"-1"])
LONG = st.sampled_from([b"", b"\0", b"a", b"\xff\xfe", "ü".encode(), b"x" * 5_000, b"y" * 60_000])
TIME = st.sampled_from(
    [0, 1, 2**31, 2**32 - 1, 2**32, 1_795_000_000_000_000, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
)
SCALAR = st.one_of(
    LONG.map(lambda octets: b"S" + long(octets)),
    LONG.map(lambda octets: b"x" + long(octets)),
    TIME.map(lambda moment: b"T" + struct.pack(">Q", moment)),
    TIME.map(lambda number: b"l" + struct.pack(">Q", number)),
    st.sampled_from([b"V", b"t\x02", b"b\x80", b"B\xff", b"s\x80\x00", b"I\x80\x00\x00\x00", b"D\xff\xff\xff\xff\xff"]),
    st.sampled_from([float("nan"), float("inf"), -0.0, 5e-324]).map(lambda number: b"d" + struct.pack(">d", number)),
)
NAME = st.sampled_from([b"", b"a", b"\xff", b"x" * 128, b"y" * 255, b"x-death", b"CC", b"mailer-size", b"mailer-kind"])


def table(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A table of names and values."""
    return long(b"".join(header(name, value[:1], value[1:]) for name, value in entries))


VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda values: b"A" + long(b"".join(values))),
        st.lists(st.tuples(NAME, inner), max_size=4).map(lambda entries: b"F" + table(entries)),
    ),
    max_leaves=8,
)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "content_type": SHORT.map(short),
        "content_encoding": SHORT.map(short),
        "headers": st.lists(st.tuples(NAME, VALUE), max_size=5).map(table),
        "delivery_mode": st.sampled_from([b"\x01", b"\x02"]),
        "priority": st.sampled_from([b"\x00", b"\x09", b"\xff"]),
        "correlation_id": SHORT.map(short),
        "reply_to": SHORT.map(short),
        "expiration": st.sampled_from([b"0", b"1", b"3600000"]).map(short),
        "message_id": SHORT.map(short),
        "timestamp": TIME.map(lambda moment: struct.pack(">Q", moment)),
        "type": SHORT.map(short),
        "app_id": SHORT.map(short),
        "cluster_id": SHORT.map(short),
    },
)
GUEST = {"user_id": short(b"guest")}
"""The publisher's name in a message. Without it, nobody would be known to have published the message."""
KEY = st.sampled_from([None, None, None, b"", b"\xff" * 255, b"interpals", b"nobody.service"])


@dataclass(frozen=True)
class Case:
    """A message: its category, its routing key (None: the right one), and its properties."""

    category: str
    key: bytes | None
    properties: dict[str, bytes]


def cases(most: int) -> list[Case]:
    """The cases, the same ones at each run."""
    found: list[Case] = []

    @settings(
        max_examples=most, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.builds(Case, st.sampled_from(CATEGORIES), KEY, PROPERTIES))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


async def test_no_property_stops_a_consumer(stack: Stack) -> None:
    """Each message that RabbitMQ takes ends as one mailing or as one dead letter, and every lane goes on."""
    queues = [DEAD_QUEUE, *(make(lane) for lane in Lane for make in (lane_events_queue_name, lane_batches_queue_name))]
    async with stack.running("worker") as [worker]:
        await until(lambda: stack.consumers(DEAD_QUEUE), "consumers")
        taken = []
        for number, case in enumerate(cases(120)):
            id_ = f"case-{number:04d}"
            body = json.dumps(event(id_, "interpals", case.category, people(f"user-{number}"))).encode()
            key = case.key if case.key is not None else f"interpals.{case.category}".encode()
            if await publish_raw(stack.env["MAILER_BROKER_URL"], key, case.properties | GUEST, body):
                taken.append(id_)
        for category in CATEGORIES:
            await stack.application("publish", event(f"good-{category}", "interpals", category, people("ann")))
        assert len(taken) > 60
        wanted = [*taken, *(f"good-{category}" for category in CATEGORIES)]
        ends = (
            "SELECT w.id, (SELECT count(*) FROM mailings m WHERE m.event_id = w.id)"
            " + (SELECT count(*) FROM dead_letters"
            " WHERE convert_from(body, 'UTF8')::jsonb ->> 'id' = w.id) AS n FROM unnest($1::text[]) AS w (id)"
        )

        async def ended() -> bool:
            return all(row["n"] for row in await stack.query(ends, wanted))

        await until(ended, "each message to end")
        assert {row["id"]: row["n"] for row in await stack.query(ends, wanted)} == dict.fromkeys(wanted, 1)
        assert all([await stack.consumers(queue) for queue in queues])
        assert await stack.depth("mailer.dead.last") == 0
        assert "consumers: " not in worker.log
