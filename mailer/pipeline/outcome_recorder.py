"""Records outcomes and intents while a claim holds, also through outages and errors of other parts."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from mailer.actions.bounce import BounceJudge, RefusalJudgement
from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.pipeline.deduplication import Key
from mailer.pipeline.delivery_moves import log_late_outcomes, move_unchanged_deliveries
from mailer.pipeline.lease_renewal import ClaimLease
from mailer.pipeline.transitions import DeliveryStep, SendStep, Transition, step_after_outcome
from mailer.policy.outcome import Outcome, OutcomeKind
from mailer.ports.deliveries import Claim, DeliveryMove, DeliveryRow, DeliveryState, DeliveryStore, LockWait
from mailer.rendering.mailing import MailingRenderer
from mailer.runtime.error_kinds import ErrorKind, error_kind, error_place
from mailer.telemetry import log

RETRY_SECONDS = 1.0
"""Seconds between two tries to record outcomes."""
JUDGE_SECONDS = 30.0
"""The most seconds for which judging refusals is tried again. The outcomes wait for it."""
LOCK_SECONDS = 1.0
"""Seconds for which outcomes wait for a locked standing. Then they are recorded without the new intents."""
_UNANSWERED: Final = Outcome(OutcomeKind.UNSENT, text="the answer to its intent was lost")
_T = TypeVar("_T")


@dataclass(slots=True)
class ClaimRun:
    """The work on one claim.

    Attributes:
        is_late: called when a processor is slow while others could take mail.
        urgent: True if bulk mail waits for it; all of its mailings are of one lane.
        lease: limits the time in which messages may begin and outcomes can be recorded.
        fates: the states that this claim has given to deliveries to shared addresses.
        pending: outcomes that are not recorded yet. judgements: of their refusals. since: when they came in.
        unsure: steps of a statement without an answer: it may have committed, and no message was offered.
        offered: the number of messages that were offered to a processor, or met its trouble.
        barred: by message, the processors that refused us with it or cannot carry it, so that another one gets it.
        unable: by message, those of them that lack an extension which the message needs.
    """

    claim: Claim
    lease: ClaimLease
    is_late: Callable[[], object]
    presses: Mapping[UUID, MailingRenderer] = field(default_factory=dict)
    fates: dict[Key, DeliveryState] = field(default_factory=dict)
    pending: list[Transition] = field(default_factory=list)
    judgements: list[RefusalJudgement] = field(default_factory=list)
    since: float = 0.0
    unsure: Sequence[DeliveryStep] = ()
    urgent: bool = False
    offered: int = 0
    barred: defaultdict[Key, set[str]] = field(default_factory=lambda: defaultdict(set))
    unable: defaultdict[Key, set[str]] = field(default_factory=lambda: defaultdict(set))

    def note_own_moves(self, moves: Iterable[DeliveryMove]) -> None:
        """Stores the new states of deliveries to shared addresses. Decisions about other rows of the claim use them."""
        self.fates.update((move.key, move.to_state) for move in moves)


class OutcomeRecorder:
    """Writes outcomes and intents for the claims of a process.

    Args:
        deliveries: the store of deliveries.
        bounces: judges hard refusals.
        stop: set when the worker has to end.
    """

    def __init__(self, deliveries: DeliveryStore, bounces: BounceJudge, stop: asyncio.Event) -> None:
        self._deliveries = deliveries
        self._bounces = bounces
        self._stop = stop

    @asynccontextmanager
    async def releasing_on_error(self, hold: ClaimRun) -> AsyncIterator[None]:
        """A context that gives a claim back after an outage or a bug, once its outcomes are recorded.

        Its batches are claimed again soon. Intended deliveries that may have been offered stay as they are, and are in
        doubt when the lease ends. If statements took too long, the claim stays until its lease ends, when the locks may
        be free.
        """
        try:
            try:
                yield
            finally:
                # Record the outcomes of a window after any error, so that none is lost.
                await self.record_outcomes(hold)
        except Exception as error:
            if error_kind(error) is not ErrorKind.PASSING:
                await self.finish_claim(hold, None)
            raise

    async def commit_window(self, hold: ClaimRun, steps: Sequence[DeliveryStep]) -> frozenset[Key] | None:
        """Commits the outcomes of a window and the intents of the next one in one statement.

        Returns:
            The keys that were refused; None if a standing was locked for longer than outcomes may wait.
        """
        both = [*hold.pending, *(step.change for step in steps)]
        if hold.pending:
            crash_if_armed(CrashPoint.BEFORE_OUTCOME)
        hold.unsure = steps
        refused: frozenset[Key] | None = None
        with suppress(LockWait):
            refused = await self._deliveries.commit_moves(
                hold.claim.token,
                [move for move, _ in both],
                [entry for _, entries in both for entry in entries],
                LOCK_SECONDS if hold.pending else None,
            )
        hold.unsure = ()
        if hold.pending and refused is not None and not refused:
            hold.pending = []
            crash_if_armed(CrashPoint.AFTER_OUTCOME)
            await self._suppress_addresses(hold)
        return refused

    async def record_outcomes(self, hold: ClaimRun) -> None:
        """Records pending outcomes without new intents, and retracts intents whose commit is unknown."""
        if hold.unsure:
            await self._retract_intents(hold)
        changes, hold.pending = hold.pending, []
        if not changes:
            return
        crash_if_armed(CrashPoint.BEFORE_OUTCOME)
        log_late_outcomes(
            await self._write_through_outage(
                hold, lambda: move_unchanged_deliveries(self._deliveries, hold.claim.token, changes)
            )
        )
        crash_if_armed(CrashPoint.AFTER_OUTCOME)
        await self._suppress_addresses(hold)

    async def finish_claim(self, hold: ClaimRun, until: datetime | None) -> None:
        """Ends a claim. Its remaining deliveries are due at `until`."""
        finish = partial(self._deliveries.finish_claim, hold.claim.token, until)
        await self._write_through_outage(hold, finish, lambda _: self._stop.is_set())

    async def judge_refusals(
        self, hold: ClaimRun, processor: str, rows: Sequence[DeliveryRow], outcomes: Sequence[Outcome]
    ) -> None:
        """Judges a window's refusals. If that fails, they are neither doubted nor believed.

        It tries for at most `JUDGE_SECONDS`: the outcomes wait for it, and the lease is renewed meanwhile.
        """
        judge, until = (
            partial(self._bounces.judge_refusals, processor, rows, outcomes),
            time.monotonic() + JUDGE_SECONDS,
        )
        try:
            hold.judgements.append(
                await self._write_through_outage(hold, judge, lambda error: _is_bug(error) or time.monotonic() >= until)
            )
        except Exception:
            # An error here must not lose the outcomes of the window.
            log.exception("refusals could not be judged", processor=processor, deliveries=len(rows))

    async def _retract_intents(self, hold: ClaimRun) -> None:
        steps, hold.unsure = hold.unsure, ()
        now = datetime.now(UTC)
        lost = [step_after_outcome(step, _UNANSWERED, now) for step in steps if isinstance(step, SendStep)]
        # Deliveries whose intent was not committed are not in the state intended, and so stay as they are.
        await self._write_through_outage(
            hold, lambda: move_unchanged_deliveries(self._deliveries, hold.claim.token, lost)
        )

    async def _write_through_outage(
        self, hold: ClaimRun, write: Callable[[], Awaitable[_T]], unless: Callable[[Exception], bool] = lambda _: False
    ) -> _T:
        """Repeats a write during an outage, while the claim holds. Deliveries without recorded outcome are in doubt.

        A try whose answer was lost may have worked; then the next try finds nothing to do.
        """
        while True:
            try:
                return await write()
            except Exception as error:
                if time.monotonic() + RETRY_SECONDS >= hold.lease.deadline or unless(error):
                    raise
                log.warning("what came of a window could not be recorded; trying again", error=error_place(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _suppress_addresses(self, hold: ClaimRun) -> None:
        """Suppresses the addresses of believed refusals, after their outcomes were recorded."""
        judgements, hold.judgements = hold.judgements, []
        for judgement in judgements:
            await self._write_through_outage(hold, partial(self._bounces.suppress_addresses, judgement))


def _is_bug(error: Exception) -> bool:
    return error_kind(error) is ErrorKind.BUG
