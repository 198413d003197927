"""Replies out of a stream of octets (RFC 5321 4.2), however they are cut. Pure."""

from typing import Final

Reply = tuple[int, bytes]
"""The code, and the text of all lines without their codes, joined by line ends."""

GARBAGE: Final[Reply] = (0, b"no proper reply")
"""Stands for whatever is no reply: no code at all is one that no command expects."""
LONGEST_LINE: Final = 8_192
"""Octets; RFC 5321 4.5.3.1.5 has 512, servers have more."""
_LONGEST: Final = 4 * LONGEST_LINE
_MARKS: Final = (b" ", b"\r", b"")
"""What may follow the code in a reply's last line."""
_BEGINNINGS: Final = {b"%03d%b" % (code, mark): code for code in range(1_000) for mark in _MARKS}
"""How a line begins that is a whole reply, or ends one: its first four octets, or three if it has no more."""


class ReplyParser:
    """Collects what comes and gives out what is whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun: list[bytes] = []
        self._size = 0

    @property
    def is_pending(self) -> bool:
        """Whether a reply has begun and not ended."""
        return bool(self._rest or self._begun)

    def feed_octets(self, data: bytes) -> list[Reply]:
        """What became whole with these octets, in its order."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        replies = []
        for line in lines:
            code = _BEGINNINGS.get(line[:4])
            if len(line) > LONGEST_LINE or (code is None and not _has_reply_code(line)):
                replies.append(GARBAGE)
            elif code is not None and not self._begun:
                replies.append((code, line[4:].rstrip()))
            elif (reply := self._add_line(line)) is not None:
                replies.append(reply)
        if len(self._rest) > LONGEST_LINE:
            self._rest = b""
            replies.append(GARBAGE)
        return replies

    def _add_line(self, line: bytes) -> Reply | None:
        """A line of a reply of several; the reply, once this is its last line."""
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
    """Whether it begins with three digits."""
    return len(line) >= 3 and line[:3].isdigit()
