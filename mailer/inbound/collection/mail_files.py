"""The messages of a Maildir or an mbox, one at a time and in bounded memory."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from mailer.ports.received_mail import MAX_OCTETS

_LINE: Final = 64 * 1024
"""The most octets of a line that are read at once."""
_SEPARATOR: Final = re.compile(rb"From [^\r\n]{0,500}\d\d:\d\d[^\r\n]{0,100}\r?\n?")
"""The line before each message of an mbox (RFC 4155): a sender and a time."""
_QUOTED: Final = re.compile(rb">+From ")


class NoMailFile(ValueError):
    """A path that is neither a Maildir nor an mbox, or cannot be read. The message says which."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of a file or folder.

    Attributes:
        name: the name of the file, or the number of the message in an mbox.
        content: the message, cut behind `MAX_OCTETS`: then it has one octet more.
        size: the octets, or 1 of a Maildir, by which progress is counted.
    """

    name: str
    content: bytes
    size: int


@dataclass(frozen=True, slots=True)
class MailFile:
    """A Maildir or an mbox. size: the messages of a Maildir, or the octets of an mbox."""

    path: Path
    is_maildir: bool
    size: int

    def read_messages(self) -> Iterator[StoredMessage]:
        """Yields the messages, those of a Maildir by their names.

        Raises:
            NoMailFile: it cannot be read any further.
        """
        try:
            yield from self._maildir_messages() if self.is_maildir else self._mbox_messages()
        except OSError as error:
            raise NoMailFile(f"cannot be read: {error.strerror or error}") from None

    def _maildir_messages(self) -> Iterator[StoredMessage]:
        for file in _files_of_maildir(self.path):
            try:
                with _open_regular_file(file) as opened:
                    yield StoredMessage(file.name, opened.read(MAX_OCTETS + 1), 1)
            except FileNotFoundError:  # a mail program has moved it meanwhile; another run finds it
                continue

    def _mbox_messages(self) -> Iterator[StoredMessage]:
        with _open_regular_file(self.path) as opened:
            yield from _split_mbox(opened)


def open_mail_file(path: Path) -> MailFile:
    """Returns the Maildir or mbox of a path.

    Raises:
        NoMailFile: it is neither, or cannot be read.
    """
    try:
        if path.is_dir():
            if not all((path / name).is_dir() for name in ("cur", "new")):
                raise NoMailFile("is a folder without the folders cur and new, so it is no Maildir")
            return MailFile(path, is_maildir=True, size=sum(1 for _ in _files_of_maildir(path)))
        with _open_regular_file(path) as opened:
            if _SEPARATOR.fullmatch(opened.readline(_LINE)) is None:
                raise NoMailFile('is neither a Maildir nor an mbox, whose first line has the form "From sender date"')
            return MailFile(path, is_maildir=False, size=os.fstat(opened.fileno()).st_size)
    except (OSError, ValueError) as error:
        if isinstance(error, NoMailFile):
            raise
        raise NoMailFile(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _files_of_maildir(path: Path) -> list[Path]:
    """Returns the files of the messages in order, without links. What is still being written is in tmp."""
    found = [
        Path(entry.path)
        for name in ("new", "cur")
        for entry in os.scandir(path / name)
        if entry.is_file(follow_symlinks=False) and not entry.name.startswith(".")
    ]
    return sorted(found, key=lambda file: file.name)


def _open_regular_file(path: Path) -> BinaryIO:
    """Opens a file. A pipe, which would wait for ever, or a device is none."""
    opened = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115 - returned
    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        opened.close()
        raise OSError("it is no regular file")
    return opened


def _without_blank_line(held: bytearray) -> bytes:
    """Returns a message without the blank line that an mbox has behind each message."""
    for end in (b"\r\n", b"\n"):
        if held.endswith(end * 2):
            return bytes(held[: -len(end)])
    return bytes(held)


def _split_mbox(opened: BinaryIO) -> Iterator[StoredMessage]:
    """Yields the messages between separators. A separator stands at the start of the file or after a blank line."""
    number, size, held, is_start, is_blank = 0, 0, bytearray(), True, True
    while line := opened.readline(_LINE):
        if is_start and is_blank and _SEPARATOR.fullmatch(line):
            if number:
                yield StoredMessage(f"message {number}", _without_blank_line(held), size)
            number, size = number + 1, 0
            held = bytearray()
        elif len(held) <= MAX_OCTETS:
            held += (line[1:] if is_start and _QUOTED.match(line) else line)[: MAX_OCTETS + 1 - len(held)]
        size += len(line)
        is_blank = is_start and line in (b"\n", b"\r\n")
        is_start = line.endswith(b"\n")
    if number:
        yield StoredMessage(f"message {number}", _without_blank_line(held), size)
