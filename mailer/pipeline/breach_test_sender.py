"""Hands test messages of breach phases over to staff, one at a time. A test is marked, and its links act on nobody."""

import asyncio
from datetime import UTC, datetime

from mailer.actions.breach_rendering import BreachRenderer, PhaseToRender, mark_titles
from mailer.actions.campaign_rendering import UnrenderableDraft
from mailer.metrics_and_logger import log
from mailer.pipeline.staff_mail_hand_over import StaffMail, StaffMailHandOver, StaffMailRefused
from mailer.ports.breach_tests import BreachTestQueue, ClaimedBreachTest
from mailer.ports.campaign_tests import TestMessageResult
from mailer.rendering.breach_templates import CATEGORY, PURPOSE
from mailer.rendering.campaign_samples import SamplePerson
from mailer.rendering.mailing_renderer import RenderedMessage
from mailer.runtime.repeating import run_every


class BreachTestSender:
    """Hands tests over.

    Args:
        queue: the tests. renderer: renders phases.
        staff_mail: hands mail to staff over.
        owner: this process's name.
    """

    def __init__(
        self, queue: BreachTestQueue, renderer: BreachRenderer, staff_mail: StaffMailHandOver, owner: str
    ) -> None:
        self._queue = queue
        self._renderer = renderer
        self._staff_mail = staff_mail
        self._owner = owner

    async def send_until_stopped(self, stop: asyncio.Event, period: float = 2.0) -> None:
        """Sends until `stop` is set."""
        await run_every(period, stop, self.send_waiting_tests, "tests of breaches could not be sent; trying again")

    async def send_waiting_tests(self) -> None:
        """Hands over all tests that wait. What was begun is never begun again."""
        while (test := await self._queue.claim_test(self._owner)) is not None:
            try:
                result = await self._hand_over(test)
            except StaffMailRefused as refusal:
                result = TestMessageResult(str(refusal))
            except Exception:
                log.exception("a test of a breach phase met a bug", case=str(test.case_id))
                result = TestMessageResult("it met a bug; the log of the worker tells more")
            await self._queue.end_test(test, result)

    async def _hand_over(self, test: ClaimedBreachTest) -> TestMessageResult:
        if not test.address:
            raise StaffMailRefused(f"the reader may not see breach cases of {test.brand} any more")
        policy = self._renderer.policies.get(test.brand)
        if policy is None or CATEGORY not in policy.terms:
            raise StaffMailRefused(f"the policy of {test.brand} has no {CATEGORY} mail here")
        now = datetime.now(UTC)
        mail = StaffMail(test.id, policy.get_category(CATEGORY), PURPOSE, test.address)
        processor = await self._staff_mail.choose_processor(mail, policy, now)
        rendered = await self._render(test, now)
        await self._staff_mail.sign_and_send(mail, policy, processor, rendered, now)
        made_by = processor.name, processor.country, processor.contract
        return TestMessageResult("", *made_by, PURPOSE, rendered.fields, rendered.message_id)

    async def _render(self, test: ClaimedBreachTest, now: datetime) -> RenderedMessage:
        reader = SamplePerson(test.address, test.locale, test.name)
        told = PhaseToRender(test.brand, test.case_id, test.phase, mark_titles(test.draft), test.facts)
        try:
            return await self._renderer.render_notice(told, test.variant, reader, test.id, now)
        except UnrenderableDraft as faults:
            raise StaffMailRefused(str(faults)) from faults
