"""Adds compatible forms to HTML and CSS that some mail programs do not support.

Gmail, Outlook and Yahoo drop `<bdi>`, which scrambles an address in another script than the text around it. Outlook
renders pages as Word does: it supports `word-wrap` but not `overflow-wrap`, and shows elements with `display: none`
unless they have `mso-hide`. Authors write standard HTML, and this module adds the other forms.
"""

import re
from typing import Final

FIRST_STRONG, END = "\u2068", "\u2069"
"""Isolating marks (UAX #9 2.4.2): a text between them has the direction of its first letter."""

_ISOLATED: Final = re.compile(r"<bdi(?P<more>(?:\s(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)?)>|</bdi\s*>", re.IGNORECASE)
_DIRECTION: Final = re.compile(r"\sdir\s*=", re.IGNORECASE)
_CSS: Final = re.compile(
    r"<style\b.*?</style>|\bstyle\s*=\s*(?:\"[^\"]*\"|'[^']*')",
    re.DOTALL | re.IGNORECASE,
)
_WRAPPED: Final = re.compile(r"(?<![\w-])overflow-wrap:\s*(?:anywhere|break-word)")
_HIDDEN: Final = re.compile(r"(?<![\w-])display:\s*none(?P<weight>\s*!important)?")


def add_fallback_markup_for_mail_programs(source: str) -> str:
    """Returns a page's source with the compatible forms added. The source may have Jinja2 in it."""
    return _ISOLATED.sub(_span_tag_for_bdi_tag, _CSS.sub(_add_older_forms_of_css_properties, source))


def _span_tag_for_bdi_tag(found: re.Match[str]) -> str:
    if found["more"] is None:
        return f"{END}</span>"
    direction = "" if _DIRECTION.search(found["more"]) else ' dir="auto"'
    return f"<span{direction}{found['more']}>{FIRST_STRONG}"


def _add_older_forms_of_css_properties(found: re.Match[str]) -> str:
    """Returns CSS with the older form before each property that has one."""
    css = _WRAPPED.sub(r"word-wrap: break-word; \g<0>", found[0])
    return _HIDDEN.sub(lambda hidden: f"mso-hide: all{hidden['weight'] or ''}; {hidden[0]}", css)
