"""Checks or imports the rows of an uploaded file, chunk by chunk. What is done is stored with each chunk."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from mailer.actions.importing.column_mapping import ColumnMapping
from mailer.actions.importing.row_parsing import ImportedRow, RefusedRow, parse_rows
from mailer.actions.importing.table_reading import open_table
from mailer.actions.recipient_import import ImportChunkReader, ImportTally, people_of_chunk
from mailer.pipeline.temporary_content import content_on_disk
from mailer.pipeline.uploaded_column_reading import policy_of_import
from mailer.pipeline.uploaded_row_progress import UploadProgress
from mailer.policy.policy_file import Policy
from mailer.ports.recipient_import import RecipientImportRow, WrittenRows
from mailer.ports.recipient_imports import (
    ChunkResult,
    ImportState,
    PeopleErasedSinceUpload,
    RecipientImport,
    RecipientImportQueue,
)

Chunk = Sequence[ImportedRow | RefusedRow]


class UploadedRowImporter:
    """Checks and imports the rows of files.

    Args:
        queue: the files. policies: by brand. owner: the name of this process.
    """

    def __init__(self, queue: RecipientImportQueue, policies: Mapping[str, Policy], owner: str) -> None:
        self._queue, self._policies, self._owner = queue, policies, owner

    async def check_or_import(self, job: RecipientImport, stop: asyncio.Event) -> None:
        """Works on a file from where it was left, until its end or until `stop` is set.

        Raises:
            InputRefused: the mapping does not fit the file or the policy.
            CsvUnreadableFromLine: from a line on, quotes do not match; the rows before are done.
            ImportLost: it is no longer this process's.
        """
        policy, mapping = policy_of_import(self._policies, job), ColumnMapping.model_validate(job.mapping)
        async with content_on_disk(self._queue.iterate_content(job.id)) as path:
            chunks, progress = await asyncio.to_thread(_open_rows, path, mapping, policy, job)
            while chunk := await asyncio.to_thread(chunks.read_next):
                if stop.is_set():
                    await self._queue.release_import(job.id, self._owner)
                    return
                await self._do_chunk(job, chunk, progress)
            if chunks.broken is not None:
                raise chunks.broken
        is_check = job.state is ImportState.DRY_RUN
        await self._queue.finish_import(job, self._owner, ImportState.PREVIEWED if is_check else ImportState.DONE)

    async def _do_chunk(self, job: RecipientImport, chunk: Chunk, progress: UploadProgress) -> None:
        people = people_of_chunk(chunk, progress.tally, progress.add_refused_row)
        while True:
            try:
                await self._write_people(job, people, len(chunk), progress)
                return
            except PeopleErasedSinceUpload as erased:
                left = [one for one in people if one[0].person.ref not in erased.refs]
                progress.erased += len(people) - len(left)
                people = left

    async def _write_people(
        self, job: RecipientImport, people: list[tuple[RecipientImportRow, bool]], rows: int, progress: UploadProgress
    ) -> None:
        """Writes a chunk's people and the progress in one transaction; for a check, only the progress."""

        def result_of(written: WrittenRows) -> ChunkResult:
            progress.tally.add_effects(written, [is_first for _, is_first in people])
            return progress.take_chunk_result(rows)

        is_check = job.state is ImportState.DRY_RUN
        importer = self._queue.importer_storing_chunk(job, self._owner, None if is_check else result_of)
        written = WrittenRows()
        if people:
            written = await importer.import_rows_in_one_transaction(
                [row for row, _ in people], job.created_at, dry_run=is_check
            )
        if is_check or not people:
            await self._queue.store_chunk(job.id, self._owner, result_of(written))


def _open_rows(
    path: Path, mapping: ColumnMapping, policy: Policy, job: RecipientImport
) -> tuple[ImportChunkReader, UploadProgress]:
    """Opens the rows of a file that are not done yet, with the progress up to there."""
    table = open_table(path)
    chunks, progress = ImportChunkReader(parse_rows(table, mapping, policy)), UploadProgress(job, table)
    named_before = ImportTally(seen=progress.tally.seen)
    left = progress.rows_done
    while left and (chunk := chunks.read_next(left)):
        people_of_chunk(chunk, named_before, lambda row: None)
        left -= len(chunk)
    return chunks, progress
