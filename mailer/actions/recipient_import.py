"""Imports recipients from a file. Each line is imported, or rejected with a reason. No opt-out is ever undone."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from mailer.actions.consent import ConsentNotRecordable, check_and_normalize_consent, needs_confirmation_by_policy
from mailer.actions.consent_proof_checks import IsOurs, refuse_every_token
from mailer.actions.csv_reading import CsvRow, CsvUnreadableFromLine, check_header_and_read_rows
from mailer.events import Person
from mailer.input_types import Moment, Name, Slug, Words
from mailer.policy.consent_and_opt_out_scopes import is_opt_out_scope, possible_opt_out_scopes_text
from mailer.policy.policy_file import Policy
from mailer.policy.policy_versions import versions_at_collection
from mailer.policy.rule_registry import rule
from mailer.policy.standing import EVERY_PRODUCT, EVERYTHING_OPTIONAL
from mailer.ports.consents import CONFIRMED, Consent
from mailer.ports.recipient_import import RecipientImporter, RecipientImportRow

CHUNK = 5_000
"""The maximum number of lines in one transaction."""
PERSONAL = ("ref", "email", "name", "locale", "country", "source", "collected_at", "policy_version", "purpose")
CONSENT = ("consents", "consent_source", "consent_version", "consent_at", "consent_words", "consent_proof")
COLUMNS = (*PERSONAL, *CONSENT, "paid", "products", "opted_out", "objected", "restricted", "deactivated", "audiences")
"""The columns of the file. `consents`, `products`, `opted_out` and `audiences` hold lists with semicolons. `paid`,
`objected`, `restricted` and `deactivated` are yes or no."""
_T = TypeVar("_T")
_NAME = TypeAdapter[str](Name)
_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A rejected line: its number, its values and the reason."""

    line: int
    values: dict[str, str]
    reason: str


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """The result of an import: two counts, and the place from which the file could not be read (`broken`), if any."""

    taken: int
    rejected: int
    broken: CsvUnreadableFromLine | None = None


class _NonPersonColumns(BaseModel):
    """The values of a line that are not fields of `Person`."""

    model_config = ConfigDict(extra="ignore")

    consent_source: Name = ""
    consent_version: Name = ""
    consent_at: Moment | None = None
    consent_words: Words | None = None
    consent_proof: Words | None = None
    audiences: tuple[Slug, ...] = ()
    products: tuple[Slug, ...] = ()


async def import_recipients(
    importer: RecipientImporter,
    policy: Policy,
    lines: Iterable[str],
    reject: Callable[[RejectedLine], None],
    progress: Callable[[int], None],
    from_controller: str | None = None,
) -> ImportCounts:
    """Imports a CSV file with a header line. While the database stores a chunk, a thread reads the next one.

    Args:
        importer: writes the rows.
        policy: the policy of the brand.
        lines: the lines of the file.
        reject: called with each rejected line.
        progress: called with the number of lines of each chunk that is done.
        from_controller: the controller that was responsible for the data until now, if they were taken over.

    Returns:
        The counts, and the place from which the file could not be read, if any.

    Raises:
        InputRefused: the header has no `ref` or no `email`, names a column twice, or names an unknown column.
    """
    parsed = ImportChunkParser(
        check_header_and_read_rows(lines, COLUMNS, ("ref", "email")),
        lambda row: _parse_row(row.cells, policy, from_controller),
    )
    taken = rejected = 0
    chunk = await asyncio.to_thread(parsed.parse_next_chunk)
    while chunk:
        bad = [item for item in chunk if isinstance(item, RejectedLine)]
        good: dict[str, RecipientImportRow] = {}
        for item in chunk:
            if not isinstance(item, RejectedLine):
                good[item.person.ref] = _join_rows_of_recipient(good.get(item.person.ref), item)
        for line in bad:
            reject(line)
        following, _ = await asyncio.gather(
            asyncio.to_thread(parsed.parse_next_chunk), _import_rows_if_any(importer, list(good.values()))
        )
        taken, rejected = taken + len(chunk) - len(bad), rejected + len(bad)
        progress(len(chunk))
        chunk = following
    return ImportCounts(taken, rejected, parsed.broken)


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


async def _import_rows_if_any(importer: RecipientImporter, rows: Sequence[RecipientImportRow]) -> None:
    if rows:
        await importer.import_rows_in_one_transaction(rows)


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


def rejection_reason_of_error(error: ValueError) -> str:
    """Returns the text of an error as the reason why a line is rejected."""
    if not isinstance(error, ValidationError):
        return str(error)
    first: Any = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place or 'line'}: {first['msg'].removeprefix('Value error, ')}"


def _parse_row(cells: Mapping[str, str], policy: Policy, from_controller: str | None) -> RecipientImportRow:
    """Parses a row. Columns without a value are left out."""
    values = {name: text for name, cell in cells.items() if (text := cell.strip())}
    person = Person.model_validate({name: values[name] for name in PERSONAL if name in values})
    rest = _NonPersonColumns.model_validate(
        {**values, **{name: _split_semicolon_column(values, name) for name in ("audiences", "products")}}
    )
    wrong = policy.source_vocabulary.refusal_of_address_from_source(person.source, person.collected_at, person.purpose)
    if reason := wrong or _refusal_of_other_controllers_line(person, from_controller):
        raise ValueError(reason)
    return RecipientImportRow(
        person.model_copy(update={"policy_version": _policy_version_to_store(person, policy, from_controller)}),
        _parse_opt_outs(values, policy),
        _parse_yes_or_no(values, "deactivated") or False,
        rest.audiences,
        tuple(_parse_consents(_split_semicolon_column(values, "consents"), rest, policy, from_controller)),
        _combine_paid_and_product_columns(_parse_yes_or_no(values, "paid"), rest.products),
        _parse_yes_or_no(values, "objected") or False,
        _parse_yes_or_no(values, "restricted") or False,
    )


