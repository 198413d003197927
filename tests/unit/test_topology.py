"""The topology as data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.broker.topology import (
    BATCHES,
    DEAD_QUEUE,
    DEAD_QUEUES,
    EVENTS,
    INBOUND,
    LAST,
    OUTCOMES,
    Binding,
    Exchange,
    ExchangeKind,
    Queue,
    Topology,
    build_dead_letter,
    build_topology,
    lane_batches_queue_name,
    lane_events_queue_name,
)
from mailer.policy.category import Lane
from mailer.ports.broker import BrokerMessage, HeaderName
from mailer.ports.dead_letters import DeadLetterCauseKind

TWO_BRANDS = build_topology(
    {
        ("interpals", "service"): Lane.SERVICE,
        ("interpals", "partner"): Lane.PROMOTIONAL,
        ("paltalk-2006", "partner"): Lane.NEWSLETTER,
    }
)


def test_every_lane_has_its_two_queues() -> None:
    """Each lane has its queues, even one that no category uses: its consumers may start before a policy does."""
    names = {queue.name for queue in build_topology({}).queues}
    assert names == {*DEAD_QUEUES, LAST, INBOUND} | {
        make(lane) for lane in Lane for make in (lane_events_queue_name, lane_batches_queue_name)
    }


def test_the_names_are_those_that_the_outside_relies_on() -> None:
    """Operators and other clients know them."""
    assert (lane_events_queue_name(Lane.BREACH), lane_batches_queue_name(Lane.BREACH)) == (
        "mailer.events.breach",
        "mailer.batches.breach",
    )
    assert {exchange.name for exchange in TWO_BRANDS.exchanges} == {
        "mailer.events",
        "mailer.batches",
        "mailer.dead",
        "mailer.dead.again",
        "mailer.dead.last",
        "mailer.inbound",
        "mailer.outcomes",
    }


def test_nothing_that_is_published_while_it_is_declared_is_dropped() -> None:
    """However much of it is there, an event comes to its lane or the dead letters, or there is no exchange."""
    parts = TWO_BRANDS.parts_in_declaration_order
    reached = set()
    for count in range(len(parts) + 1):
        there = parts[:count]
        partly = Topology(
            tuple(part for part in there if isinstance(part, Exchange)),
            tuple(part for part in there if isinstance(part, Queue)),
            tuple(part for part in there if isinstance(part, Binding)),
        )
        assert {binding.queue for binding in partly.bindings} <= {queue.name for queue in partly.queues}
        queues = partly.queues_for_message(EVENTS, "paltalk-2006.partner")
        assert bool(queues) == (EVENTS in [exchange.name for exchange in partly.exchanges])
        reached.add(queues)
    assert reached == {(), (DEAD_QUEUE,), (lane_events_queue_name(Lane.NEWSLETTER),)}


@pytest.mark.parametrize(
    ("key", "queue"),
    [
        ("interpals.service", "mailer.events.service"),
        ("interpals.partner", "mailer.events.promotional"),
        ("paltalk-2006.partner", "mailer.events.newsletter"),
        ("paltalk-2006.service", "mailer.dead.letters"),
        ("interpals", "mailer.dead.letters"),
        ("", "mailer.dead.letters"),
    ],
)
def test_an_event_goes_where_its_brand_and_category_lead(key: str, queue: str) -> None:
    """An event goes to one queue. An event that no policy names is a dead letter."""
    assert TWO_BRANDS.queues_for_message(EVENTS, key) == (queue,)


def test_what_has_no_alternate_exchange_goes_nowhere() -> None:
    """A batch of no lane, an outcome that nobody wants, an exchange that does not exist."""
    assert TWO_BRANDS.queues_for_message(BATCHES, "no-lane") == ()
    assert TWO_BRANDS.queues_for_message(OUTCOMES, "interpals.service.bounced") == ()
    assert TWO_BRANDS.queues_for_message("no-exchange", "interpals.service") == ()


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("a.b", "a.b", True),
        ("a.*", "a.b", True),
        ("*.b", "a.b", True),
        ("*", "a.b", False),
        ("a.*", "a", False),
        ("#", "", True),
        ("#", "a.b.c", True),
        ("a.#", "a", True),
        ("a.#.c", "a.c", True),
        ("a.#.c", "a.b.b.c", True),
        ("a.#.c", "a.b.b", False),
        ("#.bounced", "interpals.service.bounced", True),
    ],
)
def test_patterns_match_as_amqp_says(pattern: str, key: str, matches: bool) -> None:
    """A star is one word, a hash any number of words (AMQP 0-9-1, 3.1.3.3)."""
    routed = Topology(
        (Exchange("x", ExchangeKind.TOPIC),), (Queue("q"),), (Binding("x", "q", pattern),)
    ).queues_for_message("x", key)
    assert bool(routed) is matches


def test_a_queue_that_is_bound_twice_gets_one_copy() -> None:
    """A queue that is bound twice gets one copy, as in AMQP."""
    twice = Topology(
        (Exchange("x", ExchangeKind.TOPIC),), (Queue("q"),), (Binding("x", "q", "a.*"), Binding("x", "q", "#"))
    )
    assert twice.queues_for_message("x", "a.b") == ("q",)


@given(
    st.dictionaries(
        st.tuples(st.from_regex(r"[a-z0-9-]+", fullmatch=True), st.from_regex(r"[a-z_]+", fullmatch=True)),
        st.sampled_from(Lane),
    )
)
def test_each_category_reaches_its_lane_and_no_other(categories: dict[tuple[str, str], Lane]) -> None:
    """Each category reaches its lane and no other, for any policies."""
    made = build_topology(categories)
    for (brand, category), lane in categories.items():
        assert made.queues_for_message(EVENTS, f"{brand}.{category}") == (lane_events_queue_name(lane),)


def test_a_dead_letter_says_why_and_whence() -> None:
    """A dead letter's own headers replace those that a publisher may have put there."""
    message = BrokerMessage(b"x", "a.b", "id", {HeaderName.REASON: "forged", "kept": "yes"}, "user")
    letter = build_dead_letter(message, EVENTS, "unknown brand", DeadLetterCauseKind.REFUSED)
    assert letter == BrokerMessage(
        b"x",
        "a.b",
        "id",
        {
            "kept": "yes",
            HeaderName.KIND: "refused",
            HeaderName.REASON: "unknown brand",
            HeaderName.EXCHANGE: EVENTS,
            HeaderName.ROUTING_KEY: "a.b",
        },
        "user",
    )


@pytest.mark.parametrize("headers", [{f"h{n}": "\x01" * 2_000 for n in range(30)}, {"ü" * 127: "x"}])
def test_a_dead_letter_fits_wherever_it_is_published(headers: dict[str, str]) -> None:
    """A dead letter drops foreign headers if it would not fit. It keeps its publisher."""
    kept = build_dead_letter(
        BrokerMessage(b"x", "a.b", "id", {**headers, HeaderName.PUBLISHER: "app"}), EVENTS, "no", "refused"
    ).headers
    assert kept[HeaderName.PUBLISHER] == "app"
    assert kept.keys() & headers.keys() == set()
