"""From rows to messages: decide, route, admit, render, sign. What may not go now is left, and comes again."""

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

from mailer.pipeline.block_pauses import BlockPauses
from mailer.pipeline.deduplication import Key, row_as_duplicate
from mailer.pipeline.delivery_moves import log_held_deliveries
from mailer.pipeline.halt_watcher import WAITING
from mailer.pipeline.processor_conditions import ProcessorCondition
from mailer.pipeline.routing import NoRoute
from mailer.pipeline.transitions import (
    DeliveryStep,
    MessageDraft,
    after_no_route,
    after_render_error,
    decide_row,
    draft_message,
    hold_without_way_out,
    intend_message,
    step_for_decision,
)
from mailer.pipeline.urgent_first import LanePriority
from mailer.policy.category import Lane
from mailer.policy.decision import Hold, Send
from mailer.policy.outcome import Outcome
from mailer.policy.policy_file import Policy
from mailer.ports.deliveries import NO_WAY_OUT, CarryIntent, DeliveryRow, DeliveryState, TextCarrier
from mailer.ports.processor import Processor
from mailer.ports.rates import AdmittedMessages, SendRequest
from mailer.rendering.headers import HeaderRefused
from mailer.rendering.mailing import MailingRenderer, RenderedMessage, Sign
from mailer.rendering.template_library import RenderError
from mailer.rendering.way_out import NoWayOut
from mailer.telemetry import log

SIGNING_THREADS = 2
PRINTED_AT_ONCE = 8
"""Messages, before others get their turn: a millisecond."""
SIGNED_AT_ONCE = 16
"""Messages for one thread, so that handing them over to it costs little."""
_SOON, _LATER = timedelta(seconds=0.5), timedelta(seconds=5)
"""The shortest and the longest pause before mail that waits for witnesses is looked at again: no row says that it
stands still, and the database would give it out at once."""
_FORGOTTEN = timedelta(seconds=30)
"""After so long without such mail, the next one is the first."""


class HaltChecks(Protocol):
    """The mail that is stopped; see `pipeline.halt_watcher.HaltWatcher`."""

    def mailing_halt_reason(self, brand: str, mailing_id: UUID) -> str | None:
        """Why nothing of a mailing may begin now."""
        ...

    def processor_halt_reason(self, name: str) -> str | None:
        """Why a processor may not be used now."""
        ...


class ProcessorChooser(Protocol):
    """The processor for a message; see `pipeline.routing.ProcessorRoutes`."""

    @property
    def processor_conditions(self) -> Mapping[str, ProcessorCondition]:
        """The condition of each processor, by its name."""
        ...

    def choose_processor(
        self, policy: Policy, purpose: str, now: datetime, barred: Collection[str] = (), *, lane: Lane
    ) -> Processor | NoRoute:
        """The processor for the next message, none of those that are barred."""
        ...

    def carrying_window(self, name: str, *, lane: Lane, is_late: Callable[[], object]) -> AbstractContextManager[None]:
        """A processor has a window as long as somebody is in here; `is_late` is told when that takes long."""
        ...

    def is_recipient_refused(
        self,
        policy: Policy,
        purpose: str,
        recipient: int,
        sender: str,
        barred: Collection[str],
        unable: Collection[str] = (),
    ) -> bool:
        """Tells whether each processor that may have a message is unable, or refuses us with this recipient's alone."""
        ...

    def has_other_processor(self, policy: Policy, purpose: str, unable: Collection[str]) -> bool:
        """Tells whether a processor that is not unable may have a message, now or later."""
        ...

    def record_outcomes(
        self, name: str, outcomes: Sequence[Outcome], recipients: Sequence[int], sender: Callable[[int], str]
    ) -> None:
        """Notes what came of a window, whose messages these were, and from whom."""
        ...


class RateAdmission(Protocol):
    """The number of messages that the rates allow; see `pipeline.rates.RateLimiter`."""

    async def admit_messages(self, wanted: Sequence[SendRequest]) -> AdmittedMessages:
        """Which of these may go now."""
        ...

    def return_tokens(self, admission: AdmittedMessages, unsent: Sequence[SendRequest]) -> None:
        """Some of them were not offered."""
        ...

    def record_reply(self, processor: str, domain: str, outcome: Outcome) -> None:
        """What a processor answered."""
        ...


