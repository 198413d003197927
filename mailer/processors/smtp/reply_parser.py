"""Parses SMTP replies from a stream of octets that comes in parts of any size (RFC 5321 4.2). Pure."""

from typing import Final

Reply = tuple[int, bytes]
"""The code, and the text of all lines without their codes, joined by LF."""

GARBAGE: Final[Reply] = (0, b"no proper reply")
"""Stands for input that is no valid reply. No command expects its code 0."""
LONGEST_LINE: Final = 8_192
"""The longest line, in octets. RFC 5321 4.5.3.1.5 allows 512, but servers send longer ones."""
_LONGEST: Final = 4 * LONGEST_LINE
_MARKS: Final = (b" ", b"\r", b"")
"""The octets that may follow the code in the last line of a reply."""
_BEGINNINGS: Final = {b"%03d%b" % (code, mark): code for code in range(1_000) for mark in _MARKS}
"""The beginnings of a reply's last line, each with its code: four octets, or three if the line is no longer."""


class ReplyParser:
    """Collects octets and returns complete replies."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun: list[bytes] = []
        self._size = 0

    @property
    def has_partial_reply(self) -> bool:
        """Tells whether a reply has begun and is not complete."""
        return bool(self._rest or self._begun)

    def feed_octets(self, data: bytes) -> list[Reply]:
        """Adds octets, and returns the replies that they complete, in order."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        replies = []
        for line in lines:
            code = _BEGINNINGS.get(line[:4])
            if len(line) > LONGEST_LINE or (code is None and not _has_reply_code(line)):
                replies.append(GARBAGE)
            elif code is not None and not self._begun:
                replies.append((code, line[4:].rstrip()))
            elif (reply := self._add_line_of_multiline_reply(line)) is not None:
                replies.append(reply)
        if len(self._rest) > LONGEST_LINE:
            self._rest = b""
            replies.append(GARBAGE)
        return replies

    def _add_line_of_multiline_reply(self, line: bytes) -> Reply | None:
        """Adds a line to a reply of several lines. Returns the reply if this is its last line, else None."""
        self._begun.append(line)
        self._size += len(line)
        last = line[3:4] in _MARKS
        known = line[:3] == self._begun[0][:3] and (last or line[3:4] == b"-")
        if known and not last and self._size <= _LONGEST:
            return None
        text = b"\n".join(part[4:].strip() for part in self._begun)
        self._begun, self._size = [], 0
        return (int(line[:3]), text) if known and last else GARBAGE


def _has_reply_code(line: bytes) -> bool:
    """Tells whether a line begins with three digits."""
    return len(line) >= 3 and line[:3].isdigit()
