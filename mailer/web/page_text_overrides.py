"""A brand's own page texts. They replace texts that exist, with the same blanks."""

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from mailer.policy.toml_lines import Path
from mailer.text_checks import check_storable_text
from mailer.web.languages import LANGUAGES

MAX_PAGE_TEXT = 2000
"""The most characters of a text."""
_FIXED = frozenset({"dir", "comma", "name"})
"""Entries of a language that are no texts for readers."""


def text_override_faults(texts: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yields the path and the words of each fault in the texts of a look, which are by language."""
    for code, said in texts.items():
        if code not in LANGUAGES:
            yield (code,), f"is no language of the pages; write one of {', '.join(LANGUAGES)}"
        elif not isinstance(said, dict):
            yield (code,), "is no section; write [texts.LANGUAGE], with a line for each text below it"
        else:
            known = {name: text for name, text in LANGUAGES[code].texts.items() if name not in _FIXED}
            yield from _section_faults((code,), said, known)


def merge_page_texts(known: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the known texts with those that a look replaces. Both have passed `text_override_faults`."""
    return {
        **known,
        **{
            name: merge_page_texts(known[name], text) if isinstance(text, dict) else text for name, text in said.items()
        },
    }


def _section_faults(at: Path, said: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for name, text in said.items():
        if name not in known:
            yield (*at, name), "is no text of the pages; remove it, or mend its spelling"
        elif isinstance(known[name], dict):
            if isinstance(text, dict):
                yield from _section_faults((*at, name), text, known[name])
            else:
                yield (*at, name), "is no section; it has a line for each text"
        else:
            fault = _text_fault(text, known[name])
            if fault:
                yield (*at, name), fault


def _text_fault(said: Any, known: str | list[str]) -> str | None:
    """Returns the fault of one text, or of a title with its description; None if it has none."""
    if isinstance(known, list):
        if not isinstance(said, list) or len(said) != len(known):
            return "is no title with a description; write both, in square brackets"
        faults = (_text_fault(mine, theirs) for mine, theirs in zip(said, known, strict=True))
        return next((fault for fault in faults if fault), None)
    if not isinstance(said, str) or not said.strip():
        return "is no text; write one in quotation marks, or remove the line"
    if len(said) > MAX_PAGE_TEXT:
        return f"has {len(said):,} characters; at most {MAX_PAGE_TEXT:,} are allowed"
    try:
        check_storable_text(said)
        blanks = _placeholders_in_text(said)
    except ValueError as error:
        return f"cannot be read: {error}"
    if blanks != _placeholders_in_text(known):
        wanted = " and ".join(sorted(_placeholders_in_text(known))) or "no {…}"
        return f"needs the same blanks as the text that it replaces: {wanted}"
    return None


def _placeholders_in_text(text: str) -> set[str]:
    """Returns the blanks of a text, such as `{brand}`, with whatever else stands in their braces."""
    return {
        "{" + name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "") + "}"
        for _, name, form, conversion in Formatter().parse(text)
        if name is not None
    }
