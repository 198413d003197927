"""Markdown and HTML of a campaign, cleaned to what a mail may have. The results have marks for fields and links."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mailer.rendering.allowed_markup import link_or_image_url_fault
from mailer.rendering.campaign_fields import DraftTextRefused, SourceMarks, has_mark

_TEXT_ELEMENTS_NAMES: Final = (
    "p br strong em b i u s del ins small sub sup code pre blockquote ul ol li h1 h2 h3 h4 h5 h6 hr a span bdi bdo "
    "table thead tbody tfoot tr th td q cite abbr mark time"
)
_TEXT_ELEMENTS: Final = frozenset(_TEXT_ELEMENTS_NAMES.split())
"""The elements that text in Markdown becomes, and a few more."""
_OTHER_ELEMENT_NAMES: Final = (
    "div center section article header footer figure figcaption img caption colgroup col dl dt dd address font tt "
    "kbd samp var big main"
)
HTML_ELEMENTS: Final = _TEXT_ELEMENTS | frozenset(_OTHER_ELEMENT_NAMES.split())
"""The elements that HTML of a writer may have."""
_DROPPED_WITH_CONTENTS_NAMES: Final = (
    "script style title template noscript iframe object embed form select textarea button svg math audio video canvas "
    "head noframes noembed plaintext xmp"
)
_DROPPED_WITH_CONTENTS: Final = frozenset(_DROPPED_WITH_CONTENTS_NAMES.split())
_COMMON_NAMES: Final = (
    "style class dir lang title role align valign width height bgcolor border cellpadding cellspacing colspan rowspan "
    "span scope color face size start reversed type value datetime translate"
)
_COMMON: Final = frozenset(_COMMON_NAMES.split())
ATTRIBUTES: Final = {"*": set(_COMMON), "a": {"href"}, "img": {"src", "alt"}}
"""The attributes that HTML of a writer may have, by element."""
BRAND_CLASSES: Final = frozenset(
    {"panel", "label", "value", "big", "code", "link", "actions", "button", "button-link", "first"}
)
"""The classes of the brands' layouts that HTML of a writer may use."""
_CSS_PROPERTIES_NAMES: Final = (
    "color background-color font-family font-size font-style font-weight line-height letter-spacing text-align "
    "text-decoration text-transform vertical-align white-space direction width max-width min-width height padding "
    "padding-top padding-right padding-bottom padding-left margin margin-top margin-right margin-bottom margin-left "
    "border border-top border-right border-bottom border-left border-color border-style border-width border-radius "
    "border-collapse border-spacing list-style-type table-layout word-break overflow-wrap"
)
CSS_PROPERTIES: Final = frozenset(_CSS_PROPERTIES_NAMES.split())
"""The properties that a style attribute may have: none that hides, moves or fetches anything."""
_CSS_VALUE = re.compile(r"(?:[\w\s#%.,'/!]|(?<=\w)-(?=\w)|\b(?:rgb|rgba|hsl|hsla)\([\d\s.,%/]*\))*")
_ODD_CSS_WORD = re.compile(r"q0jinja|expression|javascript|/\*", re.IGNORECASE)
_PRESENTATION = re.compile(r"[\w %.#,-]*")
_CLEAN_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)(?: [a-z-]+="[^"]*")*>')
_VOID: Final = frozenset(("br", "hr", "img", "col"))
_MOST_NESTED: Final = 60
"""The deepest nesting of elements. The CSS inliner ends the process at some thousands, and the cleaner gets slow."""
_MOST_TAGS: Final = 3000
"""The most tags of one block of HTML, twice those of a long newsletter."""
_ESCAPED_MARK: Final = quote("\ue000")
"""The beginning of a mark as the reader of Markdown writes it into an address."""
_URL_SCHEMES: Final = {"http", "https", "mailto", "tel"}


@dataclass(frozen=True, slots=True)
class PictureSources:
    """The pictures that HTML of a writer may show.

    Attributes:
        urls: the addresses of the uploaded ones. domains: those that the policy names.
    """

    urls: frozenset[str]
    domains: tuple[str, ...]

    def has_source(self, url: str) -> bool:
        """Tells whether a picture may have this address."""
        if url in self.urls:
            return True
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").lower()
        except ValueError:
            return False
        is_plain = parts.scheme == "https" and "@" not in parts.netloc and "\\" not in url
        return is_plain and any(host == one or host.endswith(f".{one}") for one in self.domains)


def _make_markdown_reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


_MARKDOWN: Final = _make_markdown_reader()


def parse_markdown(text: str) -> list[Token]:
    """Returns the tokens of CommonMark without HTML, with tables and struck text."""
    return _MARKDOWN.parse(text)


def html_of_markdown(marked: str, marks: SourceMarks) -> str:
    """Returns the HTML of Markdown whose fields are marked, with marks for its links.

    Raises:
        DraftTextRefused: it has a picture, or a link that no mail may have.
    """
    tokens = parse_markdown(marked)
    if any(inner.type == "image" for token in tokens for inner in token.children or ()):
        raise DraftTextRefused("has a picture in Markdown; upload it and add a picture block")
    made = _MARKDOWN.renderer.render([*map(_lowered_heading, tokens)], _MARKDOWN.options, {})
    return _clean(made, marks, None, {"a": {"class": "link"}})


