"""Composes what mails staff from a worker: tests of campaigns and of breach phases, and reminders of breaches."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from mailer.actions.breach_rendering import BreachRenderer
from mailer.actions.campaign_rendering import CampaignRenderer
from mailer.pipeline.breach_reminder_sender import BreachReminderSender
from mailer.pipeline.breach_test_sender import BreachTestSender
from mailer.pipeline.campaign_test_sender import CampaignTestSender
from mailer.pipeline.handover import HandOver
from mailer.pipeline.staff_mail_hand_over import StaffMailHandOver
from mailer.ports.breach_desk import BreachReminderQueue
from mailer.ports.breach_tests import BreachTestQueue
from mailer.ports.campaign_tests import CampaignTestQueue
from mailer.ports.suppressions import SuppressionStore


@dataclass(frozen=True, slots=True)
class StaffMailQueues:
    """The queues of mail to staff."""

    tests: CampaignTestQueue
    reminders: BreachReminderQueue
    breach_tests: BreachTestQueue


def staff_mail_senders(
    queues: StaffMailQueues,
    renderer: CampaignRenderer,
    handover: HandOver,
    suppressions: SuppressionStore,
    owner: str,
) -> Sequence[Callable[[asyncio.Event], Coroutine[Any, Any, None]]]:
    """Returns functions that each send one kind of mail to staff until an event is set.

    Args:
        queues: the mail that waits.
        renderer: renders drafts; it also knows policies, links and the address of the site.
        handover: of this worker.
        suppressions: tells which addresses are dead.
        owner: this process's name.
    """
    tests = CampaignTestSender(queues.tests, renderer, handover, suppressions, owner)
    staff_mail = StaffMailHandOver(handover, suppressions)
    reminders = BreachReminderSender(
        queues.reminders, renderer.policies, renderer.links, staff_mail, renderer.public_url, owner
    )
    breach_renderer = BreachRenderer(renderer.policies, renderer.load_templates, renderer.links)
    breach_tests = BreachTestSender(queues.breach_tests, breach_renderer, staff_mail, owner)
    return tests.send_until_stopped, reminders.send_until_stopped, breach_tests.send_until_stopped
