"""Waits of messages from the moment at which they were free to go until a processor has taken them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from mailer.pipeline.transitions import SendStep
from mailer.policy.outcome import Outcome, OutcomeKind
from mailer.rendering.mailing import MailingRenderer
from mailer.runtime.histograms import BatchHistogram
from mailer.telemetry import WORKER

BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
"""Seconds: from a verification mail that somebody waits for to a retry on the next day."""
_ACCEPTED = OutcomeKind.ACCEPTED
WAITED = BatchHistogram(
    "mailer_event_to_hand_over_seconds", "Seconds from when a message may go until a processor has it.", "lane", BOUNDS
)
WORKER.register(WAITED)


def observe_waits(
    presses: Mapping[UUID, MailingRenderer], steps: Sequence[SendStep], outcomes: Sequence[Outcome], now: datetime
) -> None:
    """Notes how long the messages of a window waited that were taken.

    Args:
        presses: of the claim's mailings. With one mailing all messages have waited alike, and are counted at once.
        steps: the messages, all of one lane.
        outcomes: what came of each.
        now: the moment.
    """
    at = now.timestamp()
    if len(presses) == 1:
        press = next(iter(presses.values()))
        if n := sum([outcome.result is _ACCEPTED for outcome in outcomes]):
            WAITED.observe(press.facts.lane, [at - press.free_at], n)
        return
    taken = [
        presses[step.row.mailing_id]
        for step, outcome in zip(steps, outcomes, strict=True)
        if outcome.result is _ACCEPTED
    ]
    if taken:
        WAITED.observe(taken[0].facts.lane, [at - press.free_at for press in taken])
