"""Context values by language, such as {"en": "Hello", "ar": "…"}. Each mail has the texts of one language only."""

from collections.abc import Iterator, Mapping
from typing import Any

from mailer.input_types import parse_locale
from mailer.rendering.languages import best_locale_in_same_language, has_same_language_and_script, is_known_locale
from mailer.rendering.template import RenderError, Template

Texts = Mapping[str, Mapping[str, Any]]
"""Texts by the name of the value, then by locale."""


def find_texts_given_by_language(context: Mapping[str, Any], template: Template) -> dict[str, dict[str, Any]]:
    """Returns the values of a context that are given by language, with their codes in the canonical form.

    Such a value is an object whose keys are all language tags. It is no value by language if the template reads its
    attributes, as in `order.id` (`id` and `no` are languages too), or does not use it. A null counts as missing.
    """
    return {
        name: {parse_locale(code): text for code, text in value.items() if text is not None}
        for name, value in context.items()
        if isinstance(value, dict)
        and name in template.uses
        and name not in template.opened
        and _has_only_language_codes_as_keys(value)
    }


def _has_only_language_codes_as_keys(value: Mapping[str, Any]) -> bool:
    try:
        return bool(value) and all(is_known_locale(parse_locale(code)) for code in value)
    except ValueError:
        return False


def locales_with_all_texts(template: Template, texts: Texts) -> tuple[str, ...]:
    """Returns the template's locales that all of the texts have. Each reader gets one of them."""
    if not texts:  # as most mailings
        return template.locales
    return tuple(
        code for code in template.locales if all(_has_text_for_locale(by_code, code) for by_code in texts.values())
    )


def context_in_locale(context: Mapping[str, Any], texts: Texts, chosen: str) -> Mapping[str, Any]:
    """Returns the context with its texts in one of the template's locales.

    Raises:
        RenderError: a text is missing in this locale.
    """
    return (
        {**context, **{name: _text_in_locale(name, by_code, chosen) for name, by_code in texts.items()}}
        if texts
        else context
    )


def missing_locales_by_text_name(template: Template, texts: Texts) -> dict[str, list[str]]:
    """Returns the template's locales that each text lacks, by the name of the text."""
    missing = {
        name: [code for code in template.locales if not _has_text_for_locale(by_code, code)]
        for name, by_code in texts.items()
    }
    return {name: codes for name, codes in missing.items() if codes}


def describe_missing_languages_of_context(template: Template, context: Mapping[str, Any]) -> Iterator[str]:
    """Yields a line for each text that lacks languages, with the languages that readers get instead. For releases."""
    texts = find_texts_given_by_language(context, template)
    spoken = locales_with_all_texts(template, texts)
    for name, codes in missing_locales_by_text_name(template, texts).items():
        instead = ", ".join(
            dict.fromkeys(best_locale_in_same_language(code, spoken) or template.default_locale for code in codes)
        )
        yield f"context.{name} lacks {', '.join(codes)}: who reads that gets the whole mail in {instead}"


def _nearest_locale_in_same_language(by_code: Mapping[str, Any], chosen: str) -> str | None:
    """Returns the locale of the text for a mail in a locale, in the same language and script, or None."""
    return best_locale_in_same_language(
        chosen, tuple(code for code in by_code if has_same_language_and_script(code, chosen))
    )


def _has_text_for_locale(by_code: Mapping[str, Any], chosen: str) -> bool:
    return _nearest_locale_in_same_language(by_code, chosen) is not None


def _text_in_locale(name: str, by_code: Mapping[str, Any], chosen: str) -> Any:
    found = _nearest_locale_in_same_language(by_code, chosen)
    if found is None:
        raise RenderError(f"{name} is missing in {chosen}")
    return by_code[found]
