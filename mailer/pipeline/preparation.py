"""Makes messages from rows: decide, route, admit, render, sign. Rows that may not go now are left for later."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Protocol
from uuid import UUID

from mailer.metrics_and_logger import log
from mailer.pipeline.delivery_state_moves import log_deliveries_held_by_bug
from mailer.pipeline.halt_watcher import WAITING
from mailer.pipeline.hand_over_tally import HandOverTally
from mailer.pipeline.no_route import NoRoute
from mailer.pipeline.pauses_for_blocked_mail import PausesForBlockedMail
from mailer.pipeline.planned_delivery_moves import PlannedDeliveryMove, RoutedDelivery
from mailer.pipeline.processor_conditions import ProcessorCondition
from mailer.pipeline.shared_address_copies import Key, mark_row_as_copy_or_none
from mailer.pipeline.transitions import (
    build_routed_delivery,
    plan_end_after_render_error,
    plan_end_if_unroutable_too_long,
    plan_hand_over_with_intent,
    plan_hold_without_visible_opt_out,
    plan_move_for_decision_against_sending,
)
from mailer.pipeline.urgent_first import LanePriority
from mailer.policy.category import Lane
from mailer.policy.deciding import decide
from mailer.policy.decision_types import Hold, Send
from mailer.policy.hand_over_outcome import Outcome
from mailer.policy.policy_file import Policy
from mailer.ports.deliveries import (
    NO_WAY_OUT,
    DeliveryRow,
    DeliveryState,
    IntentToSendTextToSharedAddress,
    LastDeliveryOfTextToSharedAddress,
)
from mailer.ports.processor import Processor
from mailer.ports.rates import RateAdmissionRequest, RateAdmissionResult
from mailer.rendering.headers import HeaderRefused
from mailer.rendering.mailing_renderer import MailingRenderer, RenderedMessage, Sign
from mailer.rendering.template_library import RenderError
from mailer.rendering.way_to_leave_faults import NoVisibleWayToLeave

SIGNING_THREADS = 2
PRINTED_AT_ONCE = 8
"""Messages rendered before other tasks get their turn: about a millisecond."""
SIGNED_AT_ONCE = 16
"""Messages signed by one call of a thread, so that the calls cost little."""
_SOON, _LATER = timedelta(seconds=0.5), timedelta(seconds=5)
"""The shortest and the longest pause of mail that waits for witnesses. Without a pause, the database would return it at
once, since no row says that it is halted."""
_FORGOTTEN = timedelta(seconds=30)
"""The time without such mail after which the pauses begin with the shortest one again."""


class HaltChecks(Protocol):
    """The checks for halted mailings and processors; see `pipeline.halt_watcher.HaltWatcher`."""

    def mailing_halt_reason(self, brand: str, mailing_id: UUID, lane: Lane) -> str | None:
        """Returns the reason for which no message of a mailing may begin now, or None if it may."""
        ...

    def processor_halt_reason(self, name: str) -> str | None:
        """Returns the reason for which a processor may not be used now, or None if it may."""
        ...


class ProcessorChooser(Protocol):
    """Chooses the processor for a message; see `pipeline.routing.ProcessorRoutes`."""

    @property
    def condition_by_processor(self) -> Mapping[str, ProcessorCondition]:
        """The condition of each processor, by its name."""
        ...

    def choose_processor(
        self, policy: Policy, purpose: str, now: datetime, barred: Collection[str] = (), *, lane: Lane
    ) -> Processor | NoRoute:
        """Returns the processor for the next message, but none of the barred ones."""
        ...

    def watching_window_for_slowness(
        self, name: str, *, lane: Lane, is_late: Callable[[], object]
    ) -> AbstractContextManager[None]:
        """A context in which a processor has a window; `is_late` is called when that takes long."""
        ...

    def is_recipient_refused_by_all(
        self,
        policy: Policy,
        purpose: str,
        recipient: int,
        sender: str,
        barred: Collection[str],
        unable: Collection[str] = (),
    ) -> bool:
        """Returns True if each allowed processor is unable, or refuses us only with this recipient's messages."""
        ...

    def has_processor_able_to_carry(self, policy: Policy, purpose: str, unable: Collection[str]) -> bool:
        """Returns True if an allowed processor is not in `unable`, so that it can take the message now or later."""
        ...

    def note_outcomes_for_routing(
        self, name: str, outcomes: Sequence[Outcome], recipients: Sequence[int], sender: Callable[[int], str]
    ) -> None:
        """Uses the outcomes of a window, with its recipients and senders, for later choices."""
        ...


