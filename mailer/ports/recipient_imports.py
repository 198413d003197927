"""Files of people that staff and publishers upload, and the work on them in the background."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

from mailer.ports.recipient_import import RecipientImporter, WrittenRows

MAX_IMPORT_OCTETS: Final = 64 * 1024 * 1024
"""The largest file that can be uploaded. `mailer recipients import` reads files of any size."""
PART_OCTETS: Final = 1024 * 1024
"""The octets of a part of a stored file."""
KEPT: Final = timedelta(days=7)
"""The time for which a file is kept that nobody imports, and for which refused rows are kept."""
REASONS_SHOWN: Final = 200
"""The first reasons, which pages and the API show. The file of refused rows has all."""


class ImportState(StrEnum):
    """The states of an uploaded file."""

    UPLOADED = "uploaded"
    """Its columns are read, and then a person says what they mean."""
    DRY_RUN = "dry_run"
    """Each row is checked in the background, and nothing is written."""
    PREVIEWED = "previewed"
    """Its dry run is done. It waits for somebody to start the import."""
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DISCARDED = "discarded"


AT_WORK: Final = frozenset({ImportState.DRY_RUN, ImportState.QUEUED, ImportState.RUNNING})
"""The states in which the timekeeper has something to do."""
MAPPABLE: Final = frozenset({ImportState.UPLOADED, ImportState.PREVIEWED, ImportState.FAILED})
"""The states in which a person can say what the columns mean."""


@dataclass(frozen=True, slots=True)
class FileReading:
    """A file as the timekeeper has read it.

    Attributes:
        encoding: its encoding, for people. delimiter: the character between cells.
        headings: of the columns, each once.
        samples: the first different values of each column.
    """

    encoding: str
    delimiter: str
    headings: Sequence[str]
    samples: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class RecipientImport:
    """An uploaded file, without its content.

    Attributes:
        file_name: the name that the file had, cut and without characters that cannot be shown.
        digest: the SHA-256 of the file.
        size: its octets.
        reading: the columns of the file; None until the timekeeper has read it, and after `KEPT`.
        mapping: the meaning of the columns, as `ColumnMapping` in JSON; empty until the timekeeper has proposed one.
        counts: the rows by their end, of the dry run or of the import.
        reasons: the first reasons: the row of the spreadsheet, whether the row was refused, and the reason.
        rows_done, rows_total: the progress; None: the rows are not counted yet.
        problem: the reason for which it failed.
        created_by, started_by: identities, as text.
        finished_at: the end of the dry run or of the import.
        attempts: how often a process took it since its last progress.
        has_refused_rows: True if there are refused rows to download.
        is_readable: True if the file is still kept.
    """

    id: UUID
    brand: str
    file_name: str
    digest: bytes
    size: int
    state: ImportState
    reading: FileReading | None
    mapping: Mapping[str, Any]
    counts: Mapping[str, int]
    reasons: Sequence[tuple[int, bool, str]]
    rows_done: int
    rows_total: int | None
    problem: str
    created_by: str
    created_at: datetime
    started_by: str | None
    finished_at: datetime | None
    attempts: int
    has_refused_rows: bool
    is_readable: bool

    @property
    def is_at_work(self) -> bool:
        """True while the timekeeper works on it, or is about to."""
        return self.state in AT_WORK or (self.state is ImportState.UPLOADED and self.reading is None)


@dataclass(frozen=True, slots=True)
class ImportListPage:
    """Some imports, the newest first. `older_than` is the id with which the next page begins; None: there is none."""

    imports: Sequence[RecipientImport]
    older_than: UUID | None


class ImportChangeRefused(ValueError):
    """A change that does not fit to the state of an import. The message says what to do."""


class RecipientImportDesk(Protocol):
    """Uploads, checks and starts imports for people and publishers. Each change is an entry of the ledger."""

    async def add_upload(self, brand: str, file_name: str, digest: bytes, size: int, parts: Iterable[bytes]) -> UUID:
        """Stores a file, and returns the id of its import. `parts` are read one after the other."""
        ...

    async def find_import(self, import_id: UUID) -> RecipientImport | None:
        """Returns an import; None if there is none."""
        ...

    async def list_imports(self, brands: Collection[str], before: UUID | None, limit: int) -> ImportListPage:
        """Returns the newest imports of some brands, below an id if one is given."""
        ...

    async def find_same_file(self, import_id: UUID) -> RecipientImport | None:
        """Returns the last import of the same file at the same brand that was started; None if there is none."""
        ...

    async def record_reading(self, import_id: UUID) -> None:
        """Records in the ledger that somebody sees values of a file."""
        ...

    async def save_mapping(self, import_id: UUID, mapping: Mapping[str, Any]) -> None:
        """Stores what the columns mean, with questions that are open. A check that was made is void.

        Raises:
            ImportChangeRefused: it is at work, has ended, or was not read yet.
        """
        ...

    async def save_mapping_and_request_dry_run(self, import_id: UUID, mapping: Mapping[str, Any]) -> None:
        """Stores what the columns mean, and lets the timekeeper check each row.

        Raises:
            ImportChangeRefused: it is at work, has ended, or was not read yet.
        """
        ...

    async def start_import(self, import_id: UUID, seen: datetime, is_again: bool) -> None:
        """Lets the timekeeper import a file whose dry run somebody has seen.

        Args:
            import_id: of the file.
            seen: the end of the dry run that was seen.
            is_again: True if the person knows that the same file was imported before.

        Raises:
            ImportChangeRefused: there is no dry run, or a newer one; or the same file was imported before.
        """
        ...

    async def discard_import(self, import_id: UUID) -> None:
        """Deletes the file and its refused rows.

        Raises:
            ImportChangeRefused: its import has begun, or is over.
        """
        ...

    async def open_refused_rows(self, import_id: UUID) -> AsyncIterator[bytes]:
        """Records who gets the refused rows. Returns an iterator over the parts of their CSV file.

        Raises:
            LookupError: there is no such import.
        """
        ...


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """The end of some rows of a file.

    Attributes:
        rows_done: the rows of the file that were read up to here, refused ones, too.
        counts: the rows of the whole file by their end, up to here.
        reasons: the first reasons of the whole file, up to here.
        refused: the refused rows of this chunk as CSV.
    """

    rows_done: int
    counts: Mapping[str, int]
    reasons: Sequence[tuple[int, bool, str]]
    refused: bytes


class ImportLost(Exception):
    """Somebody else works on this import, or it was discarded. Nothing was written."""


class PeopleErasedSinceUpload(Exception):
    """Some people of a chunk were erased after the upload. Nothing was written.

    Attributes:
        refs: their refs.
    """

    def __init__(self, refs: frozenset[str]) -> None:
        super().__init__(f"{len(refs)} people were erased after the upload")
        self.refs = refs


class RecipientImportQueue(Protocol):
    """Hands the work of imports to the timekeepers."""

    async def claim_import(self, owner: str) -> RecipientImport | None:
        """Returns an import to work on, which nobody else gets while its lease lasts; None if there is none."""
        ...

    async def renew_lease(self, import_id: UUID, owner: str) -> bool:
        """Renews the lease. False: the import is no longer the owner's."""
        ...

    async def release_import(self, import_id: UUID, owner: str) -> None:
        """Ends the lease, so that another process goes on."""
        ...

    def iterate_content(self, import_id: UUID) -> AsyncIterator[bytes]:
        """Yields the file in parts."""
        ...

    async def store_reading(
        self, import_id: UUID, owner: str, reading: FileReading, mapping: Mapping[str, Any], rows: int
    ) -> None:
        """Stores the columns and the proposed mapping of a file. Raises ImportLost."""
        ...

    async def store_chunk(self, import_id: UUID, owner: str, result: ChunkResult) -> None:
        """Stores the progress of a dry run, or of rows that were all refused. Raises ImportLost."""
        ...

    def importer_storing_chunk(
        self, job: RecipientImport, owner: str, result_of: Callable[[WrittenRows], ChunkResult] | None
    ) -> RecipientImporter:
        """Returns an importer that stores the progress in the transaction of the rows.

        It raises ImportLost, or PeopleErasedSinceUpload.

        Args:
            job: the import.
            owner: the name of this process.
            result_of: returns the progress from what was written; None: none is stored, as in a dry run.
        """
        ...

    async def finish_import(self, job: RecipientImport, owner: str, state: ImportState) -> None:
        """Ends a dry run or an import, with an entry of the ledger for an import. Raises ImportLost."""
        ...

    async def fail_import(self, job: RecipientImport, owner: str, problem: str) -> None:
        """Ends the work with a reason for people. Raises ImportLost."""
        ...

    async def delete_old_files(self) -> None:
        """Deletes what was kept for `KEPT`."""
        ...
