"""The text of a page that a reader sees: without comments, head and elements that CSS hides."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from typing import NamedTuple

from mailer.rendering.allowed_markup import ELEMENTS, ways_programs_may_read_css
from mailer.rendering.element_style import Declarations, TextStyle, element_style, is_hidden_style, parse_declarations

_TOKEN = re.compile(
    r"<!--.*?-->|<!(?P<declared>[^>]*)>|</(?P<end>[a-z][a-z0-9]*)\s*>"
    r"|<(?P<tag>[a-z][a-z0-9]*)(?P<more>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>|(?P<words>[^<]+|<)",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"(?<=\s)(hidden|style|class|id|href|color|bgcolor|size)(?:=\"([^\"]*)\")?(?=[\s/]|$)")
_VOID = frozenset(["br", "col", "hr", "img", "meta", "wbr"])
_UNSEEN = frozenset({"head", "style", "title"})
_BLOCK = re.compile(r"([^{}]*)([{}])")
_PSEUDO = re.compile(r"::?[\w-]+(?:\([^()]*\))?|\[[^\]]*\]")
_SELECTED = re.compile(r"[.#]?[a-z_][\w-]*", re.IGNORECASE)
_COMBINED = re.compile(r"[\s>+~]+")


@dataclass(slots=True)
class VisibleTextAndLinks:
    """The text of a page that a reader sees in every medium: in light and dark mode, on large and small screens.

    Attributes:
        text: all words. links: the words of each link, by its URL.
    """

    text: str = ""
    links: dict[str, str] = field(default_factory=dict)


class TextRun(NamedTuple):
    """A run of text within one element of a page's body.

    Attributes:
        words: the text. link: the URL of the link around it, or None.
        styles: its style by media query, empty for all media; None where it is hidden.
    """

    words: str
    link: str | None
    styles: Mapping[str, TextStyle | None]


class _StyleRule(NamedTuple):
    """A rule of a `<style>` that stays in the page: its media query, the names it selects, and its declarations."""

    medium: str
    names: frozenset[str]
    says: str


class _StyleSheet:
    """The style rules that stay in a page. Pages with the same rules share one object, so that caches find it fast."""

    def __init__(self, rules: tuple[_StyleRule, ...]) -> None:
        self.rules = rules
        self.media = tuple(dict.fromkeys(("", *(rule.medium for rule in rules))))


class _OpenElement(NamedTuple):
    """An open element, with the URL of its link, and its style in each medium (None: hidden there)."""

    tag: str
    link: str | None
    looks: tuple[TextStyle | None, ...]
    is_shown: bool
    """Tells whether its text is legible in every medium."""


def visible_text(page: str) -> VisibleTextAndLinks:
    """Returns the visible text of a rendered page, whose source an HTML5 parser wrote (see `css_inlining`)."""
    shown, words = VisibleTextAndLinks(), list[str]()
    for said, element in _walk_texts_and_elements(page, _stylesheet_of_page(page)):
        if said is None:
            if element.link is not None and None not in element.looks:
                shown.links.setdefault(element.link, "")
        elif element.is_shown:
            words.append(said)
            if element.link is not None:
                shown.links[element.link] = shown.links.get(element.link, "") + said
    shown.text = "".join(words)
    return shown


def text_runs(page: str) -> Iterator[TextRun]:
    """Yields the texts of a page's body with their styles, hidden ones too. See `visible_text` for the page."""
    sheet = _stylesheet_of_page(page)
    for said, element in _walk_texts_and_elements(page, sheet):
        if said is not None and element.tag not in _UNSEEN:
            yield TextRun(said, element.link, dict(zip(sheet.media, element.looks, strict=True)))


def _stylesheet_of_page(page: str) -> _StyleSheet:
    return _read_stylesheet(tuple(re.findall(r"<style\b[^>]*>(.*?)</style>", page, re.DOTALL | re.IGNORECASE)))


def _walk_texts_and_elements(page: str, sheet: _StyleSheet) -> Iterator[tuple[str | None, _OpenElement]]:
    """Yields each text with the element around it, and each element that opens, with None."""
    above: list[_OpenElement] = [_OpenElement("", None, (TextStyle(),) * len(sheet.media), True)]
    for found in _TOKEN.finditer(page):
        match found.lastgroup:
            case "words":
                yield unescape(found["words"]), above[-1]
            case "more" if found["tag"] not in _VOID:
                above.append(inner := _element_of_start_tag(found["tag"].lower(), found["more"], above[-1], sheet))
                yield None, inner
            case "end":
                while len(above) > 1 and above.pop().tag != found["end"].lower():
                    pass
            case _:
                pass


