"""Rendered messages, parsed again with Python's own parsers, with the text that a reader can see."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from html.parser import HTMLParser
from typing import NamedTuple

from mailer.rendering.link_tokens import ClickToken, OpenToken
from mailer.trial.case_facts import PersonMailingCase

_VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_UNSEEN = frozenset({"head", "script", "style", "template", "title"})
_HIDING = re.compile(
    r"display:none|visibility:hidden|opacity:0(?:\.0+)?(?:;|$)|font-size:0|max-height:0|text-indent:-\d{3}|color:transparent"
)
_URL = re.compile(r"https?://[^\s<>\"')\]]+")
_COLOUR = re.compile(r"(?<![-\w])(color|background(?:-color)?):([^;]+)")


@dataclass(slots=True)
class VisiblePage:
    """The visible part of a page.

    Attributes:
        text: the words that are shown. links: the words of each link that is shown, by address.
        images: addresses of all images. fields: names of elements that ask for input.
    """

    text: str = ""
    links: dict[str, str] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)


class _OpenElement(NamedTuple):
    """An element that is not closed yet."""

    tag: str
    is_hidden: bool
    link: str | None
    colours: tuple[str, str]


class _VisiblePageParser(HTMLParser):
    """Parses the visible part of a page: no comments, no hidden elements, no text in the colour of its background."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen = VisiblePage()
        self._open = [_OpenElement("", False, None, ("black", "white"))]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens an element, and stores images and input fields."""
        told = {name: value or "" for name, value in attrs}
        if tag == "img":
            self.seen.images.append(told.get("src", ""))
        if tag in ("input", "textarea", "select", "form", "button"):
            self.seen.fields.append(tag)
        if tag in _VOID:
            return
        above = self._open[-1]
        style = re.sub(r"\s+", "", told.get("style", "").lower())
        colours = _text_and_background_colours(style, above.colours)
        is_hidden = above.is_hidden or tag in _UNSEEN or "hidden" in told or bool(_HIDING.search(style))
        link = told.get("href", "") if tag == "a" else above.link
        self._open.append(_OpenElement(tag, is_hidden, link, colours))

    def handle_endtag(self, tag: str) -> None:
        """Closes an element, with all that it holds."""
        if any(one.tag == tag for one in self._open[1:]):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Adds words that are shown."""
        above = self._open[-1]
        if above.is_hidden or above.colours[0] == above.colours[1]:
            return
        self.seen.text += data
        if above.link and data.strip():
            self.seen.links[above.link] = self.seen.links.get(above.link, "") + data


def _text_and_background_colours(style: str, above: tuple[str, str]) -> tuple[str, str]:
    ink, paper = above
    for name, value in _COLOUR.findall(style):
        colour = {"#fff": "white", "#ffffff": "white", "#000": "black", "#000000": "black"}.get(value, value)
        ink, paper = (colour, paper) if name == "color" else (ink, colour)
    return ink, paper


def parse_visible_page(html: str) -> VisiblePage:
    """Returns the visible part of a page."""
    reader = _VisiblePageParser()
    reader.feed(html)
    reader.close()
    reader.seen.text = " ".join(reader.seen.text.split())
    return reader.seen


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A printed message.

    Attributes:
        case: the person and the mailing. recipient: the address of the envelope.
        headers: by lower-case name. text, html: the parts as they arrive. seen: what the HTML part shows.
        profile: what is known of this person beyond the address.
        without_footer: the text part of the same message where the policy's footer offers nothing.
        counted: what its pixel and its tracked links tell when they are fetched.
    """

    case: PersonMailingCase
    recipient: str
    headers: Mapping[str, str]
    text: str
    html: str
    seen: VisiblePage
    profile: tuple[str, ...]
    without_footer: str
    counted: tuple[OpenToken | ClickToken, ...]

    @property
    def text_on_one_line(self) -> str:
        """The text part on one line."""
        return " ".join(self.text.split())

    @property
    def urls_in_both_parts(self) -> frozenset[str]:
        """Every http and https URL in both parts, visible or not."""
        return frozenset((*_URL.findall(self.text), *_URL.findall(self.html)))


def parse_headers_and_parts(content: bytes) -> tuple[dict[str, str], str, str]:
    """Returns the headers by lower-case name, the text part and the HTML part of a message."""
    message = BytesParser(policy=compat32).parsebytes(content)
    headers = {name.lower(): str(make_header(decode_header(value))) for name, value in message.items()}
    parts = {part.get_content_type(): _part_text(part) for part in message.walk() if not part.is_multipart()}
    return headers, parts.get("text/plain", ""), parts.get("text/html", "")


def _part_text(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content.decode("utf-8", "replace").replace("\r\n", "\n") if isinstance(content, bytes) else ""
