"""Handles letters of people: opts them out, asks them to confirm by a link, or leaves the letter to a person."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from mailer.actions.opt_out import opt_out_scope_of_link, record_opt_out
from mailer.actions.requests_identified_by_address import (
    network_of_client,
    store_request_for_data_request_link,
    store_request_for_leave_link,
)
from mailer.actions.suppression import object_to_marketing
from mailer.inbound.effects import EffectDecision
from mailer.inbound.letters import (
    DATA_REQUESTS,
    ProvenSender,
    decide_effect_of_letter,
    is_effect_up_to_sender,
    read_letter,
)
from mailer.inbound.reports.received_report import ReportKind
from mailer.inbound.requests.request_types import OptOutReach, ReadRequest
from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.received_mail import (
    ReceivedMail,
    ReceivedMailEffect,
    ReceivedMailResult,
    ReceivedMailStore,
    ReportedDelivery,
)
from mailer.ports.requests_identified_by_address import RequestsIdentifiedByAddressStore

SOURCE: Final = "mail"
"""The source of an opt-out by a letter."""
AuthenticateSender = Callable[[ReceivedMail], Awaitable[ProvenSender]]
"""Returns the sender of a letter, and whether their domain authorized it."""


class LetterHandler:
    """Handles letters.

    Args:
        store: the received mail.
        requests: stores requests by an address. A link goes to the address on record only, within limits.
        policies: the policies by brand.
        authenticate: proves the sender.
    """

    def __init__(
        self,
        store: ReceivedMailStore,
        requests: RequestsIdentifiedByAddressStore,
        policies: Mapping[str, Policy],
        authenticate: AuthenticateSender,
    ) -> None:
        self._store = store
        self._requests = requests
        self._policies = policies
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
        # Whoever's domain never answers holds a place for seconds; so nobody is asked about a letter that waits anyway.
        is_asked = is_effect_up_to_sender(reading, mail.mail.mailbox)
        sender = await self._authenticate(mail) if is_asked else ProvenSender(None, is_proven=False)
        decision = decide_effect_of_letter(reading, mail.mail.mailbox, sender, has_token=delivery is not None)
        about = (delivery.recipient_id, delivery.mailing_id) if delivery else (None, None)
        result = ReceivedMailResult(ReportKind.REPLY.value, decision.effect, decision.reason, *about)
        match decision.effect:
            case ReceivedMailEffect.OPT_OUT:
                result = await self._commit_opt_out(mail, decision, reading, delivery, sender)
            case ReceivedMailEffect.LINK_SENT:
                await self._store_request_for_link(mail, policy, reading, sender)
            case _:
                pass
        await self._store.finish_mail(mail, result)
        return result

    async def _commit_opt_out(
        self,
        mail: ReceivedMail,
        decision: EffectDecision,
        reading: ReadRequest,
        delivery: ReportedDelivery | None,
        sender: ProvenSender,
    ) -> ReceivedMailResult:
        """Records an opt-out, or an objection to all marketing, together with the result."""
        policy = self._policies[delivery.brand if delivery else mail.mail.brand]
        recipient_id, mailing_id = (delivery.recipient_id, delivery.mailing_id) if delivery else (None, None)
        if recipient_id is None:
            recipient_id = await self._store.find_recipient_with_address(policy.brand, sender.address or "")
        kind = ReportKind.REPLY.value
        if recipient_id is None:
            return ReceivedMailResult(kind, ReceivedMailEffect.NONE, "nobody has the address that it came from")
        result = ReceivedMailResult(kind, decision.effect, decision.reason, recipient_id, mailing_id)
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
        address, named = sender.address or "", reading.user_name
        if named and await self._store.find_recipient_with_address(policy.brand, address) is None:
            address = await self._store.find_address_of_ref(policy.brand, named) or address
        if not address:
            return
        network, wanted = network_of_client(mail.mail.peer), DATA_REQUESTS.get(reading.request)
        if wanted is None:
            await store_request_for_leave_link(self._requests, policy, address, network)
        else:
            await store_request_for_data_request_link(self._requests, policy, address, network, wanted)
