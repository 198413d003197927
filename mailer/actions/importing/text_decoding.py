"""Finds out in which encoding a file of people is. It refuses files that are no text, and says what to do."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from mailer.actions.csv_reading import InputRefused

_CHUNK: Final = 1 << 20
_SAMPLE: Final = 1 << 16
_SPREADSHEET: Final = "is a spreadsheet; save it as CSV UTF-8 (in Excel: Save as, CSV UTF-8), and import that file"
_NO_TEXT: Final = (
    (b"PK\x03\x04", _SPREADSHEET),
    (b"\xd0\xcf\x11\xe0", _SPREADSHEET),
    (b"\x1f\x8b", "is compressed; unpack it, and import the CSV file in it"),
    (b"BZh", "is compressed; unpack it, and import the CSV file in it"),
    (b"7z\xbc\xaf", "is compressed; unpack it, and import the CSV file in it"),
    (b"Rar!", "is compressed; unpack it, and import the CSV file in it"),
    (b"%PDF", "is a PDF document; export the people as CSV"),
)
"""The first bytes of files that are no text, each with the reason. Nothing is ever unpacked."""
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_UTF8: Final = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH: Final = re.compile(rb"[\x80-\xff]")
_UNASSIGNED: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
"""Bytes that Windows-1252 does not have."""
_KANA: Final = re.compile(rb"\x82[\x9f-\xf1]|\x83[\x40-\x7e\x80-\x96]")
"""Hiragana and katakana in Shift-JIS. In Windows-1252 they would begin with a low quotation mark or a florin sign."""
_MOST_NULS: Final = 0.01


class TextEncoding(NamedTuple):
    """The encoding of a file.

    Attributes:
        codec: Python's name of it. label: its name for people. errors: the handling of bytes that do not fit.
    """

    codec: str
    label: str
    errors: str = "strict"


def find_encoding(file: BinaryIO) -> TextEncoding:
    """Finds the encoding of a file by reading all of it, a megabyte at a time.

    A file in UTF-8 with single bytes of another encoding is read as UTF-8; the rows with such bytes can be refused.

    Args:
        file: the file. It is left at its beginning.

    Raises:
        InputRefused: it is empty, no text, or in an encoding that cannot be told for certain.
    """
    file.seek(0)
    sample = file.read(_SAMPLE)
    if not sample.strip(b"\0\r\n\t "):
        raise InputRefused("is empty; there is no row in it")
    for start, reason in _NO_TEXT:
        if sample.startswith(start):
            raise InputRefused(reason)
    found = _by_mark(sample) or _utf_16_without_mark(sample)
    if found is None and sample.count(b"\0") > _MOST_NULS * len(sample):
        raise InputRefused("is no text: it has many NUL bytes; export it as CSV UTF-8")
    found = found or _by_content(file)
    _check_whole_file(file, found)
    file.seek(0)
    return found


def _by_mark(sample: bytes) -> TextEncoding | None:
    for mark, codec, label in _MARKS:
        if sample.startswith(mark):
            errors = "surrogateescape" if codec == "utf-8-sig" else "strict"
            return TextEncoding(codec, f"{label} with a byte order mark", errors)
    return None


def _utf_16_without_mark(sample: bytes) -> TextEncoding | None:
    """Finds UTF-16 without its mark, by line breaks and separators, which have a NUL before or behind them."""
    if b"\0" not in sample:
        return None
    even = sample[: len(sample) // 2 * 2]
    pairs = list(zip(even[::2], even[1::2], strict=True))
    ascii_be = sum(1 for one, two in pairs if one == 0 and 9 <= two < 128)
    ascii_le = sum(1 for one, two in pairs if two == 0 and 9 <= one < 128)
    if max(ascii_be, ascii_le) < 0.1 * len(pairs) or min(ascii_be, ascii_le) > 0.1 * max(ascii_be, ascii_le):
        return None
    if ascii_le > ascii_be:
        return TextEncoding("utf-16-le", "UTF-16 (little-endian)")
    return TextEncoding("utf-16-be", "UTF-16 (big-endian)")


def _by_content(file: BinaryIO) -> TextEncoding:
    """Finds an encoding that has no mark: UTF-8, Shift-JIS if it is certain, else Windows-1252."""
    if _is_valid(file, "utf-8"):
        return TextEncoding("utf-8", "UTF-8", "surrogateescape")
    utf8 = other = unassigned = kana = 0
    for chunk in _chunks(file):
        sequences = _UTF8.findall(chunk)
        utf8 += len(sequences)
        other += len(_HIGH.findall(chunk)) - sum(map(len, sequences))
        unassigned += len(_UNASSIGNED.findall(chunk))
        kana += len(_KANA.findall(chunk))
    if utf8 > other:
        return TextEncoding("utf-8", "UTF-8 with some bytes of another encoding", "surrogateescape")
    if (unassigned or kana > 1) and _is_valid(file, "cp932"):
        return TextEncoding("cp932", "Shift-JIS")
    if unassigned:
        raise InputRefused("is in an encoding that cannot be told for certain; save it as CSV UTF-8")
    return TextEncoding("cp1252", "Windows-1252")


def _check_whole_file(file: BinaryIO, encoding: TextEncoding) -> None:
    if encoding.errors == "strict" and not _is_valid(file, encoding.codec):
        raise InputRefused(f"begins as {encoding.label}, and has bytes that are none; save it as CSV UTF-8")


def _is_valid(file: BinaryIO, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        for chunk in _chunks(file):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: file.read(_CHUNK), b"")
