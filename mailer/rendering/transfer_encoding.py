"""Content-Transfer-Encoding (RFC 2045 6): quoted-printable for texts that are mostly ASCII, base64 for others."""

import re
from binascii import b2a_base64
from typing import Final

_LINE: Final = 76
"""The longest line of either encoding (RFC 2045 6.7, 6.8)."""
_ASCII: Final = bytes(range(128))
_DENSE: Final = 6
"""Base64 is the shorter encoding if more than one octet in this number is not ASCII."""
_ENCODED: Final = re.compile(rb"[^\t\r\n -<>-~]")
_ESCAPES: Final = {bytes([octet]): b"=%02X" % octet for octet in range(256)}
_SOFT: Final = b"=\r\n"
_MBOX: Final = b"From "
"""Begins a message in an mbox file. Programs that write such files put a `>` before the line, and signatures break."""
_MBOX_ESCAPED: Final = b"=46rom "
_BLANK: Final = 32
_DOT: Final = 46
_DOT_ESCAPED: Final = b"=2E"
"""A dot at the beginning of a line. No line has to be dot-stuffed (RFC 5321 4.5.2), so no relay can lose a dot."""
_PLAIN: Final = bytes(octet for octet in range(32, 127) if octet != 61)
"""Octets that need no escape. A space at the end of a line is the exception."""


def is_base64_shorter(data: bytes) -> bool:
    """Tells whether base64 is shorter than quoted-printable for these octets."""
    return len(data.translate(None, _ASCII)) * _DENSE > len(data)


def is_utf8(data: bytes) -> bool:
    """Tells whether the octets are valid UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def base64_lines(data: bytes) -> bytes:
    """Returns the octets in base64, in lines of 76 characters, each with its CRLF."""
    text = b2a_base64(data, newline=False)
    return b"\r\n".join([text[start : start + _LINE] for start in range(0, len(text), _LINE)]) + b"\r\n"


def quoted_printable(data: bytes) -> bytes:
    """Returns the octets in quoted-printable, in lines of at most 76 octets that never begin with a dot.

    `data` has CRLF line ends only. Takes two thirds of the time of `binascii.b2a_qp`, which needs 21 µs for 4 KB.
    """
    encoded = _ENCODED.sub(_escape_octet, data).replace(_MBOX, _MBOX_ESCAPED)
    return b"\r\n".join([_break_quoted_printable_line(line) for line in encoded.split(b"\r\n")])


def encode_piece_as_quoted_printable(data: bytes) -> bytes:
    """Returns a piece of a longer text in quoted-printable. The piece and the one after it begin in the first column.

    Each piece can therefore be encoded once, and pieces can be joined in any order.
    """
    # Most values are links, which have no blank; `in` with octets takes three times as long as `find`.
    if (
        not data.translate(None, _PLAIN)
        and (_BLANK not in data or not (data.endswith(b" ") or data.find(_MBOX) >= 0))
        and _DOT not in data[:: _LINE - 1]
    ):
        lines = [data[start : start + _LINE - 1] for start in range(0, len(data), _LINE - 1)]
        return _SOFT.join((*lines, b""))
    encoded = quoted_printable(data)
    if not encoded or encoded.endswith(b"\n"):
        return encoded
    last = encoded.rfind(b"\n") + 1
    if len(encoded) - last < _LINE:
        return encoded + _SOFT
    cut = _cut_position(encoded, last + _LINE - 1)
    return b"%b%b%b%b" % (encoded[:cut], _SOFT, _escape_leading_dot(encoded[cut:]), _SOFT)


def _escape_octet(found: re.Match[bytes]) -> bytes:
    return _ESCAPES[found[0]]


def _break_quoted_printable_line(line: bytes) -> bytes:
    if line.endswith((b" ", b"\t")):
        line = line[:-1] + _ESCAPES[line[-1:]]
    lines, start = [], 0
    while True:
        # Only the octets of one line are copied: a copy of the whole rest for each line would take quadratic time.
        octets = line[start : start + _LINE + 1]
        piece = _escape_leading_dot(octets)
        if len(piece) <= _LINE:
            lines.append(piece)
            return _SOFT.join(lines)
        end = _cut_position(piece, _LINE - 1)
        lines.append(piece[:end])
        start += end - len(piece) + len(octets)


def _escape_leading_dot(line: bytes) -> bytes:
    """Returns the line; if it begins with a dot, the dot is escaped."""
    return _DOT_ESCAPED + line[1:] if line.startswith(b".") else line


def _cut_position(line: bytes, end: int) -> int:
    """Returns the last position, at most `end`, at which a cut splits no escape such as `=3D`."""
    if line[end - 1] == 61:  # "="
        return end - 1
    if line[end - 2] == 61:
        return end - 2
    return end
