"""The texts of a released phase as people got them, for evidence: rendered by the sending engine, for nobody. Pure."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.policy_file import Policy
from mailer.rendering.campaign_samples import SamplePerson, parts_of_message, render_sample
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template_compiler import compile_stored_source

_ADDRESS: Final = "person@example.org"


def render_notice_texts(
    policy: Policy, links: SignedLinks, template: ManifestTemplate, name: str, now: datetime
) -> Iterator[tuple[str, bytes]]:
    """Yields a file name, such as `de.html`, and the octets of each language of a variant, as HTML and as text.

    Args:
        policy: of the brand.
        links: makes links, which act on nobody.
        template: of the variant, as the manifest has frozen it.
        name: of the phase's template.
        now: an aware time.

    Raises:
        ValueError: the stored template cannot be rendered any more.
    """
    compiled = compile_stored_source(policy, name, template.source)
    draft = CampaignDraft(category=compiled.category, purpose=compiled.purpose)
    for locale in sorted(json.loads(template.source)["sources"]):
        person = SamplePerson(_ADDRESS, locale)
        made = render_sample(compiled, policy, links, draft, person, uuid5(NAMESPACE_URL, f"{name}/{locale}"), now)
        parts = parts_of_message(made.outgoing.content)
        yield f"{locale}.html", parts.html.encode()
        yield f"{locale}.txt", f"{parts.subject}\n\n{parts.text}".encode()
