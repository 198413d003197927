"""The header fields of a download of refused rows."""

from collections.abc import Mapping
from uuid import UUID


def refused_rows_headers(import_id: UUID) -> Mapping[str, str]:
    """Returns the header fields. The name is ours: that of the uploaded file could be anything."""
    return {
        "content-type": "text/csv; charset=utf-8",
        "content-disposition": f'attachment; filename="refused-{import_id}.csv"',
    }
