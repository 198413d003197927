"""The hand-over: claim, decide, render, intend, hand over, record. The whole way of a batch reads here."""

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

from mailer.actions.bounce import Bounces
from mailer.crash_points import CrashPoint, reach
from mailer.pipeline.audience_reach import look_ahead
from mailer.pipeline.deduplication import Key, once, windows
from mailer.pipeline.delivery_moves import hold_back, parted
from mailer.pipeline.lease_renewal import Lease, together
from mailer.pipeline.member_names import name_members
from mailer.pipeline.outcome_recorder import Hold, Recorder
from mailer.pipeline.preparation import Gate, Prepared, Preparing
from mailer.pipeline.processor_conditions import is_denied
from mailer.pipeline.transitions import Sending, Step, conclude
from mailer.pipeline.urgent_first import URGENT
from mailer.pipeline.wait_metrics import note_waits
from mailer.policy.outcome import Outcome, Result
from mailer.ports.deliveries import Claim, Deliveries, Row
from mailer.ports.mailings import MailingFacts, Mailings
from mailer.ports.rates import Admission, Wanted
from mailer.rendering.mailing import Press, Presses, UnknownTemplate
from mailer.rendering.template_library import TemplateError
from mailer.runtime.error_kinds import Trouble, trouble_of
from mailer.telemetry import HANDED_OVER, LEFT_TO_OTHERS, log

WINDOW = 64
"""Deliveries intended by one statement; at most so many are in doubt after a crash, a consumer."""
ROUNDS = 20
"""How often a window is decided on anew, because somebody's standing changes, before it is left for later."""
RECORD_SECONDS = 0.25
"""Outcomes wait so long for the next window's intents, to share a statement with them."""
PATIENCE = timedelta(seconds=2)
"""A batch stays in hand until rows that may not go yet may; for longer it is given back."""
PAUSE = timedelta(seconds=10)
"""When rows that were not reached are tried again."""
ELSEWHERE = timedelta(seconds=15)
"""When mailings are tried again whose brand or template is not known here: newer workers are being deployed."""
_LACKING = attrgetter("lacking")


