"""Hands test messages of drafts over to staff: one at a time, by the processors and limits that all mail has.

A test needs no consent of its reader, who is staff. It obeys what protects people and us: stops, the staging fence,
dead addresses, pauses and rates. It is no delivery, so that nothing counts it.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

from mailer.actions.campaign_rendering import CampaignRenderer, UnrenderableDraft
from mailer.metrics_and_logger import log
from mailer.pipeline.handover import HandOver
from mailer.pipeline.no_route import NoRoute
from mailer.policy.category import Category
from mailer.policy.decision_types import FactsForRules, Mailing
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.policy_file import Policy
from mailer.policy.rules import suppress_outside_staging_fence
from mailer.policy.standing import EVERYTHING_OPTIONAL, Standing
from mailer.ports.campaign_tests import CampaignTestQueue, ClaimedTest, TestMessageResult
from mailer.ports.processor import Processor
from mailer.ports.rates import RateAdmissionRequest
from mailer.ports.suppressions import SuppressionStore
from mailer.rendering.campaign_samples import SamplePerson
from mailer.rendering.link_tokens import TEST_RECIPIENT
from mailer.rendering.mailing_renderer import RenderedMessage
from mailer.runtime.repeating import run_every

PERIOD: Final = 2.0
"""Seconds between two looks at the tests that wait."""
_SEND_SECONDS: Final = 60.0


class _Refused(Exception):
    """Raised for a test that must not go out now; the message says why."""


class CampaignTestSender:
    """Hands tests over.

    Args:
        queue: the tests. renderer: renders drafts.
        handover: of this worker. Its checks say what may go and by which processor, and it signs.
        suppressions: tells which addresses are dead.
        owner: this process's name.
    """

    def __init__(
        self,
        queue: CampaignTestQueue,
        renderer: CampaignRenderer,
        handover: HandOver,
        suppressions: SuppressionStore,
        owner: str,
    ) -> None:
        self._queue = queue
        self._renderer = renderer
        self._checks = handover.checks
        self._suppressions = suppressions
        self._sign = handover.sign
        self._owner = owner

    async def send_until_stopped(self, stop: asyncio.Event, period: float = PERIOD) -> None:
        """Sends until `stop` is set."""
        await run_every(period, stop, self.send_waiting_tests, "test messages could not be sent; trying again")

    async def send_waiting_tests(self) -> None:
        """Hands over all tests that wait. What was begun is never begun again."""
        while (test := await self._queue.claim_test(self._owner)) is not None:
            try:
                result = await self._hand_over(test)
            except _Refused as refusal:
                result = TestMessageResult(str(refusal))
            except Exception:
                log.exception("a test message met a bug", campaign=str(test.campaign_id))
                result = TestMessageResult("it met a bug; the log of the worker tells more")
            await self._queue.end_test(test, result)

    async def _hand_over(self, test: ClaimedTest) -> TestMessageResult:
        if not test.address:
            raise _Refused(f"the reader is no staff of {test.brand} any more")
        policy = self._renderer.policies.get(test.brand)
        if policy is None or test.draft.category not in policy.terms:
            raise _Refused(f"the policy of {test.brand} has no {test.draft.category} mail here")
        category, now = policy.get_category(test.draft.category), datetime.now(UTC)
        await self._refuse_unsafe_address(test, policy, category, now)
        processor = await self._choose_processor(test, policy, category, now)
        rendered = await self._render_and_sign(test, policy, now)
        outcome = await self._send(test, category, processor, rendered)
        if outcome.result is not OutcomeKind.ACCEPTED:
            raise _Refused(f"{processor.name} did not take it ({outcome.result}): {outcome.text}"[:500])
        return TestMessageResult(
            "",
            processor.name,
            processor.country,
            processor.contract,
            test.draft.purpose,
            rendered.fields,
            rendered.message_id,
        )

    async def _refuse_unsafe_address(
        self, test: ClaimedTest, policy: Policy, category: Category, now: datetime
    ) -> None:
        """Refuses an address outside of the staging fence, and one that is known to be dead."""
        standing = Standing(TEST_RECIPIENT, 1, test.address)
        mailing = Mailing(category, test.draft.purpose, test.id)
        facts = FactsForRules(mailing, standing, policy, now, category, policy.switches)
        if suppress_outside_staging_fence(facts) is not None:
            raise _Refused("MAILER_ONLY_DELIVER_TO does not name the reader's address")
        for stop in await self._suppressions.all_suppressions_of_address(
            test.brand, policy.controller.id, test.address
        ):
            is_over = stop.lifted_at is not None or (stop.expires_at is not None and stop.expires_at <= now)
            if stop.reason == "address_dead" and stop.scope == EVERYTHING_OPTIONAL and not is_over:
                raise _Refused("the reader's address is known to be dead; lift its suppression if it works again")

    async def _choose_processor(
        self, test: ClaimedTest, policy: Policy, category: Category, now: datetime
    ) -> Processor:
        """Returns the processor, if neither a stop, a pause nor a rate forbids the message."""
        if halt := self._checks.control.mailing_halt_reason(test.brand, test.id, category.lane):
            raise _Refused(f"mail stands still: {halt}")
        route = self._checks.routes.choose_processor(policy, test.draft.purpose, now, lane=category.lane)
        if isinstance(route, NoRoute):
            raise _Refused(f"no processor may take it now: {route.reason}")
        await self._checks.streams.reload_pauses()
        domain = test.address.rpartition("@")[2].lower()
        if self._checks.streams.paused_until(route.name, category, domain, now):
            raise _Refused(f"{route.name} has blocked such mail to {domain} lately")
        wanted = RateAdmissionRequest(route.name, domain, test.brand, test.id, category.lane)
        if not (await self._checks.meter.admit_messages([wanted])).granted[0]:
            raise _Refused("a rate limit is used up: try again in a minute")
        return route

    async def _render_and_sign(self, test: ClaimedTest, policy: Policy, now: datetime) -> RenderedMessage:
        reader = SamplePerson(test.address, test.locale, test.name)
        try:
            rendered = await self._renderer.render_draft(
                test.brand, test.campaign_id, test.draft, test.variant, reader, test.id, now, is_test=True
            )
        except UnrenderableDraft as faults:
            raise _Refused(str(faults)) from faults
        if self._sign is None:
            return rendered
        signed = await asyncio.to_thread(self._sign, policy.domain, rendered.outgoing.content, int(now.timestamp()))
        return rendered._replace(outgoing=rendered.outgoing._replace(content=signed))

    async def _send(
        self, test: ClaimedTest, category: Category, processor: Processor, rendered: RenderedMessage
    ) -> Outcome:
        def reason_not_to_begin(_: int) -> str | None:
            control = self._checks.control
            return control.mailing_halt_reason(test.brand, test.id, category.lane) or control.processor_halt_reason(
                processor.name
            )

        [outcome] = await processor.send([rendered.outgoing], time.monotonic() + _SEND_SECONDS, reason_not_to_begin)
        return outcome
