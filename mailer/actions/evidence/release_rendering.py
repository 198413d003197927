"""The texts of a released phase as people got them: mail as HTML and text, and the letter as PDF, to nobody."""

from collections.abc import AsyncIterator

from mailer.actions.letter_making import Typesetter
from mailer.policy.policy_file import Policy
from mailer.ports.evidence_packs import PackedRelease
from mailer.rendering.breach_samples import render_notice_texts
from mailer.rendering.printed_notices import letter_to_nobody
from mailer.rendering.signed_links import SignedLinks


async def render_release(
    policy: Policy, links: SignedLinks, typesetter: Typesetter, release: PackedRelease
) -> AsyncIterator[tuple[str, bytes]]:
    """Yields the name of a file, such as `eu/de.html`, and its octets. The letters come last.

    Args:
        policy: of the brand.
        links: makes links, which act on nobody.
        typesetter: sets the letters.
        release: the phase.

    Raises:
        ValueError: a stored text cannot be rendered any more.
        TypesettingFailed: letters cannot be set here.
    """
    for variant, template in release.templates.items():
        texts = render_notice_texts(policy, links, template, release.template_name, release.released_at)
        for name, content in texts:
            yield f"{variant}/{name}", content
    for variant, written in release.frozen["draft"]["variants"].items():
        for locale in written.get("texts", ()):
            letter = letter_to_nobody(release.frozen, variant, locale, policy, release.released_at.date())
            made = await typesetter.set_pdf(letter, is_tagged=True)
            yield f"{variant}/{locale}.pdf", made.content
