"""Hands test messages of drafts over to staff, one at a time. A test is marked, and its links act on nobody."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from mailer.actions.campaign_rendering import CampaignRenderer, UnrenderableDraft
from mailer.metrics_and_logger import log
from mailer.pipeline.handover import HandOver
from mailer.pipeline.staff_mail_hand_over import StaffMail, StaffMailHandOver, StaffMailRefused
from mailer.ports.campaign_tests import CampaignTestQueue, ClaimedTest, TestMessageResult
from mailer.ports.suppressions import SuppressionStore
from mailer.rendering.campaign_samples import SamplePerson
from mailer.rendering.mailing_renderer import RenderedMessage
from mailer.runtime.repeating import run_every

PERIOD: Final = 2.0
"""Seconds between two looks at the tests that wait."""


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
        self._staff_mail = StaffMailHandOver(handover, suppressions)
        self._owner = owner

    async def send_until_stopped(self, stop: asyncio.Event, period: float = PERIOD) -> None:
        """Sends until `stop` is set."""
        await run_every(period, stop, self.send_waiting_tests, "test messages could not be sent; trying again")

    async def send_waiting_tests(self) -> None:
        """Hands over all tests that wait. What was begun is never begun again."""
        while (test := await self._queue.claim_test(self._owner)) is not None:
            try:
                result = await self._hand_over(test)
            except StaffMailRefused as refusal:
                result = TestMessageResult(str(refusal))
            except Exception:
                log.exception("a test message met a bug", campaign=str(test.campaign_id))
                result = TestMessageResult("it met a bug; the log of the worker tells more")
            await self._queue.end_test(test, result)

    async def _hand_over(self, test: ClaimedTest) -> TestMessageResult:
        if not test.address:
            raise StaffMailRefused(f"the reader is no staff of {test.brand} any more")
        policy = self._renderer.policies.get(test.brand)
        if policy is None or test.draft.category not in policy.terms:
            raise StaffMailRefused(f"the policy of {test.brand} has no {test.draft.category} mail here")
        now = datetime.now(UTC)
        mail = StaffMail(test.id, policy.get_category(test.draft.category), test.draft.purpose, test.address)
        processor = await self._staff_mail.choose_processor(mail, policy, now)
        rendered = await self._render(test, now)
        await self._staff_mail.sign_and_send(mail, policy, processor, rendered, now)
        return TestMessageResult(
            "",
            processor.name,
            processor.country,
            processor.contract,
            test.draft.purpose,
            rendered.fields,
            rendered.message_id,
        )

    async def _render(self, test: ClaimedTest, now: datetime) -> RenderedMessage:
        reader = SamplePerson(test.address, test.locale, test.name)
        try:
            return await self._renderer.render_draft(
                test.brand, test.campaign_id, test.draft, test.variant, reader, test.id, now, is_test=True
            )
        except UnrenderableDraft as faults:
            raise StaffMailRefused(str(faults)) from faults
