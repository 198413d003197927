"""Checks of names in templates: a mail names brand, controller and trust seal programme, but not every partner."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from mailer.policy.rule_registry import rule
from mailer.policy.text_folding_for_comparison import fold_text_for_comparison
from mailer.rendering.promotional_words import part_as_plain_text

_NEAR = 120
"""The most characters between the names of brand and controller."""

if TYPE_CHECKING:  # for annotations; `template_checks` imports this module
    from mailer.rendering.template_checks import RenderedTemplateUnderCheck


@rule("both-named", "peerstream-01", idle=())
def unnamed_brand_or_controller_faults(page: "RenderedTemplateUnderCheck") -> Iterator[str]:
    """Every mail names the brand that sends it and the controller that answers for it, in both parts."""
    brand, controller = page.policy.name, page.policy.controller.name
    for name, content in (page.unescaped_text_and_html[0], ("HTML", page.visible_text_and_links.text)):
        if controller not in content:
            yield f"the {name} part has no controller.name; the footer names brand and controller"
        if brand != controller and not _is_named_near_controller(brand, controller, content):
            yield f"the {name} part has no brand.name beside controller.name; the footer names brand and controller"


def _is_named_near_controller(brand: str, controller: str, content: str) -> bool:
    """Tells whether a brand is named near the controller, as in a footer.

    A name at the head of a page does not count.
    """
    pieces = re.sub(r"<[^>]*>|\s+", " ", content).split(re.sub(r"\s+", " ", controller))
    around = ((before[-_NEAR:], after[:_NEAR]) for before, after in pairwise(pieces))
    return any(brand in one for both in around for one in both)


@rule("seal-named", "paltalk06-29", idle=())
def missing_privacy_seal_name_faults(page: "RenderedTemplateUnderCheck") -> Iterator[str]:
    """An answer to a person's request names the seal's programme, to which one may turn, in both parts."""
    seal, asks = page.policy.seal, "confirm_url" in page.used_names
    if seal is None or asks or not page.face.category.answers:
        return
    for name, content, links in (
        ("text", page.rendered.text, page.rendered.text),
        ("HTML", page.visible_text_and_links.text, page.visible_text_and_links.links),
    ):
        if seal.name not in content or seal.url not in links:
            yield f"the {name} part does not name the seal's programme; write seal.name and seal.url, shown"


@rule("partner-unwritten", "interpals-05", idle=())
def forbidden_partner_name_faults(page: "RenderedTemplateUnderCheck") -> Iterator[str]:
    """A template names a partner, in words or in a link, only if it is for partners or the law asks for it."""
    category = page.policy.get_category(page.template.category)
    if not page.policy.partners or category.partners or category.is_required_by_law:
        return
    pages = (page.rendered.html, page.pieces_with_all_branches["html"])
    said = [
        page.rendered.subject,
        page.pieces_with_all_branches["subject"],
        page.rendered.text,
        page.pieces_with_all_branches["text"],
        *pages,
    ]
    read = [fold_text_for_comparison(part_as_plain_text(content, markup=False)) for content in said]
    read += [fold_text_for_comparison(part_as_plain_text(content, markup=True)) for content in pages]
    for partner in page.policy.partners:
        if any(map(partner.is_named_in_text, read)):
            yield f"names {partner.name}, of which only who asked hears; remove it, or make this partner mail"