@rule("foreign-version", "interpals-13", idle=lambda person, policy, from_controller: person.policy_version)
def _policy_version_to_store(person: Person, policy: Policy, from_controller: str | None) -> str | None:
    """A version of another controller's policy is never one of ours, even if it has the same name."""
    if from_controller is not None:
        return f"{from_controller}/{person.policy_version}"
    return versions_at_collection(
        policy.versions_by_effective_day, person.policy_version, person.collected_at, datetime.now(UTC)
    )


def _refusal_of_other_controllers_line(person: Person, from_controller: str | None) -> str | None:
    """Returns the reason if a line of another controller has no source or policy version, else None.

    Data keep the promises under which they were collected.
    """
    if from_controller is None or (person.source and person.policy_version):
        return None
    return f"an address of {from_controller} needs source and policy_version: under which of its policies it was given"


def _parse_opt_outs(values: Mapping[str, str], policy: Policy) -> tuple[str, ...]:
    scopes = _split_semicolon_column(values, "opted_out")
    for scope in scopes:
        if not is_opt_out_scope(policy, scope):
            what = f"{possible_opt_out_scopes_text(policy)} or {EVERYTHING_OPTIONAL}"
            raise ValueError(f"opted_out: {scope!r} cannot be left; it takes {what}")
    return scopes


def _parse_consents(
    scopes: Sequence[str], rest: _NonPersonColumns, policy: Policy, from_controller: str | None
) -> Iterator[Consent]:
    if not scopes:
        return
    if rest.consent_at is None:
        raise ConsentNotRecordable("consent_at: a consent needs the time at which it was given")
    for scope in scopes:
        said = Consent(
            scope,
            True,
            rest.consent_source,
            rest.consent_version,
            rest.consent_words,
            "import",
            rest.consent_at,
            rest.consent_proof,
            controller=from_controller,
        )
        yield check_importable_consent(policy, said)


def check_importable_consent(policy: Policy, said: Consent, is_ours: IsOurs = refuse_every_token) -> Consent:
    """Checks that a consent may be imported from a file, and returns it normalized.

    Raises:
        ConsentNotRecordable: it has no proof; or it needs a confirmation, and has no proof of one.
    """
    said = check_and_normalize_consent(policy, said, datetime.now(UTC), is_ours)
    if said.given and needs_confirmation_by_policy(policy, said):
        raise ConsentNotRecordable(
            f"{policy.brand} takes confirmed subscriptions to {said.scope} only: consent_source is {CONFIRMED!r} "
            f"where a link in a mail was followed, and not {said.source!r}"
        )
    return said


def _parse_yes_or_no(values: Mapping[str, str], name: str) -> bool | None:
    said = values.get(name, "").lower()
    if said and said not in _YES:
        raise ValueError(f"{name}: {said!r} is neither yes nor no")
    return _YES.get(said)


def _combine_paid_and_product_columns(paid: bool | None, named: tuple[str, ...]) -> tuple[str, ...] | None:
    """Returns the paid products of a line: those that it names, or all if it says `yes` and names none.

    None: the line says nothing, so the stored value stays.
    """
    if named and paid is False:
        raise ValueError("products: names some, and paid says no; leave one of them empty")
    if named:
        return tuple(sorted(set(named)))
    return None if paid is None else (EVERY_PRODUCT,) if paid else ()


def _split_semicolon_column(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    if name not in values:
        return ()
    return tuple(text for part in values[name].split(";") if (text := part.strip()))


def _join_rows_of_recipient(earlier: RecipientImportRow | None, later: RecipientImportRow) -> RecipientImportRow:
    """Joins two lines with the same ref: the data of the later one, and the opt-outs, flags and consents of both."""
    if earlier is None:
        return later
    before, now = earlier.person, later.person
    said = {
        "source": _join_values_with_newline(before.source, now.source),
        "policy_version": _join_values_with_newline(before.policy_version, now.policy_version),
        "purpose": now.purpose or before.purpose,
    }
    return RecipientImportRow(
        now.model_copy(update=said),
        tuple(dict.fromkeys(earlier.opted_out + later.opted_out)),
        earlier.deactivated or later.deactivated,
        tuple(dict.fromkeys(earlier.audiences + later.audiences)),
        tuple(dict.fromkeys(earlier.consents + later.consents)),
        earlier.products if later.products is None else later.products,
        earlier.objected or later.objected,
        earlier.restricted or later.restricted,
    )


def _join_values_with_newline(before: str | None, now: str | None) -> str | None:
    """Joins the values of two lines with LF between them, without duplicates. Returns None if both are missing."""
    return "\n".join(dict.fromkeys(said for said in (before, now) if said is not None)) or None
