"""The hand-over: claim, decide, render, intend, hand over, record. This module shows the whole way of a batch."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from uuid import UUID

from mailer.actions.bounce import BounceJudge
from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.pipeline.audience_reach import note_audience_reach
from mailer.pipeline.deduplication import Key, single_use_keys, split_into_windows
from mailer.pipeline.delivery_moves import hold_rows_for_bug, split_refused_steps
from mailer.pipeline.lease_renewal import ClaimLease, gather_results
from mailer.pipeline.member_names import load_member_names
from mailer.pipeline.outcome_recorder import ClaimRun, OutcomeRecorder
from mailer.pipeline.preparation import PreparedWindow, SendChecks, WindowPreparation
from mailer.pipeline.processor_conditions import refuses_us
from mailer.pipeline.transitions import DeliveryStep, SendStep, step_after_outcome
from mailer.pipeline.urgent_first import URGENT
from mailer.pipeline.wait_metrics import observe_waits
from mailer.policy.outcome import Outcome, OutcomeKind
from mailer.ports.deliveries import Claim, DeliveryRow, DeliveryStore
from mailer.ports.mailings import MailingFacts, MailingStore
from mailer.ports.rates import AdmittedMessages, SendRequest
from mailer.rendering.mailing import MailingRenderer, RendererCache, UnknownTemplate
from mailer.rendering.template_library import TemplateError
from mailer.runtime.error_kinds import ErrorKind, error_kind
from mailer.telemetry import HANDED_OVER, LEFT_TO_OTHERS, log

WINDOW = 64
"""The most deliveries intended by one statement. So at most so many per consumer are in doubt after a crash."""
ROUNDS = 20
"""The most decisions about a window whose standings keep changing. After them it is left for later."""
RECORD_SECONDS = 0.25
"""Seconds for which outcomes wait for the next window's intents, to share a statement with them."""
PATIENCE = timedelta(seconds=2)
"""The longest wait for rows that may not go yet. If they may go only later, the batch is given back."""
PAUSE = timedelta(seconds=10)
"""The delay before rows that were not reached are tried again."""
ELSEWHERE = timedelta(seconds=15)
"""The delay of mailings whose brand or template this worker does not know: newer workers are being deployed."""
_LACKING = attrgetter("lacking")


