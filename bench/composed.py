"""Measures the messages of a composed campaign beside those of a template from files: `python -m bench composed`.

Both say the same: an offer with a heading, three paragraphs, a code and a button. The campaign may cost 5 % more at
most; the command fails where it is more. Two kinds of people are measured: those who differ in their names alone, who
share one form, and those with an attribute, whose messages are rendered one by one.
"""

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bench.setting import read_policies
from mailer import bundled_files
from mailer.policy.campaign_draft import ButtonBlock, CampaignDraft, HeadingBlock, HtmlBlock, LocalizedDraft, TextBlock
from mailer.policy.policy_file import Policy
from mailer.policy.recipient_attributes import AttributeType, RecipientAttribute
from mailer.policy.standing import Standing
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.mailings import MailingFacts
from mailer.rendering.campaign_templates import compile_campaign_template
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template import Template
from mailer.rendering.template_library import TemplateLibrary

BRAND, FILES, CATEGORY, PURPOSE = "paltalk-2006", "spring-offer", "promotional", "offers"
PEOPLE = 2000
RUNS = 9
MOST = 1.05
"""The most that a message of a campaign may cost, as a part of what one of a template from files costs."""
NOW = datetime(2026, 11, 22, tzinfo=UTC)
URL = "https://paltalk.example/plus"
CONTEXT = {"percent": 30, "code": "SPRING30", "until": "2026-05-01", "url": URL}
BLOCKS = (
    HeadingBlock(text="Spring is here, and so is a discount"),
    HtmlBlock(html='<p class="big">30% off</p>'),
    TextBlock(
        markdown="a year of Paltalk Plus: video in every room, your own room name, and no advertisements.\n\n"
        "There are rooms for {{ interest or 'everything that people talk about' }}, open all night."
    ),
    HtmlBlock(
        html='<div class="panel"><p class="label">Your code</p><p class="value code">SPRING30</p>'
        '<p class="label">Good until</p><p class="value">May 1, 2026</p></div>'
    ),
    ButtonBlock(label="Get the discount", href=URL),
)


def templates_of_both_kinds() -> tuple[Policy, Template, Template]:
    """The policy, the template from files, and the composed one, which say the same."""
    declared = RecipientAttribute(type=AttributeType.TEXT, purpose=PURPOSE, retention_days=30)
    policies = dict(read_policies())
    policies[BRAND] = policies[BRAND].model_copy(update={"attributes": {"interest": declared}})
    policies[BRAND] = policies[BRAND].with_earlier_versions({})
    library = TemplateLibrary.load_library(bundled_files.bundled_folder("templates"), policies, [BRAND])
    from_files, layout = library.find_template(BRAND, FILES), library.find_brand_files(BRAND)
    assert from_files is not None
    assert layout is not None
    texts = LocalizedDraft(
        subject="30% off Paltalk Plus until May 1, 2026", preheader="30% off a year of Paltalk Plus.", blocks=BLOCKS
    )
    draft = CampaignDraft(category=CATEGORY, purpose=PURPOSE, variants={"a": {"en": texts}})
    composed = compile_campaign_template(layout, "campaign-0123456789ab", draft, "a", {}, "https://mail.example")
    return policies[BRAND], from_files, composed


def renderer_of(policy: Policy, template: Template, context: Mapping[str, Any]) -> MailingRenderer:
    """The renderer of a mailing to many, whose form is made for its first message."""
    facts = MailingFacts(
        id=UUID(int=7),
        brand=BRAND,
        event_id="bench",
        category=CATEGORY,
        lane="promotional",
        template=template.name,
        template_version=template.version,
        campaign="spring",
        reason=None,
        context=dict(context),
        reply_to=None,
        send_at=None,
        expires_at=None,
        released_at=NOW,
        audience_size=100_000,
        topic=None,
        inviter=None,
        partner=None,
    )
    return MailingRenderer(facts, policy, template, SignedLinks("https://mail.example", ("k" * 40,)), {})


def people(values: Mapping[str, Any]) -> Sequence[DeliveryRow]:
    """The deliveries to measure."""
    known = Standing(1, 1, "x@people.example", source="sign-up", collected_under="2006-12-28", country="US")
    return [
        DeliveryRow(
            UUID(int=7),
            n,
            1,
            replace(known, recipient_id=n, address=f"p{n}@people.example"),
            f"Person {n}",
            "en",
            values,
        )
        for n in range(1, PEOPLE + 1)
    ]


def microseconds(renderer: MailingRenderer, rows: Sequence[DeliveryRow]) -> float:
    """Processor time of one message, as the mean of a run. Other work of the machine does not count."""
    begun = time.process_time()
    for row in rows:
        renderer.render_message(row, renderer.category, 1_795_000_000)
    return (time.process_time() - begun) / len(rows) * 1e6


def main() -> None:
    """Measures both in turn, and prints a line for each kind of people."""
    policy, from_files, composed = templates_of_both_kinds()
    files, campaign = renderer_of(policy, from_files, CONTEXT), renderer_of(policy, composed, {})
    dear = []
    for name, values in (("names alone", {}), ("an attribute", {"profile": {"interest": "karaoke"}})):
        rows = people(values)
        pairs = [(microseconds(files, rows), microseconds(campaign, rows)) for _ in range(RUNS + 1)][1:]
        ours, theirs = (statistics.median(run[place] for run in pairs) for place in (1, 0))
        sizes = [len(one.render_message(rows[0], one.category, 0).outgoing.content) for one in (files, campaign)]
        print(
            f"{name}: template from files {theirs:.1f} µs ({sizes[0]:,} octets), "
            f"composed campaign {ours:.1f} µs ({sizes[1]:,} octets), {ours / theirs:.3f}"
        )
        dear += [name] if ours / theirs > MOST else []
    if dear:
        sys.exit(f"more than {MOST} of a template from files: {', '.join(dear)}")


if __name__ == "__main__":
    main()