_MOST_PAGED = 1000
"""Mailings that are remembered, so that ops are told of each once; with more, it begins anew."""
_UNLIMITED = AdmittedMessages((), inf)
Carried = Callable[[Mapping[Key, tuple[bytes, bytes]]], Awaitable[dict[Key, TextCarrier]]]
"""Finds who last carried a text to an address; see `ports.deliveries.DeliveryStore.find_carriers`."""


@dataclass(frozen=True, slots=True)
class SendChecks:
    """Everything that can keep a message that is to be sent from going now."""

    control: HaltChecks
    routes: ProcessorChooser
    meter: RateAdmission
    streams: BlockPauses
    precedence: LanePriority = field(default_factory=LanePriority)


@dataclass(slots=True)
class PreparedWindow:
    """A window that is ready to be intended.

    Attributes:
        steps: what is to become of the rows.
        left: the rows that stay as they are, and when they may go.
        admission: until when the messages may begin.
    """

    steps: list[DeliveryStep]
    left: dict[Key, datetime] = field(default_factory=dict)
    admission: AdmittedMessages = _UNLIMITED

    def with_steps(self, steps: list[DeliveryStep]) -> "PreparedWindow":
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
        sign: adds DKIM signatures; None where no domain has keys.
        carriers: who last carried a text to an address that several share.
    """

    def __init__(self, checks: SendChecks, sign: Sign | None, carriers: Carried) -> None:
        self._checks = checks
        self._carriers = carriers
        self._sign = sign
        # Signing by RSA takes longer than all the rest of a message, and frees the interpreter meanwhile.
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
            rows: claimed ones.
            renderers: of their mailings.
            own_states: what the claim has done already.
            barred: the processors that have refused us with a row's message.
            now: an aware datetime.
        """
        prepared, drafts = PreparedWindow([]), list[MessageDraft]()
        await self._checks.streams.reload_pauses()
        for row in rows:
            without = barred.get(row.key, ()) if barred else ()
            match self._decide_row(row, renderers[row.mailing_id], without, now):
                case DeliveryStep() as step:
                    prepared.steps.append(step)
                case MessageDraft() as draft:
                    drafts.append(draft)
                case datetime() as later:
                    prepared.left[row.key] = later
        behind: dict[Key, Key] = {}
        if any(draft.row.shared for draft in drafts):
            drafts, behind = await self._resolve_duplicates(prepared, drafts, own_states, now)
        if drafts:
            await self._admit_drafts(prepared, drafts, now)
        # Who comes behind another one waits as long as that one has to.
        prepared.left |= {key: prepared.left.get(first, now) for key, first in behind.items()}
        return prepared

    async def _resolve_duplicates(
        self,
        prepared: PreparedWindow,
        drafts: Sequence[MessageDraft],
        own_states: Mapping[Key, DeliveryState],
        now: datetime,
    ) -> tuple[list[MessageDraft], dict[Key, Key]]:
        """Settles the drafts that are copies of what others carry.

        Returns:
            The drafts that may go on; and who waits for the next window, since another one of this window is to carry
            the same text, or the only invitation, to the same address.
        """
        texts = {
            draft.row.key: (draft.row.shared, text)
            for draft in drafts
            if draft.row.shared and (text := draft.press.text_digest(draft.row))
        }
        carriers = await self._carriers(texts) if texts else {}
        going, behind, first = list[MessageDraft](), dict[Key, Key](), dict[object, Key]()
        for draft in drafts:
            key, carrier = draft.row.key, carriers.get(draft.row.key)
            if not draft.row.shared:
                going.append(draft)
                continue
            if carrier and (step := _resolve_duplicate(draft, carrier, own_states, now)):
                prepared.steps.append(step)
                continue
            place = key[0], draft.row.shared if draft.send.category.invites else texts.get(key, key)
            if first.setdefault(place, key) != key:
                behind[key] = first[place]
                continue
            if key in texts:
                draft.carries = CarryIntent(*texts[key], carrier.n if carrier else 0)
            going.append(draft)
        return going, behind

    def _decide_row(
        self, row: DeliveryRow, press: MailingRenderer, barred: Collection[str], now: datetime
    ) -> DeliveryStep | MessageDraft | datetime:
        """What follows for a row at once; a draft, if it is to be sent; or the moment to look again."""
        if halt := self._checks.control.mailing_halt_reason(press.facts.brand, row.mailing_id):
            return self._witness_wait_until(now) if halt == WAITING else now
        decision = decide_row(row, press, now)
        if not isinstance(decision, Send):
            return step_for_decision(row, press, decision)
        lane, purpose = press.category.lane, press.template.purpose
        route = self._checks.routes.choose_processor(press.policy, purpose, now, barred, lane=lane)
        if not isinstance(route, NoRoute):
            draft = draft_message(row, press, decision, route)
            return self._checks.streams.paused_until(route.name, decision.category, draft.wanted.domain, now) or draft
        if ended := after_no_route(row, press, decision.category, route, now):
            return ended
        if route.rule is None:
            return route.until
        self._alert_unroutable_notice(press, route)
        return step_for_decision(row, press, Hold(route.until, route.reason, route.rule, press.policy.version))

    def _alert_unroutable_notice(self, press: MailingRenderer, route: NoRoute) -> None:
        """Tells ops at once, and once for each mailing, of a notice that no processor may have."""
        facts = press.facts
        if not press.category.written_fallback or facts.id in self._paged:
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

    def _witness_wait_until(self, now: datetime) -> datetime:
        """Returns when mail that waits for witnesses may go: soon after a failover, and then ever less often."""
        since, last = self._waiting
        since = since if now - last < _FORGOTTEN else now
        self._waiting = since, now
        return now + min(max(now - since, _SOON), _LATER)

    async def _admit_drafts(self, prepared: PreparedWindow, drafts: Sequence[MessageDraft], now: datetime) -> None:
        admission = prepared.admission = await self._checks.meter.admit_messages([draft.wanted for draft in drafts])
        going, date = list[tuple[MessageDraft, RenderedMessage]](), int(now.timestamp())
        failed, held = list[SendRequest](), Counter[tuple[UUID, str]]()
        for number, (draft, granted) in enumerate(zip(drafts, admission.granted, strict=True)):
            if number % PRINTED_AT_ONCE == 0:
                await asyncio.sleep(0)  # urgent mail must not wait for a whole window of bulk mail to be rendered
            if not granted:
                prepared.left[draft.row.key] = admission.again or now
                continue
            try:
                going.append((draft, draft.press.render(draft.row, draft.send.category, date)))
            except (RenderError, HeaderRefused) as error:
                prepared.steps.append(after_render_error(draft, error))
                failed.append(draft.wanted)
            except NoWayOut as error:
                prepared.steps.append(hold_without_way_out(draft, error))
                failed.append(draft.wanted)
                held[draft.press.facts.id, draft.send.category.name] += 1
        for (mailing_id, category), deliveries in held.items():
            log_held_deliveries(mailing_id, category, NO_WAY_OUT, deliveries)
        if failed:
            self._checks.meter.return_tokens(admission, failed)
        prepared.steps += [intend_message(draft, printed) for draft, printed in await self._sign_messages(going, date)]

    async def _sign_messages(
        self, going: list[tuple[MessageDraft, RenderedMessage]], now: int
    ) -> list[tuple[MessageDraft, RenderedMessage]]:
        sign, loop = self._sign, asyncio.get_running_loop()
        if sign is None or self._threads is None:
            return going

        def sign_some(
            some: Sequence[tuple[MessageDraft, RenderedMessage]],
        ) -> list[tuple[MessageDraft, RenderedMessage]]:
            return [
                (
                    draft,
                    printed._replace(
                        outgoing=printed.outgoing._replace(
                            content=sign(draft.press.policy.domain, printed.outgoing.content, now)
                        )
                    ),
                )
                for draft, printed in some
            ]

        chunks = [going[start : start + SIGNED_AT_ONCE] for start in range(0, len(going), SIGNED_AT_ONCE)]
        done = await asyncio.gather(*(loop.run_in_executor(self._threads, sign_some, chunk) for chunk in chunks))
        return [pair for chunk in done for pair in chunk]


def _resolve_duplicate(
    draft: MessageDraft, carrier: TextCarrier, own_states: Mapping[Key, DeliveryState], now: datetime
) -> DeliveryStep | None:
    """Returns what follows for a draft whose text another recipient carries to its address; None: it may go itself."""
    row = row_as_duplicate(draft.row, carrier, own_states, now, each_told=not draft.send.category.is_optional)
    if row is None:
        return None
    decision = decide_row(row, draft.press, now)
    return None if isinstance(decision, Send) else step_for_decision(row, draft.press, decision)
