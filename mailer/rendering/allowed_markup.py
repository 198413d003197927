"""The HTML that a mail may have: lists of elements, attributes, addresses and CSS. Everything else is refused.

A page is checked twice: as the template prints it with all branches (`literal_text_with_value_and_branch_marks`), and
as it is rendered.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from html.parser import HTMLParser

from mailer.policy.text_folding_for_comparison import UNSEEN
from mailer.rendering.literal_text import BRANCH, CLOSE, END, OPEN, VALUE

_ELEMENTS = (
    "html head title meta style body table caption colgroup col thead tbody tfoot tr th td div p span a b strong "
    "i em u s small sub sup big tt br wbr hr h1 h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote q pre code kbd samp "
    "var abbr address cite del ins mark time bdi bdo center font section article header footer main figure "
    "figcaption img"
)
ELEMENTS = frozenset(_ELEMENTS.split())
"""The elements that a mail may have."""
_ATTRIBUTES = (
    "class id style dir lang title alt role align valign width height bgcolor border cellpadding cellspacing "
    "colspan rowspan span scope abbr headers nowrap color face size start reversed type value datetime hidden "
    "translate"
)
ATTRIBUTES = frozenset(_ATTRIBUTES.split())
"""The attributes that any element may have. Attributes whose names begin with `aria-` are allowed too."""
OWN_ATTRIBUTES = {
    "a": frozenset({"href", "name", "target", "rel"}),
    "img": frozenset({"src"}),
    "meta": frozenset({"charset", "name", "content", "http-equiv"}),
    "html": frozenset({"xmlns"}),
    "style": frozenset({"data-css-inline"}),
}
"""Further attributes of single elements. Inlining the CSS removes `data-css-inline`."""
HTTP_EQUIV = frozenset({"content-type", "x-ua-compatible"})
"""The allowed values of `http-equiv`: none of them loads a page or sets a cookie."""
_FUNCTIONS = (
    "rgb rgba hsl hsla calc min max clamp linear-gradient repeating-linear-gradient radial-gradient "
    "repeating-radial-gradient not is where lang dir nth-child nth-of-type nth-last-child"
)
FUNCTIONS = frozenset(_FUNCTIONS.split())
"""The functions that CSS of mandatory mail may use: none that fetches anything."""

_NAMED = rf"{VALUE}\w+{END}"
_LINKED = re.compile(rf'\bhref="(?P<before>(?:mailto:|tel:)?){VALUE}(?P<name>\w+){END}"', re.IGNORECASE)
_LINK = re.compile(
    rf"(?:https?://[^/?#{VALUE}{END}]+(?:[/?#].*)?|(?:mailto|tel):[^{VALUE}{END}]*|#.*|(?:mailto:|tel:)?{_NAMED})",
    re.IGNORECASE,
)
"""An address in mandatory mail: its host is written out, or the whole address is one value."""
_VAGUE = re.compile(r"//|https?:(?!//)|https?://(?:[/?#]|[^/?#]*[@%]|$)", re.IGNORECASE)
"""The beginning of an address that programs read in different ways: without a scheme (as a Windows share) or without a
host, with a user that looks like a host, or with % codes."""
_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_WHOLE = re.compile(r"https?://|mailto:|tel:|#", re.IGNORECASE)
_HALF = re.compile(rf"[^:/?#{VALUE}]+{VALUE}")
"""The beginning of an address whose scheme a value could complete: `java` with the value `script:`."""
_SCHEMES = frozenset({"https", "http", "mailto", "tel"})
_OWN_IMAGE = re.compile(r"cid:[^\s\"<>]+|data:image/(?:png|gif|jpeg);base64,[a-z0-9+/=\s]+", re.IGNORECASE)
_WEB_IMAGE = re.compile(rf"https?://.+|{VALUE}.*", re.IGNORECASE | re.DOTALL)
_IN_URL = re.compile(rf"[\x00\x01\x07-\x20\x7f-\x9f\u2028\u2029\\]|{UNSEEN.pattern}")
_CHARSET = re.compile(r"\s*(?:text/html\s*;\s*charset\s*=\s*)?utf-?8\s*", re.IGNORECASE)
_VALUES = re.compile(f"{VALUE}[^{END}]*{END}")
_FUNCTION = re.compile(r"([\w-]+)\s*\(")
_BEFORE_BRACKETS = frozenset({"and", "or", "only", "not", "media", "expression"})
"""Words before brackets that are no functions, or that another check refuses."""
_AT_RULE = re.compile(r"@([\w-]+)")
_ACTIVE_CSS = re.compile(r"expression\s*\(|javascript:|\bbehaviou?r\s*:|-moz-binding|<", re.IGNORECASE)
_LIFTED = re.compile(r"(?<![\w-])position\s*:\s*(?:absolute|fixed|sticky|-webkit-sticky)", re.IGNORECASE)
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
_CSS_STRING_OR_COMMENT = re.compile(
    r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|/\*.*?(?:\*/|$)""",
    re.DOTALL,
)
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|\r?\n|(.))", re.IGNORECASE)
_CONTENT = re.compile(r"(?<![\w-])content\s*:", re.IGNORECASE)
_MARKS = re.compile(f"[{OPEN}{BRANCH}{CLOSE}]")
_OPEN_TAG = re.compile(f"</?[{VALUE}{OPEN}{BRANCH}{CLOSE}]")


