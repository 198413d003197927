"""The progress of a check or an import of an uploaded file: its counts, its first reasons, and its refused rows."""

from dataclasses import dataclass, field
from typing import Self

from mailer.actions.importing.row_parsing import RefusedRow
from mailer.actions.recipient_import import ImportTally
from mailer.actions.refused_rows_csv import refused_row_line
from mailer.ports.recipient_imports import REASONS_SHOWN, ChunkResult, RecipientImport


@dataclass(slots=True)
class UploadProgress:
    """The progress of one file.

    Attributes:
        columns: the number of columns of the file.
        rows_done: the rows that were read.
        tally: the counts. erased: rows of people who were erased after the upload.
        reasons: the first reasons; see `RecipientImport`.
        refused: the refused rows of the current chunk as CSV.
    """

    columns: int
    rows_done: int = 0
    tally: ImportTally = field(default_factory=ImportTally)
    erased: int = 0
    reasons: list[tuple[int, bool, str]] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)

    @classmethod
    def resume(cls, job: RecipientImport) -> Self:
        """Returns the progress that is stored of a file. It does not know whom the rows before have named."""
        counts = job.counts
        tally = ImportTally(
            rejected=counts.get("refused", 0),
            duplicates=counts.get("duplicate", 0),
            people=sum(counts.get(name, 0) for name in ("new", "changed", "unchanged")),
            new=counts.get("new", 0),
            changed=counts.get("changed", 0),
            opted_out=counts.get("opted_out", 0),
        )
        columns = len(job.reading.headings) if job.reading else 0
        return cls(columns, job.rows_done, tally, counts.get("erased", 0), list(job.reasons))

    def add_refused_row(self, row: RefusedRow) -> None:
        """Notes a refused row."""
        self.refused.append(refused_row_line(row, self.columns))
        if len(self.reasons) < REASONS_SHOWN:
            self.reasons.append((row.number, True, row.reason))

    def take_chunk_result(self, rows: int) -> ChunkResult:
        """Returns the result up to here, and begins the next chunk.

        Args:
            rows: the rows of the chunk.
        """
        self.rows_done += rows
        notes = [(note.row, False, note.text) for note in self.tally.notes]
        self.tally.notes.clear()
        self.reasons = sorted([*self.reasons, *notes])[:REASONS_SHOWN]
        refused, self.refused = b"".join(self.refused), []
        return ChunkResult(self.rows_done, self._counts(), self.reasons, refused)

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