class HandOver:
    """Hands batches over to processors.

    Args:
        deliveries, mailings: the rows. presses: make the messages. gate: what may go, and by whom.
        bounces: judges hard refusals. owner: names this process in its claims. stop: set when the worker is to end.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        mailings: Mailings,
        presses: Presses,
        gate: Gate,
        bounces: Bounces,
        owner: str,
        stop: asyncio.Event,
    ) -> None:
        self._deliveries = deliveries
        self._mailings = mailings
        self._presses = presses
        self._gate = gate
        self._owner = owner
        self._stop = stop
        self._recorder = Recorder(deliveries, bounces, stop)
        self._preparing = Preparing(gate, presses.sign, deliveries.carriers)
        self.precedence = gate.precedence
        self.routes = gate.routes

    async def run(
        self,
        batches: Sequence[int],
        facts: Mapping[UUID, MailingFacts | None] = MappingProxyType({}),
        is_late: Callable[[], object] = lambda: None,
    ) -> None:
        """Hands over what is open of some batches. Returns at once for a batch that somebody else holds.

        Args:
            batches: their ids.
            facts: by mailing, all that the batches are of, with None for facts that are not known; empty: neither is
                known, and both are asked for.
            is_late: told when a processor takes long, while others could take mail.

        After an outage or a bug the claim is given back, so that it comes again soon. What may have been offered is
        left to the lease: the timekeeper finds what is to be done with it.
        """
        begun = time.monotonic()
        claim = await self._deliveries.claim(batches, self._owner, facts.keys())
        if claim is None:
            return
        reach(CrashPoint.AFTER_CLAIM)
        lease = Lease(partial(self._deliveries.renew, claim.token), begun, claim.deadline, self._stop)
        hold = Hold(claim, lease, is_late)
        async with self._recorder.given_back(hold):
            hold.presses = await self._set_up(claim, facts)
            look_ahead(claim, hold.presses, datetime.now(UTC))
            hold.urgent = any(press.category.lane in URGENT for press in hold.presses.values())
            left = await self._hand_over_all(hold)
        await self._recorder.finish(hold, min(left.values(), default=None))

    async def _hand_over_all(self, hold: Hold) -> dict[Key, datetime]:
        """Passes over the rows until none is left that may go soon; returns those that are left in hand."""
        rows = hold.claim.rows
        while True:
            offered = hold.offered
            left = await self._pass(hold, rows)
            await self._recorder.record(hold)
            if not left or not await self._worth_waiting(hold, min(left.values()), hold.offered > offered):
                return left
            rows = await self._deliveries.read_again(hold.claim.token, list(left))
            if not rows:
                return {}

    async def _set_up(self, claim: Claim, facts: Mapping[UUID, MailingFacts | None]) -> Mapping[UUID, Press]:
        """The presses of the claim's mailings, as far as they are known here; they stay with it while others change."""
        known = {row.mailing_id: self._presses.known(row.mailing_id) for row in claim.rows}
        presses = {mailing_id: press for mailing_id, press in known.items() if press is not None}
        if new := known.keys() - presses.keys():
            told = {one.id: one for one in facts.values() if one is not None and one.id in new}
            if unknown := new - told.keys():
                told |= await self._mailings.facts(list(unknown))
            for one in told.values():
                here = self._presses.has_template(one)
                source = None if here else await self._mailings.template_source(one.template_version)
                try:
                    presses[one.id] = self._presses.set_up(one, source)
                except (UnknownTemplate, TemplateError) as error:
                    LEFT_TO_OTHERS.labels(one.brand, one.template).set_to_current_time()
                    log.warning("left to workers that know it", reason=str(error))
                except Exception as error:
                    if trouble_of(error) is not Trouble.BUG:
                        raise
                    await hold_back(self._deliveries, claim, claim.of(one.id), one, error)
        await name_members(self._mailings, claim.rows, presses.values())
        return presses

    async def _worth_waiting(self, hold: Hold, until: datetime, progress: bool) -> bool:
        """Waits until rows that are left may go, if that is soon; else they are given back."""
        wait = (until - datetime.now(UTC)).total_seconds()
        if wait > PATIENCE.total_seconds() or (wait <= 0 and not progress) or self._stop.is_set():
            return False
        if time.monotonic() + wait >= hold.lease.closing:
            return False
        try:
            await asyncio.wait_for(self._stop.wait(), max(wait, 0))
        except TimeoutError:
            return True
        return False

    async def _pass(self, hold: Hold, rows: Sequence[Row]) -> dict[Key, datetime]:
        """Takes rows window by window; returns those that are left in hand, and when they may go."""
        left = {_key(row): datetime.now(UTC) + ELSEWHERE for row in rows if row.mailing_id not in hold.presses}
        known = [row for row in rows if row.mailing_id in hold.presses] if left else rows
        for window in windows(known, WINDOW, once(known, hold.presses)):
            await self.precedence.give_way(urgent=hold.urgent)
            if time.monotonic() >= hold.lease.closing or self._stop.is_set():
                left |= dict.fromkeys(map(_key, window), datetime.now(UTC) + (not self._stop.is_set()) * PAUSE)
                continue
            left |= await self._take(hold, window)
        return left

    async def _take(self, hold: Hold, rows: Sequence[Row]) -> dict[Key, datetime]:
        """Hands a window over; returns the rows that are left in hand. What had begun when it met a bug is in doubt."""
        begun: Prepared | None = None
        try:
            with self.precedence.going(urgent=hold.urgent):
                prepared = await self._prepare(hold, rows)
                begun = await self._intend(hold, prepared)
            return prepared.left | await self._hand_over(hold, prepared, begun)
        except Exception as error:
            if trouble_of(error) is not Trouble.BUG:
                raise
            log.exception("a window met a bug", deliveries=len(rows), begun=begun is not None)
            return {} if begun else await self._take_apart(hold, rows, error)

    async def _take_apart(self, hold: Hold, rows: Sequence[Row], error: Exception) -> dict[Key, datetime]:
        """Tries each of several rows; a single one is held, and the others go on."""
        await self._recorder.record(hold)
        if len(rows) == 1:
            await hold_back(self._deliveries, hold.claim, rows, hold.presses[rows[0].mailing_id].facts, error)
            return {}
        left: dict[Key, datetime] = {}
        for row in rows:
            left |= await self._take(hold, [row])
        return left

    async def _prepare(self, hold: Hold, rows: Sequence[Row]) -> Prepared:
        """Prepares a window; outcomes do not wait for it longer than they may."""
        preparing = asyncio.ensure_future(
            self._preparing.prepare(rows, hold.presses, hold.fates, hold.barred, datetime.now(UTC))
        )
        if hold.pending:
            patience = hold.since + RECORD_SECONDS - time.monotonic()
            await asyncio.wait({preparing}, timeout=max(patience, 0))
            if not preparing.done():
                await self._recorder.record(hold)
        return await preparing

    async def _hand_over(self, hold: Hold, prepared: Prepared, begun: Prepared | None) -> dict[Key, datetime]:
        """Sends what has begun of a window that was prepared; returns what could not begin."""
        if begun is None:
            self._give_back(prepared.admission, prepared.steps)
            return {step.change.move.key: datetime.now(UTC) + PAUSE for step in prepared.steps}
        hold.note_fates(step.change.move for step in begun.steps if step.row.shared)
        sending = [step for step in begun.steps if isinstance(step, Sending)]
        return begun.left | (await self._send(hold, sending, begun.admission) if sending else {})

    async def _intend(self, hold: Hold, prepared: Prepared) -> Prepared | None:
        """Commits what is prepared, with the outcomes of the window before, until every standing is that decided on.

        Returns:
            What was committed at last; None if the lease came to its end before.
        """
        for _ in range(ROUNDS):
            if time.monotonic() >= hold.lease.closing:
                return None
            if not prepared.steps:
                return prepared
            reach(CrashPoint.BEFORE_INTENT)
            refused = await self._recorder.move(hold, prepared.steps)
            if refused is not None and not refused:
                reach(CrashPoint.AFTER_INTENT)
                return prepared
            await self._recorder.record(hold)  # it does not wait until everybody's standing is settled
            if refused is None:
                continue
            prepared.steps, again = parted(prepared.steps, refused)
            if again:
                self._give_back(prepared.admission, again)
                fresh = await self._deliveries.read_again(hold.claim.token, [_key(step.row) for step in again])
                anew = await self._preparing.prepare(fresh, hold.presses, hold.fates, hold.barred, datetime.now(UTC))
                prepared.steps += anew.steps
                prepared.left |= anew.left
                old, new = prepared.admission, anew.admission
                prepared.admission = replace(new, until=min(old.until, new.until), at=min(old.at, new.at))
        return None

    async def _send(self, hold: Hold, steps: Sequence[Sending], admission: Admission) -> dict[Key, datetime]:
        """Each processor gets its share of a window, bulk mail apart from urgent; returns what was not offered."""
        shares: defaultdict[tuple[str, bool], list[int]] = defaultdict(list)
        for index, step in enumerate(steps):
            shares[step.wanted.processor, step.wanted.lane in URGENT].append(index)

        async def send(share: Sequence[int], urgent: bool) -> dict[Key, datetime]:
            some = [steps[index] for index in share]
            return self._conclude(hold, some, await self._offer(hold, some, admission, urgent), admission)

        sends = [send(share, urgent) for (_, urgent), share in shares.items()]
        # One that fails is no reason to forget what has come of the others.
        left: dict[Key, datetime] = {}
        for result in await hold.lease.keep(together(sends)):
            if isinstance(result, BaseException):
                raise result
            left |= result
        return left

    async def _offer(self, hold: Hold, steps: Sequence[Sending], admission: Admission, urgent: bool) -> list[Outcome]:
        """Hands messages to the processor that all of them are for, and says what it answered to who wants to know."""
        name, lane = steps[0].wanted.processor, steps[0].wanted.lane
        with self._gate.routes.carrying(name, lane=lane, is_late=hold.is_late):
            outcomes = await steps[0].processor.send(
                [step.printed.outgoing for step in steps],
                hold.lease.closing,
                lambda index: self._forbidden(steps[index].wanted, admission.until),
                urgent=urgent,
            )
        if any(map(_LACKING, outcomes)):
            outcomes = self._elsewhere(hold, steps, outcomes)
        await self._tell(name, steps, outcomes)
        await self._recorder.judge(hold, name, [step.row for step in steps], outcomes)
        return outcomes

    def _elsewhere(self, hold: Hold, steps: Sequence[Sending], outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes, in which nothing has come of a message that only this processor cannot carry (RFC 6531 3.4)."""
        told = list(outcomes)
        for index, (step, outcome) in enumerate(zip(steps, outcomes, strict=True)):
            if not outcome.lacking:
                continue
            key, name = _key(step.row), step.wanted.processor
            hold.barred[key].add(name)
            hold.unable[key].add(name)
            if self._gate.routes.has_another(step.press.policy, step.press.template.purpose, hold.unable[key]):
                told[index] = Outcome(Result.UNSENT, status=outcome.status, text=outcome.text)
                hold.offered += 1  # the other one may take it at once
        return told

    async def _tell(self, name: str, steps: Sequence[Sending], outcomes: Sequence[Outcome]) -> None:
        """Says what a processor has answered to who decides about what goes next. What they do loses no outcome."""
        try:
            recipients = [step.row.recipient_id for step in steps]
            self._gate.routes.note(name, outcomes, recipients, lambda index: _sender(steps[index]))
            streams = [(step.category, step.wanted.domain) for step in steps]
            await self._gate.streams.note(name, streams, outcomes)
        except Exception:
            log.exception("what came of a window could not be noted", processor=name, deliveries=len(steps))

    def _forbidden(self, wanted: Wanted, until: float) -> str | None:
        """Why a message may not begin any more."""
        if time.monotonic() >= until:
            return "its token of a rate had run out"
        control = self._gate.control
        return control.halted(wanted.brand, wanted.mailing_id) or control.processor_halted(wanted.processor)

    def _conclude(
        self, hold: Hold, steps: Sequence[Sending], outcomes: Sequence[Outcome], admission: Admission
    ) -> dict[Key, datetime]:
        """Notes what came of a window, to be recorded; returns what was not offered."""
        now = datetime.now(UTC)
        if not hold.pending:
            hold.since = time.monotonic()
        unsent = list[Sending]()
        doubted = frozenset[Key]().union(*(judgement.doubted for judgement in hold.judgements))
        denied = self._denied(hold, steps, outcomes)
        changes = [
            conclude(step, outcome, now, doubted=_key(step.row) in doubted, denied=_key(step.row) in denied)
            for step, outcome in zip(steps, outcomes, strict=True)
        ]
        hold.pending += changes  # before anything that could fail
        hold.note_fates(change.move for step, change in zip(steps, changes, strict=True) if step.row.shared)
        for step, outcome in zip(steps, outcomes, strict=True):
            self._gate.meter.note(step.wanted.processor, step.wanted.domain, outcome)
            if outcome.result is Result.UNSENT:
                unsent.append(step)
                hold.offered += outcome.trouble is not None  # another one may take it at once
        for result, n in Counter(outcome.result for outcome in outcomes).items():
            HANDED_OVER.labels(steps[0].wanted.processor, result).inc(n)
        note_waits(hold.presses, steps, outcomes, now)
        self._give_back(admission, unsent)
        hold.offered += len(steps) - len(unsent)
        return {_key(step.row): now for step in unsent if _key(step.row) not in denied}

    def _denied(self, hold: Hold, steps: Sequence[Sending], outcomes: Sequence[Outcome]) -> set[Key]:
        """The messages that no processor takes which may have them: each refuses us with it, or lacks an extension."""
        found = set[Key]()
        for step, outcome in zip(steps, outcomes, strict=True):
            if outcome.result is not Result.UNSENT:
                continue
            key = _key(step.row)
            if outcome.trouble and is_denied(outcome):
                hold.barred[key].add(step.wanted.processor)
            elif key not in hold.unable:
                continue
            policy, purpose = step.press.policy, step.press.template.purpose
            barred, unable = hold.barred[key], hold.unable.get(key, ())
            if self._gate.routes.is_closed_to(policy, purpose, step.row.recipient_id, _sender(step), barred, unable):
                found.add(key)
        return found

    def _give_back(self, admission: Admission, steps: Sequence[Step]) -> None:
        """Messages that were admitted are not sent, at least not now."""
        if unsent := [step.wanted for step in steps if isinstance(step, Sending)]:
            self._gate.meter.give_back(admission, unsent)


def _key(row: Row) -> Key:
    return row.mailing_id, row.recipient_id


def _sender(step: Sending) -> str:
    return step.press.policy.sender(step.category)