class HandOver:
    """Hands batches over to processors.

    Args:
        deliveries, mailings: the stores. presses: the renderers. gate: checks what may go, and chooses processors.
        bounces: judges hard refusals. owner: this process's name in claims. stop: set when the worker has to end.
    """

    def __init__(
        self,
        deliveries: DeliveryStore,
        mailings: MailingStore,
        presses: RendererCache,
        gate: SendChecks,
        bounces: BounceJudge,
        owner: str,
        stop: asyncio.Event,
    ) -> None:
        self._deliveries = deliveries
        self._mailings = mailings
        self._presses = presses
        self._gate = gate
        self._owner = owner
        self._stop = stop
        self._recorder = OutcomeRecorder(deliveries, bounces, stop)
        self._preparing = WindowPreparation(gate, presses.sign, deliveries.find_carriers)
        self.precedence = gate.precedence
        self.routes = gate.routes

    async def hand_over_batches(
        self,
        batches: Sequence[int],
        facts: Mapping[UUID, MailingFacts | None] = MappingProxyType({}),
        is_late: Callable[[], object] = lambda: None,
    ) -> None:
        """Hands over the open deliveries of batches. Returns at once if another process has claimed them.

        Args:
            batches: ids of the batches.
            facts: all mailings of the batches, by id; None for facts that are not known. Empty: the mailings are not
                known, and are read with their facts.
            is_late: called when a processor is slow while others could take mail.

        After an outage or a bug the claim is given back, so that it comes again soon. Messages that may have been
        offered stay until the lease ends; then the timekeeper resolves them.
        """
        begun = time.monotonic()
        claim = await self._deliveries.claim_batches(batches, self._owner, facts.keys())
        if claim is None:
            return
        crash_if_armed(CrashPoint.AFTER_CLAIM)
        lease = ClaimLease(partial(self._deliveries.renew_lease, claim.token), begun, claim.deadline, self._stop)
        hold = ClaimRun(claim, lease, is_late)
        async with self._recorder.releasing_on_error(hold):
            hold.presses = await self._load_renderers(claim, facts)
            note_audience_reach(claim, hold.presses, datetime.now(UTC))
            hold.urgent = any(press.category.lane in URGENT for press in hold.presses.values())
            left = await self._hand_over_rows(hold)
        await self._recorder.finish_claim(hold, min(left.values(), default=None))

    async def _hand_over_rows(self, hold: ClaimRun) -> dict[Key, datetime]:
        """Hands rows over, in passes, until no row is left that may go soon. Returns the rows that are left."""
        rows = hold.claim.rows
        while True:
            offered = hold.offered
            left = await self._process_windows(hold, rows)
            await self._recorder.record_outcomes(hold)
            if not left or not await self._wait_for_deferred(hold, min(left.values()), hold.offered > offered):
                return left
            rows = await self._deliveries.reread_claimed(hold.claim.token, list(left))
            if not rows:
                return {}

    async def _load_renderers(
        self, claim: Claim, facts: Mapping[UUID, MailingFacts | None]
    ) -> Mapping[UUID, MailingRenderer]:
        """Returns the renderers of the claim's mailings that this worker knows. They stay the same for the claim."""
        known = {row.mailing_id: self._presses.find_renderer(row.mailing_id) for row in claim.rows}
        presses = {mailing_id: press for mailing_id, press in known.items() if press is not None}
        if new := known.keys() - presses.keys():
            told = {one.id: one for one in facts.values() if one is not None and one.id in new}
            if unknown := new - told.keys():
                told |= await self._mailings.read_facts(list(unknown))
            for one in told.values():
                here = self._presses.has_template(one)
                source = None if here else await self._mailings.read_template_source(one.template_version)
                try:
                    presses[one.id] = self._presses.add_renderer(one, source)
                except (UnknownTemplate, TemplateError) as error:
                    LEFT_TO_OTHERS.labels(one.brand, one.template).set_to_current_time()
                    log.warning("left to workers that know it", reason=str(error))
                except Exception as error:
                    if error_kind(error) is not ErrorKind.BUG:
                        raise
                    await hold_rows_for_bug(self._deliveries, claim, claim.rows_of_mailing(one.id), one, error)
        await load_member_names(self._mailings, claim.rows, presses.values())
        return presses

    async def _wait_for_deferred(self, hold: ClaimRun, until: datetime, progress: bool) -> bool:
        """Waits until the rows that are left may go. Returns False, at once, if that is not soon."""
        wait = (until - datetime.now(UTC)).total_seconds()
        if wait > PATIENCE.total_seconds() or (wait <= 0 and not progress) or self._stop.is_set():
            return False
        if time.monotonic() + wait >= hold.lease.closing_time:
            return False
        try:
            await asyncio.wait_for(self._stop.wait(), max(wait, 0))
        except TimeoutError:
            return True
        return False

    async def _process_windows(self, hold: ClaimRun, rows: Sequence[DeliveryRow]) -> dict[Key, datetime]:
        """Hands rows over window by window. Returns the rows that are left, and the times at which they may go."""
        left = {_delivery_key(row): datetime.now(UTC) + ELSEWHERE for row in rows if row.mailing_id not in hold.presses}
        known = [row for row in rows if row.mailing_id in hold.presses] if left else rows
        for window in split_into_windows(known, WINDOW, single_use_keys(known, hold.presses)):
            await self.precedence.wait_for_urgent(urgent=hold.urgent)
            if time.monotonic() >= hold.lease.closing_time or self._stop.is_set():
                left |= dict.fromkeys(map(_delivery_key, window), datetime.now(UTC) + (not self._stop.is_set()) * PAUSE)
                continue
            left |= await self._process_window(hold, window)
        return left

    async def _process_window(self, hold: ClaimRun, rows: Sequence[DeliveryRow]) -> dict[Key, datetime]:
        """Hands a window over. Returns the rows left. After a bug, rows with a committed intent are in doubt."""
        begun: PreparedWindow | None = None
        try:
            with self.precedence.mark_running(urgent=hold.urgent):
                prepared = await self._prepare_window(hold, rows)
                begun = await self._commit_intents(hold, prepared)
            return prepared.left | await self._hand_over_window(hold, prepared, begun)
        except Exception as error:
            if error_kind(error) is not ErrorKind.BUG:
                raise
            log.exception("a window met a bug", deliveries=len(rows), begun=begun is not None)
            return {} if begun else await self._process_rows_singly(hold, rows, error)

    async def _process_rows_singly(
        self, hold: ClaimRun, rows: Sequence[DeliveryRow], error: Exception
    ) -> dict[Key, datetime]:
        """Tries each of several rows alone. A single row that fails is held, so that the others go on."""
        await self._recorder.record_outcomes(hold)
        if len(rows) == 1:
            await hold_rows_for_bug(self._deliveries, hold.claim, rows, hold.presses[rows[0].mailing_id].facts, error)
            return {}
        left: dict[Key, datetime] = {}
        for row in rows:
            left |= await self._process_window(hold, [row])
        return left

    async def _prepare_window(self, hold: ClaimRun, rows: Sequence[DeliveryRow]) -> PreparedWindow:
        """Prepares a window. If that takes longer than `RECORD_SECONDS`, pending outcomes are recorded before."""
        preparing = asyncio.ensure_future(
            self._preparing.prepare_window(rows, hold.presses, hold.fates, hold.barred, datetime.now(UTC))
        )
        if hold.pending:
            patience = hold.since + RECORD_SECONDS - time.monotonic()
            await asyncio.wait({preparing}, timeout=max(patience, 0))
            if not preparing.done():
                await self._recorder.record_outcomes(hold)
        return await preparing

    async def _hand_over_window(
        self, hold: ClaimRun, prepared: PreparedWindow, begun: PreparedWindow | None
    ) -> dict[Key, datetime]:
        """Sends the messages of a window whose intents are committed. Returns the rows that were not offered."""
        if begun is None:
            self._release_admission(prepared.admission, prepared.steps)
            return {step.change.move.key: datetime.now(UTC) + PAUSE for step in prepared.steps}
        hold.note_own_moves(step.change.move for step in begun.steps if step.row.shared)
        sending = [step for step in begun.steps if isinstance(step, SendStep)]
        return begun.left | (await self._send_window(hold, sending, begun.admission) if sending else {})

    async def _commit_intents(self, hold: ClaimRun, prepared: PreparedWindow) -> PreparedWindow | None:
        """Commits a prepared window, with the outcomes of the one before. Decides again about rows that are refused.

        Returns:
            The committed window; None if the lease, or the number of rounds, ended before.
        """
        for _ in range(ROUNDS):
            if time.monotonic() >= hold.lease.closing_time:
                return None
            if not prepared.steps:
                return prepared
            crash_if_armed(CrashPoint.BEFORE_INTENT)
            refused = await self._recorder.commit_window(hold, prepared.steps)
            if refused is not None and not refused:
                crash_if_armed(CrashPoint.AFTER_INTENT)
                return prepared
            await self._recorder.record_outcomes(hold)  # outcomes do not wait until all standings are stable
            if refused is None:
                continue
            prepared.steps, again = split_refused_steps(prepared.steps, refused)
            if again:
                self._release_admission(prepared.admission, again)
                fresh = await self._deliveries.reread_claimed(
                    hold.claim.token, [_delivery_key(step.row) for step in again]
                )
                anew = await self._preparing.prepare_window(
                    fresh, hold.presses, hold.fates, hold.barred, datetime.now(UTC)
                )
                prepared.steps += anew.steps
                prepared.left |= anew.left
                old, new = prepared.admission, anew.admission
                prepared.admission = replace(new, until=min(old.until, new.until), at=min(old.at, new.at))
        return None

    async def _send_window(
        self, hold: ClaimRun, steps: Sequence[SendStep], admission: AdmittedMessages
    ) -> dict[Key, datetime]:
        """Sends each processor its share of a window, bulk mail apart from urgent. Returns the rows not offered."""
        shares: defaultdict[tuple[str, bool], list[int]] = defaultdict(list)
        for index, step in enumerate(steps):
            shares[step.wanted.processor, step.wanted.lane in URGENT].append(index)

        async def send(share: Sequence[int], urgent: bool) -> dict[Key, datetime]:
            some = [steps[index] for index in share]
            return self._apply_outcomes(
                hold, some, await self._send_to_processor(hold, some, admission, urgent), admission
            )

        sends = [send(share, urgent) for (_, urgent), share in shares.items()]
        # If one share fails, the outcomes of the others still count.
        left: dict[Key, datetime] = {}
        for result in await hold.lease.renew_while_sending(gather_results(sends)):
            if isinstance(result, BaseException):
                raise result
            left |= result
        return left

    async def _send_to_processor(
        self, hold: ClaimRun, steps: Sequence[SendStep], admission: AdmittedMessages, urgent: bool
    ) -> list[Outcome]:
        """Sends messages to their processor, which is the same for all. Reports the outcomes, and judges refusals."""
        name, lane = steps[0].wanted.processor, steps[0].wanted.lane
        with self._gate.routes.carrying_window(name, lane=lane, is_late=hold.is_late):
            outcomes = await steps[0].processor.send(
                [step.printed.outgoing for step in steps],
                hold.lease.closing_time,
                lambda index: self._send_refusal(steps[index].wanted, admission.until),
                urgent=urgent,
            )
        if any(map(_LACKING, outcomes)):
            outcomes = self._outcomes_for_other_processors(hold, steps, outcomes)
        await self._report_outcomes(name, steps, outcomes)
        await self._recorder.judge_refusals(hold, name, [step.row for step in steps], outcomes)
        return outcomes

    def _outcomes_for_other_processors(
        self, hold: ClaimRun, steps: Sequence[SendStep], outcomes: Sequence[Outcome]
    ) -> list[Outcome]:
        """Returns the outcomes, with UNSENT for a message if another processor can carry it (RFC 6531 3.4)."""
        told = list(outcomes)
        for index, (step, outcome) in enumerate(zip(steps, outcomes, strict=True)):
            if not outcome.lacking:
                continue
            key, name = _delivery_key(step.row), step.wanted.processor
            hold.barred[key].add(name)
            hold.unable[key].add(name)
            if self._gate.routes.has_other_processor(step.press.policy, step.press.template.purpose, hold.unable[key]):
                told[index] = Outcome(OutcomeKind.UNSENT, status=outcome.status, text=outcome.text)
                hold.offered += 1  # the other one may take it at once
        return told

    async def _report_outcomes(self, name: str, steps: Sequence[SendStep], outcomes: Sequence[Outcome]) -> None:
        """Passes outcomes to the choice of processors and to the pauses. An error there loses no outcome."""
        try:
            recipients = [step.row.recipient_id for step in steps]
            self._gate.routes.record_outcomes(name, outcomes, recipients, lambda index: _sender_address(steps[index]))
            streams = [(step.category, step.wanted.domain) for step in steps]
            await self._gate.streams.record_outcomes(name, streams, outcomes)
        except Exception:
            log.exception("what came of a window could not be noted", processor=name, deliveries=len(steps))

    def _send_refusal(self, wanted: SendRequest, until: float) -> str | None:
        """Returns the reason for which a message may not begin any more, or None."""
        if time.monotonic() >= until:
            return "its token of a rate had run out"
        control = self._gate.control
        return control.mailing_halt_reason(wanted.brand, wanted.mailing_id) or control.processor_halt_reason(
            wanted.processor
        )

    def _apply_outcomes(
        self, hold: ClaimRun, steps: Sequence[SendStep], outcomes: Sequence[Outcome], admission: AdmittedMessages
    ) -> dict[Key, datetime]:
        """Turns the outcomes of a window into pending moves. Returns the rows that were not offered."""
        now = datetime.now(UTC)
        if not hold.pending:
            hold.since = time.monotonic()
        unsent = list[SendStep]()
        doubted = frozenset[Key]().union(*(judgement.doubted for judgement in hold.judgements))
        denied = self._messages_refused_everywhere(hold, steps, outcomes)
        changes = [
            step_after_outcome(
                step, outcome, now, doubted=_delivery_key(step.row) in doubted, denied=_delivery_key(step.row) in denied
            )
            for step, outcome in zip(steps, outcomes, strict=True)
        ]
        hold.pending += changes  # before anything that could fail
        hold.note_own_moves(change.move for step, change in zip(steps, changes, strict=True) if step.row.shared)
        for step, outcome in zip(steps, outcomes, strict=True):
            self._gate.meter.record_reply(step.wanted.processor, step.wanted.domain, outcome)
            if outcome.result is OutcomeKind.UNSENT:
                unsent.append(step)
                hold.offered += outcome.trouble is not None  # another one may take it at once
        for result, n in Counter(outcome.result for outcome in outcomes).items():
            HANDED_OVER.labels(steps[0].wanted.processor, result).inc(n)
        observe_waits(hold.presses, steps, outcomes, now)
        self._release_admission(admission, unsent)
        hold.offered += len(steps) - len(unsent)
        return {_delivery_key(step.row): now for step in unsent if _delivery_key(step.row) not in denied}

    def _messages_refused_everywhere(
        self, hold: ClaimRun, steps: Sequence[SendStep], outcomes: Sequence[Outcome]
    ) -> set[Key]:
        """Returns the messages that each allowed processor refuses, or cannot carry for want of an extension."""
        found = set[Key]()
        for step, outcome in zip(steps, outcomes, strict=True):
            if outcome.result is not OutcomeKind.UNSENT:
                continue
            key = _delivery_key(step.row)
            if outcome.trouble and refuses_us(outcome):
                hold.barred[key].add(step.wanted.processor)
            elif key not in hold.unable:
                continue
            policy, purpose = step.press.policy, step.press.template.purpose
            barred, unable = hold.barred[key], hold.unable.get(key, ())
            if self._gate.routes.is_recipient_refused(
                policy, purpose, step.row.recipient_id, _sender_address(step), barred, unable
            ):
                found.add(key)
        return found

    def _release_admission(self, admission: AdmittedMessages, steps: Sequence[DeliveryStep]) -> None:
        """Puts back the rate tokens of messages that were admitted and are not sent now."""
        if unsent := [step.wanted for step in steps if isinstance(step, SendStep)]:
            self._gate.meter.return_tokens(admission, unsent)


def _delivery_key(row: DeliveryRow) -> Key:
    return row.mailing_id, row.recipient_id


def _sender_address(step: SendStep) -> str:
    return step.press.policy.sender_of(step.category)
