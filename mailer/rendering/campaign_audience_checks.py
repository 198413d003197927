"""Checks of a campaign as a whole: its category, its languages, its variants, and the values that people lack."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final

from mailer.policy.campaign_draft import LocalizedDraft
from mailer.policy.category import CATEGORIES
from mailer.rendering.campaign_facts import CampaignFacts, PageUnderCheck
from mailer.rendering.campaign_findings import CheckFinding, Place, error_check, note_check, warning_check
from mailer.rendering.campaign_text_checks import quoted
from mailer.rendering.languages import best_locale_in_same_language
from mailer.rendering.promotional_words import find_promotional_words, find_promotional_words_in_url

MANY_WITHOUT: Final = 0.2
"""The share of people without a value from which the writer is told."""
_MANDATORY_LINKS: Final = 2

CATEGORY_UNFIT = error_check(
    "category-unfit",
    "The policy of the brand has no such category, or it is not for campaigns: only optional and service mail are.",
    "Choose a category of the brand's policy.",
)
PURPOSE_UNKNOWN = error_check(
    "purpose-unknown",
    "The policy of the brand has no such purpose.",
    "Choose a purpose of the brand's policy.",
)
PROMOTES_FORBIDDEN = error_check(
    "promotion-in-service-mail",
    "Service mail, which people cannot leave, has promotional words.",
    "Take the words out, or send them as promotional mail to those who want it.",
)
PROMOTES_OTHER = warning_check(
    "promotion-in-other-mail",
    "Mail that is not promotional, such as a newsletter, has promotional words.",
    "Send it as promotional mail if it mainly sells something.",
)
SERVICE_NEWSLETTER = warning_check(
    "service-mail-like-newsletter",
    "Service mail has a list of articles, or several links, as newsletters have. Service mail is about one thing.",
    "Send it as a newsletter, or leave one subject and one link.",
)
CONTENT_EMPTY = error_check(
    "content-empty",
    "A variant has no texts, or no blocks in one of its languages.",
    "Write at least one block.",
)
LANGUAGE_MISSING_IN_VARIANT = error_check(
    "language-missing-in-variant",
    "A variant lacks a language that another variant has. The test would compare languages.",
    "Write the variant in the same languages, or delete the language from the other one.",
)
LANGUAGE_MISSING = warning_check(
    "language-missing",
    "People of the audience read a language in which the campaign has no texts. They get the brand's default language.",
    "Write the texts in that language, or leave these people out of the audience.",
)
LANGUAGES_DIFFER = note_check(
    "languages-differ",
    "The languages of a variant have different numbers of blocks: something may be missing in one.",
    "Compare the languages side by side.",
)
VARIANTS_EQUAL = warning_check(
    "variants-equal",
    "Two variants are the same in a language. The test would measure chance.",
    "Change one of them, or delete it.",
)
VALUES_MISSING = warning_check(
    "field-values-missing",
    f"A field has no value for at least {MANY_WITHOUT:.0%} of the audience. They read the words after `or`.",
    "Read the mail with the words after `or`. Leave the field out if it does not read well.",
)

CHECKS: Final = (
    CATEGORY_UNFIT,
    PURPOSE_UNKNOWN,
    PROMOTES_FORBIDDEN,
    CONTENT_EMPTY,
    LANGUAGE_MISSING_IN_VARIANT,
    PROMOTES_OTHER,
    SERVICE_NEWSLETTER,
    LANGUAGE_MISSING,
    VARIANTS_EQUAL,
    VALUES_MISSING,
    LANGUAGES_DIFFER,
)
"""The checks of this module."""


def find_category_faults(facts: CampaignFacts) -> Iterator[CheckFinding]:
    """Yields a category or purpose that the policy lacks, and a category that is not for campaigns."""
    if facts.category not in facts.policy.categories or facts.category not in CATEGORIES:
        yield CATEGORY_UNFIT.finding(f"The policy of {facts.policy.brand} has no category {quoted(facts.category)}.")
    elif facts.draft and not _is_for_campaigns(facts.category):
        yield CATEGORY_UNFIT.finding(f"A campaign cannot be {facts.category} mail.")
    if facts.purpose not in facts.policy.purposes:
        yield PURPOSE_UNKNOWN.finding(f"The policy of {facts.policy.brand} has no purpose {quoted(facts.purpose)}.")


def _is_for_campaigns(name: str) -> bool:
    """Tells whether a campaign may be of a category: one that can be left, or service mail."""
    category = CATEGORIES[name]
    return (category.is_optional and not category.invites and not category.stands_in) or bool(category.without_product)


def find_promotion(page: PageUnderCheck) -> Iterator[CheckFinding]:
    """Yields promotional words in mail that is not promotional."""
    category = CATEGORIES.get(page.facts.category)
    if category is None or category.promotes or category.partners:
        return
    check = PROMOTES_FORBIDDEN if category.is_forbidden_to_promote else PROMOTES_OTHER
    for word in sorted(set(_promotional_words_of(page))):
        yield check.finding(f"The mail says {quoted(word)}.", page.place_of(word))


def _promotional_words_of(page: PageUnderCheck) -> Iterator[str]:
    texts = page.texts
    for said in (texts.subject, texts.preheader, texts.text):
        yield from find_promotional_words(said, texts.locale)
    yield from find_promotional_words(texts.html, texts.locale, markup=True)
    for link in page.links:
        if word := find_promotional_words_in_url(link.url):
            yield word


def find_newsletter_like_service_mail(page: PageUnderCheck) -> Iterator[CheckFinding]:
    """Yields service mail of a draft that looks like a newsletter."""
    category, draft = CATEGORIES.get(page.facts.category), page.facts.draft
    if draft is None or category is None or not category.is_forbidden_to_promote:
        return
    texts = draft.variants.get(page.texts.variant, {}).get(page.texts.locale)
    if texts and any(block.type == "articles" for block in texts.blocks):
        yield SERVICE_NEWSLETTER.finding("The mail has a list of articles.", page.place)
    elif len(page.links) >= _MANDATORY_LINKS:
        yield SERVICE_NEWSLETTER.finding(f"The mail has {len(page.links)} links.", page.place)


def find_missing_texts(facts: CampaignFacts) -> Iterator[CheckFinding]:
    """Yields what the draft lacks by variant and language."""
    if facts.draft is None:
        return
    every = sorted({locale for texts in facts.draft.variants.values() for locale in texts})
    for variant, by_locale in facts.draft.variants.items():
        place = Place(variant)
        if not by_locale:
            yield CONTENT_EMPTY.finding(f"Variant {variant} has no texts.", place)
            continue
        for locale in every:
            if locale not in by_locale:
                said = f"Variant {variant} has no texts in {locale}, which another variant has."
                yield LANGUAGE_MISSING_IN_VARIANT.finding(said, place._replace(locale=locale))
            elif not by_locale[locale].blocks:
                yield CONTENT_EMPTY.finding("The mail has no blocks.", place._replace(locale=locale))
        yield from _different_languages(place, by_locale)


def _different_languages(place: Place, by_locale: Mapping[str, LocalizedDraft]) -> Iterator[CheckFinding]:
    counts = {locale: len(texts.blocks) for locale, texts in sorted(by_locale.items())}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{locale} {count}" for locale, count in counts.items())
        yield LANGUAGES_DIFFER.finding(f"The numbers of blocks differ: {listed}.", place)


def find_missing_languages(facts: CampaignFacts) -> Iterator[CheckFinding]:
    """Yields one finding with the languages that people read and the campaign lacks, those of most people first."""
    spoken = tuple(dict.fromkeys(texts.locale for texts in facts.rendered))
    missing = {
        locale: count
        for locale, count in facts.people_by_locale.items()
        if locale and count and spoken and best_locale_in_same_language(locale, spoken) is None
    }
    if missing:
        most = sorted(missing.items(), key=lambda one: (-one[1], one[0]))
        listed = ", ".join(f"{locale} ({count:,})" for locale, count in most[:10])
        rest = f", and {len(most) - 10} more languages" if len(most) > 10 else ""
        people = sum(missing.values())
        yield LANGUAGE_MISSING.finding(f"{people:,} people read another language: {listed}{rest}.")


def find_equal_variants(facts: CampaignFacts) -> Iterator[CheckFinding]:
    """Yields two variants whose mail is the same in a language."""
    for one, other in combinations(facts.rendered, 2):
        is_equal = (one.subject, one.html, one.text) == (other.subject, other.html, other.text)
        if one.locale == other.locale and one.variant != other.variant and is_equal:
            place = Place(other.variant, other.locale)
            yield VARIANTS_EQUAL.finding(f"Variants {one.variant} and {other.variant} are the same.", place)


def find_missing_values(facts: CampaignFacts) -> Iterator[CheckFinding]:
    """Yields the fields without a value for many of the audience."""
    for name, count in sorted(facts.people_without.items()):
        if facts.people and count >= MANY_WITHOUT * facts.people:
            share = count / facts.people
            yield VALUES_MISSING.finding(f"{count:,} of {facts.people:,} people ({share:.0%}) have no {name}.")
