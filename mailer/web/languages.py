"""The languages of the pages, and the choice of one for a request."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class PageLanguage:
    """The texts of one language.

    Attributes:
        code: the language tag (BCP 47). dir: the direction of text, `ltr` or `rtl`.
        texts: the texts by name; `kinds` holds a title and a description for each optional category.
    """

    code: str
    dir: str
    texts: Mapping[str, Any]

    def isolate_name(self, name: str) -> str:
        """Returns a name for use in a text; right-to-left text needs isolates, or its last full stop moves (UAX 9)."""
        return f"\u2068{name}\u2069" if self.dir == "rtl" else name


def _load_page_languages(folder: Path) -> dict[str, PageLanguage]:
    tables = {file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.toml"))}
    return {code: PageLanguage(code, texts["dir"], texts) for code, texts in tables.items()}


LANGUAGES = _load_page_languages(Path(__file__).with_name("texts"))
"""Every language that has texts, by its code."""


def choose_language(accepted: str, fallback: str = DEFAULT) -> PageLanguage:
    """Returns the best language for an Accept-Language field (RFC 9110 12.5.4); regions and scripts are ignored.

    Args:
        accepted: the field as sent; unreadable parts are ignored.
        fallback: the locale to use if nothing fits.
    """
    wishes = sorted((_parse_preference(part) for part in accepted.split(",")), key=lambda wish: -wish[1])
    for code, weight in [*wishes, (_primary_subtag(fallback), 1.0)]:
        if code in LANGUAGES and weight > 0:
            return LANGUAGES[code]
    return LANGUAGES[DEFAULT]


def _parse_preference(part: str) -> tuple[str, float]:
    tag, _, parameter = part.partition(";")
    name, _, value = parameter.strip().partition("=")
    try:
        weight = float(value) if name == "q" else 1.0
    except ValueError:
        weight = 0.0
    return _primary_subtag(tag), weight


def _primary_subtag(tag: str) -> str:
    return tag.strip().lower().replace("_", "-").partition("-")[0]
