"""HTML that survives mail programs: what some of them drop is written in a form that all of them keep.

Gmail, Outlook and Yahoo drop `<bdi>`, so that an address in another script than the text around it is scrambled.
Outlook shows pages as Word does: it knows `word-wrap` and not `overflow-wrap`, and shows what is not displayed unless
`mso-hide` says so. Authors write HTML as it is; this adds the other form beside it.
"""

import re
from typing import Final

FIRST_STRONG, END = "\u2068", "\u2069"
"""Isolating marks (UAX #9 2.4.2): between them, a text has the direction of its own first letter."""

_ISOLATED: Final = re.compile(r"<bdi(?P<more>(?:\s(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)?)>|</bdi\s*>", re.IGNORECASE)
_DIRECTION: Final = re.compile(r"\sdir\s*=", re.IGNORECASE)
_CSS: Final = re.compile(
    r"<style\b.*?</style>|\bstyle\s*=\s*(?:\"[^\"]*\"|'[^']*')",
    re.DOTALL | re.IGNORECASE,
)
_WRAPPED: Final = re.compile(r"(?<![\w-])overflow-wrap:\s*(?:anywhere|break-word)")
_HIDDEN: Final = re.compile(r"(?<![\w-])display:\s*none(?P<weight>\s*!important)?")


def add_compatible_forms(source: str) -> str:
    """A page's source with the other forms beside what some programs drop; it may have Jinja2 in it."""
    return _ISOLATED.sub(_isolate_direction, _CSS.sub(_with_older_properties, source))


def _isolate_direction(found: re.Match[str]) -> str:
    if found["more"] is None:
        return f"{END}</span>"
    direction = "" if _DIRECTION.search(found["more"]) else ' dir="auto"'
    return f"<span{direction}{found['more']}>{FIRST_STRONG}"


def _with_older_properties(found: re.Match[str]) -> str:
    """CSS with the older twin before each property that has one."""
    css = _WRAPPED.sub(r"word-wrap: break-word; \g<0>", found[0])
    return _HIDDEN.sub(lambda hidden: f"mso-hide: all{hidden['weight'] or ''}; {hidden[0]}", css)
