"""The language in which a person gets a breach notice: one that the variant has a text in."""

from functools import lru_cache

from babel.languages import get_official_languages

from mailer.rendering.languages import best_locale_in_same_language


def locale_of_notice(wanted: str | None, place: str, default: str, spoken: tuple[str, ...]) -> str:
    """Returns the locale of a person's notice: theirs, else a language of their place, else the brand's.

    Args:
        wanted: the person's locale, or None.
        place: ISO 3166-1 or 3166-2, or empty.
        default: of the brand.
        spoken: the locales of the variant's texts, at least one.
    """
    return best_locale_in_same_language(wanted, spoken) or _locale_of_place(place, default, spoken)


@lru_cache(maxsize=10_000)
def _locale_of_place(place: str, default: str, spoken: tuple[str, ...]) -> str:
    country = place.partition("-")[0]
    official = get_official_languages(country, regional=False, de_facto=True) if country else ()
    for code in (*(f"{language.replace('_', '-')}-{country}" for language in official), default, "en"):
        if found := best_locale_in_same_language(code, spoken):
            return found
    return min(spoken)
