"""Changes of the variants and languages of a phase. Each returns a whole new draft. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from mailer.policy.breach.draft import (
    ELSEWHERE,
    MOST_VARIANTS,
    BreachPhaseDraft,
    NoticeText,
    NoticeVariant,
    VariantSlug,
)
from mailer.policy.campaign_draft import Locale

MOST_OCTETS: Final = 3_500_000
"""The most octets of all variants as JSON. The database holds four million for a draft."""
_SLUG: TypeAdapter[str] = TypeAdapter(VariantSlug)
_LOCALE: TypeAdapter[str] = TypeAdapter(Locale)


class TextChangeRefused(ValueError):
    """A change that cannot be made; the message says why, and what to do."""


def parse_locale(typed: str) -> str:
    """Returns a language tag such as `de` or `pt-BR`. Raises TextChangeRefused."""
    try:
        return _LOCALE.validate_python(typed.strip())
    except ValidationError:
        raise TextChangeRefused(f"{typed[:40]}: is no language; write a tag such as de or pt-BR") from None


def parse_places(typed: str) -> tuple[str, ...]:
    """Returns places that are written with blanks or commas between them, each once and in capitals."""
    return tuple(dict.fromkeys(typed.upper().replace(",", " ").split()))


def add_variant(draft: BreachPhaseDraft, name: str, places: Sequence[str]) -> BreachPhaseDraft:
    """Adds a variant without texts for some places. Raises TextChangeRefused."""
    try:
        _SLUG.validate_python(name)
    except ValidationError:
        raise TextChangeRefused(f"{name[:40]}: is no name of a variant; write one such as us-ca") from None
    if name in draft.variants:
        raise TextChangeRefused(f"{name}: is there already; choose another name, or change its places")
    return _with_variants(draft, {**_dumped(draft), name: {"places": places}})


def add_suggested_variants(draft: BreachPhaseDraft, suggested: Mapping[VariantSlug, Sequence[str]]) -> BreachPhaseDraft:
    """Adds the suggested variants that are missing, for those of their places that no variant has yet."""
    taken = {place for variant in draft.variants.values() for place in variant.places}
    variants = _dumped(draft)
    for name, places in suggested.items():
        if free := [place for place in places if place not in taken]:
            if name in variants:
                free = [*variants[name]["places"], *free]
            variants[name] = {**variants.get(name, {}), "places": free}
    return _with_variants(draft, variants)


def set_places(draft: BreachPhaseDraft, places_by_variant: Mapping[str, Sequence[str]]) -> BreachPhaseDraft:
    """Gives variants other places. Raises TextChangeRefused: a place is in two, or a variant is left without one."""
    variants = {
        name: {**dumped, "places": places_by_variant.get(name, dumped["places"])}
        for name, dumped in _dumped(draft).items()
    }
    return _with_variants(draft, variants)


def remove_variant(draft: BreachPhaseDraft, name: str) -> BreachPhaseDraft:
    """Removes a variant with its texts. Its people get the variant of their country, or `ELSEWHERE`."""
    if name == ELSEWHERE:
        raise TextChangeRefused(f"{ELSEWHERE}: stays; people of places that nobody foresaw get it")
    return _with_variants(draft, {other: dumped for other, dumped in _dumped(draft).items() if other != name})


def put_text(draft: BreachPhaseDraft, variant: str, locale: str, text: NoticeText) -> BreachPhaseDraft:
    """Puts a text into a variant, in the place of the one that was there. Raises TextChangeRefused."""
    variants = _dumped(draft)
    if variant not in variants:
        raise TextChangeRefused(f"{variant}: is no variant any more; somebody has removed it")
    variants[variant]["texts"][locale] = text.model_dump(mode="json")
    return _with_variants(draft, variants)


def remove_text(draft: BreachPhaseDraft, variant: str, locale: str) -> BreachPhaseDraft:
    """Removes a text."""
    variants = _dumped(draft)
    variants.get(variant, {"texts": {}})["texts"].pop(locale, None)
    return _with_variants(draft, variants)


def text_or_none(draft: BreachPhaseDraft, variant: str, locale: str) -> NoticeText | None:
    """Returns a text of a draft, or None if it is not there."""
    found: NoticeVariant | None = draft.variants.get(variant)
    return found.texts.get(locale) if found else None


def check_size(draft: BreachPhaseDraft) -> None:
    """Refuses a draft that is larger than the database holds. Raises TextChangeRefused."""
    if len(json.dumps(draft.model_dump(mode="json"), ensure_ascii=False).encode()) > MOST_OCTETS:
        raise TextChangeRefused(f"all texts of a phase have at most {MOST_OCTETS:,} octets; shorten one, or remove one")


def _dumped(draft: BreachPhaseDraft) -> dict[str, dict[str, Any]]:
    return {name: variant.model_dump(mode="json") for name, variant in draft.variants.items()}


def _with_variants(draft: BreachPhaseDraft, variants: Mapping[str, Any]) -> BreachPhaseDraft:
    if len(variants) > MOST_VARIANTS:
        raise TextChangeRefused(f"a phase has at most {MOST_VARIANTS} variants; put places together")
    try:
        changed = BreachPhaseDraft.model_validate({**draft.model_dump(mode="json"), "variants": variants})
        check_size(changed)
        return changed
    except ValidationError as error:
        fault = error.errors()[0]
        said = fault["msg"].removeprefix("Value error, ")
        place = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "string_pattern_mismatch" and "places" in fault["loc"]:
            said = (
                f"{str(fault['input'])[:20]}: is no place; write a country such as DE, or a part of one such as US-CA"
            )
            place = ""
        raise TextChangeRefused(f"{place}: {said}" if place else said) from None
