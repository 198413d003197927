"""The parts that a draft of a campaign lacks before it can be checked. Pure."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from mailer.policy.campaign_draft import CampaignDraft, LocalizedDraft
from mailer.policy.policy_file import Policy

Gap = Literal["subject", "preheader", "content"]


class TextCell(NamedTuple):
    """One text of the grid of variants and languages.

    Attributes:
        text: None if the variant has no text in this language.
        gaps: the parts that are empty.
    """

    variant: str
    locale: str
    text: LocalizedDraft | None
    gaps: tuple[Gap, ...]


def grid_of_texts(draft: CampaignDraft) -> list[list[TextCell]]:
    """Returns a row for each language that any variant has, with a cell for each variant."""
    variants = sorted(draft.variants)
    return [[_cell(draft, variant, locale) for variant in variants] for locale in locales_of_draft(draft)]


def locales_of_draft(draft: CampaignDraft) -> list[str]:
    """Returns the languages that any variant has, sorted."""
    return sorted({locale for texts in draft.variants.values() for locale in texts})


def _cell(draft: CampaignDraft, variant: str, locale: str) -> TextCell:
    text = next((texts.get(locale) for name, texts in draft.variants.items() if name == variant), None)
    return TextCell(variant, locale, text, gaps_of_text(text))


def gaps_of_text(text: LocalizedDraft | None) -> tuple[Gap, ...]:
    """Returns the empty parts of a text. A preheader may be empty, and its lack is only a hint."""
    shown = text or LocalizedDraft()
    parts: Sequence[tuple[Gap, bool]] = (
        ("subject", bool(shown.subject.strip())),
        ("preheader", bool(shown.preheader.strip())),
        ("content", bool(shown.blocks)),
    )
    return tuple(name for name, is_there in parts if not is_there)


def missing_parts(draft: CampaignDraft) -> list[TextCell]:
    """Returns the texts without which nothing can be sent: those that lack a subject or content.

    Each language that one variant has is needed in all of them. A draft without any language lacks everything.
    """
    cells = [cell for row in grid_of_texts(draft) for cell in row]
    if not cells:
        return [TextCell(variant, "", None, gaps_of_text(None)) for variant in sorted(draft.variants)]
    return [cell for cell in cells if set(cell.gaps) & {"subject", "content"}]


def campaign_categories(policy: Policy) -> list[str]:
    """Returns the categories of a brand that a campaign may have: optional ones, and `service`.

    Mandatory ones are not a marketer's to choose. An invitation needs its inviter and a partner's mail its partner, and
    a draft names neither; `updates` is the form of `service` for people without the product.
    """
    optional = [
        name
        for name, category in policy.categories.items()
        if category.is_optional and not (category.invites or category.partners or category.stands_in)
    ]
    return [*optional, *({"service"} & policy.categories.keys())]


def refusal_of_category_or_purpose(draft: CampaignDraft, policy: Policy) -> str | None:
    """Returns the reason for which a brand's campaign may not have the category or the purpose of a draft, or None."""
    if draft.category not in (known := campaign_categories(policy)):
        return f"category: a campaign of {policy.brand} may be {', '.join(known)}"
    if draft.purpose not in policy.purposes:
        return f"purpose: the policy of {policy.brand} has {', '.join(policy.purposes)}"
    return None
