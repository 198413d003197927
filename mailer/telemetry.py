"""Logs and metrics. Neither ever holds an address, a token or a secret."""

import logging
import sys

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

METRICS = CollectorRegistry()
"""What `/metrics` shows."""

TAKEN_IN = Counter("mailer_events", "Events taken in, by what became of them.", ["lane", "result"], registry=METRICS)
HANDED_OVER = Counter("mailer_outcomes", "Outcomes of hand-overs.", ["processor", "result"], registry=METRICS)
DEAD_LETTERS = Counter("mailer_dead_letters", "Dead letters kept.", registry=METRICS)
LAST_TICK = Gauge(
    "mailer_timekeeper_last_tick_seconds", "When the timekeeper last looked (Unix time).", registry=METRICS
)

log: structlog.stdlib.BoundLogger = structlog.get_logger("mailer")


def set_up_logs(*, json: bool, level: str = "INFO") -> None:
    """Logs go to stderr, as lines for people or as JSON for machines.

    Args:
        json: one JSON object a line.
        level: the least severe level that is shown.
    """
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
