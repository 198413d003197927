"""Letters of breaches: what waits, runs for a printer, and what became of each letter."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from mailer.policy.breach.letter_sheets import WindowFormat
from mailer.policy.breach.letter_states import LetterNow, LetterReport, LetterState


class LetterChangeRefused(ValueError):
    """Letters or a run cannot be changed so. The message says why, and what to do."""


class LetterRunLost(Exception):
    """A run is no longer this maker's: its lease ran out, and another process has it."""


MOST_LETTERS_OF_RUN: Final = 1000
"""The most letters of a run: at two pages each the typesetter takes 1.3 GB and some seconds, at three 2.2 GB."""
USUAL_LETTERS_OF_RUN: Final = 250


class LetterCount(NamedTuple):
    """The number of letters in a state; those that wait for a run also by language and format."""

    state: LetterState
    language: str
    window: WindowFormat | None
    letters: int


@dataclass(frozen=True, slots=True)
class LetterCounts:
    """The letters of a case by state, as they were at a moment."""

    counts: tuple[LetterCount, ...]
    counted_at: datetime


class LetterCase(NamedTuple):
    """A case of which people are told."""

    id: UUID
    brand: str
    name: str


@dataclass(frozen=True, slots=True)
class ListedLetter:
    """A letter without any personal data.

    Attributes:
        letter: its number, which is the notice's.
        reason: why the person is told in writing.
        attempt: how often it was taken into a run.
    """

    letter: int
    case_id: UUID
    phase: int
    variant: str
    mailing_id: UUID
    recipient_id: int
    brand: str
    reason: str
    state: LetterState
    run_id: UUID | None
    attempt: int
    printed_on: date | None
    posted_on: date | None
    returned_on: date | None
    return_code: str | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class LetterRun:
    """Letters of one case, language and format in one file.

    Attributes:
        state: queued, making, ready, failed or deleted.
        letters: their number. pages: of the file, once it is made. digest: SHA-256 of the file.
        dated: the date that the letters bear.
        problem: why it could not be made, or which letters were left out.
    """

    id: UUID
    case_id: UUID
    brand: str
    window_format: WindowFormat
    language: str
    state: str
    letters: int
    pages: int
    digest: bytes | None
    problem: str
    requested_by: str
    requested_at: datetime
    dated: date
    ready_at: datetime | None


@dataclass(frozen=True, slots=True)
class LetterToSet:
    """A letter with all that is printed on it.

    Attributes:
        draft, facts, rules: of the manifest, as JSON; the variant's text in the locale is printed.
        lines: of the postal address, without the name; None: none is on record.
    """

    letter: int
    ref: str
    name: str | None
    country: str | None
    lines: Sequence[str] | None
    is_under_13: bool
    manifest_id: UUID
    draft: Mapping[str, Any]
    facts: Mapping[str, Any]
    rules: Any
    variant: str
    locale: str
    brand: str


class PlacedLetter(NamedTuple):
    """The place of a letter in a file; pages are counted from 1."""

    letter: int
    position: int
    first_page: int
    pages: int


class PrintedAddress(NamedTuple):
    """A letter of a run for a print shop, with the lines of the address and its place in the file."""

    letter: int
    position: int
    first_page: int
    pages: int
    ref: str
    name: str | None
    country: str | None
    lines: Sequence[str]
    is_under_13: bool
    variant: str
    locale: str


class PersonWithoutAddress(NamedTuple):
    """A person who cannot be written to yet."""

    letter: int
    state: LetterState
    ref: str
    name: str | None
    email: str | None
    country: str | None
    locale: str


