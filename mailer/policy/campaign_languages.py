"""Languages and variants of a draft: adding, copying and removing them. Pure."""

from typing import Final

from pydantic import TypeAdapter, ValidationError

from mailer.policy.campaign_draft import VARIANT_NAMES, AbTest, CampaignDraft, Locale, LocalizedDraft, VariantName
from mailer.policy.campaign_gaps import locales_of_draft

MOST_LANGUAGES: Final = 40
"""The most languages of a draft."""
_LOCALE: Final = TypeAdapter[str](Locale)


class DraftChangeRefused(ValueError):
    """A change of languages or variants that cannot be made. The message is a sentence that says why."""


def parse_language(text: str) -> str:
    """Returns a language tag in its normal form, such as `de` or `pt-BR`.

    Raises:
        DraftChangeRefused: it is none.
    """
    try:
        return _LOCALE.validate_python(text.strip())
    except ValidationError:
        raise DraftChangeRefused("This is no language: write its tag, such as de or pt-BR.") from None


def add_language(draft: CampaignDraft, locale: str, copied: str | None = None) -> CampaignDraft:
    """Returns the draft with a language in each variant that lacks it, empty or with the texts of another language.

    Raises:
        DraftChangeRefused: each variant has it, the copied one is missing, or there are too many languages.
    """
    known = locales_of_draft(draft)
    if all(locale in texts for texts in draft.variants.values()):
        raise DraftChangeRefused(f"The draft has the language {locale} already.")
    if copied is not None and copied not in known:
        raise DraftChangeRefused(f"The draft has no language {copied} to copy.")
    if len(known) >= MOST_LANGUAGES:
        raise DraftChangeRefused(f"{MOST_LANGUAGES} languages are the most.")
    variants = {
        name: {locale: texts.get(copied or "", LocalizedDraft()), **texts} for name, texts in draft.variants.items()
    }
    return draft.model_copy(update={"variants": variants})


def remove_language(draft: CampaignDraft, locale: str) -> CampaignDraft:
    """Returns the draft without a language.

    Raises:
        DraftChangeRefused: it has no such language.
    """
    if locale not in locales_of_draft(draft):
        raise DraftChangeRefused(f"The draft has no language {locale}.")
    variants = {
        name: {tag: text for tag, text in texts.items() if tag != locale} for name, texts in draft.variants.items()
    }
    return draft.model_copy(update={"variants": variants})


def add_variant(draft: CampaignDraft) -> CampaignDraft:
    """Returns the draft with one more variant, whose texts are those of variant a, and with a test if it has none.

    Raises:
        DraftChangeRefused: there are four already.
    """
    if len(draft.variants) == len(VARIANT_NAMES):
        raise DraftChangeRefused(f"{len(VARIANT_NAMES)} variants are the most.")
    variants = {**draft.variants, VARIANT_NAMES[len(draft.variants)]: dict(draft.variants["a"])}
    return draft.model_copy(update={"variants": variants, "ab_test": draft.ab_test or AbTest()})


def remove_variant(draft: CampaignDraft, variant: str) -> CampaignDraft:
    """Returns the draft without a variant; later ones move up, and the last one left needs no test.

    Raises:
        DraftChangeRefused: there is no such variant, or it is the only one.
    """
    left = [texts for name, texts in sorted(draft.variants.items()) if name != variant]
    if len(left) == len(draft.variants) or not left:
        raise DraftChangeRefused("There is no such variant, or it is the only one.")
    variants: dict[VariantName, dict[str, LocalizedDraft]] = dict(zip(VARIANT_NAMES, left, strict=False))
    return draft.model_copy(update={"variants": variants, "ab_test": draft.ab_test if len(left) > 1 else None})
