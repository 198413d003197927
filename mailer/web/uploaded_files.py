"""Reads an uploaded file from a request, piece by piece, into an anonymous temporary file."""

import hashlib
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Final
from unicodedata import category

from starlette.requests import Request

from mailer.ports.recipient_imports import PART_OCTETS

MAX_FILE_NAME: Final = 200
"""Characters."""
_MAX_HEAD: Final = 8 * 1024
"""The most octets of the header fields of a part."""
_MAX_FIELD: Final = 4 * 1024
"""The most octets of a field that is no file."""
_BOUNDARY: Final = re.compile(
    r"multipart/form-data\s*;(?:.*;)?\s*boundary=(?P<quote>\"?)(?P<text>[0-9A-Za-z'()+_,./:=?-]{1,70})(?P=quote)\s*"
)
"""RFC 2046 5.1.1, without blanks, which no browser uses."""
_PARAMETER: Final = r'(?:^|;)\s*{name}="(?P<value>[^"\r\n]*)"'
_DISPOSITION: Final = re.compile(
    r"^content-disposition:\s*form-data\s*(?P<parameters>;.*)$", re.IGNORECASE | re.MULTILINE
)
_UNSHOWN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
"""Unicode categories of characters that cannot be shown, or turn the direction of a text."""


class UploadRefused(ValueError):
    """The body of a request is no upload of a file. The message says what is wrong."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that has arrived.

    Attributes:
        name: the name that it had, without folders and without characters that cannot be shown.
        digest: its SHA-256. size: its octets.
        content: the file, open at its beginning.
    """

    name: str
    digest: bytes
    size: int
    content: IO[bytes]

    def iterate_parts(self) -> Iterator[bytes]:
        """Yields the file in parts of `PART_OCTETS`."""
        while part := self.content.read(PART_OCTETS):
            yield part


@asynccontextmanager
async def receiving_file(name: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[UploadedFile]:
    """Writes the pieces of a file to the disk, and yields it. The file has no name, and is gone afterwards.

    Raises:
        UploadRefused: the file is empty.
    """
    with tempfile.TemporaryFile() as content:
        digest, size = hashlib.sha256(), 0
        async for piece in pieces:
            digest.update(piece)
            size += len(piece)
            content.write(piece)
        if not size:
            raise UploadRefused("the file is empty; choose another one")
        content.seek(0)
        yield UploadedFile(shown_file_name(name), digest.digest(), size, content)


def shown_file_name(name: str) -> str:
    """Returns the name of a file for a page: without folders, at most `MAX_FILE_NAME` characters, all to be shown."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(char for char in last if category(char) not in _UNSHOWN).strip()
    return shown[:MAX_FILE_NAME] or "file"


class MultipartForm:
    """A form with one file, which is its last field (RFC 7578).

    Args:
        request: whose body was not read.

    Attributes:
        file_name: the name of the file, as it was sent; empty until `read_fields` has met it.

    Raises:
        UploadRefused: the request is no such form.
    """

    def __init__(self, request: Request) -> None:
        found = _BOUNDARY.fullmatch(request.headers.get("content-type", ""))
        if found is None:
            raise UploadRefused("it is no form with a file")
        self._delimiter = b"\r\n--" + found["text"].encode()
        self._pieces = request.stream()
        self._held = b"\r\n"  # the first delimiter has no line before it
        self._is_over = False
        self.file_name = ""

    async def read_fields(self) -> dict[str, str]:
        """Returns the fields before the file.

        Raises:
            UploadRefused: there is no file.
        """
        fields = dict[str, str]()
        await self._read_until(self._delimiter, _MAX_HEAD)
        while True:
            head = (await self._read_until(b"\r\n\r\n", _MAX_HEAD)).decode("utf-8", "replace")
            name, self.file_name, is_file = _parse_part_head(head)
            if is_file:
                return fields
            fields[name] = (await self._read_until(self._delimiter, _MAX_FIELD)).decode("utf-8", "replace")

    async def iterate_file(self) -> AsyncIterator[bytes]:
        """Yields the file in pieces, then reads the rest of the body.

        Raises:
            UploadRefused: the body ends within the file.
        """
        keep = len(self._delimiter) - 1
        while (end := self._held.find(self._delimiter)) < 0:
            ready, self._held = self._held[:-keep], self._held[-keep:]
            if ready:
                yield ready
            await self._hold_more()
        if end:
            yield self._held[:end]
        async for _ in self._pieces:
            pass

    async def _read_until(self, mark: bytes, most: int) -> bytes:
        while (end := self._held.find(mark)) < 0:
            if len(self._held) > most:
                raise UploadRefused("a field before the file is too long")
            await self._hold_more()
        if end > most:
            raise UploadRefused("a field before the file is too long")
        found, self._held = self._held[:end], self._held[end + len(mark) :]
        return found

    async def _hold_more(self) -> None:
        piece = await anext(self._pieces, None)
        if piece is None:
            raise UploadRefused("the file did not arrive whole; send it again")
        self._held += piece


def _parse_part_head(head: str) -> tuple[str, str, bool]:
    """Returns the name of a part, its file name, and whether it is a file."""
    disposition = _DISPOSITION.search(head)
    if disposition is None:
        raise UploadRefused("the form has no file; choose one")
    name, file_name = (
        re.search(_PARAMETER.format(name=parameter), disposition["parameters"]) for parameter in ("name", "filename")
    )
    return name["value"] if name else "", file_name["value"] if file_name else "", file_name is not None
