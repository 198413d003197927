"""Importing recipients from a file: each line is taken or rejected with a reason, and no opt-out is ever taken back."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError

from mailer.events import Person
from mailer.policy.document import SLUG, Policy
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.people import Importer, ImportRow

CHUNK = 5_000
"""Lines a transaction."""
PERSONAL = ("ref", "email", "name", "locale", "country", "source", "collected_at", "policy_version")
COLUMNS = (*PERSONAL, "opted_out", "deactivated", "audiences")
"""`opted_out` and `audiences` hold several values with semicolons between them; `deactivated` is yes or no."""
_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that was not taken, as it stood, and why."""

    line: int
    values: dict[str, str]
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to."""

    taken: int
    rejected: int


class FileRefused(ValueError):
    """A file that is not what can be imported; the message says what is missing."""


async def import_recipients(
    importer: Importer,
    policy: Policy,
    lines: Iterable[str],
    reject: Callable[[Rejected], None],
    progress: Callable[[int], None],
) -> Imported:
    """Imports a CSV file with a header line.

    Args:
        importer: writes the rows.
        policy: the brand's.
        lines: the file's.
        reject: told of each line that is not taken.
        progress: told how many lines are done with.

    Raises:
        FileRefused: the header has no `ref` and `email`, or a column that nobody knows.
    """
    parsed = _parse(lines, policy)
    taken = rejected = 0
    while chunk := list(islice(parsed, CHUNK)):
        good: dict[str, ImportRow] = {}
        for item in chunk:
            if isinstance(item, Rejected):
                reject(item)
                rejected += 1
            else:
                good[item.person.ref] = _joined(good.get(item.person.ref), item)
                taken += 1
        if good:
            await importer.write(list(good.values()))
        progress(len(chunk))
    return Imported(taken, rejected)


def _parse(lines: Iterable[str], policy: Policy) -> Iterator[ImportRow | Rejected]:
    reader = csv.DictReader(lines, restkey="", restval="")
    names = [name.strip() for name in reader.fieldnames or []]
    missing = [name for name in ("ref", "email") if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if missing or unknown:
        what = f"lacks {', '.join(missing)}" if missing else f"has the unknown column {', '.join(unknown)}"
        raise FileRefused(f"the header line {what}; the columns are {', '.join(COLUMNS)}")
    reader.fieldnames = names
    for values in reader:
        if "" in values:
            yield Rejected(reader.line_num, _plain(values), "more values than columns; quote values that hold a comma")
            continue
        try:
            yield _row(values, policy)
        except ValidationError as error:
            first = error.errors()[0]
            reason = f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}"
            yield Rejected(reader.line_num, values, reason)
        except ValueError as error:
            yield Rejected(reader.line_num, values, str(error))


def _row(values: dict[str, str], policy: Policy) -> ImportRow:
    person = Person.model_validate({name: value for name in PERSONAL if (value := values.get(name, "").strip())})
    opted_out, audiences = _several(values, "opted_out"), _several(values, "audiences")
    for scope in opted_out:
        category = policy.categories.get(scope)
        if scope != EVERYTHING_OPTIONAL and (category is None or category.mandatory):
            optional = ", ".join(name for name, known in policy.categories.items() if known.optional)
            raise ValueError(f"opted_out: {scope!r} cannot be left; it takes {optional} or {EVERYTHING_OPTIONAL}")
    for audience in audiences:
        if not re.match(SLUG, audience):
            raise ValueError(f"audiences: {audience!r} is no name; use lower case, digits and hyphens")
    said = values.get("deactivated", "").strip().lower()
    if said not in _YES:
        raise ValueError(f"deactivated: {said!r} is neither yes nor no")
    return ImportRow(person, opted_out, _YES[said], audiences)


def _several(values: dict[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in values.get(name, "").split(";") if part.strip())


def _joined(earlier: ImportRow | None, later: ImportRow) -> ImportRow:
    """Two lines of one ref: the later one's data, and what either of them says has been left."""
    if earlier is None:
        return later
    return ImportRow(
        later.person,
        tuple(dict.fromkeys(earlier.opted_out + later.opted_out)),
        earlier.deactivated or later.deactivated,
        tuple(dict.fromkeys(earlier.audiences + later.audiences)),
    )


def _plain(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name}


def rejected_columns() -> Sequence[str]:
    """The columns of the file to which rejected lines go: as they stood, with line and reason."""
    return ("line", "reason", *COLUMNS)
