"""What stands still: asked of the database twice a second, and answered from memory in between.

A permission expires after `FRESH` seconds. A process that cannot reach the database therefore stops by itself.
Each question also asks whether the database still has what this machine remembers of it. `check_new_connection` asks
the same on each new connection before its first statement: a server that went back never sees an old connection.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from mailer.ports.halts import (
    OPERATOR,
    CommitTrace,
    Halt,
    HaltAnswer,
    HaltScope,
    HaltStore,
    Head,
    LedgerChains,
    RestoreMarker,
    RestoreMarkerStore,
    RestoreMarkerUnreadable,
)
from mailer.telemetry import log

PERIOD = 0.5
"""Seconds between two questions."""
FRESH = 2.0
"""Seconds after which an answer is none any more, counted from when it was asked for."""
ATTEST_SECONDS = 5.0
"""Seconds between two words of a process that it misses nothing. It is gone after a minute without one."""

STOPPED = "stopped"
WENT_BACK = "database_went_back"
WAITING = "waiting_for_witnesses"
BRAND = "brand_paused"
MAILING = "mailing_halted"
PROCESSOR = "processor_paused"
NOBODY_TO_ASK = "nobody_to_ask"
"""Why something may not begin: the reasons of what goes back unsent."""

Ask = Callable[[Collection[int], Collection[Head], Sequence[UUID]], Awaitable[HaltAnswer]]
Mend = Callable[[Collection[UUID]], Awaitable[None]]
"""Makes again, in a database that goes on for some lineages, the changes of standings that it lacks."""


async def _no_journal_replay(lineages: Collection[UUID]) -> None:
    """A journal in which no changes are noted."""


@dataclass(frozen=True, slots=True)
class _RememberedState:
    """The memory at one moment."""

    memories: frozenset[RestoreMarker]
    traces: Sequence[CommitTrace]

    @property
    def chain_heads(self) -> frozenset[Head]:
        """The entries that have to be there."""
        return frozenset[Head]().union(*(trace.heads for trace in self.traces))


class HaltWatcher:
    """What stands still, as of a moment ago.

    Args:
        halts: the rows. chains: this process's writers of the ledger.
        vault: what the machine remembers of the database.
        owner: names this process, should it have to stop everything.
        mend: makes lost changes of standings again.
        clock: monotonic seconds.

    Attributes:
        report: is told, after each question, why nothing may be handed over, or None.
    """

    def __init__(
        self,
        halts: HaltStore,
        chains: LedgerChains,
        vault: RestoreMarkerStore,
        owner: str,
        mend: Mend = _no_journal_replay,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._halts = halts
        self._chains = chains
        self._vault = vault
        self._owner = owner
        self._mend = mend
        self._clock = clock
        self.report: Callable[[str | None], object] = lambda problem: None
        self._asked_at = float("-inf")
        self._everything: str | None = None
        self._brands: Mapping[str, str] = {}
        self._mailings: Mapping[UUID, str] = {}
        self._processors: Mapping[str, str] = {}
        self._known: RestoreMarker | None = None
        self._lost: frozenset[UUID] = frozenset()
        self._is_news = False
        self._is_to_mend = False
        self._mended: UUID | None = None
        self._attested_at = float("-inf")
        self._spoken_for: frozenset[UUID] = frozenset()
        self._waiting: tuple[str, ...] = ()
        self._users = 0
        self._trouble: tuple[str, str] | None = None
        self._failed = 0

    def mailing_halt_reason(self, brand: str, mailing_id: UUID) -> str | None:
        """Why nothing of a mailing may begin now; None: it may."""
        if self._clock() - self._asked_at > FRESH:
            return NOBODY_TO_ASK
        # What was lost is made again before anything goes; a journal that cannot be read keeps everything.
        everything = self._everything or (WAITING if self._is_to_mend else None)
        return everything or self._mailings.get(mailing_id) or self._brands.get(brand)

    def processor_halt_reason(self, name: str) -> str | None:
        """Why a processor may not be used now; None: it may."""
        return self._processors.get(name)

    @property
    def problem_text(self) -> str | None:
        """Why nothing is handed over though nobody stopped it, and what to do; None: all is well."""
        if self._everything == WENT_BACK:
            return "the database went back: nothing is sent until an operator says `mailer start --after-restore`"
        if self._everything == WAITING:
            return (
                f"the database has a new timeline, and {', '.join(self._waiting)} has not said yet whether anything is"
                " missing: start that process again with its MAILER_DATA, or say `mailer start --after-restore`"
            )
        return None

    @asynccontextmanager
    async def polling(self) -> AsyncIterator[None]:
        """Asks all the while, once for all parts of the process; when the last of them is through, says so."""
        self._users += 1
        if self._users == 1:
            self._unused = asyncio.Event()
            self._watching = asyncio.create_task(self.keep_polling(self._unused))
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()
                await self._watching
                await self.deregister_process()

    async def keep_polling(self, stop: asyncio.Event) -> None:
        """Asks until told to stop. A question that fails is asked again; meanwhile what is known grows old."""
        while not stop.is_set():
            try:
                await self.refresh_and_attest()
                self.report(self.problem_text)
                self._log_query_failure("", "")
            except RestoreMarkerUnreadable as error:
                self._log_query_failure(
                    "nothing is handed over: what this machine remembers cannot be read", str(error)
                )
                self.report(str(error))
            except Exception as error:
                self._log_query_failure("nobody can be asked what stands still", type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), PERIOD)
            except TimeoutError:
                continue

    def _log_query_failure(self, event: str, error: str) -> None:
        """Says once that questions fail, and how many did once they are answered again."""
        if event and (event, error) != self._trouble:
            log.warning(event, error=error)
        elif not event and self._trouble:
            log.warning("what stands still can be asked again", failed=self._failed)
        self._failed = self._failed + 1 if event else 0
        self._trouble = (event, error) if event else None

    async def deregister_process(self) -> None:
        """Ends: if the database has all that it remembers, the others need not wait for it after a failover."""
        try:
            await self.refresh_and_attest()
            if not self._lost and not self._is_to_mend:
                await self._halts.deregister_witness(self._vault.id)
        except Exception as error:
            log.warning("the end of this process was not noted; after a failover others wait for it", error=repr(error))

    async def refresh_and_attest(self) -> None:
        """Looks, and says that nothing is missing, if that is so: after a failover the others wait for this process."""
        recalled, answer = await self.query_halts()
        if self._lost:
            return
        now, ended = self._clock(), frozenset(trace.id for trace in recalled.traces if trace.dead)
        # It speaks for those of this machine that have ended, too.
        if not answer.attested or now - self._attested_at >= ATTEST_SECONDS or ended - self._spoken_for:
            await self._halts.attest_memory(self._owner, [self._vault.id, *ended])
            self._attested_at, self._spoken_for = now, ended
        self._vault.forget_traces(ended)

    async def query_halts(self) -> tuple[_RememberedState, HaltAnswer]:
        """Asks once; makes lost changes again, and stops the other processes, where the database went back."""
        await self._vault.sync_to_disk()
        recalled, answer = await self._query_database(self._halts.query_halts)
        if self._is_to_mend:
            await self._mend({answer.lineage, *answer.supersedes})
            self._is_to_mend, self._mended = False, answer.lineage
        await self._stop_other_processes(answer)
        return recalled, answer

    async def check_new_connection(self, ask: Ask) -> None:
        """Asks on a connection that is new, before anything else is done on it."""
        await self._query_database(ask)

    async def _query_database(self, ask: Ask) -> tuple[_RememberedState, HaltAnswer]:
        stored = self._vault.read_marker()
        memories = frozenset(memory for memory in (self._known, stored) if memory is not None)
        recalled = _RememberedState(memories, self._vault.read_traces())
        asked_at = self._clock()
        seals = {memory.seal for memory in memories if memory.seal}
        witnesses = [self._vault.id, *(trace.id for trace in recalled.traces if trace.dead)]
        answer = await ask(seals, recalled.chain_heads, witnesses)
        self._compare_with_memory(recalled, answer)
        if asked_at >= self._asked_at:
            self._apply_answer(answer, asked_at)
        if self._lost:
            self._chains.renew_chains()
            self._vault.keep_as_evidence()
        else:
            self._remember_answer(recalled, answer, stored)
        return recalled, answer

    def _compare_with_memory(self, recalled: _RememberedState, answer: HaltAnswer) -> None:
        """Notes the lineages of which the database lacks something, as long as no other one goes on for them."""
        lost = {memory.lineage for memory in recalled.memories if has_database_gone_back(memory, answer)}
        lost |= {trace.lineage for trace in recalled.traces if lacks_committed_entries(trace, answer)}
        before, self._lost = self._lost, (self._lost | lost) - answer.supersedes
        if self._lost - before:
            self._is_news = self._is_to_mend = True

    def _remember_answer(self, recalled: _RememberedState, answer: HaltAnswer, stored: RestoreMarker | None) -> None:
        """The database is sound: what was seen of it is remembered."""
        if self._known is not None and self._known.lineage != answer.lineage:
            self._chains.renew_chains()
        lineages = {memory.lineage for memory in recalled.memories} | {trace.lineage for trace in recalled.traces}
        if lineages - {answer.lineage} and answer.lineage != self._mended:
            self._is_to_mend = True  # somebody said how to go on, perhaps while this machine was away
        if answer.restore_marker not in (self._known, stored):
            self._vault.write_marker(answer.restore_marker, answer.supersedes)
        self._known = answer.restore_marker
        self._vault.begin_lineage(answer.lineage)

    async def _stop_other_processes(self, answer: HaltAnswer) -> None:
        """Stops the other processes, too: they may remember nothing."""
        if self._is_news:
            log.error("the database went back: nothing is sent until an operator says `mailer start --after-restore`")
            self._is_news = False
        told = {halt.key for halt in answer.halts if halt.scope is HaltScope.EVERYTHING}
        for lineage in self._lost:
            if str(lineage) not in told:
                await self._halts.add_halt(
                    Halt(HaltScope.EVERYTHING, str(lineage), self._owner, "the database went back")
                )

    def _apply_answer(self, answer: HaltAnswer, asked_at: float) -> None:
        keys = {scope: [halt.key for halt in answer.halts if halt.scope is scope] for scope in HaltScope}
        if self._lost or set(keys[HaltScope.EVERYTHING]) - {OPERATOR}:
            self._everything = WENT_BACK
        elif keys[HaltScope.EVERYTHING]:
            self._everything = STOPPED
        else:
            self._everything = WAITING if answer.waiting else None
        if answer.waiting != self._waiting:
            self._waiting = answer.waiting
            if self._everything == WAITING:
                log.warning("the database has a new timeline: waiting for who remembers", witnesses=self._waiting)
        self._brands = dict.fromkeys(keys[HaltScope.BRAND], BRAND)
        self._mailings = {UUID(key): MAILING for key in keys[HaltScope.MAILING]}
        self._processors = dict.fromkeys(keys[HaltScope.PROCESSOR], PROCESSOR)
        self._asked_at = asked_at


def has_database_gone_back(memory: RestoreMarker, answer: HaltAnswer) -> bool:
    """Whether the database is not the one that is remembered, or lacks its newest seal, and no operator has said so."""
    if memory.lineage in answer.supersedes:
        return False
    return memory.lineage != answer.lineage or (memory.seal > 0 and answer.digests.get(memory.seal) != memory.digest)


def lacks_committed_entries(trace: CommitTrace, answer: HaltAnswer) -> bool:
    """Tells whether the database lacks something that a process has committed, and no operator has said so."""
    if trace.lineage in answer.supersedes:
        return False
    return trace.lineage != answer.lineage or not answer.missing.isdisjoint(trace.heads)
