"""Reads the rows of an uploaded file of people whom a breach concerns, chunk by chunk."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import islice
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from mailer.actions.csv_reading import CsvUnreadableFromLine, InputRefused
from mailer.actions.importing.breach_file_rows import BreachFileReader
from mailer.actions.importing.row_parsing import RefusedRow
from mailer.actions.importing.table_reading import Table, TableRow, open_table
from mailer.pipeline.temporary_content import content_on_disk
from mailer.pipeline.uploaded_row_progress import RefusedRowsText
from mailer.policy.policy_file import Policy
from mailer.ports.breach_files import (
    MAX_BREACH_FILE_ROWS,
    BreachChunk,
    BreachFile,
    BreachFileRow,
    FileProgress,
    StoredRows,
)
from mailer.ports.recipient_imports import REASONS_SHOWN

CHUNK: Final = 5_000
"""The rows of a transaction."""
_NOBODY: Final = "nobody has this reference; add an e-mail address, or a name with a postal address"
_TOO_MANY: Final = f"has more than {MAX_BREACH_FILE_ROWS:,} rows: split it, and begin a phase for each part"
ReadRow = tuple[BreachFileRow | RefusedRow, tuple[str, ...], TableRow]


class BreachFileQueue(Protocol):
    """Hands the reading of files to the timekeepers."""

    def iterate_content(self, file_id: UUID) -> AsyncIterator[bytes]:
        """Yields the file in parts."""
        ...

    def open_chunk(self, job: BreachFile, owner: str) -> AbstractAsyncContextManager[BreachChunk]:
        """Opens the transaction of a chunk. An error in the context keeps nothing of it."""
        ...

    async def release_import(self, file_id: UUID, owner: str) -> None:
        """Ends the lease, so that another process goes on."""
        ...

    async def finish_file(self, job: BreachFile, owner: str) -> None:
        """Ends the reading, and deletes the content. Raises ImportLost."""
        ...


class BreachFileImporter:
    """Reads files.

    Args:
        queue: the files. policies: by brand. owner: the name of this process.
    """

    def __init__(self, queue: BreachFileQueue, policies: Mapping[str, Policy], owner: str) -> None:
        self._queue, self._policies, self._owner = queue, policies, owner

    async def read_file(self, job: BreachFile, stop: asyncio.Event) -> None:
        """Works on a file from where it was left, until its end or until `stop` is set.

        Raises:
            InputRefused: it is no file of people, or has too many rows.
            CsvUnreadableFromLine: from a line on, quotes do not match; the rows before are stored.
            ImportLost: it is no longer this process's.
        """
        if job.brand not in self._policies:
            raise InputRefused("is of a brand that has no policy here any more")
        async with content_on_disk(self._queue.iterate_content(job.id)) as path:
            rows, progress = await asyncio.to_thread(_open_rows, path, job)
            while chunk := await asyncio.to_thread(rows.read_next):
                if stop.is_set():
                    await self._queue.release_import(job.id, self._owner)
                    return
                if progress.rows_done + len(chunk) > MAX_BREACH_FILE_ROWS:
                    raise InputRefused(_TOO_MANY)
                async with self._queue.open_chunk(job, self._owner) as transaction:
                    stored = await transaction.store_rows([row for row, *_ in chunk if isinstance(row, BreachFileRow)])
                    await transaction.finish(progress.take_chunk(chunk, stored))
            if rows.broken is not None:
                raise rows.broken
        await self._queue.finish_file(job, self._owner)


class _Rows:
    """The rows of a file by chunks, as far as it can be read. `broken`: the place from which it cannot."""

    def __init__(self, rows: Iterator[ReadRow]) -> None:
        self._rows = self._as_far_as_readable(rows)
        self.broken: CsvUnreadableFromLine | None = None

    def read_next(self) -> list[ReadRow]:
        return list(islice(self._rows, CHUNK))

    def skip(self, rows: int) -> None:
        for _ in islice(self._rows, rows):
            pass

    def _as_far_as_readable(self, rows: Iterator[ReadRow]) -> Iterator[ReadRow]:
        try:
            yield from rows
        except CsvUnreadableFromLine as broken:
            self.broken = broken


class _Progress:
    """The progress of one file. It goes on from what is stored."""

    def __init__(self, job: BreachFile, table: Table) -> None:
        self.rows_done = job.rows_done
        self._total = max(table.count_lines(), job.rows_done)
        self._counts = {name: job.counts.get(name, 0) for name in (*StoredRows._fields, "refused")}
        self._reasons = list(job.reasons)
        has_headings = not (self._counts["refused"] or self._counts["nobody"])
        self._refused = RefusedRowsText(table, has_headings=has_headings)

    def take_chunk(self, chunk: Sequence[ReadRow], stored: StoredRows) -> FileProgress:
        """Adds a chunk, and returns the progress with it."""
        self.rows_done += len(chunk)
        for name in ("known", "case_only", "duplicate", "people"):
            self._counts[name] += getattr(stored, name)
        self._counts["nobody"] += len(stored.nobody)
        for row, notes, read in chunk:
            if isinstance(row, RefusedRow):
                self._counts["refused"] += 1
                self._refuse(row)
            elif row.number in stored.nobody:
                self._refuse(RefusedRow(row.number, read.cells, (_NOBODY,)))
            else:
                self._reasons += [(row.number, False, note) for note in notes]
        self._reasons = sorted(self._reasons)[:REASONS_SHOWN]
        return FileProgress(
            self.rows_done, max(self._total, self.rows_done), self._counts, self._reasons, self._refused.take()
        )

    def _refuse(self, row: RefusedRow) -> None:
        self._refused.add_row(row)
        self._reasons.append((row.number, True, row.reason))


def _open_rows(path: Path, job: BreachFile) -> tuple[_Rows, _Progress]:
    """Opens the rows of a file that are not stored yet, with the progress up to there."""
    table = open_table(path)
    rows = _Rows(BreachFileReader(table).rows())
    rows.skip(job.rows_done)
    return rows, _Progress(job, table)
