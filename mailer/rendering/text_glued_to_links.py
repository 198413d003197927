"""The ends of links: programs read text directly before or after a link as a part of it, so that the link is dead."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mailer.rendering.literal_text import BRANCH, CLOSE, END, OPEN, VALUE
from mailer.rendering.signed_links import is_web_url

OWN_LINKS = frozenset(
    {"leave_url", "pixel_url", "preferences_url", "report_url", "unsubscribe_all_url", "unsubscribe_url", "view_url"}
)
"""The names of our own links, to which a template cannot add anything."""

_MARKED = re.compile(rf"{VALUE}(?:\w+\.)*(?P<name>\w*_?url){END}")
_AFTER_TEXT = re.compile(r"\s")
_AFTER_HTML = re.compile(r"[\s\"'<]")
_GLUED_BEFORE = re.compile(rf"[\w+.@/=%&#?{END}-]")
"""Characters that, directly before a link of ours, make it a part of another address or scheme."""
_WORD = re.compile(r"\w")
_MIRRORED = str.maketrans({OPEN: CLOSE, CLOSE: OPEN})
_GOES_ON = re.compile(r"[\s/?#&=]")
"""Characters that may follow a URL of a context, since the template may add a path or query."""


def faults_of_links_glued_to_text(text: str, html: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Yields the faults of links in a rendered example that have other text directly before or after them.

    Args:
        text: the text part.
        html: the HTML part.
        values: the values of the rendering.
    """
    urls = dict(_urls_among_values(values, ""))
    if not urls:
        return
    known = re.compile("|".join(re.escape(url) for url in sorted(urls, key=len, reverse=True)))
    for part, content in (("text", text), ("HTML", html)):
        for found in known.finditer(content):
            name, follower = urls[found[0]], content[found.end() : found.end() + 1]
            if follower and not _may_follow_link(part, name, follower):
                yield _fault_message_of_link_glued_after(part, name)
            if part == "text" and _is_glued_before(name, content[max(found.start() - 1, 0) : found.start()]):
                yield _fault_message_of_link_glued_before(name)


def faults_of_links_glued_to_text_in_branches(text: str, html: str) -> Iterator[str]:
    """Yields the same faults of a template in all its branches, whose parts are literal texts with marks."""
    for part, content in (("text", text), ("HTML", html)):
        mirrored = content[::-1].translate(_MIRRORED) if part == "text" else ""
        for found in _MARKED.finditer(content):
            name = found["name"]
            leaders = _characters_that_may_be_printed_next(mirrored, len(content) - found.start()) if mirrored else ()
            if any(_is_glued_before(name, leader) for leader in leaders):
                yield _fault_message_of_link_glued_before(name)
            if any(
                not _may_follow_link(part, name, follower)
                for follower in _characters_that_may_be_printed_next(content, found.end())
            ):
                yield _fault_message_of_link_glued_after(part, name)


def _may_follow_link(part: str, name: str, follower: str) -> bool:
    if name in OWN_LINKS:
        return bool((_AFTER_TEXT if part == "text" else _AFTER_HTML).match(follower))
    return part == "HTML" or bool(_GOES_ON.match(follower))


def _is_glued_before(name: str, leader: str) -> bool:
    """Tells whether a character directly before a link breaks it, since programs read both as one word."""
    return (_GLUED_BEFORE if name in OWN_LINKS else _WORD).match(leader) is not None


def _fault_message_of_link_glued_before(name: str) -> str:
    return (
        f"the text part has something right before {name}, which makes a dead link; begin a line or write a space "
        "(a line break right behind {% … %} is removed)"
    )


def _fault_message_of_link_glued_after(part: str, name: str) -> str:
    return (
        f"the {part} part has something right behind {name}, which makes a dead link; end the line or write a space "
        "(a line break right behind {% … %} is removed)"
    )


def _urls_among_values(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yields the URLs among values, each with the name of its value."""
    match value:
        case str() if is_web_url(value):
            yield value, name
        case Mapping():
            for key, inner in value.items():
                yield from _urls_among_values(inner, key)
        case list():
            for inner in value:
                yield from _urls_among_values(inner, name)
        case _:
            pass


def _characters_that_may_be_printed_next(content: str, at: int) -> Iterator[str]:
    """Yields the characters that may be printed next, in all branches; in a reversed text, those printed before."""
    while at < len(content):
        match content[at]:
            case mark if mark == OPEN:
                ends = _branch_end_positions(content, at)
                for start in (at, *ends[:-1]):
                    yield from _characters_that_may_be_printed_next(content, start + 1)
                return
            case mark if mark == BRANCH:
                at = _branch_end_positions(content, at)[-1]
            case mark if mark == CLOSE:
                pass
            case char:
                yield char
                return
        at += 1


def _branch_end_positions(content: str, at: int) -> list[int]:
    """Returns the ends of the branches of one condition, from the branch at a position to the end of the condition."""
    depth, ends = 0, []
    for place in range(at + 1, len(content)):
        mark = content[place]
        if mark == OPEN:
            depth += 1
        elif mark == BRANCH and depth == 0:
            ends.append(place)
        elif mark == CLOSE:
            if depth == 0:
                return [*ends, place]
            depth -= 1
    return [*ends, len(content)]
