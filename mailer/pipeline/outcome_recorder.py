"""Records outcomes and intents while a claim holds, also through outages and errors of other parts."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar

from mailer.actions.refusal_judgement import JudgedWindowRefusals, RefusalJudge
from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.metrics_and_logger import log
from mailer.pipeline.delivery_state_moves import commit_delivery_moves_and_count_refused, log_late_outcomes
from mailer.pipeline.lease_renewal import ClaimLease
from mailer.pipeline.planned_delivery_moves import PlannedDeliveryMove, PlannedHandOver, Transition
from mailer.pipeline.shared_address_copies import Key
from mailer.pipeline.transitions import transition_after_outcome
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.deliveries import Claim, DeliveryRow, DeliveryStore, LockWaitTimedOut
from mailer.runtime.error_kinds import ErrorKind, classify_error, error_type_and_place

RETRY_SECONDS = 1.0
"""Seconds between two tries to record outcomes."""
RECORD_SECONDS = 0.25
"""Seconds for which outcomes wait for the next window's intents, to share a statement with them."""
JUDGE_SECONDS = 30.0
"""The most seconds for which judging refusals is tried again. The outcomes wait for it."""
LOCK_SECONDS = 1.0
"""Seconds for which outcomes wait for a locked standing. Then they are recorded without the new intents."""
_UNANSWERED: Final = Outcome(OutcomeKind.UNSENT, text="the answer to its intent was lost")
_T = TypeVar("_T")


