"""The work on one claim: its rows are prepared, intended and handed over window by window."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.metrics_and_logger import log
from mailer.pipeline.delivery_state_moves import hold_rows_for_bug, separate_refused_planned_moves
from mailer.pipeline.lease_renewal import ClaimLease
from mailer.pipeline.outcome_recorder import OutcomeRecorder
from mailer.pipeline.preparation import PreparedWindow, SendChecks, WindowPreparation
from mailer.pipeline.shared_address_copies import Key, keys_allowed_once_per_window, split_into_windows
from mailer.pipeline.urgent_first import URGENT
from mailer.pipeline.window_sender import WindowSender
from mailer.ports.deliveries import Claim, DeliveryRow, DeliveryStore
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.runtime.error_kinds import ErrorKind, classify_error
from mailer.runtime.repeating import sleep_unless_stopped

WINDOW = 64
"""The most deliveries intended by one statement. So at most so many per consumer are in doubt after a crash."""
ROUNDS = 20
"""The most decisions about a window whose standings keep changing. After them it is left for later."""
PATIENCE = timedelta(seconds=2)
"""The longest wait for rows that may not go yet. If they may go only later, the batch is given back."""
PAUSE = timedelta(seconds=10)
"""The delay before rows that were not reached are tried again."""
ELSEWHERE = timedelta(seconds=15)
"""The delay of mailings whose brand or template this worker does not know: newer workers are being deployed."""


@dataclass(frozen=True, slots=True)
class HandOverSetupOfProcess:
    """The parts that all claims of a process share.

    Attributes:
        stop: set when the worker has to end.
    """

    deliveries: DeliveryStore
    preparation: WindowPreparation
    checks: SendChecks
    stop: asyncio.Event


class HandOverOfClaim:
    """The work on one claim.

    Args:
        setup: the parts that all claims share.
        claim: its rows.
        lease: limits the time in which messages may begin and outcomes can be recorded.
        recorder: records intents and outcomes.
        renderers: by mailing, for the mailings that this worker knows. All mailings of a claim are of one lane.
        is_late: called when a processor is slow while others could take mail.
    """

    def __init__(
        self,
        setup: HandOverSetupOfProcess,
        claim: Claim,
        lease: ClaimLease,
        recorder: OutcomeRecorder,
        renderers: Mapping[UUID, MailingRenderer],
        is_late: Callable[[], object],
    ) -> None:
        self._deliveries = setup.deliveries
        self._priority = setup.checks.precedence
        self._stop = setup.stop
        self._claim = claim
        self._lease = lease
        self._recorder = recorder
        self._renderers = renderers
        self._is_urgent = any(renderer.category.lane in URGENT for renderer in renderers.values())
        self._sender = sender = WindowSender(setup.checks, lease, recorder, renderers, is_late)
        self._decide_and_render = partial(
            setup.preparation.prepare_window, renderers=renderers, own_states=sender.own_states, barred=sender.barred
        )

    async def hand_over_rows(self) -> dict[Key, datetime]:
        """Hands rows over, in passes, until no row is left that may go soon. Returns the rows that are left."""
        rows = self._claim.rows
        while True:
            offered = self._sender.offered
            left = {row.key: datetime.now(UTC) + ELSEWHERE for row in rows if row.mailing_id not in self._renderers}
            for window in self._split_rows_with_renderer_into_windows(rows):
                await self._priority.wait_while_urgent_work_runs(urgent=self._is_urgent)
                left |= (
                    await self._prepare_and_hand_over_window(window)
                    if self._may_begin_next_window
                    else self._retry_times_of_window(window)
                )
            await self._recorder.record_pending_outcomes()
            if not left or not await self._wait_until_remaining_rows_may_go(
                min(left.values()), self._sender.offered > offered
            ):
                return left
            rows = await self._deliveries.reread_claimed_rows(self._claim.token, list(left))
            if not rows:
                return {}

    async def _wait_until_remaining_rows_may_go(self, until: datetime, progress: bool) -> bool:
        """Waits until the rows that are left may go. Returns False, at once, if that is not soon."""
        wait = (until - datetime.now(UTC)).total_seconds()
        if wait > PATIENCE.total_seconds() or (wait <= 0 and not progress) or self._stop.is_set():
            return False
        if time.monotonic() + wait >= self._lease.latest_message_start:
            return False
        await sleep_unless_stopped(self._stop, max(wait, 0))
        return not self._stop.is_set()

    def _split_rows_with_renderer_into_windows(self, rows: Sequence[DeliveryRow]) -> Iterator[Sequence[DeliveryRow]]:
        """Returns the rows whose mailings this worker knows, window by window."""
        known = [row for row in rows if row.mailing_id in self._renderers]
        return split_into_windows(known, WINDOW, keys_allowed_once_per_window(known, self._renderers))

    @property
    def _may_begin_next_window(self) -> bool:
        return time.monotonic() < self._lease.latest_message_start and not self._stop.is_set()

    def _retry_times_of_window(self, window: Sequence[DeliveryRow]) -> dict[Key, datetime]:
        """Returns the rows of a window, due at once if the worker ends, else after a pause."""
        again = datetime.now(UTC) + (not self._stop.is_set()) * PAUSE
        return dict.fromkeys((row.key for row in window), again)

    async def _prepare_and_hand_over_window(self, rows: Sequence[DeliveryRow]) -> dict[Key, datetime]:
        """Hands a window over. Returns the rows left. After a bug, rows with a committed intent are in doubt."""
        has_begun = False
        try:
            with self._priority.mark_urgent_work_running(urgent=self._is_urgent):
                prepared = await self._prepare_window(rows)
                prepared, has_begun = await self._commit_intents(prepared)
            if not has_begun:
                self._sender.put_back_tokens_of_unsent(prepared.admission, prepared.steps)
                return prepared.left | dict.fromkeys(
                    (step.change.move.delivery_key for step in prepared.steps), datetime.now(UTC) + PAUSE
                )
            return prepared.left | await self._sender.send_window_and_list_unsent(prepared)
        except Exception as error:
            if classify_error(error) is not ErrorKind.BUG:
                raise
            log.exception("a window met a bug", deliveries=len(rows), begun=has_begun)
            return {} if has_begun else await self._hand_over_rows_singly(rows, error)

    async def _hand_over_rows_singly(self, rows: Sequence[DeliveryRow], error: Exception) -> dict[Key, datetime]:
        """Tries each of several rows alone. A single row that fails is held, so that the others go on."""
        await self._recorder.record_pending_outcomes()
        if len(rows) == 1:
            facts = self._renderers[rows[0].mailing_id].facts
            await hold_rows_for_bug(self._deliveries, self._claim, rows, facts, error)
            return {}
        left: dict[Key, datetime] = {}
        for row in rows:
            left |= await self._prepare_and_hand_over_window([row])
        return left

    async def _prepare_window(self, rows: Sequence[DeliveryRow]) -> PreparedWindow:
        """Prepares a window. If that takes longer than `RECORD_SECONDS`, pending outcomes are recorded before."""
        preparing = asyncio.ensure_future(self._decide_and_render(rows, now=datetime.now(UTC)))
        if (patience := self._recorder.seconds_until_recording_is_due) is not None:
            await asyncio.wait({preparing}, timeout=patience)
            if not preparing.done():
                await self._recorder.record_pending_outcomes()
        return await preparing

    async def _commit_intents(self, prepared: PreparedWindow) -> tuple[PreparedWindow, bool]:
        """Commits a prepared window, with the outcomes of the one before. Decides again about rows that are refused.

        Returns:
            The window as it was prepared last; and False if the lease, or the number of rounds, ended before it was
            committed.
        """
        for _ in range(ROUNDS):
            if time.monotonic() >= self._lease.latest_message_start:
                break
            if not prepared.steps:
                return prepared, True
            crash_if_armed(CrashPoint.BEFORE_INTENT)
            refused = await self._recorder.commit_outcomes_and_intents(prepared.steps)
            if refused is not None and not refused:
                crash_if_armed(CrashPoint.AFTER_INTENT)
                return prepared, True
            await self._recorder.record_pending_outcomes()  # they do not wait until all standings are stable
            if refused:
                prepared = await self._decide_again_about_refused_rows(prepared, refused)
        return prepared, False

    async def _decide_again_about_refused_rows(
        self, prepared: PreparedWindow, refused: frozenset[Key]
    ) -> PreparedWindow:
        """Returns the window with new decisions about the refused rows, which are read again."""
        good, again = separate_refused_planned_moves(prepared.steps, refused)
        if not again:
            return prepared.with_all_steps_replaced(good)
        self._sender.put_back_tokens_of_unsent(prepared.admission, again)
        fresh = await self._deliveries.reread_claimed_rows(self._claim.token, [step.row.key for step in again])
        return prepared.with_all_steps_replaced(good).joined_with(
            await self._decide_and_render(fresh, now=datetime.now(UTC))
        )
