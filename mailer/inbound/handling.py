"""Handles stored messages: reads each, decides about its effect, and commits the effect together with the result."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final
from uuid import UUID

from mailer.actions.opt_out import record_opt_out
from mailer.actions.soft_bounce_counting import SoftBounceCounter
from mailer.actions.suppression import suppress_recipient
from mailer.inbound.delivery_proof import find_delivery_proof
from mailer.inbound.effects import (
    EffectDecision,
    decide_effect_of_bounce,
    decide_effect_of_complaint,
    decide_effect_of_other_mail,
    feedback_subject_of_delivery,
    reported_status,
)
from mailer.inbound.letter_handling import LetterHandler
from mailer.inbound.letters import find_opt_out_token
from mailer.inbound.reported_sender_faults import ReportedSenderFaults
from mailer.inbound.reports.classification import classify_message
from mailer.inbound.reports.received_report import CandidateSource, ReceivedReport, ReportKind
from mailer.inbound.webhook_events import decide_effect_of_event, read_stored_event
from mailer.metrics_and_logger import RECEIVED_MAIL, log
from mailer.policy.bounce_suspicion import is_number_of_reported_bounces_suspicious
from mailer.policy.policy_file import Policy
from mailer.policy.soft_bounces import SoftBounceVerdict, is_out_of_storage
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.broker import BrokerMessage, ReceivedMessage
from mailer.ports.received_mail import (
    Mailbox,
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
from mailer.rendering.link_tokens import BounceToken, UnsubscribeToken
from mailer.rendering.signed_links import SignedLinks

SOURCE: Final = "feedback report"
"""The source of a complaint that a receiver reports."""
WEBHOOK_SOURCE: Final = "webhook"
"""The source of an opt-out by a link of an e-mail service, which its webhook tells."""
ACTOR: Final = "inbound"
READ_AT_ONCE: Final = 2
"""The messages that are parsed at a time: one of `MAX_OCTETS` may take 100 MB meanwhile."""
_PROOFS_OF_BOUNCE: Final = (CandidateSource.ENVELOPE_RECIPIENT, CandidateSource.ENVELOPE_ID)
_KINDS_OF_LETTERS: Final = (ReportKind.REPLY, ReportKind.AUTOMATIC_REPLY, ReportKind.UNREADABLE)
"""Kinds in which a token is obeyed: some mail programs call the mail that they write for a person automatic."""
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
        self._links = links
        self._reading = asyncio.Semaphore(READ_AT_ONCE)
        self._judging = asyncio.Lock()

    async def handle_messages(self, arrived: Sequence[ReceivedMessage]) -> None:
        """Handles the messages whose ids have arrived side by side, and settles them.

        Raises the first error once all have ended: the others are settled.
        """
        ids = [_mail_id_of_broker_message(received.message) for received in arrived]
        mails = await self._store.get_unhandled_mails([one for one in ids if one is not None])
        handling = (
            _reject_message_without_id(received) if one is None else self._handle_message(received, mails.get(one))
            for received, one in zip(arrived, ids, strict=True)
        )
        ended = await asyncio.gather(*handling, return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def _handle_message(self, received: ReceivedMessage, mail: ReceivedMail | None) -> None:
        """Handles a message, or none if it was handled before, and settles it."""
        if mail is not None:
            with suppress(ReceivedMailHandledBefore):
                result = await self._handle_mail(mail)
                log.info("received mail was handled", id=str(mail.id), kind=result.kind, effect=result.effect.value)
                RECEIVED_MAIL.labels(mail.mail.mailbox, result.effect).inc()
        await received.acknowledge()

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

    async def _handle_mail(self, mail: ReceivedMail) -> ReceivedMailResult:
        """Reads a message, and commits its effect.

        Raises:
            ReceivedMailHandledBefore: somebody else has handled it meanwhile.
        """
        if mail.mail.mailbox is Mailbox.WEBHOOK:
            return await self._handle_event(mail)
        async with self._reading:
            report = await asyncio.to_thread(classify_message, mail.mail.content, mail.mail.recipient)
            is_letter = report.kind in _KINDS_OF_LETTERS
            token = await asyncio.to_thread(self._find_opt_out_token, mail) if is_letter else None
        if token is not None:
            return await self._letters.handle_letter_with_token(mail, token)
        delivery = await self._find_delivery(report)
        if report.kind is ReportKind.REPLY:
            return await self._letters.handle_letter(mail, delivery)
        decision = _decide_effect(mail, report, delivery)
        feedback_type = report.feedback.feedback_type if report.feedback else None
        return await self._finish_with_effect(mail, report.kind.value, decision, delivery, feedback_type)

    def _find_opt_out_token(self, mail: ReceivedMail) -> UnsubscribeToken | None:
        return find_opt_out_token(mail.mail, self._links.opt_out_mail, self._policies)

    async def _handle_event(self, mail: ReceivedMail) -> ReceivedMailResult:
        """Commits the effect of a webhook's event. Its token was verified before it was stored."""
        event = read_stored_event(mail.mail.content)
        delivery = await self._find_known_delivery(event.delivery)
        decision = decide_effect_of_event(event, delivery)
        return await self._finish_with_effect(mail, event.result_kind, decision, delivery, None)

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
            result = await self._commit_effect(mail, result, decision, delivery)
        await self._store.finish_mail(mail, result)
        return result

    async def _find_delivery(self, report: ReceivedReport) -> ReportedDelivery | None:
        """Returns the delivery that a message proves to answer, if there is still anything of it and of its brand."""
        proof = find_delivery_proof(_candidates_of_kind(report), self._links)
        return await self._find_known_delivery(proof) if proof else None

    async def _find_known_delivery(self, proof: BounceToken) -> ReportedDelivery | None:
        found = await self._store.find_reported_delivery(proof.mailing_id, proof.recipient_id)
        return found if found is not None and found.brand in self._policies else None

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


def _candidates_of_kind(report: ReceivedReport) -> Sequence[str]:
    """Returns the values that may prove a message of its kind.

    A bounce makes an address dead, also for mandatory mail: so what it quotes is not enough (MAIL.md, "Bounces").
    """
    is_bounce = report.kind is ReportKind.BOUNCE
    return [one.value for one in report.candidates if not is_bounce or one.source in _PROOFS_OF_BOUNCE]


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
