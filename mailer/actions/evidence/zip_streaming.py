"""A ZIP file that is written member by member and taken away in parts, so that memory does not grow with it."""

import hashlib
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

_SOME: Final = 1 << 16
_MADE: Final = (1980, 1, 1, 0, 0, 0)
"""The time of each member: the pack says itself when it was made."""


class _Sink:
    """A file that can only be written to. `take` empties it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.octets = 0

    def write(self, part: bytes) -> int:
        """Adds a part."""
        self._parts.append(bytes(part))
        self.octets += len(part)
        return len(part)

    def flush(self) -> None:
        """Does nothing: there is nothing below it."""

    def close(self) -> None:
        """Does nothing: what was written can still be taken."""

    def take(self) -> bytes:
        """Returns what was written since, and forgets it."""
        taken = b"".join(self._parts)
        self._parts.clear()
        self.octets = 0
        return taken


class StreamedZip:
    """A ZIP file of plain files.

    Attributes:
        files: by name: octets, and the SHA-256 in hexadecimal digits.
    """

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = ZipFile(self._sink, "w", ZIP_DEFLATED)
        self.files: dict[str, dict[str, str | int]] = {}

    def open_member(self, name: str) -> "StreamedMember":
        """Begins a member; one at a time."""
        info = ZipInfo(name, _MADE)
        info.compress_type = ZIP_DEFLATED
        info.external_attr = 0o100644 << 16
        return StreamedMember(self, name, self._zip, info)

    def add_whole(self, name: str, content: bytes) -> None:
        """Adds a small member."""
        with self.open_member(name) as member:
            member.write(content)

    def close(self) -> None:
        """Writes the directory of the members."""
        self._zip.close()

    def take(self, *, least: int = 0) -> bytes:
        """Returns the octets that were written since; none if there are fewer than `least`."""
        return self._sink.take() if self._sink.octets >= least else b""

    def take_some(self) -> bytes:
        """Returns the octets that were written since, if it is worth while."""
        return self.take(least=_SOME)


class StreamedMember:
    """A member that is being written."""

    def __init__(self, whole: StreamedZip, name: str, file: ZipFile, info: ZipInfo) -> None:
        self._whole = whole
        self._name = name
        self._member = file.open(info, "w", force_zip64=True)
        self._digest = hashlib.sha256()
        self._octets = 0

    def write(self, part: bytes) -> None:
        """Adds a part."""
        self._digest.update(part)
        self._octets += len(part)
        self._member.write(part)

    def __enter__(self) -> "StreamedMember":
        return self

    def __exit__(self, *error: object) -> None:
        self._member.close()
        self._whole.files[self._name] = {"octets": self._octets, "sha256": self._digest.hexdigest()}
