"""The texts of a released phase as people got them: mail as HTML and text, and the letter as PDF, to nobody."""

from collections.abc import AsyncIterator

from mailer.actions.letter_making import Typesetter
from mailer.policy.breach.letter_sheets import window_of_country
from mailer.policy.policy_file import Policy
from mailer.ports.evidence_packs import PackedRelease
from mailer.rendering.breach_samples import render_notice_texts
from mailer.rendering.letter_pages import LetterPage, LetterRunPages, LetterSender
from mailer.rendering.printed_notices import content_of_frozen_notice
from mailer.rendering.signed_links import SignedLinks

_NOBODY = LetterPage(0, ("Sample",), 0)


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
            made = await typesetter.set_pdf(_letter(policy, release, variant, locale), is_tagged=True)
            yield f"{variant}/{locale}.pdf", made.content


def _letter(policy: Policy, release: PackedRelease, variant: str, locale: str) -> LetterRunPages:
    """Returns the letter of a variant in a language, dated with the release, in the format of its first place."""
    draft, facts = release.frozen["draft"], release.frozen["facts"]
    content = content_of_frozen_notice(policy, draft, facts, variant, locale)
    [first, *_] = draft["variants"][variant].get("places") or [""]
    window = window_of_country(first.partition("-")[0])
    sender = LetterSender(policy.controller.name, policy.controller.postal_address)
    return LetterRunPages(window, locale, release.released_at.date(), sender, (content,), (_NOBODY,))