class LetterDesk(Protocol):
    """Letters and runs, for the people who work them. Each change and each look at addresses is in the ledger."""

    async def find_case(self, case_id: UUID) -> LetterCase | None:
        """Returns a case, or None if there is none of this id."""
        ...

    async def list_cases(self, brands: Collection[str], limit: int) -> Sequence[LetterCase]:
        """Returns the cases of brands of which people were told, the last changed first."""
        ...

    async def count_letters(self, case_id: UUID) -> LetterCounts:
        """Returns the letters of a case by state. They are counted anew if the last count is half a minute old."""
        ...

    async def list_letters(
        self, case_id: UUID, state: LetterState | None, after: int, limit: int
    ) -> Sequence[ListedLetter]:
        """Returns letters of a case with a higher number than `after`, in order; None: of all states."""
        ...

    async def find_letter(self, letter: int) -> ListedLetter | None:
        """Returns a letter, or None if there is none of this number."""
        ...

    async def list_runs(self, brands: Collection[str], case_id: UUID | None, limit: int) -> Sequence[LetterRun]:
        """Returns runs, the newest first."""
        ...

    async def find_run(self, run_id: UUID) -> LetterRun | None:
        """Returns a run, or None if there is none of this id."""
        ...

    async def request_run(
        self, case_id: UUID, language: str, window: WindowFormat, most: int, by: str, dated: date
    ) -> LetterRun:
        """Takes at most `most` waiting letters into a new run.

        Raises:
            LetterChangeRefused: none waits, or the case does not exist.
        """
        ...

    async def retry_run(self, run_id: UUID, by: str) -> LetterRun:
        """Queues a run again.

        Raises:
            LetterChangeRefused: it has neither failed nor letters that must not go out any more.
        """
        ...

    async def read_file(self, run_id: UUID, by: str) -> bytes:
        """Returns the PDF of a run. Raises LetterChangeRefused: there is no file (any more)."""
        ...

    async def read_addresses(self, run_id: UUID, by: str) -> Sequence[PrintedAddress]:
        """Returns the letters of a run with their addresses. Raises LetterChangeRefused: the file is not made."""
        ...

    async def read_letter_to_set(self, letter: int, by: str) -> LetterToSet | None:
        """Returns a letter with all that is printed on it; None: there is none, or its person was erased."""
        ...

    async def list_people_without_address(
        self, case_id: UUID, after: int, limit: int, by: str
    ) -> Sequence[PersonWithoutAddress]:
        """Returns people who cannot be written to, in order of their letters' numbers, from behind `after`."""
        ...

    async def mark_asked_for_address(self, case_id: UUID, letters: Collection[int], by: str) -> int:
        """Notes that people of a case were asked for their address. Returns how many could be, and had not been."""
        ...

    async def apply_reports(
        self,
        brands: Collection[str],
        letters: Collection[int],
        judge: Callable[[Mapping[int, LetterNow]], Sequence[LetterReport]],
        by: str,
    ) -> int:
        """Locks letters, lets `judge` choose the reports that change them, and stores these in one transaction.

        Returns:
            The number of reports that changed a letter.
        """
        ...


class LetterRunQueue(Protocol):
    """Runs that wait for the maker."""

    async def claim_run(self, owner: str) -> LetterRun | None:
        """Takes the run that has waited longest, or whose maker is gone, under a lease; None: there is none."""
        ...

    async def extend_lease(self, run: LetterRun, owner: str) -> None:
        """Keeps a run. Raises LetterRunLost."""
        ...

    async def read_letters(self, run: LetterRun) -> Sequence[LetterToSet]:
        """Returns the letters of a run whose person can still be told, in order of their numbers."""
        ...

    async def store_file(
        self,
        run: LetterRun,
        owner: str,
        content: bytes,
        pages: int,
        placed: Sequence[PlacedLetter],
        left_out: Mapping[int, str | None],
    ) -> None:
        """Stores the PDF and where each letter is.

        Args:
            run: the run.
            owner: its maker.
            content: the PDF.
            pages: the number of its pages.
            placed: the letters in it.
            left_out: letters that leave the run: why they cannot be printed; None: they wait for another run.

        Raises:
            LetterRunLost: another process has it.
        """
        ...

    async def mark_failed(self, run: LetterRun, owner: str, problem: str) -> None:
        """Notes why a run cannot be made. Its letters stay in it. Raises LetterRunLost."""
        ...

    async def delete_old_files(self, today: date) -> int:
        """Deletes files a week after their last letter was posted, or after 90 days. Returns their number."""
        ...
