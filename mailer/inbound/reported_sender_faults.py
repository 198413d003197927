"""Reports that say that our own sending is at fault, such as a failed SPF check or a blocklist.

They pause the stream at that domain and alarm operators, as the same reply at SMTP time does.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from mailer.inbound.reports.received_report import ReportedRecipient
from mailer.policy.category import CATEGORIES, Category
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.session_refusals import SmtpStage
from mailer.policy.smtp_replies import outcome_of_reply
from mailer.ports.received_mail import ReportedDelivery

LEAST_PEOPLE: Final = 3
"""The different people about whom such reports must come before a stream pauses.

Whoever gets our mail can write reports about it. One of them must not stop a whole domain's mail.
"""
WINDOW_SECONDS: Final = 3600.0
"""Seconds within which the reports must come."""
NEWEST: Final = timedelta(days=1)
"""The age up to which the mail that a report is about counts. Later, the report says little of our sending now.

Three people with an old mail each could otherwise stop a domain for good. A paused stream brings them no new mail.
"""
_MOST_STREAMS: Final = 10_000
_CODE_OF_CLASS: Final = {"4": 450, "5": 550}


class BlockedStreamPauser(Protocol):
    """Pauses streams that recipient domains block (`pipeline.pauses_for_blocked_mail`)."""

    async def pause_blocked_streams(
        self, processor: str, sent: Sequence[tuple[Category, str]], outcomes: Sequence[Outcome]
    ) -> None:
        """Looks for blocks in outcomes, and stores pauses for the streams that are blocked."""
        ...


@dataclass(slots=True)
class _StreamReports:
    """The newest report about each person's mail of one stream, with its time in seconds of the clock."""

    by_person: dict[int, tuple[float, Outcome]] = field(default_factory=dict)


class ReportedSenderFaults:
    """Counts reports of the sender's fault by stream, and has the stream paused if enough people's mail met it.

    Args:
        streams: pauses streams.
        clock: monotonic seconds.
    """

    def __init__(self, streams: BlockedStreamPauser, clock: Callable[[], float] = time.monotonic) -> None:
        self._streams = streams
        self._clock = clock
        self._reports: dict[tuple[str, str, str], _StreamReports] = {}

    async def count_report(self, delivery: ReportedDelivery, failure: ReportedRecipient) -> None:
        """Counts a report about a delivery. The domain is the one of the person's address, whatever the report says."""
        if delivery.processor is None or delivery.address is None or not _is_recent(delivery):
            return
        now, domain = self._clock(), delivery.address.rpartition("@")[2].lower()
        stream = delivery.processor, delivery.category, domain
        reports = self._reports.pop(stream, None) or _StreamReports()
        fresh = {who: one for who, one in reports.by_person.items() if now - one[0] < WINDOW_SECONDS}
        fresh[delivery.recipient_id] = now, outcome_of_sender_fault(failure)
        if len(fresh) < LEAST_PEOPLE:
            self._reports[stream] = _StreamReports(fresh)
            if len(self._reports) > _MOST_STREAMS:
                del self._reports[next(iter(self._reports))]
            return
        outcomes = [outcome for _, outcome in fresh.values()]
        sent = [(CATEGORIES[delivery.category], domain)] * len(outcomes)
        await self._streams.pause_blocked_streams(delivery.processor, sent, outcomes)


def _is_recent(delivery: ReportedDelivery) -> bool:
    return delivery.handed_over_at is not None and datetime.now(UTC) - delivery.handed_over_at < NEWEST


def outcome_of_sender_fault(failure: ReportedRecipient) -> Outcome:
    """Returns the outcome that the refusal would have had as a reply: our set-up is broken, or we are blocked."""
    code = failure.code or _CODE_OF_CLASS.get((failure.status or "5")[0], 550)
    outcome = outcome_of_reply(SmtpStage.RCPT, code, f"{failure.status or ''} {failure.diagnostic}".strip())
    return outcome if outcome.result is OutcomeKind.SET_UP else replace(outcome, result=OutcomeKind.BLOCKED)
