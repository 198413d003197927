"""The check of a logo: a small PNG, WebP or SVG file, of which nothing can run or load anything."""

import base64
import re
from typing import NoReturn
from xml.parsers import expat

MAX_LOGO_BYTES = 64 * 1024
"""The largest logo. It is part of each page, and a third larger there."""

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_ELEMENTS = frozenset(
    {
        *("svg", "g", "defs", "title", "desc", "style", "clipPath", "mask", "linearGradient", "radialGradient", "stop"),
        *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan"),
    }
)
"""The elements that draw. Scripts, images, animations, links, filters and foreign objects are not among them."""
_OUTSIDE = re.compile(
    r"url\s*\(\s*['\"]?\s*(?!#|['\"\s])|@import|[a-z][a-z0-9+.-]*://|javascript:|data:|\\", re.IGNORECASE
)
"""A reference to something outside the file, or a CSS escape, which could hide one."""


class LogoError(ValueError):
    """A logo that cannot be used; the message says why, and what to do."""


def logo_as_data_uri(content: bytes) -> str:
    """Returns a logo as a `data:` URI. Its type is found by its content, not by its name.

    Raises:
        LogoError: it is too large, of another type, or an SVG file that holds more than a drawing.
    """
    if len(content) > MAX_LOGO_BYTES:
        raise LogoError(f"has {len(content):,} bytes; at most {MAX_LOGO_BYTES:,} are allowed, so make it smaller")
    return f"data:{_detect_and_check_logo_type(content)};base64,{base64.b64encode(content).decode()}"


def _detect_and_check_logo_type(content: bytes) -> str:
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
        return "image/png"
    if content[:4] == b"RIFF" and content[8:15] == b"WEBPVP8":
        return "image/webp"
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        _check_svg(content)
        return "image/svg+xml"
    raise LogoError("is no PNG, WebP or SVG file by its content; save it as one of these")


def _check_svg(content: bytes) -> None:
    """Checks that an SVG file only draws: known elements and no reference outside it.

    Browsers run no script of an image either; this is a second fence.

    Raises:
        LogoError: it is no SVG file, or holds something else.
    """
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    depth, style = 0, list[str]()

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        space, _, element = name.rpartition(" ")
        if space != _SVG or element not in _ELEMENTS or (depth == 0) != (element == "svg"):
            raise LogoError(f"has the element <{element}> there; save it as plain SVG with shapes only")
        for key, value in attributes.items():
            _check_svg_attribute(key, value)
        depth += 1

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = style.append
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.ProcessingInstructionHandler = _refuse_processing_instruction
    parser.XmlDeclHandler = _check_encoding
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise LogoError(f"is no SVG file: {expat.errors.messages[error.code]}, in line {error.lineno}") from error
    if found := _OUTSIDE.search("".join(style)):
        raise LogoError(f"has {found[0]!r} in a text or style; a logo refers to nothing outside it")


def _check_svg_attribute(key: str, value: str) -> None:
    space, _, name = key.rpartition(" ")
    if space not in ("", _XLINK, "http://www.w3.org/XML/1998/namespace") or name.lower().startswith("on"):
        raise LogoError(f"has the attribute {name}; save it as plain SVG, without scripts")
    if name == "href" and not value.strip().startswith("#"):
        raise LogoError(f"refers to {value[:100]!r}; a logo refers to nothing outside it")
    if name != "href" and (found := _OUTSIDE.search(value)):
        raise LogoError(f"has {found[0]!r} in the attribute {name}; a logo refers to nothing outside it")


def _refuse_doctype(name: str, system: str | None, public: str | None, has_subset: bool) -> NoReturn:
    raise LogoError("has a document type (<!DOCTYPE …>); remove it")


def _refuse_processing_instruction(target: str, data: str) -> NoReturn:
    raise LogoError(f"has the instruction <?{target} …?>; remove it")


def _check_encoding(version: str, encoding: str | None, standalone: int) -> None:
    if encoding is not None and encoding.lower() not in ("utf-8", "us-ascii"):
        raise LogoError(f"is in {encoding}; save it in UTF-8")
