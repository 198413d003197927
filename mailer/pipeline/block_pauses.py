"""The sender's fault: where mail is blocked for what it is, its stream pauses there, and nobody's address suffers."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from mailer.policy.category import Category, Lane
from mailer.policy.outcome import Outcome, OutcomeKind
from mailer.policy.setup_faults import setup_checks, setup_checks_by_status
from mailer.policy.smtp_replies import scrub_reply
from mailer.ports.stream_pauses import SET_UP, StreamPause, StreamPauses
from mailer.telemetry import log

STREAK: Final = 3
"""Messages blocked in a row by one recipient domain. One alone may be a single mailbox's filter."""
WHOLE: Final = 5
"""Recipient domains for which a stream pauses at once; with so many, it pauses for all: the sender is listed."""
PAUSE: Final = timedelta(minutes=15)
"""How long; then the next messages show whether it is over."""
STOP: Final = timedelta(hours=1)
"""A stream stops for so long at a domain that finds our set-up broken, unless a person says that it is mended."""
_SECONDS: Final = 1.0
"""Between two looks at what other workers have found."""

Stream = tuple[str, str, str | None]
"""Processor, category, recipient domain (None: all)."""


class BlockPauses:
    """What this process knows of pauses. Breach mail never pauses.

    Args:
        pauses: those of all workers.
        clock: monotonic seconds.
    """

    def __init__(self, pauses: StreamPauses, clock: Callable[[], float] = time.monotonic) -> None:
        self._pauses = pauses
        self._clock = clock
        self._until: dict[Stream, datetime] = {}
        self._streaks: Counter[Stream] = Counter()
        self._read_at = float("-inf")
        self._told: dict[tuple[str, str | None], datetime] = {}

    async def reload_pauses(self) -> None:
        """Reads what other workers have found, at most once a second; before a window is decided on."""
        if self._clock() - self._read_at < _SECONDS:
            return
        self._read_at = self._clock()
        try:
            known = {
                (found.processor, found.category, found.domain): found.until
                for found in await self._pauses.list_pauses()
            }
        except Exception:
            # Mail goes on as before: only what is written need not wait for a database that is away.
            log.exception("pauses could not be read")
        else:
            self._until = known

    def paused_until(self, processor: str, category: Category, domain: str, now: datetime) -> datetime | None:
        """Until when mail of a category may not go to a recipient domain (in lower case); None: it may."""
        if not self._until or category.lane is Lane.BREACH:
            return None
        until = [self._until.get((processor, category.name, name), now) for name in (domain, None)]
        return max(until) if max(until) > now else None

    async def record_outcomes(
        self, processor: str, sent: Sequence[tuple[Category, str]], outcomes: Sequence[Outcome]
    ) -> None:
        """What came of a window.

        Args:
            processor: its name.
            sent: each message's category, as which it was sent, and its recipient domain in lower case.
            outcomes: of the same messages.
        """
        blocked = self._streams_to_pause(processor, sent, outcomes)
        broken = [pair for pair in zip(sent, outcomes, strict=True) if pair[1].result is OutcomeKind.SET_UP]
        if not blocked and not broken:
            return
        try:
            now = datetime.now(UTC)
            pauses = self._pause_broken_setup(processor, broken, now) + (
                self._pause_streams(processor, blocked, now) if blocked else []
            )
            if pauses:
                await self._pauses.add_pauses(pauses)
        except Exception:
            # The window's outcomes must not be lost for it; the other workers find out by themselves.
            log.exception("pauses could not be shared")

    def _pause_broken_setup(
        self, processor: str, broken: Sequence[tuple[tuple[Category, str], Outcome]], now: datetime
    ) -> list[StreamPause]:
        """Stops streams at domains that find our set-up broken, and pages whoever can mend it, once."""
        pauses: dict[Stream, StreamPause] = {}
        for (category, domain), outcome in broken:
            says = scrub_reply(f"{outcome.code} {outcome.text}")
            if self._told.get((processor, domain), now) <= now:
                self._told[processor, domain] = now + STOP
                log.error(
                    "a recipient domain finds our set-up broken; see `mailer processors list`",
                    processor=processor,
                    category=category.name,
                    says=says,
                    check=setup_checks(outcome.status, says),
                )
            stream = processor, category.name, domain
            if category.lane is not Lane.BREACH and self._is_domain_wide(stream, outcome):
                pauses[stream] = StreamPause(*stream, now + STOP, SET_UP, says)
        self._until |= {stream: pause.until for stream, pause in pauses.items()}
        return list(pauses.values())

    def _is_domain_wide(self, stream: Stream, outcome: Outcome) -> bool:
        """Tells whether the domain says so: words alone may be a single mailbox's own, unless they come in a row."""
        if setup_checks_by_status(outcome.status) is None:
            self._streaks[stream] += 1
            if self._streaks[stream] < STREAK:
                return False
        self._streaks.pop(stream, None)
        return True

    def _pause_streams(self, processor: str, blocked: Collection[Stream], now: datetime) -> list[StreamPause]:
        """Pauses streams, and altogether what pauses for many domains."""
        until = now + PAUSE
        self._until |= dict.fromkeys(blocked, until)
        whole: list[Stream] = []
        for category in {category for _, category, _ in blocked}:
            domains = sum(
                key[:2] == (processor, category) and key[2] is not None and end > now
                for key, end in self._until.items()
            )
            log.error("mail is blocked; the stream pauses", processor=processor, category=category, domains=domains)
            if domains >= WHOLE:
                whole.append((processor, category, None))
        self._until |= dict.fromkeys(whole, until)
        return [StreamPause(*stream, until) for stream in (*blocked, *whole)]

    def _streams_to_pause(
        self, processor: str, sent: Sequence[tuple[Category, str]], outcomes: Sequence[Outcome]
    ) -> Collection[Stream]:
        """The streams that have been blocked too often in a row by now, each once."""
        found: dict[Stream, None] = {}
        for (category, domain), outcome in zip(sent, outcomes, strict=True):
            # Without a reply, it was refused here.
            if outcome.result is OutcomeKind.BLOCKED and outcome.code and category.lane is not Lane.BREACH:
                stream = processor, category.name, domain
                self._streaks[stream] += 1
                if self._streaks[stream] >= STREAK:
                    del self._streaks[stream]
                    found[stream] = None
            elif self._streaks and outcome.result in (OutcomeKind.ACCEPTED, OutcomeKind.REFUSED):
                self._streaks.pop((processor, category.name, domain), None)
        return found
