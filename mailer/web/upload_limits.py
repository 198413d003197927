"""The limits of requests with a file of people, which are larger and slower than others."""

import re
from typing import Final

from mailer.ports.breach_files import MAX_BREACH_FILE_OCTETS

MAX_UPLOAD_OCTETS: Final = MAX_BREACH_FILE_OCTETS + 64 * 1024
"""The largest body: the largest file, and the fields of its form. A route may take less."""
FILE_SECONDS: Final = 600
"""The seconds that a file may take to arrive or to leave: the largest one by a line of 1 Mbit/s."""
_UPLOADS: Final = re.compile(
    r"/console/imports/to/[^/]+|/api/v1/imports/[^/]+"
    r"|/console/breaches/[^/]+/phases/[^/]+/audience/upload|/api/v1/breach-cases/[^/]+/[^/]+/files"
)
_DOWNLOADS: Final = re.compile(
    r"/console/imports/[^/]+/refused|/api/v1/imports/[^/]+/[^/]+/refused-rows"
    r"|/console/breaches/[^/]+/phases/[^/]+/audience/files/[^/]+/refused"
    r"|/api/v1/breach-cases/[^/]+/[^/]+/files/[^/]+/refused-rows"
    r"|/console/breaches/[^/]+/phases/[^/]+/people/export"
)


def is_upload_path(path: str) -> bool:
    """Tells whether a path takes an uploaded file."""
    return _UPLOADS.fullmatch(path) is not None


def seconds_of_file_path(path: str) -> int | None:
    """Returns the seconds that a request may take by which a file arrives or leaves; None for another path."""
    return FILE_SECONDS if is_upload_path(path) or _DOWNLOADS.fullmatch(path) else None
