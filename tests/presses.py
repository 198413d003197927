"""A mailing as the hand-over sees it, and its press, for tests without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

from mailer.pipeline.press import Press, Presses
from mailer.ports.mailings import MailingFacts
from mailer.rendering.links import Links
from tests.factories import KEY, make_event, new_mailing, policies, templates, unsigned


def facts_of(category: str = "newsletter", **values: Any) -> MailingFacts:
    """A mailing as the hand-over sees it, released an hour ago, to many."""
    event = make_event({"refs": ["u1"]}, category)
    mailing = new_mailing(event)
    stated: dict[str, Any] = {
        "id": mailing.id,
        "brand": event.brand,
        "event_id": event.id,
        "category": category,
        "lane": mailing.category.lane.value,
        "template": event.template,
        "template_version": mailing.template_version,
        "campaign": None,
        "reason": None,
        "context": event.context,
        "reply_to": None,
        "send_at": None,
        "expires_at": None,
        "released_at": datetime.now(UTC) - timedelta(hours=1),
        "audience_size": 1000,
        "topic": None,
        "inviter": None,
        "partner": None,
    }
    return MailingFacts(**stated | values)


def press_of(category: str = "newsletter", **values: Any) -> Press:
    """Its press."""
    presses = Presses(policies(), templates(), Links("https://mail.example", (KEY,)), unsigned)
    return presses.set_up(facts_of(category, **values), None)
