"""Logs and metrics. Neither ever holds an address, a token or a secret."""

import logging
import sys
import traceback
from types import TracebackType
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

EVERY, WORKER, TIMEKEEPER, WEB = (CollectorRegistry() for _ in range(4))
"""What each process shows on `/metrics`, and what those show besides that work, keep time or serve the web app.

A process shows only what it does itself: what another one counts would be a zero here that is not true.
"""

TAKEN_IN = Counter("mailer_events", "Events taken in, by what became of them.", ["lane", "result"], registry=WORKER)
HANDED_OVER = Counter("mailer_outcomes", "Outcomes of hand-overs.", ["processor", "result"], registry=WORKER)
DEAD_LETTERS = Counter("mailer_dead_letters", "Dead letters kept, by kind.", ["kind"], registry=WORKER)
IN_HAND = Gauge(
    "mailer_oldest_in_hand_seconds", "Age of the oldest message that is being handled.", ["queue"], registry=WORKER
)
HELD_BY_BUGS = Counter(
    "mailer_held_by_bugs",
    "Deliveries held because a bug kept them from being made; kind is mandatory or optional.",
    ["kind"],
    registry=WORKER,
)
DOUBTED = Counter(
    "mailer_doubted", "Mandatory deliveries that wait for a person, since they may have arrived.", registry=TIMEKEEPER
)
LAST_TICK = Gauge(
    "mailer_timekeeper_last_tick_seconds", "When the timekeeper last looked (Unix time).", registry=TIMEKEEPER
)

log: structlog.stdlib.BoundLogger = structlog.get_logger("mailer")

_FRAMES = 8
"""The innermost frames of an exception that a log line shows."""


def describe(error: BaseException | None, trace: TracebackType | None = None) -> str:
    """An exception without its message, which may hold an address (a database quotes the failing row).

    Its type, and that of what caused it, with the innermost frames: `KeyError at file.py:12 in function < …`.
    """
    parts = []
    while error is not None:
        frames = traceback.extract_tb(trace or error.__traceback__)[-_FRAMES:]
        where = " < ".join(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in reversed(frames))
        parts.append(f"{type(error).__module__}.{type(error).__qualname__} at {where or 'no frame'}")
        error, trace = error.__cause__ or error.__context__, None
    return "; caused by ".join(parts)


def set_up_logs(*, json: bool) -> None:
    """Logs go to stderr, as lines for people or as JSON for machines; those of libraries too, from WARNING on."""
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_messages,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _without_messages(_logger: Any, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Replaces an exception by its description."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = describe(error)
    return event
