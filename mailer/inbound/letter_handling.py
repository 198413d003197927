"""Handles letters of people: opts them out, asks them to confirm by a link, or leaves the letter to a person."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from mailer.actions.confirmation_requests import (
    ConfirmationRequestDependencies,
    NoRecipientToAsk,
    ask_for_confirmation,
)
from mailer.actions.opt_out import opt_out_scope_of_link, record_opt_out
from mailer.actions.requests_identified_by_address import (
    network_of_client,
    store_request_for_data_request_link,
    store_request_for_leave_link,
)
from mailer.actions.suppression import object_to_marketing
from mailer.inbound.acknowledgements import (
    build_acknowledgement,
    find_answerable_letter,
    own_addresses_of_policies,
)
from mailer.inbound.effects import EffectDecision
from mailer.inbound.letters import (
    DATA_REQUESTS,
    ProvenSender,
    decide_effect_of_letter,
    decide_effect_of_letter_with_token,
    read_letter,
    suggested_requests,
)
from mailer.inbound.reports.received_report import ReportKind
from mailer.inbound.requests.request_types import OptOutReach, ReadRequest, RequestKind
from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.pending_requests import PendingRequest, RequestedAct
from mailer.ports.received_mail import (
    LetterAcknowledgement,
    ReceivedMail,
    ReceivedMailEffect,
    ReceivedMailResult,
    ReceivedMailStore,
    ReportedDelivery,
)
from mailer.ports.requests_identified_by_address import RequestsIdentifiedByAddressStore
from mailer.rendering.link_tokens import UnsubscribeToken
from mailer.rendering.mailbox_spellings import canonical_mailbox

SOURCE: Final = "mail"
"""The source of an opt-out by a letter."""
AuthenticateSender = Callable[[ReceivedMail], Awaitable[ProvenSender]]
"""Returns the sender of a letter, and whether their domain authorized it."""


@dataclass(frozen=True, slots=True)
class LetterAnswers:
    """The ways in which a letter is answered by mail to the address on record.

    Attributes:
        requests: stores requests by an address, within limits; a link follows.
        confirmations: asks by a link to confirm what widens or moves mail.
        languages: the languages in which a brand has its acknowledgement, by brand; a brand without has none.
    """

    requests: RequestsIdentifiedByAddressStore
    confirmations: ConfirmationRequestDependencies
    languages: Mapping[str, frozenset[str]]


class LetterHandler:
    """Handles letters.

    Args:
        store: the received mail.
        answers: the answers. A link goes to the address on record only.
        policies: the policies by brand.
        authenticate: proves the sender.
    """

    def __init__(
        self,
        store: ReceivedMailStore,
        answers: LetterAnswers,
        policies: Mapping[str, Policy],
        authenticate: AuthenticateSender,
    ) -> None:
        self._store = store
        self._answers = answers
        self._requests = answers.requests
        self._policies = policies
        self._own = own_addresses_of_policies(policies)
        self._authenticate = authenticate

    async def handle_letter(self, mail: ReceivedMail, delivery: ReportedDelivery | None) -> ReceivedMailResult:
        """Reads a letter, and commits its effect.

        Args:
            mail: the letter.
            delivery: the mail of ours that it proves to answer; None: it proves none.

        Raises:
            ReceivedMailHandledBefore: somebody else has handled it meanwhile.
        """
        policy = self._policies[delivery.brand if delivery else mail.mail.brand]
        reading = await asyncio.to_thread(read_letter, mail.mail.content, mail.mail.mailbox, policy)
        sender = await self._authenticate(mail)
        decision = decide_effect_of_letter(reading, mail.mail.mailbox, sender, has_token=delivery is not None)
        about = (delivery.recipient_id, delivery.mailing_id) if delivery else (None, None)
        result = ReceivedMailResult(ReportKind.REPLY.value, decision.effect, decision.reason, *about)
        writer = await self._find_proven_writer(policy, sender, delivery)
        if writer is not None:
            answer = self._build_acknowledgement(mail, policy, reading, sender, decision, writer)
            result = replace(result, recipient_id=writer, is_writer_proven=True, acknowledgement=answer)
        if decision.effect is ReceivedMailEffect.WAITS:
            result = replace(result, suggested=suggested_requests(reading))
        match decision.effect:
            case ReceivedMailEffect.OPT_OUT:
                result = await self._commit_opt_out(mail, result, reading, delivery, sender)
            case ReceivedMailEffect.LINK_SENT if reading.request is RequestKind.WRITTEN_NOTICE:
                await self._ask_to_confirm_written_notices(policy, reading, sender)
            case ReceivedMailEffect.LINK_SENT:
                await self._store_request_for_link(mail, policy, reading, sender)
            case _:
                pass
        await self._store.finish_mail(mail, result)
        return result

    async def _find_proven_writer(
        self, policy: Policy, sender: ProvenSender, delivery: ReportedDelivery | None
    ) -> int | None:
        """Returns the recipient who has written a letter; None if nothing proves it, or the brand knows nobody such.

        Who answers a mail to somebody else is told nothing: what they ask for may be done for that person.
        """
        if not sender.is_proven or sender.address is None:
            return None
        if delivery is not None:
            is_own = canonical_mailbox(delivery.address or "") == canonical_mailbox(sender.address)
            return delivery.recipient_id if is_own else None
        return await self._store.find_recipient_with_address(policy.brand, sender.address)

    def _build_acknowledgement(
        self,
        mail: ReceivedMail,
        policy: Policy,
        reading: ReadRequest,
        sender: ProvenSender,
        decision: EffectDecision,
        writer: int,
    ) -> LetterAcknowledgement | None:
        """Returns the automatic answer to a letter; None if it gets none."""
        languages = self._answers.languages.get(policy.brand)
        letter = find_answerable_letter(mail.mail, sender, decision.effect, self._own)
        if languages is None or letter is None:
            return None
        is_done = decision.effect is ReceivedMailEffect.OPT_OUT
        return build_acknowledgement(mail.id, letter, writer, policy, reading, languages, is_done=is_done)

    async def _ask_to_confirm_written_notices(self, policy: Policy, reading: ReadRequest, sender: ProvenSender) -> None:
        """Asks the person at the address on record to confirm that notices come in writing. A stranger is not told."""
        address = await self._address_on_record(policy, reading, sender)
        recipient_id = await self._store.find_recipient_with_address(policy.brand, address) if address else None
        if recipient_id is None:
            return
        wish = PendingRequest(RequestedAct.IN_WRITING, policy.version, None, datetime.now(UTC))
        with suppress(NoRecipientToAsk):
            await ask_for_confirmation(self._answers.confirmations, policy, recipient_id, [wish])

    async def _address_on_record(self, policy: Policy, reading: ReadRequest, sender: ProvenSender) -> str | None:
        """Returns the sender's address; if nobody has it, that of the account that the letter names."""
        address, named = sender.address, reading.user_name
        if named and await self._store.find_recipient_with_address(policy.brand, address or "") is None:
            return await self._store.find_address_of_ref(policy.brand, named) or address
        return address

    async def handle_letter_with_token(self, mail: ReceivedMail, token: UnsubscribeToken) -> ReceivedMailResult:
        """Obeys the mailto of a mail, and commits that with the result.

        Args:
            mail: the letter.
            token: the token that it has.

        Raises:
            ReceivedMailHandledBefore: somebody else has handled it meanwhile.
        """
        policy, kind = self._policies[token.brand], ReportKind.REPLY.value
        reading = await asyncio.to_thread(read_letter, mail.mail.content, mail.mail.mailbox, policy, has_token=True)
        decision = decide_effect_of_letter_with_token(reading)
        result = ReceivedMailResult(kind, decision.effect, decision.reason, token.recipient_id, token.mailing_id)
        if decision.effect is ReceivedMailEffect.WAITS:
            result = replace(result, suggested=suggested_requests(reading))
        stores = self._store.stores_committing_result(mail, result)
        scope = opt_out_scope_of_link(policy, token.category)
        if await stores.standings.get_standing(policy.brand, token.recipient_id) is None:
            result = replace(result, recipient_id=None, mailing_id=None)
            if result.effect is not ReceivedMailEffect.WAITS:
                result = ReceivedMailResult(kind, ReceivedMailEffect.NONE, "the person of its token is gone")
        else:
            await record_opt_out(stores.standings, policy, token.recipient_id, scope, SOURCE, token.mailing_id)
        await self._store.finish_mail(mail, result)
        return result

    async def _commit_opt_out(
        self,
        mail: ReceivedMail,
        result: ReceivedMailResult,
        reading: ReadRequest,
        delivery: ReportedDelivery | None,
        sender: ProvenSender,
    ) -> ReceivedMailResult:
        """Records an opt-out, or an objection to all marketing, together with the result."""
        policy = self._policies[delivery.brand if delivery else mail.mail.brand]
        recipient_id, mailing_id = (delivery.recipient_id, delivery.mailing_id) if delivery else (None, None)
        if recipient_id is None:
            recipient_id = await self._store.find_recipient_with_address(policy.brand, sender.address or "")
        if recipient_id is None:
            reason = "nobody has the address that it came from"
            return ReceivedMailResult(ReportKind.REPLY.value, ReceivedMailEffect.NONE, reason)
        result = replace(result, recipient_id=recipient_id, mailing_id=mailing_id)
        stores = self._store.stores_committing_result(mail, result)
        if reading.reach is OptOutReach.COMPANY:
            await object_to_marketing(stores.suppressions, policy, recipient_id, SOURCE, "recipient")
            return result
        is_about_list = reading.reach is OptOutReach.LIST and delivery is not None
        scope = opt_out_scope_of_link(policy, delivery.category) if delivery and is_about_list else EVERYTHING_OPTIONAL
        await record_opt_out(stores.standings, policy, recipient_id, scope, SOURCE, mailing_id)
        return result

    async def _store_request_for_link(
        self, mail: ReceivedMail, policy: Policy, reading: ReadRequest, sender: ProvenSender
    ) -> None:
        """Stores a request by an address, as the pages `/leave` and `/data` do: the link goes to the address on record.

        A letter from an address that nobody has may name the account instead. Over a limit, nothing is stored: the
        address has had its links of the day.
        """
        address = await self._address_on_record(policy, reading, sender)
        if not address:
            return
        network, wanted = network_of_client(mail.mail.peer), DATA_REQUESTS.get(reading.request)
        if wanted is None:
            await store_request_for_leave_link(self._requests, policy, address, network)
        else:
            await store_request_for_data_request_link(self._requests, policy, address, network, wanted)
