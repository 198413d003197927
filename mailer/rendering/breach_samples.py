"""Sample copies of a breach notice for authorities: each variant and language as it was sent, to nobody. Pure."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.policy_file import Policy
from mailer.rendering.campaign_samples import MessageParts, SamplePerson, parts_of_message, render_sample
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template import Template
from mailer.rendering.template_compiler import compile_stored_source

NAME: Final = "Sample"
"""The name in place of a person's."""
ADDRESS: Final = "sample@example.org"


def locales_of_stored_template(template: ManifestTemplate) -> list[str]:
    """Returns the languages of a stored template."""
    return sorted(json.loads(template.source)["sources"])


def sample_copy(
    policy: Policy, links: SignedLinks, template: ManifestTemplate, name: str, locale: str, now: datetime
) -> MessageParts:
    """Returns a copy of one variant in one language, by the renderer of the sending engine.

    Args:
        policy: of the brand.
        links: makes links, which act on nobody.
        template: of the variant, as the manifest has frozen it.
        name: of the phase's template.
        locale: one of its languages.
        now: an aware time.

    Raises:
        TemplateError, RenderError, HeaderRefused: the stored template cannot be rendered any more.
    """
    compiled = compile_stored_source(policy, name, template.source)
    return _copy_of_compiled(policy, links, compiled, locale, now)


def render_notice_texts(
    policy: Policy, links: SignedLinks, template: ManifestTemplate, name: str, now: datetime
) -> Iterator[tuple[str, bytes]]:
    """Yields a file name, such as `de.html`, and the octets of each language of a variant, as HTML and as text.

    Args and errors are those of `sample_copy`.
    """
    compiled = compile_stored_source(policy, name, template.source)
    for locale in locales_of_stored_template(template):
        parts = _copy_of_compiled(policy, links, compiled, locale, now)
        yield f"{locale}.html", parts.html.encode()
        yield f"{locale}.txt", f"{parts.subject}\n\n{parts.text}".encode()


def _copy_of_compiled(
    policy: Policy, links: SignedLinks, compiled: Template, locale: str, now: datetime
) -> MessageParts:
    person = SamplePerson(ADDRESS, locale, NAME)
    message_id = uuid5(NAMESPACE_URL, f"{compiled.name}/{locale}")
    return parts_of_message(render_sample(compiled, policy, links, person, message_id, now).outgoing.content)
