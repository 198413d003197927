"""Intake: makes mailings, deliveries and batches from events. An invalid event becomes a dead letter."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mailer.account_event_types import AccountEvent
from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.event_digests import EventIdTakenByDifferentEvent
from mailer.events import Audience, EventRefused, MessageEvent
from mailer.metrics_and_logger import TAKEN_IN, log
from mailer.nonblocking_event_parser import NonblockingEventParser
from mailer.pipeline.background_hand_overs import HandOverTasks
from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.pipeline.publisher_rights import PublisherRegister, required_right
from mailer.pipeline.urgent_first import URGENT
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import is_release_needed_for_rights_mail
from mailer.ports.broker import Broker, BrokerMessage, ReceivedMessage, publisher_identity_of_message
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.ports.mailings import AcceptedMailing, MailingStore, NewMailing
from mailer.ports.time_ordered_uuids import uuid7
from mailer.ports.timekeeping import DueBatch, TimekeeperStore
from mailer.rendering.template_library import Template

LARGE = 64 * 1024
"""Octets of a large event, which takes long to read. Account events are never so large."""
BATCHES = "mailer.batches"
NOBODY = (
    "nobody is known to have published it: set the property `user_id` to your RabbitMQ user's name, which RabbitMQ"
    " then validates, and publish it again"
)
"""The reason given for refusing a message without a validated user."""

Admit = Callable[[MessageEvent], Template]
"""Finds an event's template, or raises `EventRefused`."""
Apply = Callable[[AccountEvent, Identity], Awaitable[None]]
"""Applies an account event of a publisher, or raises `EventRefused`."""


@dataclass(frozen=True, slots=True)
class _ValidEvent:
    received: ReceivedMessage
    mailing: NewMailing


