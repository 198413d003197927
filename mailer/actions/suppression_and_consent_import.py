"""Imports lists of suppressions and of consents. Each line is imported, or rejected with a reason."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mailer.actions.consent_proof_checks import IsOurs, refuse_every_token
from mailer.actions.csv_reading import CsvRow, CsvUnreadableFromLine, check_header_and_read_rows
from mailer.actions.importing.imported_consents import check_importable_consent
from mailer.actions.recipient_import import CHUNK, ImportCounts
from mailer.actions.suppression import check_suppression_may_be_recorded, import_suppressed_addresses
from mailer.input_types import Address, Line, Moment, Name, Scope, Words, parse_json_with_unique_keys
from mailer.policy.policy_file import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.consents import Consent, ConsentStore
from mailer.ports.suppressions import NewSuppression, SuppressionStore

SUPPRESSION_COLUMNS = ("email", "scope", "reason", "source", "at", "expires_at")
_IMPORT = "import"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A rejected line: its number, its values and the reason."""

    line: int
    values: dict[str, str]
    reason: str


class SuppressionLine(BaseModel):
    """A line of a suppression file: its columns that are not empty."""

    model_config = ConfigDict(extra="forbid")

    email: Address
    scope: Scope = EVERYTHING_OPTIONAL
    reason: Name = "opt_out"
    source: Name | None = None
    at: Moment | None = None
    expires_at: Moment | None = None


class ConsentLine(BaseModel):
    """A line of a consent file, in the format of the export; see `ports.consents.StoredConsent`."""

    model_config = ConfigDict(extra="forbid")

    ref: Name
    scope: Scope
    given: bool
    source: Line = ""
    version: Line = ""
    words: Words | None = None
    actor: Name = _IMPORT
    at: Moment
    proof: Words | None = None
    controller: Name | None = None
    recorded_at: Moment | None = None
    counts: bool = True


async def import_suppression_file(
    suppressions: SuppressionStore,
    policy: Policy,
    lines: Iterable[str],
    reject: Callable[[RejectedLine], None],
    source: str = _IMPORT,
) -> ImportCounts:
    """Imports another system's suppressions from a CSV file with a header line. Stores only hashes of the addresses.

    Args:
        suppressions: the store of suppressions.
        policy: the policy of the brand.
        lines: the lines of the file. Only `email` is needed. By default a line is an opt-out of all optional mail, as
            of now.
        reject: called with each rejected line.
        source: the source of the lines that name none.

    Raises:
        InputRefused: the header has no `email`, names a column twice, or names an unknown column.
    """
    parsed = ImportChunkParser(
        check_header_and_read_rows(lines, SUPPRESSION_COLUMNS, ("email",)),
        lambda row: _parse_address_and_suppression(row, policy, source),
    )
    taken = rejected = 0
    while chunk := await asyncio.to_thread(parsed.parse_next_chunk):
        good = [item for item in chunk if not isinstance(item, RejectedLine)]
        for item in chunk:
            if isinstance(item, RejectedLine):
                reject(item)
        await import_suppressed_addresses(suppressions, policy, good)
        taken, rejected = taken + len(good), rejected + len(chunk) - len(good)
    return ImportCounts(taken, rejected, parsed.broken)


def _parse_address_and_suppression(row: CsvRow, policy: Policy, source: str) -> tuple[str, NewSuppression]:
    said = SuppressionLine.model_validate({name: text for name, cell in row.cells.items() if (text := cell.strip())})
    new = NewSuppression(said.scope, said.reason, said.source or source, _IMPORT, said.at, said.expires_at)
    check_suppression_may_be_recorded(policy, new)
    return said.email, new


async def import_consents_from_json_lines(
    consents: ConsentStore,
    policy: Policy,
    lines: Iterable[str],
    reject: Callable[[int, str, str], None],
    is_ours: IsOurs = refuse_every_token,
) -> ImportCounts:
    """Imports consents from JSON lines, in the format of the export. Opt-outs, objections and withdrawals stay.

    Args:
        consents: the store of consents.
        policy: the policy of the brand.
        lines: the lines of the file.
        reject: called with the number, the text and the reason of each rejected line.
        is_ours: tells whether a text is the token of our own confirmation link.
    """
    taken = rejected = 0
    numbered = ((number, line.strip()) for number, line in enumerate(lines, 1) if line.strip())
    while chunk := list(islice(numbered, CHUNK)):
        good: list[tuple[str, Consent]] = []
        places: list[tuple[int, str]] = []
        for number, line in chunk:
            try:
                good.append(_parse_ref_and_consent(line, policy, is_ours))
                places.append((number, line))
            except ValueError as error:
                reject(number, line, rejection_reason_of_error(error))
        nobody = await consents.import_consents_returning_unknown_refs(policy.brand, good)
        for (number, line), (ref, _) in zip(places, good, strict=True):
            if ref in nobody:
                reject(number, line, f"ref: {policy.brand} has no recipient {ref}; import recipients first")
        ours = sum(ref not in nobody for ref, _ in good)
        taken, rejected = taken + ours, rejected + len(chunk) - ours
    return ImportCounts(taken, rejected)


def _parse_ref_and_consent(line: str, policy: Policy, is_ours: IsOurs) -> tuple[str, Consent]:
    said = ConsentLine.model_validate(parse_json_with_unique_keys(line))
    if not said.counts:
        raise ValueError("counts: it was never confirmed, or came after its scope had been left; it gives nothing")
    given = said.model_dump(exclude={"ref", "recorded_at", "counts"})
    return said.ref, check_importable_consent(policy, Consent(**given), is_ours)


class ImportChunkParser(Generic[_T]):
    """Parses the rows of a file, until its end or as far as it can be read.

    Attributes:
        broken: the error that ended it early; None if there was none so far.
    """

    def __init__(self, lines: Iterator[CsvRow], read: Callable[[CsvRow], _T]) -> None:
        """Takes the rows, and a function `read` that parses a row or raises `ValueError`."""
        self._lines, self._read = lines, read
        self.broken: CsvUnreadableFromLine | None = None

    def parse_next_chunk(self) -> list[_T | RejectedLine]:
        """Returns the next parsed or rejected rows, at most `CHUNK`; an empty list at the end."""
        return list(islice(self._parse_lines(), CHUNK))

    def _parse_lines(self) -> Iterator[_T | RejectedLine]:
        try:
            for row in self._lines:
                try:
                    yield RejectedLine(row.line, row.cells, row.fault) if row.fault else self._read(row)
                except ValueError as error:
                    yield RejectedLine(row.line, row.cells, rejection_reason_of_error(error))
        except CsvUnreadableFromLine as broken:
            self.broken = broken


def rejection_reason_of_error(error: ValueError) -> str:
    """Returns the text of an error as the reason why a line is rejected."""
    if not isinstance(error, ValidationError):
        return str(error)
    first: Any = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place or 'line'}: {first['msg'].removeprefix('Value error, ')}"