def clean_html_and_mark_links(marked: str, marks: SourceMarks, pictures: PictureSources | None) -> str:
    """Returns a writer's HTML with only what a mail may have, with marks for its links.

    Args:
        marked: HTML with marks for its fields.
        marks: the marks of this text.
        pictures: the pictures that it may show; None: the mail must not have any.

    Raises:
        DraftTextRefused: it has a field within a tag, a foreign picture, a link that no mail may have, or too many
            elements.
    """
    if marked.count("<") > _MOST_TAGS:
        raise DraftTextRefused(f"has more than {_MOST_TAGS:,} tags; split it, or write less")
    return _clean(marked, marks, pictures, {})


def url_mark(url: str, marks: SourceMarks) -> str:
    """Returns a mark for the address of a link.

    Raises:
        DraftTextRefused: no mail may have such a link, or it has a field.
    """
    if has_mark(url) or _ESCAPED_MARK in url.upper():
        raise DraftTextRefused("has a field in the address of a link, which would tell others; write the address out")
    url = _with_ascii_host(url.strip())
    if fault := link_or_image_url_fault("href", url):
        raise DraftTextRefused(fault)
    return marks.add_mark_for_url(url)


def _with_ascii_host(url: str) -> str:
    """Returns an address with its host in ASCII (RFC 5890), as all mail programs read it."""
    try:
        parts = urlsplit(url)
        if url.isascii() or not parts.hostname or parts.hostname.isascii():
            return url
        host = parts.hostname.encode("idna").decode()
        return urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))
    except ValueError:  # of the host, or of the port
        raise DraftTextRefused("has a link whose host is not clear; write https:// and the host") from None


def _lowered_heading(token: Token) -> Token:
    """Returns a token with a heading one level lower: the layout has the page's only first heading."""
    if token.type in ("heading_open", "heading_close"):
        token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
    return token


def _clean(markup: str, marks: SourceMarks, pictures: PictureSources | None, fixed: dict[str, dict[str, str]]) -> str:
    faults: list[str] = []
    cleaned = nh3.clean(
        markup,
        tags=set(HTML_ELEMENTS),
        clean_content_tags=set(_DROPPED_WITH_CONTENTS),
        attributes={name: set(found) for name, found in ATTRIBUTES.items()},
        attribute_filter=_attribute_filter(marks, pictures, faults.append),
        set_tag_attribute_values=fixed,
        url_schemes=_URL_SCHEMES,
        link_rel=None,
    )
    if faults:
        raise DraftTextRefused("; ".join(dict.fromkeys(faults)))
    if _depth_of_clean_html(cleaned) > _MOST_NESTED:
        raise DraftTextRefused(
            f"has elements within elements, more than {_MOST_NESTED} deep; mail programs do not show that"
        )
    return cleaned


def _depth_of_clean_html(cleaned: str) -> int:
    """Returns how deep elements stand within one another, in HTML as the cleaner writes it."""
    depth = deepest = 0
    for end, name in _CLEAN_TAG.findall(cleaned):
        if name not in _VOID:
            depth += -1 if end else 1
            deepest = max(deepest, depth)
    return deepest


def _attribute_filter(
    marks: SourceMarks, pictures: PictureSources | None, add_fault: Callable[[str], None]
) -> Callable[[str, str, str], str | None]:
    """Makes the function that gives each attribute's value, or None to leave it out."""

    def value_of(tag: str, name: str, value: str) -> str | None:
        if name not in ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set()):  # the element is left out, too
            return None
        if name == "href":
            try:
                return url_mark(value, marks)
            except DraftTextRefused as error:
                add_fault(str(error))
                return None
        if has_mark(value):
            add_fault(f"has a field in <{tag} {name}>; write it in the text")
            return None
        match name:
            case "src":
                return _picture_source(value, pictures, add_fault)
            case "style":
                return "; ".join(_safe_declarations(value)) or None
            case "class":
                return " ".join(one for one in value.split() if one in BRAND_CLASSES) or None
            case "alt" | "title" | "lang" | "datetime":
                return value
            case _:
                return value if _PRESENTATION.fullmatch(value) else None

    return value_of


def _picture_source(url: str, pictures: PictureSources | None, add_fault: Callable[[str], None]) -> str | None:
    if pictures is None:
        add_fault("has a picture, and mail of this category fetches nothing; remove it")
    elif not pictures.has_source(url.strip()):
        add_fault("shows a foreign picture; upload it and use its address, since others would learn who reads the mail")
    else:
        return url.strip()
    return None


def _safe_declarations(css: str) -> Iterator[str]:
    for declaration in css.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        is_safe = _CSS_VALUE.fullmatch(value) and not _ODD_CSS_WORD.search(value)
        if value and name.lower() in CSS_PROPERTIES and is_safe:
            yield f"{name.lower()}: {value}"
