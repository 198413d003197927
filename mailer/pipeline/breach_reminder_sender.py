"""Hands reminders of breach clocks over to staff: each once, by the way that tests of campaigns go."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from mailer.metrics_and_logger import log
from mailer.pipeline.staff_mail_hand_over import StaffMail, StaffMailHandOver, StaffMailRefused
from mailer.policy.policy_file import Policy
from mailer.ports.breach_desk import BreachReminderQueue, ClaimedReminder, ReminderResult
from mailer.rendering.breach_reminders import render_breach_reminder
from mailer.rendering.headers import HeaderRefused
from mailer.rendering.signed_links import SignedLinks
from mailer.runtime.repeating import run_every

PERIOD: Final = 5.0
"""Seconds between two looks at the reminders that wait."""
AGAIN: Final = timedelta(minutes=5)
"""The time after which a reminder that could not go is tried again."""
CATEGORY: Final = "breach"
PURPOSE: Final = "security_notice"


class BreachReminderSender:
    """Hands reminders over.

    Args:
        queue: the reminders.
        policies: by brand. links: makes ids.
        staff_mail: hands mail to staff over.
        public_url: the address of the site, for the link to the case.
        owner: this process's name.
    """

    def __init__(
        self,
        queue: BreachReminderQueue,
        policies: Mapping[str, Policy],
        links: SignedLinks,
        staff_mail: StaffMailHandOver,
        public_url: str,
        owner: str,
    ) -> None:
        self._queue = queue
        self._policies = policies
        self._links = links
        self._staff_mail = staff_mail
        self._public_url = public_url
        self._owner = owner

    async def send_until_stopped(self, stop: asyncio.Event, period: float = PERIOD) -> None:
        """Sends until `stop` is set."""
        await run_every(period, stop, self.send_waiting_reminders, "reminders could not be sent; trying again")

    async def send_waiting_reminders(self) -> None:
        """Hands over all reminders that are due. What was begun is never begun again."""
        while (reminder := await self._queue.claim_reminder(self._owner)) is not None:
            await self._queue.end_reminder(reminder, await self._try_to_hand_over(reminder))

    async def _try_to_hand_over(self, reminder: ClaimedReminder) -> ReminderResult:
        try:
            return await self._hand_over(reminder, datetime.now(UTC))
        except StaffMailRefused as refusal:
            return ReminderResult(str(refusal), datetime.now(UTC) + AGAIN if refusal.may_pass else None)
        except HeaderRefused as refusal:
            return ReminderResult(str(refusal))
        except Exception:
            log.exception("a reminder of a breach met a bug", case=str(reminder.case_id))
            return ReminderResult("it met a bug; the log of the worker tells more")

    async def _hand_over(self, reminder: ClaimedReminder, now: datetime) -> ReminderResult:
        if not reminder.address:
            raise StaffMailRefused(f"the reader may not see breach cases of {reminder.brand} any more")
        if reminder.state != "open" or not reminder.clocks:
            raise StaffMailRefused("it is not needed any more: the duty is done, or the case is not open")
        policy = self._policies.get(reminder.brand)
        if policy is None or CATEGORY not in policy.terms:
            raise StaffMailRefused(f"the policy of {reminder.brand} has no {CATEGORY} mail here")
        mail = StaffMail(reminder.id, policy.get_category(CATEGORY), PURPOSE, reminder.address)
        processor = await self._staff_mail.choose_processor(mail, policy, now)
        url = case_url(self._public_url, reminder.case_id)
        rendered = render_breach_reminder(policy, mail.category, self._links, reminder, url, now)
        await self._staff_mail.sign_and_send(mail, policy, processor, rendered, now)
        made_by = processor.name, processor.country, processor.contract
        return ReminderResult("", None, *made_by, PURPOSE, rendered.message_id)


def case_url(public_url: str, case_id: UUID) -> str:
    """Returns the address of a case's page."""
    return f"{public_url.rstrip('/')}/console/breaches/{case_id}"
