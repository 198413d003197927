"""The progress of a check or an import of an uploaded file: its counts, its first reasons, and its refused rows."""

from io import StringIO
from typing import Final

from mailer.actions.importing.refused_rows import RefusedRowsWriter
from mailer.actions.importing.row_parsing import RefusedRow
from mailer.actions.importing.table_reading import Table
from mailer.actions.recipient_import import ImportTally
from mailer.ports.recipient_imports import REASONS_SHOWN, ChunkResult, RecipientImport

BYTE_ORDER_MARK: Final = "\ufeff"
"""The first character of a CSV file: without it, Excel takes UTF-8 for Windows-1252."""


class UploadProgress:
    """The progress of one file. It does not know whom rows have named that were done before; see `tally.seen`.

    Args:
        job: the import, with the progress that is stored.
        table: the file.

    Attributes:
        rows_done: the rows that were read.
        tally: the counts. erased: rows of people who were erased after the upload.
    """

    def __init__(self, job: RecipientImport, table: Table) -> None:
        counts = job.counts
        self.rows_done = job.rows_done
        self.tally = ImportTally(
            rejected=counts.get("refused", 0),
            duplicates=counts.get("duplicate", 0),
            people=sum(counts.get(name, 0) for name in ("new", "changed", "unchanged")),
            new=counts.get("new", 0),
            changed=counts.get("changed", 0),
            opted_out=counts.get("opted_out", 0),
        )
        self.erased = counts.get("erased", 0)
        self._reasons = list(job.reasons)
        self._refused = RefusedRowsText(table, has_headings=self.tally.rejected == 0)

    def add_refused_row(self, row: RefusedRow) -> None:
        """Notes a refused row."""
        self._refused.add_row(row)
        if len(self._reasons) < REASONS_SHOWN:
            self._reasons.append((row.number, True, row.reason))

    def take_chunk_result(self, rows: int) -> ChunkResult:
        """Returns the result up to here, and begins the next chunk.

        Args:
            rows: the rows of the chunk.
        """
        self.rows_done += rows
        notes = [(note.row, False, note.text) for note in self.tally.notes]
        self.tally.notes.clear()
        self._reasons = sorted([*self._reasons, *notes])[:REASONS_SHOWN]
        return ChunkResult(self.rows_done, self._counts(), self._reasons, self._refused.take())

    def _counts(self) -> dict[str, int]:
        one = self.tally.counts(None)
        return {
            "new": one.new,
            "changed": one.changed,
            "unchanged": one.unchanged,
            "opted_out": one.opted_out,
            "duplicate": one.duplicates,
            "refused": one.rejected,
            "erased": self.erased,
        }


class RefusedRowsText:
    """The refused rows of a chunk as CSV; the first one has the headings above it.

    Args:
        table: the file. has_headings: True if the headings are to be written.
    """

    def __init__(self, table: Table, *, has_headings: bool) -> None:
        self._text = StringIO()
        self._text.write(BYTE_ORDER_MARK)
        self._writer = RefusedRowsWriter(self._text, table)
        self._rows = 0
        if not has_headings:
            self._empty()

    def add_row(self, row: RefusedRow) -> None:
        """Adds a row."""
        self._writer.write_row(row)
        self._rows += 1

    def take(self) -> bytes:
        """Returns the rows since the last call in UTF-8; nothing if there are none."""
        if not self._rows:
            return b""
        text = self._text.getvalue()
        self._empty()
        return text.encode()

    def _empty(self) -> None:
        self._text.seek(0)
        self._text.truncate()
        self._rows = 0
