"""Watches the halts: reads them from the database twice a second, and answers from memory in between.

A permission expires after `FRESH` seconds. A process that cannot reach the database therefore stops by itself.
Each query also checks that the database still has the data that this machine has noted.
`check_for_lost_data_on_new_connection` checks the same on each new connection before its first statement, since a
restored server has only new connections.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from mailer.metrics_and_logger import log
from mailer.policy.category import Lane
from mailer.ports.halts import (
    OPERATOR,
    Halt,
    HaltsAndMissingEntries,
    HaltScope,
    HaltStore,
    Head,
    LastCommitsOfProcess,
    LastSeenSealMarker,
    LedgerChainsOfThisProcess,
    LocalDatabaseNotesStore,
    LocalDatabaseNotesUnreadable,
)
from mailer.runtime.repeating import rounds_until_stopped

PERIOD = 0.5
"""Seconds between two queries."""
FRESH = 2.0
"""Seconds after which an answer expires, counted from the beginning of its query."""
ATTEST_SECONDS = 5.0
"""Seconds between two statements of a process that nothing is missing. After a minute without one it counts as gone."""

STOPPED = "stopped"
WENT_BACK = "database_went_back"
WAITING = "waiting_for_witnesses"
BRAND = "brand_paused"
PROMOTIONAL = "promotions_paused"
MAILING = "mailing_halted"
PROCESSOR = "processor_paused"
NOBODY_TO_ASK = "nobody_to_ask"
"""The reasons for which a message may not begin, and goes back unsent."""

Ask = Callable[[Collection[int], Collection[Head], Sequence[UUID]], Awaitable[HaltsAndMissingEntries]]
Mend = Callable[[Collection[UUID]], Awaitable[None]]
"""Makes lost changes of standings of these lineages again."""


async def _replay_nothing(lineages: Collection[UUID]) -> None:
    """Does nothing: the default for processes without a journal."""


@dataclass(frozen=True, slots=True)
class _SnapshotOfMachineNotes:
    """The notes of this machine at one time: markers and commit traces."""

    memories: frozenset[LastSeenSealMarker]
    traces: Sequence[LastCommitsOfProcess]

    @property
    def ledger_entries_database_must_have(self) -> frozenset[Head]:
        """The ledger entries that the database has to have."""
        return frozenset[Head]().union(*(trace.heads for trace in self.traces))


class HaltWatcher:
    """The halts, at most `FRESH` seconds old, and the check that the database has lost no data.

    Args:
        halts: the store of halts. chains: this process's writers of the ledger.
        vault: the notes of this machine about the database.
        owner: the name of this process, for a halt that it makes.
        mend: makes lost changes of standings again.
        clock: monotonic seconds.

    Attributes:
        report: called after each query with the reason for which nothing may be handed over, or None.
    """

    def __init__(
        self,
        halts: HaltStore,
        chains: LedgerChainsOfThisProcess,
        vault: LocalDatabaseNotesStore,
        owner: str,
        mend: Mend = _replay_nothing,
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
        self._promotional: Mapping[str, str] = {}
        self._mailings: Mapping[UUID, str] = {}
        self._processors: Mapping[str, str] = {}
        self._known: LastSeenSealMarker | None = None
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

    def mailing_halt_reason(self, brand: str, mailing_id: UUID, lane: Lane) -> str | None:
        """Returns the reason for which no message of a mailing may begin now, or None if it may."""
        if self._clock() - self._asked_at > FRESH:
            return NOBODY_TO_ASK
        # Lost changes are made again before any mail goes; so a journal that cannot be read stops all mail.
        everything = self._everything or (WAITING if self._is_to_mend else None)
        stopped = everything or self._mailings.get(mailing_id) or self._brands.get(brand)
        return stopped or (self._promotional.get(brand) if lane is Lane.PROMOTIONAL else None)

    def processor_halt_reason(self, name: str) -> str | None:
        """Returns the reason for which a processor may not be used now, or None if it may."""
        return self._processors.get(name)

    @property
    def problem_for_operator(self) -> str | None:
        """The trouble that stops all mail, with the remedy, for operators. None: no trouble, or a person's stop."""
        if self._everything == WENT_BACK:
            return "the database went back: nothing is sent until an operator says `mailer start --after-restore`"
        if self._everything == WAITING:
            return (
                f"the database has a new timeline, and {', '.join(self._waiting)} has not said yet whether anything is"
                " missing: start that process again with its MAILER_DATA, or say `mailer start --after-restore`"
            )
        return None

    @asynccontextmanager
    async def polling_while_in_use(self) -> AsyncIterator[None]:
        """A context in which halts are polled, shared by all parts of a process. The last one deregisters it."""
        self._users += 1
        if self._users == 1:
            self._unused = asyncio.Event()
            self._watching = asyncio.create_task(self.poll_until_stopped(self._unused))
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()
                await self._watching
                await self.deregister_this_process_if_intact()

    async def poll_until_stopped(self, stop: asyncio.Event) -> None:
        """Queries the halts until `stop` is set. A failed query is repeated; meanwhile the last answer expires."""
        async for _ in rounds_until_stopped(PERIOD, stop):
            try:
                await self.query_halts_and_attest_no_loss()
                self.report(self.problem_for_operator)
                self._log_query_failure_once("", "")
            except LocalDatabaseNotesUnreadable as error:
                self._log_query_failure_once(
                    "nothing is handed over: what this machine remembers cannot be read", str(error)
                )
                self.report(str(error))
            except Exception as error:
                self._log_query_failure_once("nobody can be asked what stands still", type(error).__name__)

    def _log_query_failure_once(self, event: str, error: str) -> None:
        """Logs once that queries fail. When they work again, it logs how many have failed."""
        if event and (event, error) != self._trouble:
            log.warning(event, error=error)
        elif not event and self._trouble:
            log.warning("what stands still can be asked again", failed=self._failed)
        self._failed = self._failed + 1 if event else 0
        self._trouble = (event, error) if event else None

    async def deregister_this_process_if_intact(self) -> None:
        """Deregisters this process if nothing is missing, so that others need not wait for it after a failover."""
        try:
            await self.query_halts_and_attest_no_loss()
            if not self._lost and not self._is_to_mend:
                await self._halts.record_process_end_without_data_loss(self._vault.id)
        except Exception as error:
            log.warning("the end of this process was not noted; after a failover others wait for it", error=repr(error))

    async def query_halts_and_attest_no_loss(self) -> None:
        """Queries the halts. If nothing is missing, stores that: after a failover, other processes wait for it."""
        recalled, answer = await self.query_halts_and_recover()
        if self._lost:
            return
        now, ended = self._clock(), frozenset(trace.id for trace in recalled.traces if trace.dead)
        # It also speaks for the processes of this machine that have ended.
        if not answer.attested or now - self._attested_at >= ATTEST_SECONDS or ended - self._spoken_for:
            await self._halts.record_process_found_no_data_loss(self._owner, [self._vault.id, *ended])
            self._attested_at, self._spoken_for = now, ended
        self._vault.schedule_deletion_of_ended_process_notes(ended)

    async def query_halts_and_recover(self) -> tuple[_SnapshotOfMachineNotes, HaltsAndMissingEntries]:
        """Queries the halts once. If the database went back, makes lost changes again and stops the other processes."""
        await self._vault.sync_notes_to_disk()
        recalled, answer = await self._query_and_apply_answer(self._halts.read_halts_and_missing_ledger_entries)
        if self._is_to_mend:
            await self._mend({answer.lineage, *answer.supersedes})
            self._is_to_mend, self._mended = False, answer.lineage
        await self._add_halts_for_other_processes(answer)
        return recalled, answer

    async def check_for_lost_data_on_new_connection(self, ask: Ask) -> None:
        """Runs the query on a new connection, before any other statement."""
        await self._query_and_apply_answer(ask)

    async def _query_and_apply_answer(self, ask: Ask) -> tuple[_SnapshotOfMachineNotes, HaltsAndMissingEntries]:
        stored = self._vault.read_last_seen_seal_marker()
        memories = frozenset(memory for memory in (self._known, stored) if memory is not None)
        recalled = _SnapshotOfMachineNotes(memories, self._vault.read_last_committed_entries())
        asked_at = self._clock()
        seals = {memory.seal for memory in memories if memory.seal}
        witnesses = [self._vault.id, *(trace.id for trace in recalled.traces if trace.dead)]
        answer = await ask(seals, recalled.ledger_entries_database_must_have, witnesses)
        self._remember_lost_lineages(recalled, answer)
        if asked_at >= self._asked_at:
            self._apply_answer(answer, asked_at)
        if self._lost:
            self._chains.abandon_chains_for_new_ones()
            self._vault.stop_noting_to_keep_evidence()
        else:
            self._note_seal_marker_and_lineage(recalled, answer, stored)
        return recalled, answer

    def _remember_lost_lineages(self, recalled: _SnapshotOfMachineNotes, answer: HaltsAndMissingEntries) -> None:
        """Stores the lineages of which the database lacks data, except those that another lineage replaces."""
        lost = {
            memory.lineage for memory in recalled.memories if has_database_lost_noted_lineage_or_seal(memory, answer)
        }
        lost |= {trace.lineage for trace in recalled.traces if does_database_lack_committed_entries(trace, answer)}
        before, self._lost = self._lost, (self._lost | lost) - answer.supersedes
        if self._lost - before:
            self._is_news = self._is_to_mend = True

    def _note_seal_marker_and_lineage(
        self, recalled: _SnapshotOfMachineNotes, answer: HaltsAndMissingEntries, stored: LastSeenSealMarker | None
    ) -> None:
        """Stores the answer in the notes of this machine. Called only if the database lacks nothing."""
        if self._known is not None and self._known.lineage != answer.lineage:
            self._chains.abandon_chains_for_new_ones()
        lineages = {memory.lineage for memory in recalled.memories} | {trace.lineage for trace in recalled.traces}
        if lineages - {answer.lineage} and answer.lineage != self._mended:
            self._is_to_mend = True  # an operator has begun a new lineage, perhaps while this machine was away
        if answer.newest_seal_marker not in (self._known, stored):
            self._vault.write_seal_marker_if_newer(answer.newest_seal_marker, answer.supersedes)
        self._known = answer.newest_seal_marker
        self._vault.switch_notes_to_lineage(answer.lineage)

    async def _add_halts_for_other_processes(self, answer: HaltsAndMissingEntries) -> None:
        """Adds a halt of everything for other processes, which may have no notes of their own."""
        if self._is_news:
            log.error("the database went back: nothing is sent until an operator says `mailer start --after-restore`")
            self._is_news = False
        told = {halt.key for halt in answer.halts if halt.scope is HaltScope.EVERYTHING}
        for lineage in self._lost:
            if str(lineage) not in told:
                await self._halts.add_halt(
                    Halt(HaltScope.EVERYTHING, str(lineage), self._owner, "the database went back")
                )

    def _apply_answer(self, answer: HaltsAndMissingEntries, asked_at: float) -> None:
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
        self._promotional = dict.fromkeys(keys[HaltScope.PROMOTIONAL], PROMOTIONAL)
        self._mailings = {UUID(key): MAILING for key in keys[HaltScope.MAILING]}
        self._processors = dict.fromkeys(keys[HaltScope.PROCESSOR], PROCESSOR)
        self._asked_at = asked_at


def has_database_lost_noted_lineage_or_seal(memory: LastSeenSealMarker, answer: HaltsAndMissingEntries) -> bool:
    """Returns True if the lineage is another one, or the newest seal is missing, and no operator has accepted that."""
    if memory.lineage in answer.supersedes:
        return False
    return memory.lineage != answer.lineage or (memory.seal > 0 and answer.digests.get(memory.seal) != memory.digest)


def does_database_lack_committed_entries(trace: LastCommitsOfProcess, answer: HaltsAndMissingEntries) -> bool:
    """Returns True if the database lacks entries that a process has committed, and no operator has accepted that."""
    if trace.lineage in answer.supersedes:
        return False
    return trace.lineage != answer.lineage or not answer.missing.isdisjoint(trace.heads)
