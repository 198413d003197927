"""The attached data of DMARC and TLS reports, unpacked with limits. No archive is written anywhere."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final

from mailer.inbound.reports.mime_parts import Part, is_attached_message

MAX_PACKED: Final = 5_000_000
"""Octets of one attachment."""
MAX_UNPACKED: Final = 5_000_000
"""Octets of the contents of all attachments of a message. Real reports have some kilobytes."""
MAX_ATTACHMENTS: Final = 5
_TYPES: Final = ("application/", "text/xml", "text/json")


def unpacked_attachments(message: Part) -> Iterator[bytes]:
    """Yields the contents of the attachments of a message that can be read: gzip, zip with one file, or plain."""
    seen, left = 0, MAX_UNPACKED
    for part in message.walk():
        name = (part.parameters.get("name") or "") + part.header.first("content-disposition")
        named = any(ending in name.lower() for ending in (".xml", ".zip", ".gz", ".json"))
        if part.children or is_attached_message(part) or not (part.content_type.startswith(_TYPES) or named):
            continue
        seen += 1
        if seen > MAX_ATTACHMENTS:
            return
        if data := unpack(part.read_octets(MAX_PACKED + 1), left):
            left -= len(data)
            yield data


def unpack(data: bytes, limit: int = MAX_UNPACKED) -> bytes:
    """Returns the contents of an attachment; nothing if it is too large, broken, or an archive of several files.

    Args:
        data: the attachment, at most `MAX_PACKED` octets.
        limit: the most octets of its contents.
    """
    if len(data) > MAX_PACKED or limit <= 0:
        return b""
    if data[:2] == b"\x1f\x8b":
        return _unpack_gzip(data, limit)
    if data[:4] == b"PK\x03\x04":
        return _unpack_zip(data, limit)
    return data if len(data) <= limit else b""


def _unpack_gzip(data: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(data, limit)
    except zlib.error:
        return b""
    return found if unpacker.eof else b""


def _unpack_zip(data: bytes, limit: int) -> bytes:
    """Returns the only file of an archive. Its stated size is not believed."""
    if data.count(b"PK\x01\x02") > 10:
        return b""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [one for one in archive.infolist() if not one.is_dir()]
            if len(entries) != 1 or entries[0].flag_bits & 1:
                return b""
            if entries[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                return b""
            with archive.open(entries[0]) as opened:
                found = opened.read(limit + 1)
    # A stranger's archive: zipfile raises all of these for broken, encrypted or unsupported ones. Then it is no report.
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return b""
    return found if len(found) <= limit else b""
