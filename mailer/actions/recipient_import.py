"""Imports recipients from a file. Each row is imported, or refused with its reasons. No opt-out is ever undone."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from mailer.actions.csv_reading import CsvUnreadableFromLine
from mailer.actions.importing.mapping_proposal import propose_mapping
from mailer.actions.importing.row_parsing import ImportedRow, RefusedRow, parse_rows
from mailer.actions.importing.seen_people import SeenPeople
from mailer.actions.importing.table_reading import Table
from mailer.input_types import Name
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.ports.recipient_import import RecipientImporter, RecipientImportRow, WrittenRows

CHUNK: Final = 5_000
"""The maximum number of rows in one transaction."""
MOST_NOTES: Final = 1_000
"""The most notes that the result of an import keeps."""
_NAME = TypeAdapter[str](Name)


@dataclass(frozen=True, slots=True)
class RowNote:
    """Something that was left out or replaced: the number of the row in a spreadsheet, and what and why."""

    row: int
    text: str


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """The result of an import, or of a dry run, which counts the same.

    Attributes:
        taken: people of the file that are known now: new, changed or unchanged. rejected: refused rows.
        broken: the place from which the file could not be read, if any.
        new: they were not known before. changed: their data or their standing changed. unchanged: nothing did.
        opted_out: people of these who have left some or all optional mail, by this file or before.
        duplicates: rows that replaced an earlier row of the same person.
        notes: what was left out or replaced, at most `MOST_NOTES`. note_count: the number of all notes.
    """

    taken: int = 0
    rejected: int = 0
    broken: CsvUnreadableFromLine | None = None
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    opted_out: int = 0
    duplicates: int = 0
    notes: tuple[RowNote, ...] = ()
    note_count: int = 0


@dataclass(slots=True)
class ImportTally:
    """The counts of an import while it runs.

    Attributes:
        people: people of the file so far. notes: at most `MOST_NOTES`. seen: whom the rows have named.
    """

    rejected: int = 0
    duplicates: int = 0
    people: int = 0
    new: int = 0
    changed: int = 0
    opted_out: int = 0
    note_count: int = 0
    notes: list[RowNote] = field(default_factory=list)
    seen: SeenPeople = field(default_factory=SeenPeople)

    def add_note(self, row: int, text: str) -> None:
        """Notes what was left out of a row or replaced by it."""
        self.note_count += 1
        if len(self.notes) < MOST_NOTES:
            self.notes.append(RowNote(row, text))

    def add_effects(self, written: WrittenRows, firsts: Sequence[bool]) -> None:
        """Counts the people that the file names for the first time. Those of an earlier chunk are counted already.

        Args:
            written: what became of the people of a chunk.
            firsts: of each of them, whether the file names them for the first time.
        """
        counted = {place for place, is_first in enumerate(firsts) if is_first}
        self.people += len(counted)
        self.new += len(written.new & counted)
        self.changed += len((written.changed - written.new) & counted)
        self.opted_out += len(written.opted_out & counted)

    def counts(self, broken: CsvUnreadableFromLine | None) -> ImportCounts:
        """Returns the counts, and the place from which the file could not be read, if any."""
        unchanged = self.people - self.new - self.changed
        figures = self.new, self.changed, unchanged, self.opted_out, self.duplicates
        return ImportCounts(self.people, self.rejected, broken, *figures, tuple(self.notes), self.note_count)


async def import_recipients(
    importer: RecipientImporter,
    policy: Policy,
    table: Table,
    reject: Callable[[RefusedRow], None],
    progress: Callable[[int], None],
    from_controller: str | None = None,
) -> ImportCounts:
    """Imports a file by the mapping that its headings propose. See `import_parsed_rows`.

    Raises:
        InputRefused: the headings do not say who people are, or leave a question open.
    """
    mapping = await asyncio.to_thread(propose_mapping, table, policy)
    rows = parse_rows(table, mapping, policy, from_controller)
    return await import_parsed_rows(importer, rows, reject, progress)


async def import_parsed_rows(
    importer: RecipientImporter,
    rows: Iterable[ImportedRow | RefusedRow],
    reject: Callable[[RefusedRow], None],
    progress: Callable[[int], None],
    said_at: datetime | None = None,
    *,
    dry_run: bool = False,
) -> ImportCounts:
    """Imports parsed rows. While the database stores a chunk, a thread parses the next one.

    Rows that were imported before change nothing, so an import that was interrupted can begin again.

    Args:
        importer: writes the rows.
        rows: as `parse_rows` gives them.
        reject: called with each refused row.
        progress: called with the number of rows of each chunk that is done.
        said_at: the time of the file, if it is older than the call: an erasure after it stands.
        dry_run: write nothing, and count as an import would.

    Returns:
        The counts, and the place from which the file could not be read, if any.
    """
    chunks = ImportChunkReader(iter(rows))
    tally = ImportTally()
    chunk = await asyncio.to_thread(chunks.read_next)
    while chunk:
        people = people_of_chunk(chunk, tally, reject)
        following, written = await asyncio.gather(
            asyncio.to_thread(chunks.read_next), _write(importer, [row for row, _ in people], said_at, dry_run)
        )
        tally.add_effects(written, [is_first for _, is_first in people])
        progress(len(chunk))
        chunk = following
    return tally.counts(chunks.broken)


class ImportChunkReader:
    """Reads rows by chunks, until the end of a file or as far as it can be read.

    Attributes:
        broken: the place from which the file could not be read; None as long as there is none.
    """

    def __init__(self, rows: Iterator[ImportedRow | RefusedRow]) -> None:
        """Takes the rows."""
        self._rows = rows
        self.broken: CsvUnreadableFromLine | None = None

    def read_next(self, most: int = CHUNK) -> list[ImportedRow | RefusedRow]:
        """Returns the next rows, at most `most` and `CHUNK`; an empty list at the end."""
        return list(islice(self._as_far_as_readable(), min(most, CHUNK)))

    def _as_far_as_readable(self) -> Iterator[ImportedRow | RefusedRow]:
        try:
            yield from self._rows
        except CsvUnreadableFromLine as broken:
            self.broken = broken


def people_of_chunk(
    chunk: Iterable[ImportedRow | RefusedRow], tally: ImportTally, reject: Callable[[RefusedRow], None]
) -> list[tuple[RecipientImportRow, bool]]:
    """Returns the people of a chunk once each, and whether the file names them for the first time."""
    people: dict[str, tuple[RecipientImportRow, bool]] = {}
    for item in chunk:
        if isinstance(item, RefusedRow):
            tally.rejected += 1
            reject(item)
            continue
        for note in item.notes:
            tally.add_note(item.number, note)
        ref = item.row.person.ref
        if (before := tally.seen.put(ref, item.number)) is not None:
            tally.duplicates += 1
            tally.add_note(item.number, f"replaces row {before:,}, which is about the same person")
        earlier, is_first = people.get(ref, (None, before is None))
        people[ref] = join_rows_of_recipient(earlier, item.row), is_first
    return list(people.values())


async def _write(
    importer: RecipientImporter, rows: list[RecipientImportRow], said_at: datetime | None, dry_run: bool
) -> WrittenRows:
    return await importer.import_rows_in_one_transaction(rows, said_at, dry_run=dry_run) if rows else WrittenRows()


@rule("suppressions-travel", "interpals-13")
def refusal_of_other_controllers_import(from_controller: str | None, suppressions: object | None) -> str | None:
    """Data of another controller are taken over only with its name and its suppressions."""
    if from_controller is None:
        return None
    try:
        is_named = bool(_NAME.validate_python(from_controller).strip())
    except ValidationError:
        is_named = False
    if not is_named:
        return f"--from-controller: {from_controller!r} is no name of a controller; say whose the data were until now"
    if suppressions is not None:
        return None
    return (
        f"{from_controller}'s recipients come with its suppressions; name the file of them, which may be empty: "
        "--suppressions FILE.csv"
    )


def join_rows_of_recipient(earlier: RecipientImportRow | None, later: RecipientImportRow) -> RecipientImportRow:
    """Joins two lines with the same ref: the data of the later one, and the opt-outs, flags and consents of both."""
    if earlier is None:
        return later
    before, now = earlier.person, later.person
    said: dict[str, Any] = {
        "source": _join_values_with_newline(before.source, now.source),
        "policy_version": _join_values_with_newline(before.policy_version, now.policy_version),
        "purpose": now.purpose or before.purpose,
    }
    if now.email is None and before.email is not None:
        said |= now.model_dump(exclude_none=True, exclude={"source", "policy_version", "purpose"})
        now = before
    return RecipientImportRow(
        now.model_copy(update=said),
        tuple(dict.fromkeys(earlier.opted_out + later.opted_out)),
        earlier.deactivated or later.deactivated,
        tuple(dict.fromkeys(earlier.audiences + later.audiences)),
        tuple(dict.fromkeys(earlier.consents + later.consents)),
        earlier.products if later.products is None else later.products,
        earlier.objected or later.objected,
        earlier.restricted or later.restricted,
        earlier.is_ref_from_email and later.is_ref_from_email,
        {**earlier.attributes, **later.attributes},
        later.postal_lines or earlier.postal_lines,
        earlier.under_13 or later.under_13,
    )


def _join_values_with_newline(before: str | None, now: str | None) -> str | None:
    """Joins the values of two lines with LF between them, without duplicates. Returns None if both are missing."""
    return "\n".join(dict.fromkeys(said for said in (before, now) if said is not None)) or None