def _element_of_start_tag(tag: str, more: str, above: _OpenElement, sheet: _StyleSheet) -> _OpenElement:
    told = dict(_ATTRIBUTE.findall(more)) if more else {}
    link = unescape(told.pop("href", "")) if tag == "a" else above.link
    looks, is_shown = _element_style_in_each_medium(
        tag, tuple(told.items()), tag == "a" and "href" in more, above.looks, sheet
    )
    return _OpenElement(tag, link, looks, is_shown)


@lru_cache(maxsize=4000)
def _element_style_in_each_medium(
    tag: str,
    attributes: tuple[tuple[str, str], ...],
    is_link: bool,
    above: tuple[TextStyle | None, ...],
    sheet: _StyleSheet,
) -> tuple[tuple[TextStyle | None, ...], bool]:
    """Returns the style of an element in each medium, and whether all are legible.

    Cached: pages of one layout repeat.
    """
    told = {name: unescape(value) for name, value in attributes}
    if tag in _UNSEEN or tag not in ELEMENTS or "hidden" in told:
        return (None,) * len(above), False
    names = {tag, f"#{told.get('id')}", *(f".{name}" for name in told.get("class", "").split())}
    rules = [rule for rule in sheet.rules if rule.names <= names]
    own = told | ({"href": ""} if is_link else {})
    looks = tuple(
        look
        and _least_legible_style_of_element(
            tag, own, told.get("style", ""), [r.says for r in rules if r.medium in ("", medium)], look
        )
        for medium, look in zip(sheet.media, above, strict=True)
    )
    return looks, all(look is not None and look.is_legible for look in looks)


def _least_legible_style_of_element(
    tag: str, attributes: Mapping[str, str], style: str, rules: list[str], above: TextStyle
) -> TextStyle | None:
    """Returns the least legible style of an element, over all ways to read its CSS (comments, escapes)."""
    if any(
        map(is_hidden_style, map(parse_declarations, rules))
    ):  # even if another rule shows it: programs differ in the rules that they keep
        return None
    looks = [
        element_style(
            tag,
            attributes,
            _cascaded_declarations(parse_declarations(own), [parse_declarations(rule) for rule in rules]),
            above,
        )
        for own in ways_programs_may_read_css(style)
    ]
    doubtful = [look for look in looks if look is None or not look.is_legible]
    return doubtful[0] if doubtful else looks[0]


def _cascaded_declarations(own: Declarations, rules: list[Declarations]) -> Declarations:
    """Returns the declarations that apply: important ones first, then the element's own, then the rest."""
    if not rules:
        return own
    told: dict[str, tuple[str, bool]] = {}
    for one in (*rules, own):
        for name, (value, weight) in one.items():
            if weight or not told.get(name, ("", False))[1]:
                told[name] = value, weight
    return told


@lru_cache(maxsize=200)
def _read_stylesheet(styles: tuple[str, ...]) -> _StyleSheet:
    """Parses the rules of a page's `<style>` elements, in each way to read them."""
    return _StyleSheet(
        tuple(
            dict.fromkeys(
                rule for css in styles for read in ways_programs_may_read_css(css) for rule in _parse_rules(read)
            )
        )
    )


def _parse_rules(css: str) -> Iterator[_StyleRule]:
    around: list[str] = []
    for before, mark in _BLOCK.findall(css):
        said, _, selectors = before.rpartition(";") if mark == "{" else (before, "", "")
        if around and not around[-1].startswith("@") and ":" in said:
            medium = " ".join(one for one in around if one.startswith("@"))
            yield from (_StyleRule(medium, names, said) for names in _names_of_selected_elements(around[-1]))
        if mark == "{":
            around.append(selectors.strip())
        elif around:
            around.pop()


def _names_of_selected_elements(selectors: str) -> Iterator[frozenset[str]]:
    """Yields the names that a rule selects: `.foot` and `p` for `td .foot, p { … }`; none for `*`."""
    for selector in selectors.split(","):
        last = _COMBINED.split(_PSEUDO.sub("", selector).strip())[-1]
        yield frozenset(_SELECTED.findall(last.lower() if last.isalpha() else last))
