"""Sends the messages of a window to their processors, and passes the outcomes on."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from uuid import UUID

from mailer.metrics_and_logger import HANDED_OVER, log
from mailer.pipeline.hand_over_wait_metric import observe_waits_of_accepted_messages
from mailer.pipeline.lease_renewal import ClaimLease, gather_with_errors_or_await_single
from mailer.pipeline.outcome_recorder import OutcomeRecorder
from mailer.pipeline.planned_delivery_moves import PlannedDeliveryMove, PlannedHandOver
from mailer.pipeline.preparation import PreparedWindow, SendChecks
from mailer.pipeline.processor_conditions import is_refusal_of_us_not_of_message
from mailer.pipeline.shared_address_copies import Key
from mailer.pipeline.transitions import transition_after_outcome
from mailer.pipeline.urgent_first import URGENT
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.deliveries import DeliveryState
from mailer.ports.rates import RateAdmissionRequest, RateAdmissionResult
from mailer.rendering.mailing_renderer import MailingRenderer

_LACKING = attrgetter("lacking")


class WindowSender:
    """Sends the windows of one claim.

    Args:
        checks: can stop a message, and learn of its outcome.
        lease: the claim's lease, renewed while a processor is slow.
        recorder: records the outcomes.
        renderers: by mailing of the claim.
        is_late: called when a processor is slow while others could take mail.

    Attributes:
        offered: the number of messages that were offered to a processor, or met its trouble.
        own_states: the states that this claim has given to deliveries to shared addresses.
        barred: by message, the processors that refused us with it or cannot carry it, so that another one gets it.
    """

    def __init__(
        self,
        checks: SendChecks,
        lease: ClaimLease,
        recorder: OutcomeRecorder,
        renderers: Mapping[UUID, MailingRenderer],
        is_late: Callable[[], object],
    ) -> None:
        self._checks = checks
        self._lease = lease
        self._recorder = recorder
        self._renderers = renderers
        self._is_late = is_late
        self.offered = 0
        self.own_states: dict[Key, DeliveryState] = {}
        self.barred: defaultdict[Key, set[str]] = defaultdict(set)
        self._unable: defaultdict[Key, set[str]] = defaultdict(set)
        """The barred processors that lack an extension which a message needs, by message."""

    async def send_window_and_list_unsent(self, begun: PreparedWindow) -> dict[Key, datetime]:
        """Sends each processor its share of a window, bulk mail apart from urgent. Returns the rows not offered."""
        self._note_states_at_shared_addresses(begun.steps, [step.change.move.to_state for step in begun.steps])
        shares: defaultdict[tuple[str, bool], list[PlannedHandOver]] = defaultdict(list)
        for step in begun.steps:
            if isinstance(step, PlannedHandOver):
                shares[step.wanted.processor, step.wanted.lane in URGENT].append(step)
        if not shares:
            return {}
        sends = [
            self._send_share_and_list_unsent(share, begun.admission, urgent) for (_, urgent), share in shares.items()
        ]
        # If one share fails, the outcomes of the others still count.
        left: dict[Key, datetime] = {}
        for result in await self._lease.await_sending_with_renewal(gather_with_errors_or_await_single(sends)):
            if isinstance(result, BaseException):
                raise result
            left |= result
        return left

    def put_back_tokens_of_unsent(self, admission: RateAdmissionResult, steps: Sequence[PlannedDeliveryMove]) -> None:
        """Puts back the rate tokens of messages that were admitted and are not sent now."""
        if unsent := [step.wanted for step in steps if isinstance(step, PlannedHandOver)]:
            self._checks.meter.put_tokens_back(admission, unsent)

    async def _send_share_and_list_unsent(
        self, steps: Sequence[PlannedHandOver], admission: RateAdmissionResult, urgent: bool
    ) -> dict[Key, datetime]:
        """Sends messages to their processor, which is the same for all. Returns the rows that were not offered."""
        name, lane = steps[0].wanted.processor, steps[0].wanted.lane
        with self._checks.routes.watching_window_for_slowness(name, lane=lane, is_late=self._is_late):
            outcomes = await steps[0].processor.send(
                [step.rendered.outgoing for step in steps],
                self._lease.latest_message_start,
                lambda index: self._reason_not_to_begin_message(steps[index].wanted, admission.until),
                urgent=urgent,
            )
        if any(map(_LACKING, outcomes)):
            outcomes = self._outcomes_with_reroutable_as_unsent(steps, outcomes)
        await self._report_outcomes_to_routing_and_pauses(name, steps, outcomes)
        await self._recorder.judge_refusals(name, [step.row for step in steps], outcomes)
        left = self._pass_outcomes_to_recorder(steps, outcomes, admission)
        await self._checks.tally.count_window(steps, outcomes)  # last: if it hangs or ends here, no outcome is lost
        return left

    def _reason_not_to_begin_message(self, wanted: RateAdmissionRequest, until: float) -> str | None:
        """Returns the reason for which a message may not begin any more, or None."""
        if time.monotonic() >= until:
            return "its token of a rate had run out"
        control = self._checks.control
        return control.mailing_halt_reason(
            wanted.brand, wanted.mailing_id, wanted.lane
        ) or control.processor_halt_reason(wanted.processor)

    def _outcomes_with_reroutable_as_unsent(
        self, steps: Sequence[PlannedHandOver], outcomes: Sequence[Outcome]
    ) -> list[Outcome]:
        """Returns the outcomes, with UNSENT for a message if another processor can carry it (RFC 6531 3.4)."""
        told = list(outcomes)
        for index, (step, outcome) in enumerate(zip(steps, outcomes, strict=True)):
            if not outcome.lacking:
                continue
            key, name = step.row.key, step.wanted.processor
            self.barred[key].add(name)
            self._unable[key].add(name)
            policy, purpose = step.renderer.policy, step.renderer.template.purpose
            if self._checks.routes.has_processor_able_to_carry(policy, purpose, self._unable[key]):
                told[index] = Outcome(OutcomeKind.UNSENT, status=outcome.status, text=outcome.text)
                self.offered += 1  # the other one may take it at once
        return told

    async def _report_outcomes_to_routing_and_pauses(
        self, name: str, steps: Sequence[PlannedHandOver], outcomes: Sequence[Outcome]
    ) -> None:
        """Passes outcomes to the choice of processors and to the pauses. An error there loses no outcome."""
        try:
            recipients = [step.row.recipient_id for step in steps]
            self._checks.routes.note_outcomes_for_routing(
                name, outcomes, recipients, lambda index: _from_header_address(steps[index])
            )
            streams = [(step.category, step.wanted.domain) for step in steps]
            await self._checks.streams.pause_blocked_streams(name, streams, outcomes)
        except Exception:
            log.exception("what came of a window could not be noted", processor=name, deliveries=len(steps))

    def _pass_outcomes_to_recorder(
        self, steps: Sequence[PlannedHandOver], outcomes: Sequence[Outcome], admission: RateAdmissionResult
    ) -> dict[Key, datetime]:
        """Turns the outcomes of a window into pending moves. Returns the rows that were not offered."""
        now = datetime.now(UTC)
        doubted, denied = (
            self._recorder.keys_of_doubted_refusals(),
            self._find_messages_no_processor_takes(steps, outcomes),
        )
        changes = [
            transition_after_outcome(step, outcome, now, doubted=step.row.key in doubted, denied=step.row.key in denied)
            for step, outcome in zip(steps, outcomes, strict=True)
        ]
        self._recorder.add_outcomes(changes)  # before anything that could fail
        self._note_states_at_shared_addresses(steps, [change.move.to_state for change in changes])
        unsent = list[PlannedHandOver]()
        for step, outcome in zip(steps, outcomes, strict=True):
            self._checks.meter.count_reply_for_pace(step.wanted.processor, step.wanted.domain, outcome)
            if outcome.result is OutcomeKind.UNSENT:
                unsent.append(step)
                self.offered += outcome.trouble is not None  # another one may take it at once
        for result, n in Counter(outcome.result for outcome in outcomes).items():
            HANDED_OVER.labels(steps[0].wanted.processor, result).inc(n)
        observe_waits_of_accepted_messages(self._renderers, steps, outcomes, now)
        self.put_back_tokens_of_unsent(admission, unsent)
        self.offered += len(steps) - len(unsent)
        return {step.row.key: now for step in unsent if step.row.key not in denied}

    def _find_messages_no_processor_takes(
        self, steps: Sequence[PlannedHandOver], outcomes: Sequence[Outcome]
    ) -> set[Key]:
        """Returns the messages that each allowed processor refuses, or cannot carry for want of an extension."""
        found = set[Key]()
        for step, outcome in zip(steps, outcomes, strict=True):
            if outcome.result is not OutcomeKind.UNSENT:
                continue
            key = step.row.key
            if outcome.trouble and is_refusal_of_us_not_of_message(outcome):
                self.barred[key].add(step.wanted.processor)
            elif key not in self._unable:
                continue
            policy, purpose = step.renderer.policy, step.renderer.template.purpose
            barred, unable = self.barred[key], self._unable.get(key, ())
            if self._checks.routes.is_recipient_refused_by_all(
                policy, purpose, step.row.recipient_id, _from_header_address(step), barred, unable
            ):
                found.add(key)
        return found

    def _note_states_at_shared_addresses(
        self, steps: Sequence[PlannedDeliveryMove], states: Sequence[DeliveryState]
    ) -> None:
        """Stores the new states of deliveries to shared addresses. Decisions about other rows of the claim use them."""
        self.own_states.update(
            (step.row.key, state) for step, state in zip(steps, states, strict=True) if step.row.shared
        )


def _from_header_address(step: PlannedHandOver) -> str:
    return step.renderer.policy.sender_of(step.category)
