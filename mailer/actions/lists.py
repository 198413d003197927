"""Importing lists of suppressions and of consents: each line is taken or rejected with a reason."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from mailer.actions.imports import CHUNK, FileRefused, Imported, Rejected, importable, moment
from mailer.actions.suppression import check, take_over
from mailer.events import Address, Name
from mailer.policy.document import Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.consents import Consent, Consents
from mailer.ports.suppressions import NewSuppression, Suppressions

SUPPRESSION_COLUMNS = ("email", "scope", "reason", "source", "at", "expires_at")
_ADDRESS: TypeAdapter[str] = TypeAdapter(Address)
_IMPORT = "import"


class ConsentLine(BaseModel):
    """A line of consents, as they are exported; see `ports.consents.ConsentRecord`."""

    model_config = ConfigDict(extra="forbid")

    ref: Name
    scope: Name
    given: bool
    source: str = ""
    version: str = ""
    words: str | None = None
    actor: Name = _IMPORT
    at: AwareDatetime
    proof: str | None = None
    controller: Name | None = None
    recorded_at: AwareDatetime | None = None
    counts: bool = True


async def import_suppressions(
    suppressions: Suppressions,
    policy: Policy,
    lines: Iterable[str],
    reject: Callable[[Rejected], None],
    source: str = _IMPORT,
) -> Imported:
    """Imports another system's suppressions from a CSV file with a header line. Of the addresses only hashes are kept.

    Args:
        suppressions: where they are kept.
        policy: the brand's.
        lines: the file's. Only `email` is needed: what else is not said is an opt-out of all optional mail, as of now.
        reject: told of each line that is not taken.
        source: of the lines that name none.

    Raises:
        FileRefused: the header has no `email`, or a column that nobody knows.
    """
    parsed = _suppressions(lines, policy, source)
    taken = rejected = 0
    while chunk := list(islice(parsed, CHUNK)):
        good = [item for item in chunk if not isinstance(item, Rejected)]
        for item in chunk:
            if isinstance(item, Rejected):
                reject(item)
        await take_over(suppressions, policy, good)
        taken, rejected = taken + len(good), rejected + len(chunk) - len(good)
    return Imported(taken, rejected)


def _suppressions(lines: Iterable[str], policy: Policy, source: str) -> Iterator[tuple[str, NewSuppression] | Rejected]:
    reader = csv.DictReader(lines, restkey="", restval="")
    names = [name.strip() for name in reader.fieldnames or []]
    unknown = [name for name in names if name not in SUPPRESSION_COLUMNS]
    if "email" not in names or unknown:
        what = f"has the unknown column {', '.join(unknown)}" if unknown else "lacks email"
        raise FileRefused(f"the header line {what}; the columns are {', '.join(SUPPRESSION_COLUMNS)}")
    reader.fieldnames = names
    for values in reader:
        values.pop("", None)
        try:
            yield _suppression({name: value.strip() for name, value in values.items()}, policy, source)
        except ValidationError as error:
            yield Rejected(reader.line_num, values, f"email: {error.errors()[0]['msg'].removeprefix('Value error, ')}")
        except ValueError as error:
            yield Rejected(reader.line_num, values, str(error))


def _suppression(values: Mapping[str, str], policy: Policy, source: str) -> tuple[str, NewSuppression]:
    times = {name: moment(name, text) for name in ("at", "expires_at") if (text := values.get(name))}
    new = NewSuppression(
        values.get("scope") or EVERYTHING_OPTIONAL,
        values.get("reason") or "opt_out",
        values.get("source") or source,
        _IMPORT,
        **times,
    )
    check(policy, new)
    return _ADDRESS.validate_python(values["email"]), new


async def import_consents(
    consents: Consents, policy: Policy, lines: Iterable[str], reject: Callable[[int, str, str], None]
) -> Imported:
    """Imports consents from JSON lines, as they are exported. What has been left, refused or withdrawn stays so.

    Args:
        consents: where they are kept.
        policy: the brand's.
        lines: the file's.
        reject: told the number, the text and the reason of each line that is not taken.
    """
    taken = rejected = 0
    numbered = ((number, line.strip()) for number, line in enumerate(lines, 1) if line.strip())
    while chunk := list(islice(numbered, CHUNK)):
        good: list[tuple[str, Consent]] = []
        places: list[tuple[int, str]] = []
        for number, line in chunk:
            try:
                good.append(_consent(line, policy))
                places.append((number, line))
            except ValueError as error:
                reject(number, line, _reason(error))
        nobody = await consents.take(policy.brand, good)
        for (number, line), (ref, _) in zip(places, good, strict=True):
            if ref in nobody:
                reject(number, line, f"ref: {policy.brand} has no recipient {ref}; import recipients first")
        ours = sum(ref not in nobody for ref, _ in good)
        taken, rejected = taken + ours, rejected + len(chunk) - ours
    return Imported(taken, rejected)


def _consent(line: str, policy: Policy) -> tuple[str, Consent]:
    said = ConsentLine.model_validate_json(line)
    if not said.counts:
        raise ValueError("counts: it was never confirmed, or came after its scope had been left; it gives nothing")
    given = said.model_dump(exclude={"ref", "recorded_at", "counts"})
    return said.ref, importable(policy, Consent(**given))


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first: Any = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place or 'line'}: {first['msg'].removeprefix('Value error, ')}"
