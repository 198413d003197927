"""Reads which characters a font can show, from its `cmap` table (OpenType 1.9.1). Pure."""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

_UNICODE: Final = {(3, 10): 12, (0, 4): 12, (0, 6): 12, (3, 1): 4, (0, 3): 4}
"""Platform and encoding of the tables for Unicode, with the format that is read of each."""


class FontUnreadable(ValueError):
    """A file is not a TrueType or OpenType font, or is broken."""


def characters_of_font(content: bytes) -> frozenset[int]:
    """Returns the code points for which a font has a glyph. Of a collection, the first font counts.

    Raises:
        FontUnreadable: it is no font.
    """
    try:
        start = struct.unpack_from(">I", content, 12)[0] if content[:4] == b"ttcf" else 0
        return frozenset(_iterate_code_points(content, _offset_of_cmap(content, start)))
    except (struct.error, IndexError) as error:
        raise FontUnreadable("the font is cut short or broken") from error


def characters_missing(texts: Iterable[str], known: frozenset[int]) -> str:
    """Returns the characters of texts that no font shows, in the order of their code points, each once."""
    asked = {char for text in texts for char in text if not char.isspace() and not _is_invisible(ord(char))}
    return "".join(sorted(char for char in asked if ord(char) not in known))


def _is_invisible(code: int) -> bool:
    """Tells whether a character needs no glyph: joiners, marks of direction, variation selectors."""
    return 0x200B <= code <= 0x200F or 0x2066 <= code <= 0x2069 or 0xFE00 <= code <= 0xFE0F or code == 0x2060


def _offset_of_cmap(content: bytes, start: int) -> int:
    (count,) = struct.unpack_from(">H", content, start + 4)
    for place in range(start + 12, start + 12 + 16 * count, 16):
        tag, _, offset, _ = struct.unpack_from(">4sIII", content, place)
        if tag == b"cmap":
            return int(offset)
    raise FontUnreadable("the file is no font, or one without characters")


def _iterate_code_points(content: bytes, cmap: int) -> Iterator[int]:
    (count,) = struct.unpack_from(">H", content, cmap + 2)
    for place in range(cmap + 4, cmap + 4 + 8 * count, 8):
        platform, encoding, offset = struct.unpack_from(">HHI", content, place)
        if (platform, encoding) not in _UNICODE:
            continue
        (form,) = struct.unpack_from(">H", content, cmap + offset)
        if form == 12:
            yield from _code_points_of_format_12(content, cmap + offset)
        elif form == 4:
            yield from _code_points_of_format_4(content, cmap + offset)


def _code_points_of_format_12(content: bytes, at: int) -> Iterator[int]:
    (groups,) = struct.unpack_from(">I", content, at + 12)
    for place in range(at + 16, at + 16 + 12 * groups, 12):
        first, last, glyph = struct.unpack_from(">III", content, place)
        if last > 0x10FFFF:
            raise FontUnreadable("the font has characters that Unicode does not have")
        yield from range(first + (glyph == 0), last + 1)


def _code_points_of_format_4(content: bytes, at: int) -> Iterator[int]:
    count = struct.unpack_from(">H", content, at + 6)[0] // 2
    ends = struct.unpack_from(f">{count}H", content, at + 14)
    starts = struct.unpack_from(f">{count}H", content, at + 16 + 2 * count)
    for first, last in zip(starts, ends, strict=True):
        if first != 0xFFFF:
            yield from range(first, last + 1)
