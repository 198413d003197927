"""Plain text of an HTML part as its reader sees it. Pure, in linear time; no input makes it raise."""

import re

from mailer.policy.text_folding_for_comparison import decode_entities

MAX_HTML = 400_000
"""The most characters of HTML that are read."""
_TAG = re.compile(
    r"<!--|<(?P<close>/?)(?P<name>[a-zA-Z][a-zA-Z0-9:-]{0,40})(?P<more>[^<>]{0,10000})>|<[!?][^<>]{0,10000}>"
)
_UNSEEN = frozenset({"head", "script", "style", "template", "title", "noscript", "svg", "object", "select", "textarea"})
_BREAKS = frozenset({"br", "hr", "tr", "li", "dt", "dd"})
_PARAGRAPHS = frozenset(
    {"p", "div", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "section", "article"}
)
_QUOTED = re.compile(
    r"gmail_quote|yahoo_quoted|moz-cite-prefix|divRplyFwdMsg|appendonsend|protonmail_quote", re.IGNORECASE
)
_HIDDEN = re.compile(r"display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden|\shidden(?:[\s=>]|$)", re.IGNORECASE)
_VOID = frozenset(
    {"br", "hr", "img", "meta", "link", "input", "wbr", "col", "area", "base", "embed", "source", "track"}
)
_SPACES = re.compile(r"[ \t\r\n\f\v\u00a0]+")
_MANY_LINES = re.compile(r"\n[ \n]*\n")
_MAX_DEPTH = 500


class _Writer:
    """Collects the text: quoted lines get a `>`, hidden elements nothing."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.quoted = 0
        self.hidden = 0
        self.open: list[tuple[str, bool, bool]] = []

    def add_words(self, html: str) -> None:
        if not self.hidden and html:
            self.pieces.append(_SPACES.sub(" ", decode_entities(html)))

    def add_break(self, breaks: str) -> None:
        if not self.hidden:
            self.pieces.append(breaks + "> " * bool(self.quoted))

    def enter(self, name: str, more: str) -> None:
        if name in _VOID or more.endswith("/") or len(self.open) >= _MAX_DEPTH:
            return
        is_hidden = name in _UNSEEN or _HIDDEN.search(more[:1000]) is not None
        is_quote = name == "blockquote" or _QUOTED.search(more[:1000]) is not None
        self.open.append((name, is_hidden, is_quote))
        self.hidden += is_hidden
        self.quoted += is_quote

    def leave(self, name: str) -> None:
        for place in range(len(self.open) - 1, max(-1, len(self.open) - 21), -1):
            if self.open[place][0] == name:
                for _, is_hidden, is_quote in self.open[place:]:
                    self.hidden -= is_hidden
                    self.quoted -= is_quote
                del self.open[place:]
                return


def plain_text_of_html(html: str) -> str:
    """Returns the visible text of HTML, with line breaks for blocks and `> ` before lines of quotes.

    Args:
        html: decoded; the first 400,000 characters are read. Broken markup gives text, never an error.
    """
    html = html[:MAX_HTML]
    writer = _Writer()
    place = 0
    while (tag := _TAG.search(html, place)) is not None:
        writer.add_words(html[place : tag.start()])
        place = tag.end()
        if tag[0] == "<!--":
            end = html.find("-->", place)
            place = len(html) if end < 0 else end + 3
        elif tag["name"]:
            _write_tag(writer, tag["name"].lower(), bool(tag["close"]), tag["more"])
    writer.add_words(html[place:])
    lines = [line.strip() for line in "".join(writer.pieces).split("\n")]
    return _MANY_LINES.sub("\n\n", "\n".join("" if line == ">" else line for line in lines)).strip()


def _write_tag(writer: _Writer, name: str, is_end: bool, more: str) -> None:
    was_quoted = writer.quoted
    if is_end:
        writer.leave(name)
    else:
        writer.enter(name, more)
    is_block = name in _PARAGRAPHS or name == "blockquote" or (name in _BREAKS and not (is_end and name == "br"))
    if is_block or was_quoted != writer.quoted:
        writer.add_break("\n")
    elif name in ("td", "th") and not is_end:
        writer.add_words(" ")
