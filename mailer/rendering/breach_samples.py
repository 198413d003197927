"""Sample copies of a breach notice for authorities: each variant and language as it was sent, to nobody. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.policy_file import Policy
from mailer.rendering.campaign_samples import MessageParts, SamplePerson, parts_of_message, render_template_for_reader
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template_compiler import compile_stored_source

NAME: Final = "Sample"
"""The name in place of a person's."""
ADDRESS: Final = "sample@example.org"


class SampleCopy(NamedTuple):
    """A sample copy. parts: subject, HTML and text."""

    variant: str
    locale: str
    parts: MessageParts


def sample_copies(
    policy: Policy,
    links: SignedLinks,
    templates: Mapping[str, ManifestTemplate],
    name: str,
    message_id: UUID,
    now: datetime,
) -> Iterator[SampleCopy]:
    """Yields a copy of each variant in each of its languages, by the renderer of the sending engine.

    Args:
        policy: of the brand.
        links: makes links, which act on nobody.
        templates: by variant, as the manifest has frozen them.
        name: of the phase's template.
        message_id: stands in the place of a mailing's id.
        now: an aware time.

    Raises:
        TemplateError, RenderError, HeaderRefused: a stored template cannot be rendered any more.
    """
    for variant in sorted(templates):
        template = compile_stored_source(policy, name, templates[variant].source)
        for locale in template.locales:
            person = SamplePerson(ADDRESS, locale, NAME)
            message = render_template_for_reader(template, policy, links, person, message_id, now)
            yield SampleCopy(variant, locale, parts_of_message(message.outgoing.content))
