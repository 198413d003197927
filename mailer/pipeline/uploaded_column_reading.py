"""Reads the columns of an uploaded file, and proposes what they mean."""

import asyncio
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Final

from mailer.actions.csv_reading import CsvUnreadableFromLine, InputRefused
from mailer.actions.importing.column_mapping import ColumnMapping, MappedColumn
from mailer.actions.importing.mapping_proposal import propose_mapping
from mailer.actions.importing.table_reading import Table, open_table
from mailer.pipeline.temporary_content import content_on_disk
from mailer.policy.policy_file import Policy
from mailer.ports.recipient_imports import FileReading, RecipientImport, RecipientImportQueue

_SAMPLES: Final = 3
"""The most values of a column that are shown."""
_SAMPLE_ROWS: Final = 200
_SAMPLE_LENGTH: Final = 100


class UploadedColumnReader:
    """Reads the columns of files.

    Args:
        queue: the files. policies: by brand. owner: the name of this process.
    """

    def __init__(self, queue: RecipientImportQueue, policies: Mapping[str, Policy], owner: str) -> None:
        self._queue, self._policies, self._owner = queue, policies, owner

    async def read_columns(self, job: RecipientImport, stop: asyncio.Event) -> None:
        """Reads a file, and stores its columns with some values and a proposal.

        Raises:
            InputRefused: it is no file of people.
            ImportLost: it is no longer this process's.
        """
        policy = policy_of_import(self._policies, job)
        async with content_on_disk(self._queue.iterate_content(job.id)) as path:
            reading, mapping, rows = await asyncio.to_thread(read_table_and_propose_mapping, path, policy)
        await self._queue.store_reading(job.id, self._owner, reading, mapping.model_dump(mode="json"), rows)


def policy_of_import(policies: Mapping[str, Policy], job: RecipientImport) -> Policy:
    """Returns the policy of an import's brand.

    Raises:
        InputRefused: the brand has none here any more.
    """
    if job.brand not in policies:
        raise InputRefused("is of a brand that has no policy here any more")
    return policies[job.brand]


def read_table_and_propose_mapping(path: Path, policy: Policy) -> tuple[FileReading, ColumnMapping, int]:
    """Returns the columns of a file with some values, what they may mean, and about how many rows there are.

    Raises:
        InputRefused: it is no file of people.
    """
    table = open_table(path)
    samples = _sample_values(table)
    reading = FileReading(table.encoding, table.delimiter, table.headings, samples)
    return reading, _proposal(table, policy), table.count_lines()


def _proposal(table: Table, policy: Policy) -> ColumnMapping:
    """Returns the proposal; if there can be none, a mapping that a person has to fill, with the reason."""
    try:
        return propose_mapping(table, policy)
    except InputRefused as refusal:
        why = str(refusal)[:200]
        return ColumnMapping(columns=tuple(MappedColumn(heading=name, why_left_out=why) for name in table.headings))


def _sample_values(table: Table) -> list[list[str]]:
    """Returns the first different values of each column, without characters that cannot be stored."""
    found: list[dict[str, None]] = [{} for _ in table.headings]
    try:
        for row in islice(table.rows(), _SAMPLE_ROWS):
            for values, cell in zip(found, row.cells, strict=False):
                text = "".join(char for char in cell[:_SAMPLE_LENGTH] if char.isprintable()).strip()
                if text and len(values) < _SAMPLES:
                    values[text] = None
    except CsvUnreadableFromLine:
        pass  # the check of the rows says so
    return [list(values) for values in found]
