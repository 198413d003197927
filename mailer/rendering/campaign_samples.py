"""Messages of drafts for previews and tests, by the renderer of the sending engine. Their links act on nobody. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_rules
from typing import Any, NamedTuple
from uuid import UUID

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.policy_file import Policy
from mailer.policy.recipient_attributes import (
    FIRST_NAME,
    AttributeType,
    AttributeValue,
    attribute_types_of_policy,
)
from mailer.policy.standing import Standing
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.mailings import MailingFacts
from mailer.rendering.link_tokens import TEST_RECIPIENT
from mailer.rendering.mailing_renderer import MailingRenderer, RenderedMessage
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template import Template

TEST_MARK = "[Test] "
LONGEST_LINE = 400
MADE_UP_ADDRESS = "reader@example.org"
_SAMPLES: Mapping[AttributeType, AttributeValue] = {
    AttributeType.TEXT: "Sample",
    AttributeType.NUMBER: 12,
    AttributeType.DATE: "2026-04-12",
    AttributeType.YES_NO: True,
    AttributeType.TIME_ZONE: "Europe/Berlin",
    AttributeType.REGION: "US-CA",
}


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """The reader of a preview or a test.

    Attributes:
        address: of the To field.
        profile: the attributes that the texts may print.
        standing: of a real person; None: a made-up one.
    """

    address: str
    locale: str
    name: str | None = None
    country: str | None = None
    profile: Mapping[str, Any] = field(default_factory=dict)
    standing: Standing | None = None


class MessageParts(NamedTuple):
    """The parts of a message that a preview shows."""

    subject: str
    html: str
    text: str


def made_up_person(policy: Policy, locale: str, *, lacks_values: bool) -> SamplePerson:
    """Returns a made-up reader in a language: with a value for each attribute of the policy, or without any."""
    if lacks_values:
        return SamplePerson(MADE_UP_ADDRESS, locale)
    types = attribute_types_of_policy(policy.attributes)
    profile = {name: "Ada" if name == FIRST_NAME else _SAMPLES[kind] for name, kind in types.items()}
    return SamplePerson(MADE_UP_ADDRESS, locale, "Ada Lovelace", profile=profile)


def mark_subjects(draft: CampaignDraft) -> CampaignDraft:
    """Returns the draft with `[Test]` before each subject."""
    variants = {
        variant: {
            locale: text.model_copy(update={"subject": f"{TEST_MARK}{text.subject}"[:LONGEST_LINE]})
            for locale, text in texts.items()
        }
        for variant, texts in draft.variants.items()
    }
    return draft.model_copy(update={"variants": variants})


def render_sample(
    template: Template,
    policy: Policy,
    links: SignedLinks,
    person: SamplePerson,
    message_id: UUID,
    now: datetime,
    topic: str | None = None,
) -> RenderedMessage:
    """Renders the message of a draft for one reader: not tracked, and with links that stand for nobody.

    Args:
        template: the compiled variant.
        policy: of the brand.
        links: makes links and ids.
        person: the reader.
        message_id: stands in the place of a mailing's id; each sample has its own.
        now: an aware time.
        topic: of the newsletter, if any.

    Raises:
        RenderError, HeaderRefused: a value cannot be rendered.
        NoVisibleWayToLeave: the message does not show how to leave the mail.
    """
    category = policy.get_category(template.category)
    facts = MailingFacts(
        *(message_id, policy.brand, str(message_id), category.name, category.lane, template.name, template.version),
        campaign=None,
        reason=None,
        context={},
        reply_to=None,
        send_at=None,
        expires_at=None,
        released_at=now,
        audience_size=1,
        topic=topic,
    )
    made_up = Standing(TEST_RECIPIENT, 1, person.address, country=person.country, collected_under=policy.version)
    standing = replace(
        person.standing or made_up, recipient_id=TEST_RECIPIENT, address=person.address, tracking_refused=True
    )
    row = DeliveryRow(
        message_id, TEST_RECIPIENT, 1, standing, person.name, person.locale, {"profile": dict(person.profile)}
    )
    renderer = MailingRenderer(facts, policy, template, links, {})
    return renderer.render_message(row, category, int(now.timestamp()))


def parts_of_message(content: bytes) -> MessageParts:
    """Returns subject, HTML and text of a rendered message."""
    message = message_from_bytes(content, policy=default_rules)
    assert isinstance(message, EmailMessage)  # noqa: S101 - the default policy makes these
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    return MessageParts(
        str(message["subject"] or ""), html.get_content() if html else "", text.get_content() if text else ""
    )
