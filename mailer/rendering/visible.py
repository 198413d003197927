"""The part of a page that a reader sees: without comments, without the head, and without what CSS hides."""

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from typing import NamedTuple

from mailer.rendering.markup import css_readings

_TOKEN = re.compile(
    r"<!--.*?-->|<!(?P<declared>[^>]*)>|</(?P<end>[a-z][a-z0-9]*)\s*>"
    r"|<(?P<tag>[a-z][a-z0-9]*)(?P<more>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>|(?P<words>[^<]+|<)",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"(?<=\s)(hidden|style|class|id|href)(?:=\"([^\"]*)\")?(?=[\s/]|$)")
_VOID = frozenset(["br", "col", "hr", "img", "meta", "wbr"])
_UNSEEN = frozenset({"head", "style", "title"})
_NOUGHT = r"[+-]?0*\.?0+(?![\d.])"
_HIDES = re.compile(
    rf"(?<![\w-])(?:display\s*:\s*none|(?:opacity|max-height)\s*:\s*{_NOUGHT}|text-indent\s*:\s*-\d{{3,}})",
    re.IGNORECASE,
)
"""Declarations that hide an element with all that is in it."""
_VEIL = re.compile(r"(?<![\w-])(font-size|visibility|color)\s*:\s*([^;]+)", re.IGNORECASE)
_VEILED = re.compile(rf"{_NOUGHT}|hidden|collapse|transparent", re.IGNORECASE)
"""Values that hide text until an element within says otherwise, as cells with `font-size: 0` around columns do."""
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_SELECTED = re.compile(r"[.#]?[a-z_][\w-]*", re.IGNORECASE)


@dataclass(slots=True)
class Visible:
    """The part of a page that a reader sees.

    Attributes:
        text: all words. links: the words of each link, by where it leads.
    """

    text: str = ""
    links: dict[str, str] = field(default_factory=dict)


def visible(page: str) -> Visible:
    """Reads a rendered page as it is shown: one whose source an HTML5 parser wrote (see `inlining`).

    It sees CSS in attributes and in `<style>`. Letters of the colour that is behind them are not found.
    """
    shown, words = Visible(), list[str]()
    above: list[_Element] = [_Element("", False, None)]
    hidden_by: set[str] = set()
    for found in _TOKEN.finditer(page):
        element = above[-1]
        match found.lastgroup:
            case "words" if element.tag == "style":
                hidden_by.update(_hiding(found["words"]))
            case "words" if not element.is_hidden and not element.veils:
                said = unescape(found["words"])
                words.append(said)
                if element.link is not None:
                    shown.links[element.link] = shown.links.get(element.link, "") + said
            case "more" if found["tag"] not in _VOID:
                above.append(inner := _opened(found["tag"], found["more"], element, hidden_by))
                if inner.link is not None and not inner.is_hidden:
                    shown.links.setdefault(inner.link, "")
            case "end":
                while len(above) > 1 and above.pop().tag != found["end"]:
                    pass
            case _:
                pass
    shown.text = "".join(words)
    return shown


class _Element(NamedTuple):
    """An element that is open, with the link that it is in."""

    tag: str
    is_hidden: bool
    link: str | None
    veils: frozenset[str] = frozenset()


def _opened(tag: str, more: str, above: _Element, hidden_by: Set[str]) -> _Element:
    told = dict(_ATTRIBUTE.findall(more)) if more else {}
    link = unescape(told.get("href", "")) if tag == "a" else above.link
    style = unescape(told.get("style", ""))
    veils = _veils(style, above.veils) if style else above.veils
    if above.is_hidden or tag in _UNSEEN or "hidden" in told or hides(style):
        return _Element(tag, True, link)
    names = {tag, f"#{told.get('id')}", *(f".{name}" for name in told.get("class", "").split())} if hidden_by else ()
    return _Element(tag, not hidden_by.isdisjoint(names), link, veils)


@lru_cache(maxsize=1000)
def _veils(css: str, above: frozenset[str]) -> frozenset[str]:
    """The properties that hide the text of an element, its own or those of what it is in."""
    veils = set(above)
    for read in sorted(css_readings(css), key=len, reverse=True):
        for name, value in _VEIL.findall(read):
            (veils.add if _VEILED.match(value) else veils.discard)(name.lower())
    return frozenset(veils)


@lru_cache(maxsize=1000)
def hides(css: str) -> bool:
    """Tells whether declarations hide what they are for."""
    return bool(css) and any(_HIDES.search(read) for read in css_readings(css))


def _hiding(css: str) -> Iterator[str]:
    """The last names of the selectors by which CSS hides: `.foot` and `p` of `td .foot, p { display: none }`."""
    for selectors, declarations in _RULE.findall(css):
        if hides(declarations):
            for selector in selectors.split(","):
                yield from _SELECTED.findall(selector.rpartition("{")[2])[-1:]
