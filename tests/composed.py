"""Campaigns composed of blocks, their templates, and the mail that is made of them, for tests without a database."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from mailer.policy.campaign_draft import (
    Article,
    ArticlesBlock,
    Block,
    ButtonBlock,
    CampaignDraft,
    ColumnsBlock,
    DividerBlock,
    HeadingBlock,
    HtmlBlock,
    LocalizedDraft,
    PictureBlock,
    TextBlock,
)
from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy
from mailer.policy.recipient_attributes import AttributeType, RecipientAttribute
from mailer.policy.standing import Standing
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.pictures import PictureFacts
from mailer.rendering.campaign_templates import compile_campaign_template
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template import Template
from mailer.rendering.template_compiler import compile_stored_source
from mailer.rendering.template_files import BrandFiles, TemplateError
from tests.factories import KEY, policies, templates
from tests.renderers import facts_of

BRANDS = ("interpals", "paltalk-2002", "paltalk-2006", "peerstream")
NAME, PUBLIC_URL = "campaign-0123456789ab", "https://mail.example"
PICTURE = PictureFacts(
    "a" * 32, "paltalk-2006", "image/png", 1200, 600, 9000, "room.png", "dana", datetime(2026, 11, 1, tzinfo=UTC)
)
TYPES = {"plan": AttributeType.TEXT, "points": AttributeType.NUMBER, "since": AttributeType.DATE}
LETTER = """Hello {{ first_name or 'there' }}, you have {{ points or 'no' }} points on {{ plan or 'the free plan' }},
since {{ since or 'today' }}. *Read* [all of it](https://rooms.example/all?a=1&b=2).

- one
- two
  - three

1. first
2. second
"""
BLOCKS: tuple[Block, ...] = (
    HeadingBlock(text="What is new, {{ name or 'friend' }}"),
    TextBlock(markdown=LETTER),
    HtmlBlock(html='<div class="panel"><b>Raw</b> <a href="https://rooms.example/raw">link</a></div>'),
    PictureBlock(picture=PICTURE.id, alt="A room", href="https://rooms.example/room"),
    ButtonBlock(label="Go on", href="https://rooms.example/go"),
    ArticlesBlock(articles=(Article(title="Karaoke", markdown="Each *Friday*", href="https://rooms.example/karaoke"),)),
    DividerBlock(),
    ColumnsBlock(
        first=(HeadingBlock(text="Left", level=3), TextBlock(markdown="To the left")),
        second=(PictureBlock(picture=PICTURE.id, is_decoration=True),),
    ),
)


def files_of(brand: str) -> BrandFiles:
    """The layout of a brand, whose policy declares some attributes."""
    files = templates().find_brand_files(brand)
    assert files is not None
    declared = {
        name: RecipientAttribute(type=kind, purpose=files.policy.purposes[0], retention_days=30)
        for name, kind in TYPES.items()
    }
    return replace(files, policy=files.policy.model_copy(update={"attributes": declared}).with_earlier_versions({}))


def draft_of(*blocks: Block, category: str = "newsletter", policy: Policy | None = None, **texts: Any) -> CampaignDraft:
    """A draft of one variant in English, or in the locales of `locales`."""
    locales = texts.pop("locales", ("en",))
    text = LocalizedDraft(**{"subject": "This week", "blocks": blocks, **texts})
    purpose = (policy or policies()["paltalk-2006"]).purposes[0]
    return CampaignDraft(category=category, purpose=purpose, variants={"a": dict.fromkeys(locales, text)})


def compiled(*blocks: Block, brand: str = "paltalk-2006", **values: Any) -> Template:
    """A template that was composed of blocks."""
    files = files_of(brand)
    draft = draft_of(*blocks, policy=files.policy, **values)
    return compile_campaign_template(files, NAME, draft, "a", {PICTURE.id: PICTURE}, PUBLIC_URL)


def faults_of(*blocks: Block, **values: Any) -> str:
    """The faults of blocks that cannot be sent."""
    with pytest.raises(TemplateError) as caught:
        compiled(*blocks, **values)
    return str(caught.value)


def mail_of(template: Template, **values: Any) -> tuple[str, str, str]:
    """The subject and both parts of the mail to one person, as the hand-over renders it."""
    facts = facts_of(template_version=template.version, brand="paltalk-2006", template=NAME)
    policy = files_of("paltalk-2006").policy
    stored = compile_stored_source(policy, NAME, template.source)
    renderer = MailingRenderer(facts, policy, stored, SignedLinks(PUBLIC_URL, (KEY,)), {})
    row = DeliveryRow(facts.id, 7, 1, Standing(7, 1, "ada@people.example"), **values)
    message = message_from_bytes(
        renderer.render_message(row, CATEGORIES["newsletter"], 1_790_000_000).outgoing.content, policy=default
    )
    text, markup = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert markup is not None
    return message["Subject"], text.get_content(), markup.get_content()