class RateAdmission(Protocol):
    """Admits messages as far as the rates allow; see `pipeline.rates.RateLimiter`."""

    async def admit_messages(self, wanted: Sequence[RateAdmissionRequest]) -> RateAdmissionResult:
        """Takes tokens for messages. Returns which of them may go now."""
        ...

    def put_tokens_back(self, admission: RateAdmissionResult, unsent: Sequence[RateAdmissionRequest]) -> None:
        """Puts back the tokens of admitted messages that were not sent."""
        ...

    def count_reply_for_pace(self, processor: str, domain: str, outcome: Outcome) -> None:
        """Counts a processor's reply, to find domains that ask for a slower pace."""
        ...


_MOST_PAGED = 1000
"""The most mailings that are kept in memory, so that each is logged once. With more, the memory is cleared."""
_UNLIMITED = RateAdmissionResult((), inf)
Carried = Callable[[Mapping[Key, tuple[bytes, bytes]]], Awaitable[dict[Key, LastDeliveryOfTextToSharedAddress]]]
"""Finds the last delivery of texts to shared addresses; see the method of `DeliveryStore` that it is."""


@dataclass(frozen=True, slots=True)
class SendChecks:
    """All parts that can stop a message just before it is sent."""

    control: HaltChecks
    routes: ProcessorChooser
    meter: RateAdmission
    streams: PausesForBlockedMail
    tally: HandOverTally
    precedence: LanePriority = field(default_factory=LanePriority)


@dataclass(slots=True)
class PreparedWindow:
    """A window whose moves and intents can be committed.

    Attributes:
        steps: the next step of each row.
        left: the rows that stay as they are, and the time at which they may go.
        admission: the rate admission, with the time until which the messages may begin.
    """

    steps: list[PlannedDeliveryMove]
    left: dict[Key, datetime] = field(default_factory=dict)
    admission: RateAdmissionResult = _UNLIMITED

    def with_all_steps_replaced(self, steps: list[PlannedDeliveryMove]) -> "PreparedWindow":
        """Returns the window with other steps."""
        return PreparedWindow(steps, self.left, self.admission)

    def joined_with(self, other: "PreparedWindow") -> "PreparedWindow":
        """Returns both as one window, which may begin as long as each of them may."""
        mine, new = self.admission, other.admission
        admission = replace(new, until=min(mine.until, new.until), at=min(mine.at, new.at))
        return PreparedWindow([*self.steps, *other.steps], self.left | other.left, admission)


