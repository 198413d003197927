"""Outcomes and intents are written down as long as a claim holds, whatever happens beside them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar

from mailer.actions.bounce import BounceJudge, RefusalJudgement
from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.pipeline.deduplication import Key
from mailer.pipeline.delivery_moves import log_late_outcomes, move_unchanged_deliveries
from mailer.pipeline.lease_renewal import ClaimLease
from mailer.pipeline.transitions import DeliveryStep, SendStep, Transition, step_after_outcome
from mailer.policy.outcome import Outcome, OutcomeKind
from mailer.ports.deliveries import Claim, DeliveryRow, DeliveryStore, LockWait
from mailer.runtime.error_kinds import ErrorKind, error_kind, error_place
from mailer.telemetry import log

RETRY_SECONDS = 1.0
"""Between two tries to record outcomes."""
RECORD_SECONDS = 0.25
"""Outcomes wait so long for the next window's intents, to share a statement with them."""
JUDGE_SECONDS = 30.0
"""Refusals are judged through an outage for so long; their outcomes wait for it."""
LOCK_SECONDS = 1.0
"""Outcomes wait so long for a standing that somebody is changing; then they are recorded by themselves."""
_UNANSWERED: Final = Outcome(OutcomeKind.UNSENT, text="the answer to its intent was lost")
_T = TypeVar("_T")


class OutcomeRecorder:
    """Records the intents and the outcomes of one claim.

    Args:
        deliveries: the rows.
        bounces: judges hard refusals.
        claim: fences each statement.
        lease: until when outcomes can be recorded.
        stop: set when the worker is to end.
    """

    def __init__(
        self, deliveries: DeliveryStore, bounces: BounceJudge, claim: Claim, lease: ClaimLease, stop: asyncio.Event
    ) -> None:
        self._deliveries = deliveries
        self._bounces = bounces
        self._token = claim.token
        self._lease = lease
        self._stop = stop
        self._pending = list[Transition]()
        """Outcomes that are not recorded yet."""
        self._judgements = list[RefusalJudgement]()
        """Of the refusals among them."""
        self._pending_since = 0.0
        self._unsure: Sequence[DeliveryStep] = ()
        """Steps of a statement whose answer has not come: it may have been committed, and nothing was offered."""

    @property
    def seconds_until_due(self) -> float | None:
        """For how long the pending outcomes may still wait for other statements; None if there are none."""
        return max(self._pending_since + RECORD_SECONDS - time.monotonic(), 0) if self._pending else None

    def add_outcomes(self, changes: Sequence[Transition]) -> None:
        """Takes what came of a window, to be recorded with the next window's intents."""
        if not self._pending:
            self._pending_since = time.monotonic()
        self._pending += changes

    def doubted_keys(self) -> frozenset[Key]:
        """Returns the deliveries whose refusals wait for a person."""
        return frozenset[Key]().union(*(judgement.doubted for judgement in self._judgements))

    @asynccontextmanager
    async def releasing_on_error(self) -> AsyncIterator[None]:
        """Gives the claim back if it ends by an outage or a bug, once its outcomes are recorded: it comes again soon.

        What was intended and may have been offered stays as it is, and is in doubt once the lease is over. So does all
        of a claim whose statements took too long: it comes again when whoever held the locks may be done.
        """
        try:
            try:
                yield
            finally:
                # Whatever has failed: what has come of a window must not be forgotten.
                await self.record_outcomes()
        except Exception as error:
            if error_kind(error) is not ErrorKind.PASSING:
                await self.finish_claim(None)
            raise

    async def commit_window(self, steps: Sequence[DeliveryStep]) -> frozenset[Key] | None:
        """One statement for the outcomes of a window and the intents of the next one.

        Returns:
            What was refused; None if it had to wait for somebody's standing for longer than outcomes may.
        """
        both = [*self._pending, *(step.change for step in steps)]
        if self._pending:
            crash_if_armed(CrashPoint.BEFORE_OUTCOME)
        self._unsure = steps
        refused: frozenset[Key] | None = None
        with suppress(LockWait):
            refused = await self._deliveries.commit_moves(
                self._token,
                [move for move, _ in both],
                [entry for _, entries in both for entry in entries],
                LOCK_SECONDS if self._pending else None,
            )
        self._unsure = ()
        if self._pending and refused is not None and not refused:
            self._pending = []
            crash_if_armed(CrashPoint.AFTER_OUTCOME)
            await self._suppress_addresses()
        return refused

    async def record_outcomes(self) -> None:
        """Records outcomes by themselves, and takes back what may have been intended in vain."""
        if self._unsure:
            await self._retract_intents()
        changes, self._pending = self._pending, []
        if not changes:
            return
        crash_if_armed(CrashPoint.BEFORE_OUTCOME)
        log_late_outcomes(
            await self._write_through_outage(lambda: move_unchanged_deliveries(self._deliveries, self._token, changes))
        )
        crash_if_armed(CrashPoint.AFTER_OUTCOME)
        await self._suppress_addresses()

    async def finish_claim(self, until: datetime | None) -> None:
        """Ends a claim; what is left of it is due at `until`."""
        finish = partial(self._deliveries.finish_claim, self._token, until)
        await self._write_through_outage(finish, lambda _: self._stop.is_set())

    async def judge_refusals(self, processor: str, rows: Sequence[DeliveryRow], outcomes: Sequence[Outcome]) -> None:
        """Judges a window's refusals. Where that fails, they are neither doubted nor believed.

        It is not tried for longer than a while: the lease is renewed meanwhile, and the outcomes wait.
        """
        judge, until = (
            partial(self._bounces.judge_refusals, processor, rows, outcomes),
            time.monotonic() + JUDGE_SECONDS,
        )
        try:
            self._judgements.append(
                await self._write_through_outage(judge, lambda error: _is_bug(error) or time.monotonic() >= until)
            )
        except Exception:
            # What came of the window must not be lost for it.
            log.exception("refusals could not be judged", processor=processor, deliveries=len(rows))

    async def _retract_intents(self) -> None:
        steps, self._unsure = self._unsure, ()
        now = datetime.now(UTC)
        lost = [step_after_outcome(step, _UNANSWERED, now) for step in steps if isinstance(step, SendStep)]
        # Those that were not committed are not intended, and stay as they are.
        await self._write_through_outage(lambda: move_unchanged_deliveries(self._deliveries, self._token, lost))

    async def _write_through_outage(
        self, write: Callable[[], Awaitable[_T]], unless: Callable[[Exception], bool] = lambda _: False
    ) -> _T:
        """Writes through an outage as long as the claim holds: what was handed over and is not recorded is in doubt.

        A try whose answer was lost may have done it; then the next one finds nothing left to do.
        """
        while True:
            try:
                return await write()
            except Exception as error:
                if time.monotonic() + RETRY_SECONDS >= self._lease.deadline or unless(error):
                    raise
                log.warning("what came of a window could not be recorded; trying again", error=error_place(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _suppress_addresses(self) -> None:
        """Makes the addresses dead whose refusals are believed, now that their outcomes are recorded."""
        judgements, self._judgements = self._judgements, []
        for judgement in judgements:
            await self._write_through_outage(partial(self._bounces.suppress_addresses, judgement))


def _is_bug(error: Exception) -> bool:
    return error_kind(error) is ErrorKind.BUG
