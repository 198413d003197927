"""What stands still: asked of the database twice a second, and answered from memory in between.

Nobody has to be reached for everything to stop: what was asked for longer ago than `FRESH` is no permission.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from uuid import UUID

from mailer.ports.control import OPERATOR, Answer, Chains, Halt, Halts, Head, Memory, Scope, Vault
from mailer.telemetry import log

PERIOD = 0.5
"""Seconds between two questions."""
FRESH = 2.0
"""Seconds after which an answer is none any more, counted from when it was asked for."""

STOPPED = "stopped"
WENT_BACK = "database_went_back"
BRAND = "brand_paused"
MAILING = "mailing_halted"
PROCESSOR = "processor_paused"
NOBODY_TO_ASK = "nobody_to_ask"
"""Why something may not begin: the reasons of what goes back unsent."""


class Control:
    """What stands still, as of a moment ago.

    Args:
        halts: the rows. chains: this process's writers of the ledger.
        vault: what the machine remembers of the database.
        owner: names this process, should it have to stop everything. clock: monotonic seconds.
    """

    def __init__(
        self,
        halts: Halts,
        chains: Chains,
        vault: Vault,
        owner: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._halts = halts
        self._chains = chains
        self._vault = vault
        self._owner = owner
        self._clock = clock
        self._asked_at = float("-inf")
        self._everything: str | None = None
        self._brands: Mapping[str, str] = {}
        self._mailings: Mapping[UUID, str] = {}
        self._processors: Mapping[str, str] = {}
        self._known: Memory | None = None
        self._heads: Mapping[UUID, int] = {}
        self._lost: frozenset[UUID] | set[UUID] = frozenset()

    def halted(self, brand: str, mailing_id: UUID) -> str | None:
        """Why nothing of a mailing may begin now; None: it may."""
        if self._clock() - self._asked_at > FRESH:
            return NOBODY_TO_ASK
        return self._everything or self._mailings.get(mailing_id) or self._brands.get(brand)

    def processor_halted(self, name: str) -> str | None:
        """Why a processor may not be used now; None: it may."""
        return self._processors.get(name)

    async def watch(self, stop: asyncio.Event) -> None:
        """Asks until told to stop. A question that fails is asked again; meanwhile what is known grows old."""
        while not stop.is_set():
            try:
                await self.refresh()
            except Exception as error:
                log.warning("nobody can be asked what stands still", error=type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), PERIOD)
            except TimeoutError:
                continue

    async def refresh(self) -> None:
        """Asks once."""
        stored = self._vault.read()
        memories = {memory for memory in (self._known, stored) if memory is not None}
        heads = self._chains.heads()
        # Those of the last time too: a chain may have been extended behind entries that were lost.
        wanted: set[Head] = {*heads.items(), *self._heads.items()}
        asked_at = self._clock()
        answer = await self._halts.ask({memory.seal for memory in memories if memory.seal}, sorted(wanted))
        new = self._compare(memories, answer)
        self._take(answer, asked_at)
        if self._lost:
            self._renew()
            await self._tell(new, answer)
        else:
            self._learn(answer, stored, heads)

    def _compare(self, memories: set[Memory], answer: Answer) -> bool:
        """Notes the lineages of which the database lacks something, as long as no other one goes on for them."""
        lost = {memory.lineage for memory in memories if gone_back(memory, answer)}
        if not answer.whole and (self._known is None or self._known.lineage not in answer.supersedes):
            lost.add(answer.lineage)
        before, self._lost = self._lost, (self._lost | lost) - answer.supersedes
        return bool(self._lost - before)

    def _learn(self, answer: Answer, stored: Memory | None, heads: Mapping[UUID, int]) -> None:
        """The database is sound: what was seen of it is remembered."""
        self._heads = heads
        if self._known is not None and self._known.lineage != answer.lineage:
            self._renew()
        if answer.memory not in (self._known, stored):
            self._vault.write(answer.memory, answer.supersedes)
        self._known = answer.memory

    def _renew(self) -> None:
        """The chains of what was lost are not extended: their next entries would follow on nothing."""
        self._chains.renew()
        self._heads = {}

    async def _tell(self, new: bool, answer: Answer) -> None:
        """Stops the other processes, too: they may remember nothing."""
        if new:
            log.error("the database went back: nothing is sent until an operator says `mailer start --after-restore`")
        told = {halt.key for halt in answer.halts if halt.scope is Scope.EVERYTHING}
        for lineage in self._lost:
            if str(lineage) not in told:
                await self._halts.halt(Halt(Scope.EVERYTHING, str(lineage), self._owner, "the database went back"))

    def _take(self, answer: Answer, asked_at: float) -> None:
        keys = {scope: [halt.key for halt in answer.halts if halt.scope is scope] for scope in Scope}
        if self._lost or set(keys[Scope.EVERYTHING]) - {OPERATOR}:
            self._everything = WENT_BACK
        else:
            self._everything = STOPPED if keys[Scope.EVERYTHING] else None
        self._brands = dict.fromkeys(keys[Scope.BRAND], BRAND)
        self._mailings = {UUID(key): MAILING for key in keys[Scope.MAILING]}
        self._processors = dict.fromkeys(keys[Scope.PROCESSOR], PROCESSOR)
        self._asked_at = asked_at


def gone_back(memory: Memory, answer: Answer) -> bool:
    """Whether the database is not the one that is remembered, or lacks its newest seal, and no operator has said so."""
    if memory.lineage in answer.supersedes:
        return False
    return memory.lineage != answer.lineage or (memory.seal > 0 and answer.digests.get(memory.seal) != memory.digest)