def markup_faults(page: str, *, mandatory: bool) -> frozenset[str]:
    """Returns the faults of a page: everything that a mail may not have, each with its remedy.

    Args:
        page: rendered HTML, or the result of `literal_text_with_value_and_branch_marks`.
        mandatory: whether the rules of mandatory mail apply: it fetches nothing, and each address is written out or is
            one value.
    """
    return frozenset(_page_faults(page, mandatory))


def find_values_that_are_whole_links(page: str) -> frozenset[tuple[str, str]]:
    """Returns the values that are a whole address in a text with marks: name, and prefix such as `mailto:`."""
    return frozenset((found["name"], found["before"].lower()) for found in _LINKED.finditer(page))


Tag = tuple[str, list[tuple[str, str]]]


def list_tags_and_their_attributes(page: str) -> list[Tag]:
    """Returns the elements of a page and of its comments, with their attributes."""
    return _parse_tags_and_styles(page)[0]


@lru_cache(maxsize=4000)
def link_or_image_url_fault(attribute: str, value: str) -> str | None:
    """Returns what is wrong with the address of a link (`href`) or an image (`src`) of optional mail, or None."""
    if attribute == "href" and not _WHOLE.match(value):  # another value could complete a part of a scheme
        return "has a link that leads to no page and no mailbox; write https://, mailto: or tel:"
    faults = _href_faults(value.strip(), False) if attribute == "href" else _image_src_faults(value, False)
    return next(faults, None)


class _TagAndStyleCollector(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[Tag] = []
        self.styles: list[str] = []
        self.comments: list[str] = []
        self.odd = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [(name, value or "") for name, value in attrs]))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.styles.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_pi(self, data: str) -> None:
        self.odd = True

    def unknown_decl(self, data: str) -> None:
        self.odd = True


def _parse_tags_and_styles(page: str) -> tuple[list[Tag], list[str], bool]:
    """Returns the tags and the CSS of a page, and whether it has `<?` or `<![`.

    Outlook may show comments: they are read too.
    """
    tags: list[Tag] = []
    styles: list[str] = []
    odd, rest = False, [page]
    while rest:
        collector = _TagAndStyleCollector()
        try:
            collector.feed(rest.pop())
            collector.close()
        except AssertionError:  # a marked section of unknown kind
            odd = True
        tags += collector.tags
        styles += collector.styles
        rest += [comment for comment in collector.comments if "<" in comment]
        odd = odd or collector.odd
    return tags, styles, odd


def _page_faults(page: str, mandatory: bool) -> Iterator[str]:
    tags, styles, odd = _parse_tags_and_styles(page)
    if odd:
        yield "has <? or <![, which is no HTML; remove it"
    if _OPEN_TAG.search(page):
        yield "has a < right before Jinja2; write the whole tag, or &lt;"
    for css in styles:
        yield from _css_faults(css, mandatory)
    for tag, attributes in tags:
        if tag not in ELEMENTS:
            yield f"has <{_printable_name(tag)}>, which no mail may have; write it with other elements"
            continue
        own = OWN_ATTRIBUTES.get(tag, frozenset())
        for name, value in attributes:
            if name in ATTRIBUTES or name in own or name.startswith("aria-"):
                yield from _cached_attribute_value_faults(tag, name, value, mandatory)
            else:
                yield f"has <{tag} {_printable_name(name)}>, an attribute that no mail may have; remove it"


@lru_cache(maxsize=4000)
def _cached_attribute_value_faults(tag: str, name: str, value: str, mandatory: bool) -> tuple[str, ...]:
    """Returns the faults of an attribute. Cached, since most pages repeat the same attributes."""
    return tuple(_attribute_value_faults(tag, name, value, mandatory))


