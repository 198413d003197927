"""Handles stored messages: reads each, decides about its effect, and commits the effect together with the result."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final
from uuid import UUID

from mailer.actions.opt_out import record_opt_out
from mailer.actions.soft_bounce_counting import SoftBounceCounter
from mailer.actions.suppression import suppress_recipient
from mailer.inbound.effects import (
    EffectDecision,
    decide_effect_of_bounce,
    decide_effect_of_complaint,
    decide_effect_of_other_mail,
    feedback_subject_of_delivery,
    reported_status,
)
from mailer.inbound.letter_handling import LetterHandler
from mailer.inbound.mail_reading import MailReading, ReceivedMailReadingPool
from mailer.inbound.reported_sender_faults import ReportedSenderFaults
from mailer.inbound.reports.received_report import ReceivedReport, ReportKind
from mailer.inbound.webhook_events import StoredWebhookEvent, decide_effect_of_event
from mailer.metrics_and_logger import RECEIVED_MAIL, log
from mailer.policy.bounce_suspicion import is_number_of_reported_bounces_suspicious
from mailer.policy.policy_file import Policy
from mailer.policy.soft_bounces import SoftBounceVerdict, is_out_of_storage
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.broker import BrokerMessage, ReceivedMessage
from mailer.ports.received_mail import (
    ReceivedMail,
    ReceivedMailEffect,
    ReceivedMailHandledBefore,
    ReceivedMailResult,
    ReceivedMailStore,
    ReportedDelivery,
)
from mailer.ports.refusal_quarantine import HardRefusal
from mailer.ports.soft_bounces import SoftBounce
from mailer.ports.suppressions import NewSuppression
from mailer.rendering.link_tokens import BounceToken
from mailer.rendering.signed_links import SignedLinks

SOURCE: Final = "feedback report"
"""The source of a complaint that a receiver reports."""
WEBHOOK_SOURCE: Final = "webhook"
"""The source of an opt-out by a link of an e-mail service, which its webhook tells."""
ACTOR: Final = "inbound"
_Deliveries = Mapping[BounceToken, ReportedDelivery]
_REPORT: Final = "report"
"""The processor in whose name a bounce is kept, if nothing says which one had the message."""


class ReceivedMailHandler:
    """Handles stored messages. Each is handled once, also if its id arrives twice or the process is killed.

    Args:
        store: the stored messages.
        policies: the policies by brand.
        links: reads signed return paths and links.
        letters: handles what people write.
        soft_bounces: counts soft bounces.
        sender_faults: counts reports of our own faults.
    """

    def __init__(
        self,
        store: ReceivedMailStore,
        policies: Mapping[str, Policy],
        links: SignedLinks,
        letters: LetterHandler,
        soft_bounces: SoftBounceCounter,
        sender_faults: ReportedSenderFaults,
    ) -> None:
        self._sender_faults = sender_faults
        self._soft_bounces = soft_bounces
        self._store = store
        self._letters = letters
        self._policies = policies
        self._reading = ReceivedMailReadingPool(policies, links)
        self._judging = asyncio.Lock()

    async def handle_messages(self, arrived: Sequence[ReceivedMessage]) -> None:
        """Handles the messages whose ids have arrived side by side, and settles them.

        All are read from the database together, and so are their deliveries. Raises the first error once all have
        ended: the others are settled.
        """
        ids = [_mail_id_of_broker_message(received.message) for received in arrived]
        mails = await self._store.get_unhandled_mails([one for one in ids if one is not None])
        readings = dict(zip(mails, await self._reading.read_mails(list(mails.values())), strict=True))
        deliveries = await self._find_known_deliveries(readings.values())
        handling = (
            _reject_message_without_id(received)
            if one is None
            else self._handle_message(received, readings.get(one), deliveries)
            for received, one in zip(arrived, ids, strict=True)
        )
        ended = await asyncio.gather(*handling, return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def _handle_message(
        self, received: ReceivedMessage, reading: MailReading | Exception | None, deliveries: _Deliveries
    ) -> None:
        """Handles a message, or none if it was handled before, and settles it."""
        if isinstance(reading, Exception):
            raise reading
        if reading is not None:
            with suppress(ReceivedMailHandledBefore):
                result = await self._handle_mail(reading, deliveries.get(reading.proof) if reading.proof else None)
                mail = reading.mail
                log.info("received mail was handled", id=str(mail.id), kind=result.kind, effect=result.effect.value)
                RECEIVED_MAIL.labels(mail.mail.mailbox, result.effect).inc()
        await received.acknowledge()

    async def _find_known_deliveries(self, readings: Iterable[MailReading | Exception]) -> _Deliveries:
        """Returns the deliveries that messages prove to answer, if there is still anything of them and their brands."""
        proofs = {one.proof for one in readings if isinstance(one, MailReading) and one.proof is not None}
        if not proofs:
            return {}
        found = await self._store.find_reported_deliveries([(one.mailing_id, one.recipient_id) for one in proofs])
        return {BounceToken(one.mailing_id, one.recipient_id): one for one in found if one.brand in self._policies}

    async def give_up(self, received: ReceivedMessage, place: str, tries: int) -> None:
        """Leaves a message that meets a bug at each try to a person, and settles it."""
        mail_id = _mail_id_of_broker_message(received.message)
        mail = (await self._store.get_unhandled_mails([mail_id])).get(mail_id) if mail_id else None
        if mail is not None:
            log.error("received mail met a bug; a person has to read it", id=str(mail.id), error=place, tries=tries)
            reason = f"a bug kept it from being handled: {place}"
            result = ReceivedMailResult(ReportKind.UNREADABLE.value, ReceivedMailEffect.WAITS, reason)
            await self._store.finish_mail(mail, result)
        await received.acknowledge()

    async def _handle_mail(self, reading: MailReading, delivery: ReportedDelivery | None) -> ReceivedMailResult:
        """Commits the effect of a message.

        Raises:
            ReceivedMailHandledBefore: somebody else has handled it meanwhile.
        """
        mail, content = reading.mail, reading.content
        if isinstance(content, StoredWebhookEvent):
            decision = decide_effect_of_event(content, delivery)
            return await self._finish_with_effect(mail, content.result_kind, decision, delivery, None)
        if reading.token is not None:
            return await self._letters.handle_letter_with_token(mail, reading.token)
        if content.kind is ReportKind.REPLY:
            return await self._letters.handle_letter(mail, delivery)
        decision = _decide_effect(mail, content, delivery)
        feedback_type = content.feedback.feedback_type if content.feedback else None
        return await self._finish_with_effect(mail, content.kind.value, decision, delivery, feedback_type)

    async def _finish_with_effect(
        self,
        mail: ReceivedMail,
        kind: str,
        decision: EffectDecision,
        delivery: ReportedDelivery | None,
        feedback_type: str | None,
    ) -> ReceivedMailResult:
        """Commits an effect, and the result. Returns the result."""
        recipient_id, mailing_id = (delivery.recipient_id, delivery.mailing_id) if delivery else (None, None)
        reported = reported_status(decision.failure) if decision.failure is not None else feedback_type or ""
        result = ReceivedMailResult(kind, decision.effect, decision.reason, recipient_id, mailing_id, reported=reported)
        if delivery is not None:
            result = replace(result, counted=feedback_subject_of_delivery(delivery))
            if decision.came_back and decision.effect is not ReceivedMailEffect.ADDRESS_DEAD:
                await self._store.add_notice_for_returned_mail(delivery, reported or "no status")
            result = await self._commit_effect(mail, result, decision, delivery)
        await self._store.finish_mail(mail, result)
        return result

    async def _commit_effect(
        self, mail: ReceivedMail, result: ReceivedMailResult, decision: EffectDecision, delivery: ReportedDelivery
    ) -> ReceivedMailResult:
        """Commits the effect with the result. Returns the result, which the quarantine may change."""
        match decision.effect:
            case ReceivedMailEffect.ADDRESS_DEAD:
                # Of reports that came together, each must find the ones before it: a person counts once.
                async with self._judging:
                    return await self._commit_dead_address(mail, result, decision, delivery)
            case ReceivedMailEffect.SOFT_BOUNCE:
                return await self._commit_soft_bounce(mail, result, decision, delivery)
            case ReceivedMailEffect.SENDER_FAULT:
                if decision.failure is not None:
                    await self._sender_faults.count_report(delivery, decision.failure)
            case ReceivedMailEffect.COMPLAINT:
                stores = self._store.stores_committing_result(mail, result)
                new = NewSuppression(EVERYTHING_OPTIONAL, "complaint", SOURCE, ACTOR, mailing_id=delivery.mailing_id)
                policy = self._policies[delivery.brand]
                await suppress_recipient(stores.suppressions, policy, delivery.recipient_id, new)
            case ReceivedMailEffect.OPT_OUT:
                stores, policy = self._store.stores_committing_result(mail, result), self._policies[delivery.brand]
                who, mailing = delivery.recipient_id, delivery.mailing_id
                await record_opt_out(stores.standings, policy, who, EVERYTHING_OPTIONAL, WEBHOOK_SOURCE, mailing)
            case _:
                pass
        return result

    async def _commit_soft_bounce(
        self, mail: ReceivedMail, result: ReceivedMailResult, decision: EffectDecision, delivery: ReportedDelivery
    ) -> ReceivedMailResult:
        """Counts the day, and stops optional mail if there are too many. Returns the result with the number of days."""
        if decision.failure is None:
            return result
        status, said = reported_status(decision.failure), decision.failure
        is_full = is_out_of_storage(said.status, said.diagnostic, said.code)
        bounce = SoftBounce(delivery.recipient_id, delivery.address or "", status, is_full)

        def result_with(verdict: SoftBounceVerdict) -> ReceivedMailResult:
            return replace(result, reason=f"{result.reason}; {_verdict_in_words(verdict)}")

        verdicts = await self._soft_bounces.count_soft_bounces(
            [bounce], lambda verdict: self._store.stores_committing_result(mail, result_with(verdict)).suppressions
        )
        return result_with(verdicts[0]) if verdicts else result

    async def _commit_dead_address(
        self, mail: ReceivedMail, result: ReceivedMailResult, decision: EffectDecision, delivery: ReportedDelivery
    ) -> ReceivedMailResult:
        """Suppresses a dead address, or quarantines the report if there are suspiciously many of them."""
        processor, address = delivery.processor or _REPORT, delivery.address or ""
        status = reported_status(decision.failure) if decision.failure else ""
        refusal = HardRefusal(
            delivery.mailing_id, delivery.recipient_id, delivery.attempt, address, address.rpartition("@")[2], status
        )
        counting = self._store.stores_committing_result(mail, result).refusals
        counts = await counting.count_reported_refusal(processor, delivery.recipient_id)
        is_doubted = is_number_of_reported_bounces_suspicious(*counts)
        if is_doubted:
            log.error("reported bounces are quarantined; see `mailer quarantine list`", processor=processor)
            reason = "it is one of suspiciously many reports; see `mailer quarantine list`"
            result = replace(result, effect=ReceivedMailEffect.QUARANTINED, reason=reason)
        believed, doubted = ([], [refusal]) if is_doubted else ([refusal], [])
        stores = self._store.stores_committing_result(mail, result)
        await stores.refusals.store_refusals_without_suppressing(processor, believed, doubted)
        if believed:
            await stores.refusals.suppress_addresses_of_believed_refusals(processor, believed)
        return result


def _verdict_in_words(verdict: SoftBounceVerdict) -> str:
    """Returns the number of days that count, and the effect on optional mail."""
    end = f"until {verdict.until}" if verdict.until else "until the mailbox takes mail again"
    stopped = f", so that optional mail stops {end}" if verdict.stops else ""
    return f"it counts on {verdict.counted} days{stopped}"


def _decide_effect(mail: ReceivedMail, report: ReceivedReport, delivery: ReportedDelivery | None) -> EffectDecision:
    match report.kind:
        case ReportKind.BOUNCE:
            return decide_effect_of_bounce(report.recipients, delivery)
        case ReportKind.COMPLAINT:
            return decide_effect_of_complaint(report.feedback.feedback_type if report.feedback else None, delivery)
        case _:
            return decide_effect_of_other_mail(mail.mail.mailbox, report.kind)


async def _reject_message_without_id(received: ReceivedMessage) -> None:
    await received.reject('not a received mail: it takes {"received": "<its id>"}')


def _mail_id_of_broker_message(message: BrokerMessage) -> UUID | None:
    try:
        match json.loads(message.body):
            case {"received": str(text)}:
                return UUID(text)
            case _:
                pass
    except (ValueError, RecursionError):
        pass
    return None
