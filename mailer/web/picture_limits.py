"""The limit of requests with a picture, which are larger than others."""

import re
from typing import Final

from mailer.actions.picture_uploads import MAX_UPLOAD_OCTETS

MAX_PICTURE_BODY: Final = MAX_UPLOAD_OCTETS + 64 * 1024
"""The largest body: the picture, and the fields of its form."""
_UPLOADS: Final = re.compile(r"/console/pictures/to/[^/]+|/api/v1/pictures/[^/]+")


def is_picture_upload_path(path: str) -> bool:
    """Tells whether a path takes an uploaded picture."""
    return _UPLOADS.fullmatch(path) is not None
