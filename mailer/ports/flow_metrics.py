"""Metrics of the whole flow for operators, read from the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class FlowGaugeDefinition:
    """The definition of a gauge.

    Attributes:
        metric: its name on `/metrics`.
        help: one line that describes it.
        labels: the names of its labels.
    """

    metric: str
    help: str
    labels: tuple[str, ...] = ()


FIGURES: Final[Mapping[str, FlowGaugeDefinition]] = {
    "deliveries": FlowGaugeDefinition(
        "mailer_deliveries", "Deliveries that are not over: queued, deferred, held, in_doubt.", ("lane", "state")
    ),
    "held": FlowGaugeDefinition(
        "mailer_deliveries_held", "Deliveries that are held; the 50 most frequent reasons.", ("lane", "reason")
    ),
    "oldest_due": FlowGaugeDefinition(
        "mailer_oldest_due_seconds", "Seconds since the oldest batch became due that nothing stops.", ("lane",)
    ),
    "oldest_retry": FlowGaugeDefinition(
        "mailer_oldest_retry_seconds", "Seconds since the oldest retry became due that is in no batch yet."
    ),
    "awaiting_release": FlowGaugeDefinition(
        "mailer_mailings_awaiting_release", "Mailings that wait for a second person; at most 10,000.", ("lane",)
    ),
    "oldest_release": FlowGaugeDefinition(
        "mailer_oldest_release_seconds",
        "Age of the oldest mailing that waits for a second person, in seconds.",
        ("lane",),
    ),
    "second_look": FlowGaugeDefinition(
        "mailer_breach_second_look_seconds",
        "Seconds since the oldest release of a breach notice by one person alone that nobody else has looked at.",
        ("brand",),
    ),
    "outbox": FlowGaugeDefinition("mailer_outbox_rows", "Rows of the outbox; at most 10,000."),
    "oldest_parked": FlowGaugeDefinition(
        "mailer_outbox_oldest_seconds", "Age of the oldest row of the outbox, in seconds."
    ),
    "dead_letters": FlowGaugeDefinition(
        "mailer_dead_letters_open", "Dead letters that nobody has replayed; the newest 10,000 are counted.", ("kind",)
    ),
    "quarantined": FlowGaugeDefinition(
        "mailer_quarantined", "Refusals that a person has to judge; at most 10,000.", ("processor",)
    ),
    "notices": FlowGaugeDefinition(
        "mailer_notices_waiting", "Notices that somebody has to tell on another channel; at most 10,000.", ("channel",)
    ),
    "oldest_notice": FlowGaugeDefinition(
        "mailer_oldest_notice_seconds", "Age of the oldest notice that waits for somebody, in seconds.", ("channel",)
    ),
    "data_requests": FlowGaugeDefinition(
        "mailer_data_requests_open",
        "Requests of people for their data that wait for staff; at most 10,000.",
        ("brand",),
    ),
    "data_request_due": FlowGaugeDefinition(
        "mailer_data_request_due_seconds",
        "Seconds until the earliest deadline of a request for data that waits for staff; below 0: it is over.",
        ("brand",),
    ),
    "breach_clocks_overdue": FlowGaugeDefinition(
        "mailer_breach_clocks_overdue", "Deadlines of open breach cases that are over, and not done.", ("brand",)
    ),
    "breach_clock_due": FlowGaugeDefinition(
        "mailer_breach_clock_due_seconds",
        "Seconds until the earliest deadline of open breach cases that is not done; below 0: it is over.",
        ("brand",),
    ),
    "breach_reminders_unsent": FlowGaugeDefinition(
        "mailer_breach_reminders_unsent",
        "Reminders of the last 7 days about open breach cases that staff have not got after ten minutes.",
        ("brand",),
    ),
    "received_mail": FlowGaugeDefinition(
        "mailer_received_mail_open",
        "Received mail that is not handled yet (received), or waits for a person (waiting); at most 10,000.",
        ("brand", "state"),
    ),
    "oldest_received": FlowGaugeDefinition(
        "mailer_oldest_received_mail_seconds", "Age of the oldest of them, in seconds.", ("brand", "state")
    ),
    "oldest_webhook": FlowGaugeDefinition(
        "mailer_outgoing_webhook_oldest_seconds",
        "Age of the oldest outcome that an endpoint of an application has not accepted yet, in seconds.",
        ("brand",),
    ),
    "webhooks_disabled": FlowGaugeDefinition(
        "mailer_outgoing_webhooks_disabled",
        "Disabled endpoints of applications: by a person, gone (410), or failing for days.",
        ("brand", "reason"),
    ),
    "feedback_handed_over": FlowGaugeDefinition(
        "mailer_feedback_handed_over",
        "Optional mail that was handed over in the last 7 days, by mailbox provider.",
        ("brand", "processor", "provider"),
    ),
    "feedback_complaints": FlowGaugeDefinition(
        "mailer_feedback_complaints", "Complaints about it, one for each person.", ("brand", "processor", "provider")
    ),
    "feedback_hard_bounces": FlowGaugeDefinition(
        "mailer_feedback_hard_bounces",
        "Hard bounces of it, at once or reported later.",
        ("brand", "processor", "provider"),
    ),
    "mailed_after_opt_out": FlowGaugeDefinition(
        "mailer_mailed_after_opt_out",
        "Optional mail of the last 7 days that went to somebody who had left before; there must be none.",
    ),
    "missed_notices": FlowGaugeDefinition(
        "mailer_public_notices_missed", "Public notices that are not at their public address now.", ("brand",)
    ),
    "halts": FlowGaugeDefinition("mailer_halts", "Stops: by a person, or since a database went back.", ("scope",)),
    "paused_streams": FlowGaugeDefinition(
        "mailer_paused_streams", "Streams that pause because a domain refuses them.", ("processor", "reason")
    ),
    "slowed_domains": FlowGaugeDefinition(
        "mailer_slowed_domains", "Domains that get mail at a slower pace.", ("processor",)
    ),
    "seal_age": FlowGaugeDefinition("mailer_seal_age_seconds", "Seconds since the last seal of the ledger."),
    "partitions_ahead": FlowGaugeDefinition(
        "mailer_partitions_ahead", "Months to come that have their partitions; three are usual."
    ),
}
"""The gauges, by the name of the SQL statement that reads each."""

Values = Mapping[str, Sequence[tuple[tuple[str, ...], float]]]
"""The values of gauges, by the name in `FIGURES`: pairs of label values and number."""


class FlowMetricsSource(Protocol):
    """Reads the gauges of `FIGURES`."""

    async def read_metrics(self) -> Values:
        """Reads all gauges, each for a few seconds at most. A gauge that takes longer is left out.

        Raises:
            DatabaseUnavailable: no gauge can be read.
        """
        ...