class Intake:
    """Takes events in; it handles all messages that have arrived together.

    Args:
        mailings, upkeep: the stores. broker: publishes batches. overtime: hands over mailings that fit one window.
        policies: by brand. register: checks the rights of publishers. admit: finds templates of events.
        apply: applies account events.
    """

    def __init__(
        self,
        mailings: MailingStore,
        upkeep: TimekeeperStore,
        broker: Broker,
        overtime: HandOverTasks,
        policies: Mapping[str, Policy],
        register: PublisherRegister,
        admit: Admit,
        apply: Apply,
    ) -> None:
        self._mailings = mailings
        self._upkeep = upkeep
        self._broker = broker
        self._overtime = overtime
        self._policies = policies
        self._register = register
        self._admit = admit
        self._apply = apply
        self._reader = NonblockingEventParser()

    async def accept_event_messages(self, lane: str, arrived: Sequence[ReceivedMessage]) -> None:
        """Takes events in, hands small mailings over, publishes the batches of large ones, and settles the messages.

        Account events are applied first, so that they count for the mailings that arrived with them. Large events come
        last, one by one, so that no small event waits for them.
        """
        small = [received for received in arrived if len(received.message.body) <= LARGE]
        await self._take_in_and_settle_messages(lane, small)
        for received in arrived:
            if len(received.message.body) > LARGE:
                await self._take_in_and_settle_messages(lane, [received])

    async def _take_in_and_settle_messages(self, lane: str, arrived: Sequence[ReceivedMessage]) -> None:
        good: list[_ValidEvent] = []
        await self._register.refresh_rights_if_old()
        for received in arrived:
            publisher = publisher_identity_of_message(received.message)
            if publisher is None:
                await self._refuse_event_message(lane, received, NOBODY, DeadLetterCauseKind.NOT_ALLOWED)
                continue
            try:
                event = await self._reader.parse_any_event_without_blocking(received.message.body)
                wish = required_right(self._policies, event)  # None: another check refuses the event
                if wish is not None and (
                    refusal := await self._register.reason_right_is_missing_or_none(publisher, wish)
                ):
                    await self._refuse_event_message(lane, received, refusal, DeadLetterCauseKind.NOT_ALLOWED)
                elif isinstance(event, MessageEvent):
                    good.append(
                        _ValidEvent(received, await self._build_new_mailing(received.message, event, publisher))
                    )
                else:
                    _check_routing_key(received.message, event)
                    await self._apply(event, publisher)
                    TAKEN_IN.labels(lane, "accepted").inc()
                    await received.acknowledge()
            except EventRefused as error:
                await self._refuse_event_message(lane, received, str(error))
        with self._overtime.precedence.mark_urgent_work_running(urgent=lane in URGENT):
            accepted = await self._store_mailings(lane, good)
        accepted = await self._refuse_reused_ids(lane, accepted)
        crash_if_armed(CrashPoint.IN_EXPANSION)
        await self._hand_over_small_publish_large(lane, [result for _, result in accepted])
        crash_if_armed(CrashPoint.BEFORE_ACK)
        known = sum(result.known for _, result in accepted)
        TAKEN_IN.labels(lane, "known").inc(known)
        TAKEN_IN.labels(lane, "accepted").inc(len(accepted) - known)
        for item, _ in accepted:
            await item.received.acknowledge()

    async def _build_new_mailing(self, message: BrokerMessage, event: MessageEvent, publisher: Identity) -> NewMailing:
        template = self._admit(event)
        _check_routing_key(message, event)
        if isinstance(event.to, Audience):
            fault = await self._mailings.find_audience_fault(event.brand, event.to.audience)
            if fault:
                raise EventRefused([f"to.audience: {fault}"])
        policy = self._policies[event.brand]
        category = policy.get_category(event.category)
        if is_release_needed_for_rights_mail(publisher, event.category):
            category = replace(category, needs_release=True)
        return NewMailing(
            uuid7(),
            event,
            publisher,
            category,
            template.version,
            template.source,
            policy.version,
            policy.controller.id,
            policy.versions_by_effective_day,
        )

    async def _store_mailings(
        self, lane: str, good: Sequence[_ValidEvent]
    ) -> list[tuple[_ValidEvent, AcceptedMailing]]:
        """Stores mailings together. If the database refuses a value, stores them singly and refuses only that event.

        Returns:
            The stored events, each with its result.
        """
        if not good:
            return []
        try:
            return list(zip(good, await self._mailings.accept_mailings([item.mailing for item in good]), strict=True))
        except ValueError as error:
            if len(good) == 1:
                await self._refuse_event_message(lane, good[0].received, str(error))
                return []
        return [pair for item in good for pair in await self._store_mailings(lane, [item])]

    async def _refuse_reused_ids(
        self, lane: str, accepted: Sequence[tuple[_ValidEvent, AcceptedMailing]]
    ) -> list[tuple[_ValidEvent, AcceptedMailing]]:
        """Refuses events whose id was used before with other content. Returns the rest."""
        for item, result in accepted:
            if result.differs:
                await self._refuse_event_message(lane, item.received, str(EventIdTakenByDifferentEvent(result.differs)))
        return [pair for pair in accepted if not pair[1].differs]

    async def _refuse_event_message(
        self, lane: str, received: ReceivedMessage, reason: str, kind: DeadLetterCauseKind = DeadLetterCauseKind.REFUSED
    ) -> None:
        TAKEN_IN.labels(lane, "refused").inc()
        log.warning("event refused", lane=lane, message_id=received.message.message_id)
        await received.reject(reason, kind)

    async def _hand_over_small_publish_large(self, lane: str, accepted: Sequence[AcceptedMailing]) -> None:
        """Hands over mailings that fit one window, several together. Publishes the batches of larger ones."""
        for small in _group_mailings_into_windows(
            [result for result in accepted if result.size <= WINDOW and result.batches]
        ):
            batches = [batch for result in small for batch in result.batches]
            await self._overtime.hand_over_or_leave_running(
                lane, batches, {result.mailing_id: result.facts for result in small}
            )
        for result in accepted:
            if result.size > WINDOW and result.batches:
                await publish_batches(self._broker, self._upkeep, [DueBatch(batch, lane) for batch in result.batches])


def _group_mailings_into_windows(results: Sequence[AcceptedMailing]) -> Iterator[list[AcceptedMailing]]:
    """Yields groups of mailings, in their order, each of which fits one window.

    Each group gets its own claim, so that a relay that is silent for minutes delays only one group.
    """
    some, size = list[AcceptedMailing](), 0
    for result in results:
        if size + result.size > WINDOW:
            yield some
            some, size = [], 0
        some.append(result)
        size += result.size
    if some:
        yield some


def _check_routing_key(message: BrokerMessage, event: MessageEvent | AccountEvent) -> None:
    """Raises `EventRefused` if the routing key does not fit the event's brand and category."""
    if message.routing_key != event.routing_key:
        raise EventRefused(
            [f"the routing key is {message.routing_key!r}, but the event belongs to {event.routing_key!r}"]
        )


async def publish_batches(broker: Broker, upkeep: TimekeeperStore, due: Sequence[DueBatch], at_once: int = 100) -> None:
    """Publishes batches on their lanes, and marks the confirmed ones. A crash repeats some, which does no harm."""
    for start in range(0, len(due), at_once):
        some = due[start : start + at_once]
        messages = [BrokerMessage(json.dumps({"batch": item.batch}).encode(), item.lane) for item in some]
        publishing = (broker.publish_message(BATCHES, message) for message in messages)
        failures = await asyncio.gather(*publishing, return_exceptions=True)
        await upkeep.mark_batches_published(
            [item.batch for item, failed in zip(some, failures, strict=True) if failed is None]
        )
        for failed in failures:
            if failed is not None:
                raise failed
