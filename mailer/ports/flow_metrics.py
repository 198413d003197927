"""Figures of the whole flow for its operators, as the database has them at a moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class FlowGauge:
    """A gauge.

    Attributes:
        metric: its name on `/metrics`.
        help: one line of words.
        labels: what tells its values apart.
    """

    metric: str
    help: str
    labels: tuple[str, ...] = ()


FIGURES: Final[Mapping[str, FlowGauge]] = {
    "deliveries": FlowGauge(
        "mailer_deliveries", "Deliveries that are not over: queued, deferred, held, in_doubt.", ("lane", "state")
    ),
    "held": FlowGauge(
        "mailer_deliveries_held", "Deliveries that are held; the 50 most frequent reasons.", ("lane", "reason")
    ),
    "oldest_due": FlowGauge(
        "mailer_oldest_due_seconds", "Seconds since the oldest batch became due that nothing stops.", ("lane",)
    ),
    "oldest_retry": FlowGauge(
        "mailer_oldest_retry_seconds", "Seconds since the oldest retry became due that is in no batch yet."
    ),
    "awaiting_release": FlowGauge(
        "mailer_mailings_awaiting_release", "Mailings that wait for a second person; at most 10,000.", ("lane",)
    ),
    "oldest_release": FlowGauge(
        "mailer_oldest_release_seconds",
        "Age of the oldest mailing that waits for a second person, in seconds.",
        ("lane",),
    ),
    "outbox": FlowGauge("mailer_outbox_rows", "Rows of the outbox; at most 10,000."),
    "oldest_parked": FlowGauge("mailer_outbox_oldest_seconds", "Age of the oldest row of the outbox, in seconds."),
    "dead_letters": FlowGauge(
        "mailer_dead_letters_open", "Dead letters that nobody has replayed; the newest 10,000 are counted.", ("kind",)
    ),
    "quarantined": FlowGauge(
        "mailer_quarantined", "Refusals that a person has to judge; at most 10,000.", ("processor",)
    ),
    "notices": FlowGauge(
        "mailer_notices_waiting", "Notices that somebody has to tell on another channel; at most 10,000.", ("channel",)
    ),
    "oldest_notice": FlowGauge(
        "mailer_oldest_notice_seconds", "Age of the oldest notice that waits for somebody, in seconds.", ("channel",)
    ),
    "halts": FlowGauge("mailer_halts", "Stops: by a person, or since a database went back.", ("scope",)),
    "paused_streams": FlowGauge(
        "mailer_paused_streams", "Streams that pause because a domain refuses them.", ("processor", "reason")
    ),
    "slowed_domains": FlowGauge("mailer_slowed_domains", "Domains that get mail at a slower pace.", ("processor",)),
    "seal_age": FlowGauge("mailer_seal_age_seconds", "Seconds since the last seal of the ledger."),
    "partitions_ahead": FlowGauge(
        "mailer_partitions_ahead", "Months to come that have their partitions; three are usual."
    ),
}
"""The gauges, by the name of the statement that reads each."""

Values = Mapping[str, Sequence[tuple[tuple[str, ...], float]]]
"""The values of figures, each with its labels."""


class FlowMetricsSource(Protocol):
    """Reads them."""

    async def read_metrics(self) -> Values:
        """Reads all of them, each for a few seconds at most; one that takes longer is left out.

        Raises:
            DatabaseAway: nothing can be read.
        """
        ...