def _attribute_value_faults(tag: str, name: str, value: str, mandatory: bool) -> Iterator[str]:
    if _has_unbalanced_branch_marks(value):
        yield f"has a condition that begins or ends within <{tag} {name}>; write the whole tag twice"
    match name:
        case "href" | "src" if _MARKS.search(value):
            yield f"has a condition within <{tag} {name}>; write the whole tag twice"
        case "href":
            yield from _href_faults(value.strip(), mandatory)
        case "src":
            yield from _image_src_faults(value, mandatory)
        case "style":
            yield from _css_faults(value, mandatory)
        case "http-equiv" if value.lower() not in HTTP_EQUIV:
            yield f"has <meta http-equiv={_printable_name(value)}>, which acts on whoever reads; remove it"
        case "charset" | "content" if "charset" in (name + value).lower() and not _CHARSET.fullmatch(value):
            yield "has a <meta> with another charset than the mail; write utf-8"


def _href_faults(value: str, mandatory: bool) -> Iterator[str]:
    schemes = {found[1].lower() for text in (value, _VALUES.sub("", value)) if (found := _SCHEME.match(text))}
    if schemes - _SCHEMES or _IN_URL.search(value):
        yield "has a link that leads to no page and no mailbox; write https:, mailto: or tel:"
    elif _VAGUE.match(value) or _HALF.match(value):
        yield "has a link whose host is not clear: write https:// and the host, without user and % codes"
    elif mandatory and not _LINK.fullmatch(value):
        yield "has a link whose host is not written out; write https:// and the host, or one value by itself"


def _image_src_faults(value: str, mandatory: bool) -> Iterator[str]:
    if _OWN_IMAGE.fullmatch(value):
        return
    if mandatory:
        yield "has an image that is fetched; mandatory mail fetches nothing: remove it"
    elif not _WEB_IMAGE.fullmatch(value) or _VAGUE.match(value) or (VALUE not in value and _IN_URL.search(value)):
        yield "has an image that is neither of the web nor of the mail; write https:// and the host, or cid:"


def _css_faults(css: str, mandatory: bool) -> Iterator[str]:
    """Yields the faults of CSS in each way to read it: programs differ in how they read comments and escapes."""
    rules, functions = set[str](), set[str]()
    for read in ways_programs_may_read_css(css):
        if _ACTIVE_CSS.search(read):
            yield "has CSS that runs something; remove it"
        if _LIFTED.search(read):
            yield "has CSS with position: absolute, fixed or sticky, which covers other parts; remove it"
        rules.update(rule.lower() for rule in _AT_RULE.findall(read))
        functions.update(function.lower() for function in _FUNCTION.findall(read))
    if "import" in rules:
        yield "has CSS with @import, which is fetched; write the rules out"
    if not mandatory:
        return
    for rule in rules - {"media", "import"}:
        yield f"has CSS with @{rule}; mandatory mail has @media only"
    for function in functions - FUNCTIONS - _BEFORE_BRACKETS:
        yield f"has CSS with {function}(), which may fetch something; mandatory mail fetches nothing"
    if "\\" in css or any(map(_CONTENT.search, ways_programs_may_read_css(css))):
        yield "has CSS that writes text (content:, or a backslash); write it in the page"


def ways_programs_may_read_css(css: str) -> frozenset[str]:
    """Returns the ways in which programs may read CSS: unchanged, without comments, and with escapes decoded."""
    plain = {css, _CSS_ESCAPE.sub(_decode_css_escape, css)} if "\\" in css else {css}
    if "/*" not in css:
        return frozenset(plain)
    bare = {_CSS_COMMENT.sub(gap, one) for one in plain for gap in ("", " ")}
    bare |= {_CSS_STRING_OR_COMMENT.sub(lambda found: found[1] or "", one) for one in plain}
    return frozenset(plain | bare)


def _decode_css_escape(found: re.Match[str]) -> str:
    """Returns the character of a CSS escape, or an empty text if Unicode has no such character."""
    if found[1] is None:
        return found[2] or ""
    code = int(found[1], 16)
    return chr(code) if code < 0x110000 else ""


def _has_unbalanced_branch_marks(value: str) -> bool:
    """Tells whether a branch begins or ends inside of an attribute's value, but not both."""
    depth = 0
    for mark in _MARKS.findall(value):
        depth += {OPEN: 1, CLOSE: -1}.get(mark, 0)
        if depth < 0 or (mark == BRANCH and depth == 0):
            return True
    return depth != 0


def _printable_name(name: str) -> str:
    """Returns a name from a page for a message: at most 40 characters, without control characters."""
    return re.sub(r"[\x00-\x20\x7f]+", "…", name)[:40]
