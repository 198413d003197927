"""Outcomes and intents are written down as long as a claim holds, whatever happens beside them."""

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
"""Between two tries to record outcomes."""
JUDGE_SECONDS = 30.0
"""Refusals are judged through an outage for so long; their outcomes wait for it."""
LOCK_SECONDS = 1.0
"""Outcomes wait so long for a standing that somebody is changing; then they are recorded by themselves."""
_UNANSWERED: Final = Outcome(OutcomeKind.UNSENT, text="the answer to its intent was lost")
_T = TypeVar("_T")


@dataclass(slots=True)
class ClaimRun:
    """A claim on its way.

    Attributes:
        is_late: told when a processor takes long, while others could take mail.
        urgent: whether bulk mail gives way to it; all of its mailings are of one lane.
        lease: until when something may begin, and outcomes can be recorded.
        fates: what this claim has already done with deliveries to shared addresses.
        pending: outcomes that are not recorded yet. judgements: of their refusals. since: when they came in.
        unsure: steps of a statement whose answer has not come: it may have been committed, and nothing was offered.
        offered: how many messages were offered to a processor, or met its trouble.
        barred: the processors that have refused us with a message, or are unable, so that another one gets it.
        unable: those of them that lack an extension which the message needs.
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
        """Moves of deliveries to shared addresses, which others of the claim are decided by."""
        self.fates.update((move.key, move.to_state) for move in moves)


class OutcomeRecorder:
    """Writes for the claims of a process.

    Args:
        deliveries: the rows.
        bounces: judges hard refusals.
        stop: set when the worker is to end.
    """

    def __init__(self, deliveries: DeliveryStore, bounces: BounceJudge, stop: asyncio.Event) -> None:
        self._deliveries = deliveries
        self._bounces = bounces
        self._stop = stop

    @asynccontextmanager
    async def releasing_on_error(self, hold: ClaimRun) -> AsyncIterator[None]:
        """Gives a claim back that ends by an outage or a bug, once its outcomes are recorded: it comes again soon.

        What was intended and may have been offered stays as it is, and is in doubt once the lease is over. So does all
        of a claim whose statements took too long: it comes again when whoever held the locks may be done.
        """
        try:
            try:
                yield
            finally:
                # Whatever has failed: what has come of a window must not be forgotten.
                await self.record_outcomes(hold)
        except Exception as error:
            if error_kind(error) is not ErrorKind.PASSING:
                await self.finish_claim(hold, None)
            raise

    async def commit_window(self, hold: ClaimRun, steps: Sequence[DeliveryStep]) -> frozenset[Key] | None:
        """One statement for the outcomes of a window and the intents of the next one.

        Returns:
            What was refused; None if it had to wait for somebody's standing for longer than outcomes may.
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
        """Records outcomes by themselves, and takes back what may have been intended in vain."""
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
        """Ends a claim; what is left of it is due at `until`."""
        finish = partial(self._deliveries.finish_claim, hold.claim.token, until)
        await self._write_through_outage(hold, finish, lambda _: self._stop.is_set())

    async def judge_refusals(
        self, hold: ClaimRun, processor: str, rows: Sequence[DeliveryRow], outcomes: Sequence[Outcome]
    ) -> None:
        """Judges a window's refusals. Where that fails, they are neither doubted nor believed.

        It is not tried for longer than a while: the lease is renewed meanwhile, and the outcomes wait.
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
            # What came of the window must not be lost for it.
            log.exception("refusals could not be judged", processor=processor, deliveries=len(rows))

    async def _retract_intents(self, hold: ClaimRun) -> None:
        steps, hold.unsure = hold.unsure, ()
        now = datetime.now(UTC)
        lost = [step_after_outcome(step, _UNANSWERED, now) for step in steps if isinstance(step, SendStep)]
        # Those that were not committed are not intended, and stay as they are.
        await self._write_through_outage(
            hold, lambda: move_unchanged_deliveries(self._deliveries, hold.claim.token, lost)
        )

    async def _write_through_outage(
        self, hold: ClaimRun, write: Callable[[], Awaitable[_T]], unless: Callable[[Exception], bool] = lambda _: False
    ) -> _T:
        """Writes through an outage as long as the claim holds: what was handed over and is not recorded is in doubt.

        A try whose answer was lost may have done it; then the next one finds nothing left to do.
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
        """Makes the addresses dead whose refusals are believed, now that their outcomes are recorded."""
        judgements, hold.judgements = hold.judgements, []
        for judgement in judgements:
            await self._write_through_outage(hold, partial(self._bounces.suppress_addresses, judgement))


def _is_bug(error: Exception) -> bool:
    return error_kind(error) is ErrorKind.BUG
