"""The text part of a campaign, made of its cleaned HTML: headings, lists, and each link as "text: address"."""

import re
from html.parser import HTMLParser
from typing import Final

from mailer.rendering.campaign_fields import SourceMarks

_BLOCK_NAMES: Final = (
    "p div center section article header footer figure figcaption main address blockquote pre table caption tr dl dt "
    "dd ul ol li h1 h2 h3 h4 h5 h6"
)
_BLOCKS: Final = frozenset(_BLOCK_NAMES.split())
_COMPACT: Final = frozenset({"li", "tr", "dt", "dd"})
"""Blocks without a blank line around them."""
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_CELL_END: Final = "\x1f"
_CELL_ENDS = re.compile(rf"\s*{_CELL_END}\s*")
_SPACE = re.compile(r"[ \t\n]+")
_RULE: Final = "* * *"
_LONGEST_UNDERLINE: Final = 60


def text_of_html(markup: str, marks: SourceMarks) -> str:
    """Returns the text of cleaned HTML. The marks of fields and links stay in it.

    Args:
        markup: HTML as `campaign_markup` cleans it, with a mark in the place of each address.
        marks: the marks of this text.
    """
    writer = _TextWriter(marks)
    writer.feed(markup)
    writer.close()
    return "\n".join(writer.finished_lines())


class _TextWriter(HTMLParser):
    """Collects the lines of a text, block by block."""

    def __init__(self, marks: SourceMarks) -> None:
        super().__init__(convert_charrefs=True)
        self._marks = marks
        self._lines: list[str] = []
        self._words: list[str] = []
        self._links: list[tuple[str, str]] = []
        self._link: tuple[str, int] | None = None
        self._lists: list[int | None] = []
        self._bullet = ""
        self._quotes = 0
        self._heading = False
        self._is_literal = False
        self._is_first_cell = True

    def finished_lines(self) -> list[str]:
        """Returns all lines, without blank ones around them."""
        self._end_block(blank=False)
        while self._lines and not self._lines[-1]:
            self._lines.pop()
        return self._lines

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        match tag:
            case "br":
                self._words.append("\n")
            case "hr":
                self._end_block()
                self._add_lines([_RULE], blank=True)
            case "img":
                self._words.append(f" [{told['alt']}] " if told.get("alt") else "")
            case "a" if told.get("href"):
                self._link = told["href"] or "", len(self._words)
            case "td" | "th":
                self._words.append("" if self._is_first_cell else _CELL_END)
                self._is_first_cell = False
            case _ if tag in _BLOCKS:
                self._begin_block(tag, told)
            case _:
                pass

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link is not None:
            url, at = self._link
            self._links.append((_one_spaced("".join(self._words[at:])), url))
            self._link = None
        elif tag in _BLOCKS:
            self._end_block(blank=tag not in _COMPACT)
            self._leave_block(tag)

    def handle_data(self, data: str) -> None:
        self._words.append(data if self._is_literal else _SPACE.sub(" ", data))

    def _begin_block(self, tag: str, told: dict[str, str | None]) -> None:
        self._end_block(blank=tag not in _COMPACT)
        match tag:
            case "ul":
                self._lists.append(None)
            case "ol":
                start = told.get("start") or "1"
                self._lists.append(int(start[:9]) if start.isdecimal() else 1)
            case "li":
                self._bullet = self._next_bullet()
            case "blockquote":
                self._quotes += 1
            case "pre":
                self._is_literal = True
            case "tr":
                self._is_first_cell = True
            case _:
                self._heading = tag in _HEADINGS

    def _leave_block(self, tag: str) -> None:
        match tag:
            case "ul" | "ol" if self._lists:
                self._lists.pop()
                if not self._lists:
                    self._add_lines([], blank=True)
            case "blockquote":
                self._quotes = max(self._quotes - 1, 0)
            case "pre":
                self._is_literal = False
            case _:
                pass

    def _next_bullet(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "* "
        self._lists[-1] = number + 1
        return f"{number}. "

    def _end_block(self, *, blank: bool = True) -> None:
        """Writes the words since the last block, and the links among them."""
        said = _CELL_ENDS.sub(" | ", "".join(self._words))
        lines = said.strip("\n").split("\n")
        lines = [line.rstrip() for line in lines] if self._is_literal else [_one_spaced(line) for line in lines]
        lines = [line for line in lines if line or self._is_literal]
        links = list(dict.fromkeys(link for link in self._links if link[0] != self._marks.shown_text(link[1])))
        if lines and self._heading:
            underline = "-" * min(max(len(self._marks.shown_text(lines[0])), 3), _LONGEST_UNDERLINE)
            lines = [*lines, underline, *(url for _, url in links)]
        else:
            lines = lines if [label for label, _ in links] != lines else []
            lines += [f"{label.rstrip(':')}: {url}" if label else url for label, url in links]
        self._words, self._links, self._heading = [], [], False
        self._add_lines(lines, blank=blank and not self._lists)

    def _add_lines(self, lines: list[str], *, blank: bool) -> None:
        before = "> " * self._quotes + "  " * (max(len(self._lists), 1) - 1)
        for line in lines:
            self._lines.append(f"{before}{self._bullet or ('  ' if self._lists else '')}{line}")
            self._bullet = ""
        if blank and self._lines and self._lines[-1]:
            self._lines.append("")


def _one_spaced(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
