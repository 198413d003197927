"""The limits of requests with a file of people, which are larger and slower than others."""

import re
from typing import Final

from mailer.ports.recipient_imports import MAX_IMPORT_OCTETS

MAX_UPLOAD_OCTETS: Final = MAX_IMPORT_OCTETS + 64 * 1024
"""The largest body: the file, and the fields of its form."""
FILE_SECONDS: Final = 600
"""The seconds that a file may take to arrive or to leave: the largest one by a line of 1 Mbit/s."""
_UPLOADS: Final = re.compile(r"/console/imports/to/[^/]+|/api/v1/imports/[^/]+")
_DOWNLOADS: Final = re.compile(r"/console/imports/[^/]+/refused|/api/v1/imports/[^/]+/[^/]+/refused-rows")


def is_upload_path(path: str) -> bool:
    """Tells whether a path takes an uploaded file."""
    return _UPLOADS.fullmatch(path) is not None


def seconds_of_file_path(path: str) -> int | None:
    """Returns the seconds that a request may take by which a file arrives or leaves; None for another path."""
    return FILE_SECONDS if is_upload_path(path) or _DOWNLOADS.fullmatch(path) else None