class OutcomeRecorder:
    """Records the intents and the outcomes of one claim.

    Args:
        deliveries: the rows.
        bounces: judges hard refusals.
        claim: fences each statement.
        lease: limits the time in which outcomes can be recorded.
        stop: set when the worker has to end.
    """

    def __init__(
        self, deliveries: DeliveryStore, bounces: RefusalJudge, claim: Claim, lease: ClaimLease, stop: asyncio.Event
    ) -> None:
        self._deliveries = deliveries
        self._bounces = bounces
        self._token = claim.token
        self._lease = lease
        self._stop = stop
        self._pending = list[Transition]()
        """Outcomes that are not recorded yet."""
        self._judgements = list[JudgedWindowRefusals]()
        """The judgements of the refusals among them."""
        self._pending_since = 0.0
        self._unsure: Sequence[PlannedDeliveryMove] = ()
        """Steps of a statement without an answer: it may have committed, and no message was offered."""

    @property
    def seconds_until_recording_is_due(self) -> float | None:
        """The seconds for which pending outcomes may still wait for another statement; None if none are pending."""
        return max(self._pending_since + RECORD_SECONDS - time.monotonic(), 0) if self._pending else None

    def add_outcomes(self, changes: Sequence[Transition]) -> None:
        """Adds the outcomes of a window. They are recorded with the next window's intents."""
        if not self._pending:
            self._pending_since = time.monotonic()
        self._pending += changes

    def keys_of_doubted_refusals(self) -> frozenset[Key]:
        """Returns the keys of refused deliveries that wait for a person's judgement."""
        return frozenset[Key]().union(*(judgement.doubted for judgement in self._judgements))

    @asynccontextmanager
    async def releasing_claim_on_error(self) -> AsyncIterator[None]:
        """A context that gives a claim back after an outage or a bug, once its outcomes are recorded.

        Its batches are claimed again soon. Intended deliveries that may have been offered stay as they are, and are in
        doubt when the lease ends. If statements took too long, the claim stays until its lease ends, when the locks may
        be free.
        """
        try:
            try:
                yield
            finally:
                # Whatever has failed: what has come of a window must not be forgotten.
                await self.record_pending_outcomes()
        except Exception as error:
            if classify_error(error) is not ErrorKind.PASSING:
                await self.end_claim_and_requeue_rest(None)
            raise

    async def commit_outcomes_and_intents(self, steps: Sequence[PlannedDeliveryMove]) -> frozenset[Key] | None:
        """Commits the outcomes of a window and the intents of the next one in one statement.

        Returns:
            The keys that were refused; None if a standing was locked for longer than outcomes may wait.
        """
        both = [*self._pending, *(step.change for step in steps)]
        if self._pending:
            crash_if_armed(CrashPoint.BEFORE_OUTCOME)
        self._unsure = steps
        refused: frozenset[Key] | None = None
        with suppress(LockWaitTimedOut):
            refused = await self._deliveries.commit_moves_or_find_refused(
                self._token,
                [move for move, _ in both],
                [entry for _, entries in both for entry in entries],
                LOCK_SECONDS if self._pending else None,
            )
        self._unsure = ()
        if self._pending and refused is not None and not refused:
            self._pending = []
            crash_if_armed(CrashPoint.AFTER_OUTCOME)
            await self._suppress_believed_addresses()
        return refused

    async def record_pending_outcomes(self) -> None:
        """Records pending outcomes without new intents, and retracts intents whose commit is unknown."""
        if self._unsure:
            await self._record_unsure_intents_as_unanswered()
        changes, self._pending = self._pending, []
        if not changes:
            return
        crash_if_armed(CrashPoint.BEFORE_OUTCOME)
        log_late_outcomes(
            await self._repeat_write_while_claim_holds(
                lambda: commit_delivery_moves_and_count_refused(self._deliveries, self._token, changes)
            )
        )
        crash_if_armed(CrashPoint.AFTER_OUTCOME)
        await self._suppress_believed_addresses()

    async def end_claim_and_requeue_rest(self, until: datetime | None) -> None:
        """Ends a claim. Its remaining deliveries are due at `until`."""
        finish = partial(self._deliveries.end_claim_and_requeue_rest, self._token, until)
        await self._repeat_write_while_claim_holds(finish, lambda _: self._stop.is_set())

    async def judge_refusals(self, processor: str, rows: Sequence[DeliveryRow], outcomes: Sequence[Outcome]) -> None:
        """Judges a window's refusals. If that fails, they are neither doubted nor believed.

        It tries for at most `JUDGE_SECONDS`: the outcomes wait for it, and the lease is renewed meanwhile.
        """
        judge, until = (
            partial(self._bounces.judge_refusals, processor, rows, outcomes),
            time.monotonic() + JUDGE_SECONDS,
        )
        try:
            self._judgements.append(
                await self._repeat_write_while_claim_holds(
                    judge, lambda error: _is_bug(error) or time.monotonic() >= until
                )
            )
        except Exception:
            # What came of the window must not be lost for it.
            log.exception("refusals could not be judged", processor=processor, deliveries=len(rows))

    async def _record_unsure_intents_as_unanswered(self) -> None:
        steps, self._unsure = self._unsure, ()
        now = datetime.now(UTC)
        lost = [transition_after_outcome(step, _UNANSWERED, now) for step in steps if isinstance(step, PlannedHandOver)]
        # Those that were not committed are not intended, and stay as they are.
        await self._repeat_write_while_claim_holds(
            lambda: commit_delivery_moves_and_count_refused(self._deliveries, self._token, lost)
        )

    async def _repeat_write_while_claim_holds(
        self, write: Callable[[], Awaitable[_T]], unless: Callable[[Exception], bool] = lambda _: False
    ) -> _T:
        """Repeats a write during an outage, while the claim holds. Deliveries without recorded outcome are in doubt.

        A try whose answer was lost may have worked; then the next try finds nothing to do.
        """
        while True:
            try:
                return await write()
            except Exception as error:
                if time.monotonic() + RETRY_SECONDS >= self._lease.deadline or unless(error):
                    raise
                log.warning(
                    "what came of a window could not be recorded; trying again", error=error_type_and_place(error)
                )
                await asyncio.sleep(RETRY_SECONDS)

    async def _suppress_believed_addresses(self) -> None:
        """Suppresses the addresses of believed refusals, after their outcomes were recorded."""
        judgements, self._judgements = self._judgements, []
        for judgement in judgements:
            await self._repeat_write_while_claim_holds(partial(self._bounces.suppress_addresses_judged_dead, judgement))


def _is_bug(error: Exception) -> bool:
    return classify_error(error) is ErrorKind.BUG
