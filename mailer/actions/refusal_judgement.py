"""Judges hard refusals: does mailer believe a relay that an address does not exist?"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mailer.actions.soft_bounce_counting import SoftBounceCounter, soft_bounce_of_reply
from mailer.metrics_and_logger import log
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.refusal_suspicion import RefusalTally, is_hourly_refusal_share_suspicious
from mailer.policy.soft_bounces import is_soft_bounce
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.refusal_quarantine import HardRefusal, HardRefusalStore, Key, ProcessorRefusalCounts
from mailer.ports.soft_bounces import SoftBounce

_SECONDS: Final = 1.0
"""Seconds between two reads of the counters while addresses are refused."""
_IDLE_SECONDS: Final = 10.0
"""Seconds between two reads of the counters while nothing is refused."""
_HOUR: Final = 3600.0
_DOMAINS: Final = 20_000
"""The maximum number of recipient domains that a process counts for a processor. Above it, counting restarts."""
_ANSWERS: Final = (OutcomeKind.ACCEPTED, OutcomeKind.REFUSED, OutcomeKind.BLOCKED)
"""The outcomes that count as an answer of the processor. The others tell nothing about the address."""
_NONE: Final = RefusalTally()
_NOTHING: Final = ProcessorRefusalCounts(_NONE, _NONE, {})


@dataclass(frozen=True, slots=True)
class JudgedWindowRefusals:
    """The judgement of a window's hard refusals.

    Attributes:
        processor: the name of the processor that refused.
        believed: the refusals that are believed. Their addresses become dead after the window's outcomes are recorded.
        doubted: the deliveries whose refusal is quarantined.
        soft: the soft bounces of the window, which are counted then, too.
    """

    processor: str
    believed: tuple[HardRefusal, ...] = ()
    doubted: frozenset[Key] = frozenset()
    soft: tuple[SoftBounce, ...] = ()


@dataclass(slots=True)
class _ProcessorReplyCounts:
    """The counts of one processor's answers and refusals, as this process knows them.

    Attributes:
        known: the counters as they were last read from the database.
        read_at: the time of that read, in seconds of the clock.
        total: the answers and refusals since then that are not in the database.
        answered: the answers since then by recipient domain. Answers of a domain without refusals stay here only, for
            at most an hour. Older answers would hide that a domain has begun to refuse.
        refused: the refusals since then by recipient domain.
        begun_at: the time at which counting by domain began.
        tripped: tells whether the last refusals were doubted.
    """

    known: ProcessorRefusalCounts = _NOTHING
    read_at: float = float("-inf")
    total: RefusalTally = _NONE
    answered: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    begun_at: float = float("-inf")
    tripped: bool = False

    def count_window_replies(self, answered: Sequence[str], refused: Sequence[str], now: float) -> None:
        """Adds a window, given as the domain of each answer and of each refusal."""
        if now - self.begun_at >= _HOUR or len(self.answered) > _DOMAINS:
            self.answered = Counter({domain: self.answered[domain] for domain in self.refused})
            self.begun_at = now
        self.answered.update(answered)
        self.refused.update(refused)
        self.total += RefusalTally(len(answered), len(refused))

    def undo_count_of_window_replies(self, answered: Sequence[str], refused: Sequence[str]) -> None:
        """Subtracts a window again. If the database has counted it already, the next exchange subtracts it there."""
        self.answered.subtract(answered)
        self.refused.subtract(refused)
        self.total += RefusalTally(-len(answered), -len(refused))

    def pop_unstored_counts(self) -> dict[str | None, RefusalTally]:
        """Returns the counts to add to the database, by domain and in total (None), and removes them here."""
        new: dict[str | None, RefusalTally] = {None: self.total}
        new |= {domain: RefusalTally(self.answered.pop(domain, 0), n) for domain, n in self.refused.items()}
        self.total, self.refused = _NONE, Counter()
        return new

    def restore_taken_counts(self, new: Mapping[str | None, RefusalTally]) -> None:
        """Adds the taken counts again, as the database could not store them."""
        for domain, tally in new.items():
            if domain is None:
                self.total += tally
            else:
                self.answered[domain] += tally.answered
                self.refused[domain] += tally.refused

    def doubted_domains(self, domains: Collection[str]) -> Collection[str] | None:
        """Returns the domains whose refusals are doubted. None: all refusals of the processor are doubted."""
        known, usual = self.known.domains, self.known.usual
        if is_hourly_refusal_share_suspicious(self.known.hour + self.total, usual):
            return None
        return {
            name
            for name in domains
            if is_hourly_refusal_share_suspicious(
                known.get(name, _NONE) + RefusalTally(self.answered[name], self.refused[name]), usual
            )
        }


class RefusalJudge:
    """Judges hard refusals as they come (invariant 3), and counts soft bounces. All consumers of a process share one.

    Args:
        refusals: the store of the refusals and the counters.
        soft_bounces: counts soft bounces.
        clock: returns monotonic seconds.
    """

    def __init__(
        self,
        refusals: HardRefusalStore,
        soft_bounces: SoftBounceCounter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._refusals = refusals
        self._soft_bounces = soft_bounces
        self._clock = clock
        self._books: dict[str, _ProcessorReplyCounts] = {}

    async def judge_refusals(
        self, processor: str, rows: Sequence[DeliveryRow], outcomes: Sequence[Outcome]
    ) -> JudgedWindowRefusals:
        """Judges which refusals of a window are believed. It is called before the window's outcomes are recorded.

        A window without a refusal costs at most one database statement in ten seconds, and cannot fail. After an error
        it can be called again.
        """
        book = self._books.setdefault(processor, _ProcessorReplyCounts())
        pairs = list(zip(rows, outcomes, strict=True))
        answered = [_recipient_domain(row) for row, outcome in pairs if outcome.result in _ANSWERS]
        refusals = [
            _build_hard_refusal(row, outcome) for row, outcome in pairs if outcome.result is OutcomeKind.REFUSED
        ]
        soft = tuple(soft_bounce_of_reply(row, outcome) for row, outcome in pairs if is_soft_bounce(outcome))
        refused = [refusal.domain for refusal in refusals]
        book.count_window_replies(answered, refused, self._clock())
        if self._clock() - book.read_at >= (_SECONDS if refusals else _IDLE_SECONDS):
            await self._add_new_counts_and_reread_counters(processor, book, refused)
        if not refusals:
            return JudgedWindowRefusals(processor, soft=soft)
        try:
            return replace(await self._judge_and_record_refusals(processor, book, refusals), soft=soft)
        except BaseException:
            book.undo_count_of_window_replies(answered, refused)
            raise

    async def suppress_addresses_judged_dead(self, judgement: JudgedWindowRefusals) -> None:
        """Suppresses the addresses of believed refusals as dead, unless they have been doubted meanwhile.

        Counts the window's soft bounces, too. An error there loses one day of them, and holds up nothing else.
        """
        if judgement.believed:
            await self._refusals.suppress_addresses_of_believed_refusals(judgement.processor, judgement.believed)
        if judgement.soft:
            try:
                await self._soft_bounces.count_soft_bounces(judgement.soft)
            except Exception:
                log.exception("soft bounces could not be counted", processor=judgement.processor)

    async def _add_new_counts_and_reread_counters(
        self, processor: str, book: _ProcessorReplyCounts, domains: Collection[str]
    ) -> None:
        """Adds the new counts to the database, and reads the counters."""
        before, book.read_at = book.read_at, self._clock()
        new = book.pop_unstored_counts()
        refusing = (name for name, tally in book.known.domains.items() if tally.refused)
        asked = {*domains, *refusing, *(name for name in new if name is not None)}
        try:
            book.known = await self._refusals.add_and_read_refusal_counts(processor, new, asked)
        except Exception:
            # The judgement uses the known counters. The new counts are added the next time.
            log.exception("answers could not be counted", processor=processor)
            book.read_at = before
            book.restore_taken_counts(new)

    async def _judge_and_record_refusals(
        self, processor: str, book: _ProcessorReplyCounts, refusals: Sequence[HardRefusal]
    ) -> JudgedWindowRefusals:
        doubts = book.doubted_domains({refusal.domain for refusal in refusals})
        doubted = [refusal for refusal in refusals if doubts is None or refusal.domain in doubts]
        believed = [] if doubts is None else [refusal for refusal in refusals if refusal.domain not in doubts]
        await self._refusals.store_refusals_without_suppressing(processor, believed, doubted)
        if doubted:
            if not book.tripped:
                log.error("hard refusals are quarantined; see `mailer quarantine list`", processor=processor)
                # So all other workers read the refusals at once.
                await self._add_new_counts_and_reread_counters(
                    processor, book, [refusal.domain for refusal in refusals]
                )
            await self._refusals.quarantine_recently_believed_refusals(processor, doubts)
        book.tripped = bool(doubted)
        return JudgedWindowRefusals(processor, tuple(believed), frozenset(refusal.delivery_key for refusal in doubted))


def _build_hard_refusal(row: DeliveryRow, outcome: Outcome) -> HardRefusal:
    status = outcome.status or str(outcome.code)
    return HardRefusal(
        row.mailing_id, row.recipient_id, row.attempt, row.standing.address or "", _recipient_domain(row), status
    )


def _recipient_domain(row: DeliveryRow) -> str:
    return (row.standing.address or "").rpartition("@")[2].lower()
