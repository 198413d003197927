"""The metric of the time from when a message could go until a processor has accepted it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from mailer.metrics_and_logger import WORKER
from mailer.pipeline.planned_delivery_moves import PlannedHandOver
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.runtime.histograms import BulkObservationHistogram

BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
"""Bounds in seconds: from a verification mail that a person waits for, to a retry on the next day."""
_ACCEPTED = OutcomeKind.ACCEPTED
WAITED = BulkObservationHistogram(
    "mailer_event_to_hand_over_seconds", "Seconds from when a message may go until a processor has it.", "lane", BOUNDS
)
WORKER.register(WAITED)


def observe_waits_of_accepted_messages(
    renderers: Mapping[UUID, MailingRenderer],
    steps: Sequence[PlannedHandOver],
    outcomes: Sequence[Outcome],
    now: datetime,
) -> None:
    """Adds the waits of a window's accepted messages to the metric.

    Args:
        renderers: renderers of the claim's mailings. Messages of one mailing waited equally, and are counted at once.
        steps: the messages, all of one lane.
        outcomes: the outcome of each.
        now: the time of the outcomes.
    """
    at = now.timestamp()
    if len(renderers) == 1:
        renderer = next(iter(renderers.values()))
        if n := sum([outcome.result is _ACCEPTED for outcome in outcomes]):
            WAITED.observe_values(renderer.facts.lane, [at - renderer.free_at], n)
        return
    taken = [
        renderers[step.row.mailing_id]
        for step, outcome in zip(steps, outcomes, strict=True)
        if outcome.result is _ACCEPTED
    ]
    if taken:
        WAITED.observe_values(taken[0].facts.lane, [at - renderer.free_at for renderer in taken])
