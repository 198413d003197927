"""Logs and metrics. Neither ever holds an address, a token or a secret."""

import traceback
from types import TracebackType

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

EVERY, WORKER, TIMEKEEPER, WEB, INBOUND = (CollectorRegistry() for _ in range(5))
"""Metrics that each process shows on `/metrics`, and what those show besides that work, keep time, serve or receive.

A process shows only what it does itself: what another one counts would be a zero here that is not true.
"""

TAKEN_IN = Counter(
    "mailer_events", "Events taken in: accepted, known already, refused.", ["lane", "result"], registry=WORKER
)
HANDED_OVER = Counter("mailer_outcomes", "Outcomes of hand-overs.", ["processor", "result"], registry=WORKER)
DEAD_LETTERS = Counter("mailer_dead_letters", "Dead letters kept, by kind.", ["kind"], registry=WORKER)
DEAD_LAST = Gauge("mailer_dead_last", "Dead letters in mailer.dead.last: they could not even be kept.", registry=WORKER)
LEFT_TO_OTHERS = Gauge(
    "mailer_left_to_others_last_seconds",
    "When a mailing was last left to other workers, as its policy or template is not known here (Unix time).",
    ["brand", "template"],
    registry=WORKER,
)
IN_HAND = Gauge(
    "mailer_oldest_in_hand_seconds",
    "Age of the oldest message that is being handled, in seconds.",
    ["queue"],
    registry=WORKER,
)
HELD_BY_BUGS = Counter(
    "mailer_held_by_bugs",
    "Deliveries held because a bug kept them from being made; kind is mandatory or optional.",
    ["kind"],
    registry=WORKER,
)
RELAY_STATE = Gauge(
    "mailer_relay_state", "1 for the state in which this worker finds a relay.", ["relay", "state"], registry=WORKER
)
DOUBTED = Counter(
    "mailer_doubted", "Mandatory deliveries that wait for a person, since they may have arrived.", registry=TIMEKEEPER
)
RECEIVED_MAIL = Counter(
    "mailer_received_mail",
    "Received mail by mailbox: refused (no such mailbox), stored, and its effect once it was handled.",
    ["mailbox", "result"],
    registry=INBOUND,
)
WEBHOOK_REQUESTS = Counter(
    "mailer_webhook_requests",
    "Requests of e-mail services: stored, repeated, confirmed (a subscription), unavailable, or why they were refused.",
    ["provider", "result"],
    registry=WEB,
)
WEBHOOK_EVENTS = Counter(
    "mailer_webhook_events",
    "Events of e-mail services: stored, to act on; repeated; unproven: no token of ours; counted; ignored; malformed.",
    ["provider", "result"],
    registry=WEB,
)
LAST_TICK = Gauge(
    "mailer_timekeeper_last_tick_seconds", "When all steps of a tick last succeeded (Unix time).", registry=TIMEKEEPER
)
LEAVE_REQUESTS_ANSWERED = Counter(
    "mailer_leave_requests_answered",
    "Requests by an address, to leave or for data, that were handled.",
    registry=TIMEKEEPER,
)
WEBHOOK_POSTS = Counter(
    "mailer_outgoing_webhook_posts",
    "Posts of outcomes to endpoints of applications: accepted or failed.",
    ["result"],
    registry=TIMEKEEPER,
)

CLOCK_OFFSET = Gauge(
    "mailer_clock_offset_seconds", "How far our clock is before the database's, in seconds.", registry=EVERY
)
CLOCK_OFFSET.set(float("nan"))

LINES_DROPPED = Counter(
    "mailer_log_lines_dropped", "Log lines that nobody read, or that a full disk did not take.", registry=EVERY
)

log: structlog.stdlib.BoundLogger = structlog.get_logger("mailer")

_FRAMES = 8
"""The innermost frames of an exception that a log line shows."""
_CAUSES = 5
"""The causes of an exception that a log line shows. A chain of them can be a ring, and then it has no end."""


def describe_error_without_message(error: BaseException | None, trace: TracebackType | None = None) -> str:
    """Returns an exception in words without its message, since that may hold an address (a database quotes the row).

    It has the types of the exception and its causes, with the innermost frames: `KeyError at file.py:12 in … < …`.
    """
    parts = list[str]()
    while error is not None and len(parts) < _CAUSES:
        frames = traceback.extract_tb(trace or error.__traceback__)[-_FRAMES:]
        where = " < ".join(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in reversed(frames))
        parts.append(f"{type(error).__module__}.{type(error).__qualname__} at {where or 'no frame'}")
        error, trace = error.__cause__ or error.__context__, None
    return "; caused by ".join(parts)