class WindowPreparation:
    """Prepares windows.

    Args:
        checks: what may go.
        sign: adds DKIM signatures; None if no domain has keys.
        carriers: finds the last delivery of a text to a shared address.
    """

    def __init__(self, checks: SendChecks, sign: Sign | None, carriers: Carried) -> None:
        self._checks = checks
        self._carriers = carriers
        self._sign = sign
        # RSA signing takes longer than all other work on a message, and releases the GIL meanwhile.
        self._threads = ThreadPoolExecutor(SIGNING_THREADS, "sign") if sign else None
        self._paged = set[UUID]()
        self._waiting = datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)

    async def prepare_window(
        self,
        rows: Sequence[DeliveryRow],
        renderers: Mapping[UUID, MailingRenderer],
        own_states: Mapping[Key, DeliveryState],
        barred: Mapping[Key, Collection[str]],
        now: datetime,
    ) -> PreparedWindow:
        """Decides about rows, and makes the messages of those that may go now.

        Args:
            rows: claimed rows.
            renderers: the renderers of their mailings.
            own_states: the states that this claim has given to deliveries already.
            barred: by row, the processors that have refused us with its message.
            now: an aware datetime.
        """
        prepared, drafts = PreparedWindow([]), list[RoutedDelivery]()
        await self._checks.streams.reload_pauses()
        for row in rows:
            without = barred.get(row.key, ()) if barred else ()
            match self._decide_whether_row_may_go_now(row, renderers[row.mailing_id], without, now):
                case PlannedDeliveryMove() as step:
                    prepared.steps.append(step)
                case RoutedDelivery() as draft:
                    drafts.append(draft)
                case datetime() as later:
                    prepared.left[row.key] = later
        behind: dict[Key, Key] = {}
        if any(draft.row.shared for draft in drafts):
            drafts, behind = await self._end_duplicate_texts_to_shared_address(prepared, drafts, own_states, now)
        if drafts:
            await self._admit_and_render_drafts(prepared, drafts, now)
        # A row that waits for another row's copy waits as long as that row.
        prepared.left |= {key: prepared.left.get(first, now) for key, first in behind.items()}
        return prepared

    async def _end_duplicate_texts_to_shared_address(
        self,
        prepared: PreparedWindow,
        drafts: Sequence[RoutedDelivery],
        own_states: Mapping[Key, DeliveryState],
        now: datetime,
    ) -> tuple[list[RoutedDelivery], dict[Key, Key]]:
        """Ends the drafts whose text another delivery sends to the same address.

        Returns:
            The drafts that may go on; and the rows that wait for the next window, each with the row of this window that
            sends the same text, or the only invitation, to the same address.
        """
        texts = {
            draft.row.key: (draft.row.shared, text)
            for draft in drafts
            if draft.row.shared and (text := draft.renderer.recipient_text_digest(draft.row))
        }
        carriers = await self._carriers(texts) if texts else {}
        going, behind, first = list[RoutedDelivery](), dict[Key, Key](), dict[object, Key]()
        for draft in drafts:
            key, carrier = draft.row.key, carriers.get(draft.row.key)
            if not draft.row.shared:
                going.append(draft)
                continue
            if carrier and (step := _plan_move_if_duplicate_text(draft, carrier, own_states, now)):
                prepared.steps.append(step)
                continue
            place = key[0], draft.row.shared if draft.send.category.invites else texts.get(key, key)
            if first.setdefault(place, key) != key:
                behind[key] = first[place]
                continue
            if key in texts:
                draft.carries = IntentToSendTextToSharedAddress(*texts[key], carrier.n if carrier else 0)
            going.append(draft)
        return going, behind

    def _decide_whether_row_may_go_now(
        self, row: DeliveryRow, renderer: MailingRenderer, barred: Collection[str], now: datetime
    ) -> PlannedDeliveryMove | RoutedDelivery | datetime:
        """Returns the step of a row that is not sent; or a draft, if it may be sent; or the time to decide again."""
        lane = renderer.category.lane
        if halt := self._checks.control.mailing_halt_reason(renderer.facts.brand, row.mailing_id, lane):
            return self._retry_time_while_awaiting_failover_check(now) if halt == WAITING else now
        decision = decide(renderer.mailing_with_inviter_pause_of_row(row), row.standing, renderer.policy, now)
        if not isinstance(decision, Send):
            return plan_move_for_decision_against_sending(row, renderer, decision)
        purpose = renderer.template.purpose
        route = self._checks.routes.choose_processor(renderer.policy, purpose, now, barred, lane=lane)
        if not isinstance(route, NoRoute):
            draft = build_routed_delivery(row, renderer, decision, route)
            return self._checks.streams.paused_until(route.name, decision.category, draft.wanted.domain, now) or draft
        if ended := plan_end_if_unroutable_too_long(row, renderer, decision.category, route, now):
            return ended
        if route.rule is None:
            return route.until
        self._alert_unroutable_notice(renderer, route)
        return plan_move_for_decision_against_sending(
            row, renderer, Hold(route.until, route.reason, route.rule, renderer.policy.version)
        )

    def _alert_unroutable_notice(self, renderer: MailingRenderer, route: NoRoute) -> None:
        """Logs a warning, once for each mailing, about a notice that no processor may take."""
        facts = renderer.facts
        if not renderer.category.written_fallback or facts.id in self._paged:
            return
        if len(self._paged) >= _MOST_PAGED:
            self._paged.clear()
        self._paged.add(facts.id)
        log.warning(
            "no processor may have a notice that everyone must get; in a day it is written instead",
            mailing=str(facts.id),
            brand=facts.brand,
            reason=route.reason,
        )

    def _retry_time_while_awaiting_failover_check(self, now: datetime) -> datetime:
        """Returns the time at which mail that waits for witnesses is tried again: the pauses grow after a failover."""
        since, last = self._waiting
        since = since if now - last < _FORGOTTEN else now
        self._waiting = since, now
        return now + min(max(now - since, _SOON), _LATER)

    async def _admit_and_render_drafts(
        self, prepared: PreparedWindow, drafts: Sequence[RoutedDelivery], now: datetime
    ) -> None:
        admission = prepared.admission = await self._checks.meter.admit_messages([draft.wanted for draft in drafts])
        going, date = list[tuple[RoutedDelivery, RenderedMessage]](), int(now.timestamp())
        failed, held = list[RateAdmissionRequest](), Counter[tuple[UUID, str]]()
        for number, (draft, granted) in enumerate(zip(drafts, admission.granted, strict=True)):
            if number % PRINTED_AT_ONCE == 0:
                await asyncio.sleep(0)  # urgent mail must not wait for a whole window of bulk mail to be rendered
            if not granted:
                prepared.left[draft.row.key] = admission.again or now
                continue
            try:
                going.append((draft, draft.renderer.render_message(draft.row, draft.send.category, date)))
            except (RenderError, HeaderRefused) as error:
                prepared.steps.append(plan_end_after_render_error(draft, error))
                failed.append(draft.wanted)
            except NoVisibleWayToLeave as error:
                prepared.steps.append(plan_hold_without_visible_opt_out(draft, error))
                failed.append(draft.wanted)
                held[draft.renderer.facts.id, draft.send.category.name] += 1
        for (mailing_id, category), deliveries in held.items():
            log_deliveries_held_by_bug(mailing_id, category, NO_WAY_OUT, deliveries)
        if failed:
            self._checks.meter.put_tokens_back(admission, failed)
        prepared.steps += [
            plan_hand_over_with_intent(draft, rendered) for draft, rendered in await self._sign_messages(going, date)
        ]

    async def _sign_messages(
        self, going: list[tuple[RoutedDelivery, RenderedMessage]], now: int
    ) -> list[tuple[RoutedDelivery, RenderedMessage]]:
        sign, loop = self._sign, asyncio.get_running_loop()
        if sign is None or self._threads is None:
            return going

        def sign_some(
            some: Sequence[tuple[RoutedDelivery, RenderedMessage]],
        ) -> list[tuple[RoutedDelivery, RenderedMessage]]:
            return [
                (
                    draft,
                    rendered._replace(
                        outgoing=rendered.outgoing._replace(
                            content=sign(draft.renderer.policy.domain, rendered.outgoing.content, now)
                        )
                    ),
                )
                for draft, rendered in some
            ]

        chunks = [going[start : start + SIGNED_AT_ONCE] for start in range(0, len(going), SIGNED_AT_ONCE)]
        done = await asyncio.gather(*(loop.run_in_executor(self._threads, sign_some, chunk) for chunk in chunks))
        return [pair for chunk in done for pair in chunk]


def _plan_move_if_duplicate_text(
    draft: RoutedDelivery,
    carrier: LastDeliveryOfTextToSharedAddress,
    own_states: Mapping[Key, DeliveryState],
    now: datetime,
) -> PlannedDeliveryMove | None:
    """Returns the step of a draft whose text another delivery sends to its address, or None if the draft may go."""
    row = mark_row_as_copy_or_none(draft.row, carrier, own_states, now, each_told=not draft.send.category.is_optional)
    if row is None:
        return None
    decision = decide(draft.renderer.mailing_with_inviter_pause_of_row(row), row.standing, draft.renderer.policy, now)
    return None if isinstance(decision, Send) else plan_move_for_decision_against_sending(row, draft.renderer, decision)
