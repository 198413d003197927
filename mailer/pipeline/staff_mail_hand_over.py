"""Hands mail to staff over: one message at a time, by the processors and limits that all mail has.

Such mail needs no consent of its reader, who is staff. It obeys what protects people and us: stops, the staging fence,
dead addresses, pauses and rates. It is no delivery, so that nothing counts it.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mailer.pipeline.handover import HandOver
from mailer.pipeline.no_route import NoRoute
from mailer.policy.category import Category
from mailer.policy.decision_types import FactsForRules, Mailing
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.policy_file import Policy
from mailer.policy.rules import suppress_outside_staging_fence
from mailer.policy.standing import EVERYTHING_OPTIONAL, Standing
from mailer.ports.processor import Processor
from mailer.ports.rates import RateAdmissionRequest
from mailer.ports.suppressions import SuppressionStore
from mailer.rendering.link_tokens import TEST_RECIPIENT
from mailer.rendering.mailing_renderer import RenderedMessage

_SEND_SECONDS: Final = 60.0


class StaffMailRefused(Exception):
    """A mail to staff does not go out. The message says why.

    Attributes:
        may_pass: True if nothing was sent, and the reason may be over in some minutes.
    """

    def __init__(self, why: str, *, may_pass: bool = False) -> None:
        super().__init__(why)
        self.may_pass = may_pass


@dataclass(frozen=True, slots=True)
class StaffMail:
    """A mail to one of the staff.

    Attributes:
        id: stands in the place of a mailing's id.
        address: of the reader.
    """

    id: UUID
    category: Category
    purpose: str
    address: str


class StaffMailHandOver:
    """Hands mail to staff over.

    Args:
        handover: of this worker. Its checks say what may go and by which processor, and it signs.
        suppressions: tells which addresses are dead.
    """

    def __init__(self, handover: HandOver, suppressions: SuppressionStore) -> None:
        self._checks = handover.checks
        self._sign = handover.sign
        self._suppressions = suppressions

    async def choose_processor(self, mail: StaffMail, policy: Policy, now: datetime) -> Processor:
        """Returns the processor that may take a mail now.

        Raises:
            StaffMailRefused: the address is outside of the staging fence or dead, or a stop, a pause or a rate forbids
                it.
        """
        await self._refuse_unsafe_address(mail, policy, now)
        if halt := self._checks.control.mailing_halt_reason(policy.brand, mail.id, mail.category.lane):
            raise StaffMailRefused(f"mail stands still: {halt}", may_pass=True)
        route = self._checks.routes.choose_processor(policy, mail.purpose, now, lane=mail.category.lane)
        if isinstance(route, NoRoute):
            raise StaffMailRefused(f"no processor may take it now: {route.reason}", may_pass=True)
        await self._checks.streams.reload_pauses()
        domain = mail.address.rpartition("@")[2].lower()
        if self._checks.streams.paused_until(route.name, mail.category, domain, now):
            raise StaffMailRefused(f"{route.name} has blocked such mail to {domain} lately", may_pass=True)
        wanted = RateAdmissionRequest(route.name, domain, policy.brand, mail.id, mail.category.lane)
        if not (await self._checks.meter.admit_messages([wanted])).granted[0]:
            raise StaffMailRefused("a rate limit is used up: try again in a minute", may_pass=True)
        return route

    async def _refuse_unsafe_address(self, mail: StaffMail, policy: Policy, now: datetime) -> None:
        """Refuses an address outside of the staging fence, and one that is known to be dead."""
        standing = Standing(TEST_RECIPIENT, 1, mail.address)
        mailing = Mailing(mail.category, mail.purpose, mail.id)
        facts = FactsForRules(mailing, standing, policy, now, mail.category, policy.switches)
        if suppress_outside_staging_fence(facts) is not None:
            raise StaffMailRefused("MAILER_ONLY_DELIVER_TO does not name the reader's address")
        for stop in await self._suppressions.all_suppressions_of_address(
            policy.brand, policy.controller.id, mail.address
        ):
            is_over = stop.lifted_at is not None or (stop.expires_at is not None and stop.expires_at <= now)
            if stop.reason == "address_dead" and stop.scope == EVERYTHING_OPTIONAL and not is_over:
                raise StaffMailRefused(
                    "the reader's address is known to be dead; lift its suppression if it works again"
                )

    async def sign_and_send(
        self, mail: StaffMail, policy: Policy, processor: Processor, rendered: RenderedMessage, now: datetime
    ) -> None:
        """Signs a message and hands it over. Raises StaffMailRefused: the processor has not accepted it."""
        if self._sign is not None:
            content = rendered.outgoing.content
            signed = await asyncio.to_thread(self._sign, policy.domain, content, int(now.timestamp()))
            rendered = rendered._replace(outgoing=rendered.outgoing._replace(content=signed))
        outcome = await self._send(mail, policy.brand, processor, rendered)
        if outcome.result is not OutcomeKind.ACCEPTED:
            why = f"{processor.name} did not take it ({outcome.result}): {outcome.text}"[:500]
            raise StaffMailRefused(why, may_pass=outcome.result in (OutcomeKind.DEFERRED, OutcomeKind.UNSENT))

    async def _send(self, mail: StaffMail, brand: str, processor: Processor, rendered: RenderedMessage) -> Outcome:
        def reason_not_to_begin(_: int) -> str | None:
            control = self._checks.control
            return control.mailing_halt_reason(brand, mail.id, mail.category.lane) or control.processor_halt_reason(
                processor.name
            )

        [outcome] = await processor.send([rendered.outgoing], time.monotonic() + _SEND_SECONDS, reason_not_to_begin)
        return outcome
