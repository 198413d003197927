"""Files of people whom a breach concerns: uploads, and their reading in the background."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

MAX_BREACH_FILE_OCTETS: Final = 100 * 1024 * 1024
MAX_BREACH_FILE_ROWS: Final = 1_000_000


class BreachFileRefused(Exception):
    """A file cannot be taken for a case. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class BreachFile:
    """An uploaded file, without its content.

    Attributes:
        file_name: the name that the file had, cut and without characters that cannot be shown.
        digest: the SHA-256 of the file. size: its octets.
        state: waiting, running, done or failed.
        counts: rows by their end: `known` and `case_only` (people who are known for this case alone), `duplicate`,
            `nobody` (a reference that nobody has, without an address), `refused`; and `people`, whom they name.
        reasons: the first reasons: the row of the spreadsheet, whether the row was refused, and the reason.
        rows_done, rows_total: the progress; None: the rows are not counted yet.
        problem: the reason for which it failed.
        created_by: the identity, as text.
        attempts: how often a process took it since its last progress.
        has_refused_rows: True if there are refused rows to download.
    """

    id: UUID
    case_id: UUID
    brand: str
    file_name: str
    digest: bytes
    size: int
    state: str
    counts: Mapping[str, int]
    reasons: Sequence[tuple[int, bool, str]]
    rows_done: int
    rows_total: int | None
    problem: str
    created_by: str
    created_at: datetime
    finished_at: datetime | None
    attempts: int
    has_refused_rows: bool

    @property
    def is_at_work(self) -> bool:
        """True while the timekeeper reads it, or is about to."""
        return self.state in ("waiting", "running")


class BreachFileStore(Protocol):
    """Uploads of files for cases. Each change is an entry of the ledger."""

    async def add_file(self, case_id: UUID, file_name: str, digest: bytes, size: int, parts: Iterable[bytes]) -> UUID:
        """Stores a file for an open case, and returns its id. `parts` are read one after the other.

        Raises:
            BreachFileRefused: there is no such case, it is not open, or the file is too large.
        """
        ...

    async def find_file(self, file_id: UUID) -> BreachFile | None:
        """Returns a file; None if there is none."""
        ...

    async def list_files(self, case_id: UUID, limit: int) -> Sequence[BreachFile]:
        """Returns the files of a case, the newest first."""
        ...

    async def open_refused_rows(self, file_id: UUID) -> AsyncIterator[bytes]:
        """Records who gets the refused rows. Returns an iterator over the parts of their CSV file.

        Raises:
            LookupError: there is no such file.
        """
        ...


class BreachFileRow(NamedTuple):
    """A row that passed the checks. It has a ref, an address, or a name with a postal address.

    Attributes:
        number: of the row in a spreadsheet.
        place: ISO 3166-1 or 3166-2; empty: the file does not say.
        postal_lines: without the name; empty if the file does not say.
    """

    number: int
    ref: str | None
    email: str | None
    name: str | None
    locale: str | None
    place: str
    postal_lines: tuple[str, ...]


class StoredRows(NamedTuple):
    """The ends of some rows, by the number of the row in a spreadsheet.

    Attributes:
        known, case_only, duplicate: counts of rows. people: who are named for the first time.
        nobody: the numbers of rows whose ref nobody has, and which have no address.
    """

    known: int
    case_only: int
    duplicate: int
    people: int
    nobody: frozenset[int]


class FileProgress(NamedTuple):
    """The progress of a file's reading.

    Attributes:
        rows_done: the rows that were read up to here.
        rows_total: about how many there are.
        counts: see `BreachFile`. reasons: the first ones.
        refused: the refused rows of this chunk as CSV.
    """

    rows_done: int
    rows_total: int
    counts: Mapping[str, int]
    reasons: Sequence[tuple[int, bool, str]]
    refused: bytes


class BreachChunk(Protocol):
    """One chunk of a file, in a transaction. Nothing of it stays unless `finish` is called."""

    async def store_rows(self, rows: Sequence[BreachFileRow]) -> StoredRows:
        """Finds the people of rows, and makes those known for the case whom nobody knows."""
        ...

    async def finish(self, progress: FileProgress) -> None:
        """Stores the progress. Raises mailer.ports.recipient_imports.ImportLost: somebody else reads the file."""
        ...
