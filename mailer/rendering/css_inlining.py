"""Inlines CSS into a Jinja2 source once, so that rendering a message costs nothing more.

Jinja2 tags are hidden from the HTML parser: as comments between elements, and as words within attribute values. After
inlining, elements, comments and words must have the same order as before. Inlining has then changed only `style`
attributes, for every branch and any number of loop runs. The result is the same as if the rendered message were
inlined.
"""

import re

from css_inline import CSSInliner

from mailer.rendering.template_files import TAG

_HIDDEN = re.compile(r"(?:<!--)?q0jinja(\d+)q(?:-->)?")
_WORD = re.compile(r"q0jinja\d+q")
_PIECE = re.compile(
    r"(?P<comment><!--.*?-->)|(?P<style><style\b.*?</style>)|(?P<title><title\b.*?</title>)"
    r"|(?P<tag></?[a-z!](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>)|(?P<text>[^<]+|<)",
    re.DOTALL | re.IGNORECASE,
)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_FIXED_ATTRIBUTE = re.compile(r"\b(class|id|style)\s*=\s*[\"'][^\"']*q0jinja", re.IGNORECASE)
_TAG_NAME = re.compile(r"</?[a-z0-9!]+", re.IGNORECASE)
_BY_POSITION = re.compile(r"[+~][^{}]*\{|:(?:first|last|nth|only|empty|not|has|is|where)\b")
_INDENT = re.compile(r"\n\s+")

_KEPT = ' data-css-inline="keep"'
_INLINER = CSSInliner(load_remote_stylesheets=False)


class InliningError(ValueError):
    """The CSS of a source cannot be inlined; the message names the remedy."""


def inline_css(source: str) -> str:
    """Returns a page's source with its CSS in `style` attributes. A `<style data-css-inline="keep">` stays.

    Args:
        source: a whole HTML page with Jinja2 in it.

    Raises:
        InliningError: Jinja2 is at a place where it would change the meaning of the CSS, or elements are not well
        nested.
    """
    tags: list[str] = []

    def hide(found: re.Match[str]) -> str:
        if found[0].startswith("{#"):
            return ""
        tags.append(found[0])
        return f"q0jinja{len(tags) - 1}q"

    words = TAG.sub(hide, _INDENT.sub("\n", source))
    hidden = "".join(_check_and_wrap_placeholders_in_comments(found) for found in _PIECE.finditer(words))
    inlined = _INLINER.inline(hidden)
    _check_same_shape(hidden, inlined, tags)
    return _HIDDEN.sub(lambda found: tags[int(found[1])], inlined.replace(_KEPT, ""))


def _check_and_wrap_placeholders_in_comments(found: re.Match[str]) -> str:
    piece = found[0]
    match found.lastgroup:
        case "text":
            return _WORD.sub(r"<!--\g<0>-->", piece)
        case "style" if _WORD.search(piece):
            raise InliningError("has Jinja2 within <style>; choose between classes instead")
        case "style" if _KEPT in piece:
            return piece
        case "style" if "@" in piece:
            raise InliningError(f"has an @-rule where it is inlined; put it in a <style{_KEPT}> of its own")
        case "style" if _BY_POSITION.search(piece):
            raise InliningError("selects by position (:first-child, +, ~ and the like); give the element a class")
        case "tag" if _WORD.search(_QUOTED.sub("", piece)):
            raise InliningError("has Jinja2 within a tag but outside of a quoted value; write the whole tag twice")
        case "tag" if attribute := _FIXED_ATTRIBUTE.search(piece):
            raise InliningError(f"has Jinja2 in a {attribute[1]} attribute; write the whole tag twice")
        case _:
            return piece


def _check_same_shape(before: str, after: str, tags: list[str]) -> None:
    old, new = _page_shape(before), _page_shape(after)
    if old == new:
        return
    place = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)) - 1)
    shown = [_HIDDEN.sub(lambda found: tags[int(found[1])], piece) for piece in old[max(0, place - 2) : place + 1]]
    raise InliningError(
        f"is not well nested near {' '.join(shown)}: close every element, in each branch, and write <tbody> in tables"
    )


def _page_shape(page: str) -> list[str]:
    shape = []
    for found in _PIECE.finditer(page):
        match found.lastgroup:
            case "comment":
                shape.append(found[0])
            case "tag" | "title":
                shape += [name.lower() for name in _TAG_NAME.findall(found[0])[:1]]
                shape += sorted(_WORD.findall(found[0]))  # the parser may reorder attributes
            case _:
                pass
    return shape
