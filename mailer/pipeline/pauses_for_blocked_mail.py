"""Pauses for blocked mail. A block is the sender's fault, so it pauses a stream, and never suppresses an address."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from mailer.metrics_and_logger import log
from mailer.policy.category import Category, Lane
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.setup_fault_replies import find_setup_checks_for_enhanced_status, find_setup_checks_for_reply
from mailer.policy.smtp_replies import scrub_reply
from mailer.ports.stream_pauses import SET_UP, StreamPause, StreamPauseStore

STREAK: Final = 3
"""Messages blocked in a row by one recipient domain before its stream pauses. One block may be one mailbox's filter."""
WHOLE: Final = 5
"""Recipient domains at which a stream is paused before it pauses for all: the sender is on a blocklist."""
PAUSE: Final = timedelta(minutes=15)
"""The length of a pause. The next messages after it show if the block is over."""
STOP: Final = timedelta(hours=1)
"""The length of a pause at a domain that finds our set-up broken, unless a person says that it is repaired."""
MOST_STREAMS: Final = 10_000
"""The most streams whose blocks in a row are counted. A blocklisted sender may be blocked by any number of domains."""
_SECONDS: Final = 1.0
"""Seconds between two readings of other workers' pauses."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
Stream = tuple[str, str, str | None]
"""Processor, category, recipient domain (None: all)."""


class PausesForBlockedMail:
    """The pauses that this process knows, and the detection of blocks. Breach mail never pauses.

    Args:
        pauses: the store that all workers share.
        clock: monotonic seconds.
    """

    def __init__(self, pauses: StreamPauseStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._pauses = pauses
        self._clock = clock
        self._until: dict[Stream, datetime] = {}
        self._streaks: dict[Stream, int] = {}
        self._setup_streaks: dict[Stream, int] = {}
        self._read_at = float("-inf")
        self._told: dict[tuple[str, str | None], datetime] = {}

    async def reload_pauses(self) -> None:
        """Reads the pauses of all workers, at most once a second, before a window is decided."""
        if self._clock() - self._read_at < _SECONDS:
            return
        self._read_at = self._clock()
        try:
            known = {
                (found.processor, found.category, found.domain): found.until
                for found in await self._pauses.list_current_pauses()
            }
        except Exception:
            # Sending goes on with the old pauses: this read must not wait for a database that is away.
            log.exception("pauses could not be read")
        else:
            self._until = known

    def paused_until(self, processor: str, category: Category, domain: str, now: datetime) -> datetime | None:
        """Returns the end of a pause for a category and a recipient domain (in lower case), or None if mail may go."""
        if not self._until or category.lane is Lane.BREACH:
            return None
        until = [self._until.get((processor, category.name, name), now) for name in (domain, None)]
        return max(until) if max(until) > now else None

    async def pause_blocked_streams(
        self, processor: str, sent: Sequence[tuple[Category, str]], outcomes: Sequence[Outcome]
    ) -> None:
        """Looks for blocks in the outcomes of a window, and stores pauses for the streams that are blocked.

        Args:
            processor: the name of the processor.
            sent: for each message, the category under which it was sent, and its recipient domain in lower case.
            outcomes: of the same messages.
        """
        blocked, refusing = self._count_streaks(processor, sent, outcomes)
        broken = [pair for pair in zip(sent, outcomes, strict=True) if pair[1].result is OutcomeKind.SET_UP]
        if not blocked and not broken:
            return
        try:
            now = datetime.now(UTC)
            pauses = self._pause_streams_for_setup_fault(processor, broken, refusing, now) + (
                self._pause_streams_in_memory(processor, blocked, now) if blocked else []
            )
            if pauses:
                await self._pauses.add_pauses(pauses)
        except Exception:
            # An error here must not lose the window's outcomes; other workers find the blocks by themselves.
            log.exception("pauses could not be shared")

    def _pause_streams_for_setup_fault(
        self,
        processor: str,
        broken: Sequence[tuple[tuple[Category, str], Outcome]],
        refusing: Collection[Stream],
        now: datetime,
    ) -> list[StreamPause]:
        """Pauses streams at domains that find our set-up broken, and logs an error for the operator, once.

        Args:
            processor: the name of the processor.
            broken: the messages and outcomes that say so.
            refusing: the streams that pause because of them.
            now: the time of the outcomes.
        """
        pauses: dict[Stream, StreamPause] = {}
        for (category, domain), outcome in broken:
            says = scrub_reply(f"{outcome.code} {outcome.text}")
            if self._told.get((processor, domain), now) <= now:
                _store_newest_and_evict_oldest(self._told, (processor, domain), now + STOP)
                log.error(
                    "a recipient domain finds our set-up broken; see `mailer processors list`",
                    processor=processor,
                    category=category.name,
                    says=says,
                    check=find_setup_checks_for_reply(outcome.status, says),
                )
            stream = processor, category.name, domain
            if stream in refusing:
                pauses[stream] = StreamPause(*stream, now + STOP, SET_UP, says)
        self._extend_pauses_in_memory({stream: pause.until for stream, pause in pauses.items()})
        return list(pauses.values())

    def _extend_pauses_in_memory(self, until: Mapping[Stream, datetime]) -> None:
        """Pauses streams until a time, or for longer if they pause for longer already; so does the store."""
        self._until |= {stream: max(end, self._until.get(stream, end)) for stream, end in until.items()}

    def _is_recipient_domain_refusing_setup(self, stream: Stream, outcome: Outcome) -> bool:
        """Returns True if the whole domain rejects our set-up: by its status code, or by several replies in a row.

        A reply without such a code may come from a single mailbox.
        """
        is_by_status = find_setup_checks_for_enhanced_status(outcome.status) is not None
        if not is_by_status and _extend_streak(self._setup_streaks, stream) < STREAK:
            return False
        self._setup_streaks.pop(stream, None)
        return True

    def _pause_streams_in_memory(self, processor: str, blocked: Collection[Stream], now: datetime) -> list[StreamPause]:
        """Pauses streams. A category that is paused for many domains is paused for all domains."""
        until = now + PAUSE
        self._extend_pauses_in_memory(dict.fromkeys(blocked, until))
        whole: list[Stream] = []
        for category in {category for _, category, _ in blocked}:
            domains = sum(
                key[:2] == (processor, category) and key[2] is not None and end > now
                for key, end in self._until.items()
            )
            log.error("mail is blocked; the stream pauses", processor=processor, category=category, domains=domains)
            if domains >= WHOLE:
                whole.append((processor, category, None))
        self._extend_pauses_in_memory(dict.fromkeys(whole, until))
        return [StreamPause(*stream, until) for stream in (*blocked, *whole)]

    def _count_streaks(
        self, processor: str, sent: Sequence[tuple[Category, str]], outcomes: Sequence[Outcome]
    ) -> tuple[Collection[Stream], Collection[Stream]]:
        """Counts blocks and set-up refusals in a row, in the order of the messages. Other mail ends a row.

        Returns the streams that now have too many blocks, and those whose domains refuse our set-up, each once.
        """
        blocked: dict[Stream, None] = {}
        refusing: dict[Stream, None] = {}
        for (category, domain), outcome in zip(sent, outcomes, strict=True):
            stream = processor, category.name, domain
            if outcome.result in (OutcomeKind.ACCEPTED, OutcomeKind.REFUSED):
                self._streaks.pop(stream, None)
                self._setup_streaks.pop(stream, None)
            elif category.lane is Lane.BREACH:
                continue
            elif outcome.result is OutcomeKind.SET_UP:
                if self._is_recipient_domain_refusing_setup(stream, outcome):
                    refusing[stream] = None
            # Without a reply code, mailer itself refused the message.
            elif (
                outcome.result is OutcomeKind.BLOCKED and outcome.code and self._count_block_and_is_streak_full(stream)
            ):
                blocked[stream] = None
        return blocked, refusing

    def _count_block_and_is_streak_full(self, stream: Stream) -> bool:
        """Counts a block. Returns True if it is the last of `STREAK` in a row; then counting starts again."""
        if _extend_streak(self._streaks, stream) < STREAK:
            return False
        del self._streaks[stream]
        return True


def _extend_streak(streaks: dict[Stream, int], stream: Stream) -> int:
    """Counts one more for a stream, and returns its number."""
    count = streaks.get(stream, 0) + 1
    _store_newest_and_evict_oldest(streaks, stream, count)
    return count


def _store_newest_and_evict_oldest(kept: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Stores a value as the newest one. Of more than `MOST_STREAMS`, the oldest is forgotten."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > MOST_STREAMS:
        del kept[next(iter(kept))]
