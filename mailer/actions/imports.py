"""Importing recipients from a file: each line is taken or rejected with a reason, and no opt-out is ever taken back."""

import asyncio
import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from pydantic import ValidationError

from mailer.actions.consent import ConsentRefused, checked, needs_confirmation
from mailer.events import Person
from mailer.policy.document import Policy
from mailer.policy.forms import SLUG
from mailer.policy.registry import rule
from mailer.policy.scopes import can_be_left, scopes_of
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.consents import CONFIRMED, Consent
from mailer.ports.people import Importer, ImportRow

CHUNK = 5_000
"""Lines a transaction."""
PERSONAL = ("ref", "email", "name", "locale", "country", "source", "collected_at", "policy_version")
CONSENT = ("consents", "consent_source", "consent_version", "consent_at", "consent_words")
COLUMNS = (*PERSONAL, "purpose", *CONSENT, "paid", "opted_out", "deactivated", "audiences")
"""`consents`, `opted_out`, `audiences`: several, with semicolons between them; `paid`, `deactivated`: yes or no."""
COLLECTED_FOR = ("contest", "partner")
"""The sources that say for what an address was collected, and when."""
_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


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
    from_controller: str | None = None,
) -> Imported:
    """Imports a CSV file with a header line. While the database takes a chunk, a thread reads the next one.

    Args:
        importer: writes the rows.
        policy: the brand's.
        lines: the file's.
        reject: told of each line that is not taken.
        progress: told how many lines are done with.
        from_controller: from whom the data were taken over, who answered for them until now.

    Raises:
        FileRefused: the header has no `ref` and `email`, or a column that nobody knows.
    """
    reader = csv.reader(lines)
    names = _columns(reader)
    parsed = _parse(((reader.line_num, line) for line in reader), names, policy, from_controller)
    taken = rejected = 0
    chunk = await asyncio.to_thread(_next, parsed)
    while chunk:
        bad = [item for item in chunk if isinstance(item, Rejected)]
        good: dict[str, ImportRow] = {}
        for item in chunk:
            if not isinstance(item, Rejected):
                good[item.person.ref] = _joined(good.get(item.person.ref), item)
        for line in bad:
            reject(line)
        following, _ = await asyncio.gather(asyncio.to_thread(_next, parsed), _write(importer, list(good.values())))
        taken, rejected = taken + len(chunk) - len(bad), rejected + len(bad)
        progress(len(chunk))
        chunk = following
    return Imported(taken, rejected)


def _next(parsed: Iterator[ImportRow | Rejected]) -> list[ImportRow | Rejected]:
    return list(islice(parsed, CHUNK))


async def _write(importer: Importer, rows: Sequence[ImportRow]) -> None:
    if rows:
        await importer.write(rows)


@rule("suppressions-travel", "interpals-13")
def suppressions_travel(from_controller: str | None, suppressions: object | None) -> str | None:
    """Data that were another controller's come with its suppressions, or not at all."""
    if from_controller is None or suppressions is not None:
        return None
    return f"{from_controller}'s recipients come with its suppressions; name the file of them, which may be empty"


@rule("address-provenance", "interpals-01")
def address_provenance(person: Person, purpose: str | None) -> str | None:
    """An address from a contest or a partner says for what it was collected, and when."""
    stated = {"collected_at": person.collected_at, "purpose": purpose}
    missing = [name for name, value in stated.items() if value is None]
    if person.source not in COLLECTED_FOR or not missing:
        return None
    return f"an address from a {person.source} needs {' and '.join(missing)}"


def _columns(reader: Iterator[list[str]]) -> list[str]:
    """The names in the header line."""
    names = [name.strip() for name in next(reader, [])]
    missing = [name for name in ("ref", "email") if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if missing or unknown:
        what = f"lacks {', '.join(missing)}" if missing else f"has the unknown column {', '.join(unknown)}"
        raise FileRefused(f"the header line {what}; the columns are {', '.join(COLUMNS)}")
    return names


def _parse(
    lines: Iterable[tuple[int, list[str]]], names: Sequence[str], policy: Policy, from_controller: str | None
) -> Iterator[ImportRow | Rejected]:
    for number, line in lines:
        if len(line) > len(names):
            stood = dict(zip(names, line, strict=False))
            yield Rejected(number, stood, "more values than columns; quote values that hold a comma")
        elif line:
            try:
                values = {name: text for name, value in zip(names, line, strict=False) if (text := value.strip())}
                yield _row(values, policy, from_controller)
            except ValueError as error:
                yield Rejected(number, dict(zip(names, line, strict=False)), _reason(error))


def _reason(error: ValueError) -> str:
    """Why a line is not taken."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}"


def _row(values: Mapping[str, str], policy: Policy, from_controller: str | None) -> ImportRow:
    """A line's values, of those columns that have one."""
    person = Person.model_validate({name: values[name] for name in PERSONAL if name in values})
    purpose = values.get("purpose")
    if reason := address_provenance(person, purpose) or _taken_over(person, from_controller):
        raise ValueError(reason)
    audiences = _several(values, "audiences")
    for audience in audiences:
        if not re.match(SLUG, audience):
            raise ValueError(f"audiences: {audience!r} is no name; use lower case, digits and hyphens")
    return ImportRow(
        person,
        _left(values, policy),
        _yes(values, "deactivated") or False,
        audiences,
        tuple(_consents(values, policy, from_controller)),
        purpose,
        _yes(values, "paid"),
    )


def _taken_over(person: Person, from_controller: str | None) -> str | None:
    """What a line of another controller lacks: data keep the promises under which they were collected."""
    if from_controller is None or (person.source and person.policy_version):
        return None
    return f"an address of {from_controller} needs source and policy_version: under which of its policies it was given"


def _left(values: Mapping[str, str], policy: Policy) -> tuple[str, ...]:
    scopes = _several(values, "opted_out")
    for scope in scopes:
        if not can_be_left(policy, scope):
            what = f"{scopes_of(policy)} or {EVERYTHING_OPTIONAL}"
            raise ValueError(f"opted_out: {scope!r} cannot be left; it takes {what}")
    return scopes


def _consents(values: Mapping[str, str], policy: Policy, from_controller: str | None) -> Iterator[Consent]:
    scopes = _several(values, "consents")
    if not scopes:
        return
    if "consent_at" not in values:
        raise ConsentRefused("consent_at: a consent needs the time at which it was given")
    at = moment("consent_at", values["consent_at"])
    for scope in scopes:
        said = Consent(
            scope,
            True,
            values.get("consent_source", ""),
            values.get("consent_version", ""),
            values.get("consent_words"),
            "import",
            at,
            controller=from_controller,
        )
        yield importable(policy, said)


def importable(policy: Policy, said: Consent) -> Consent:
    """A consent that a file may bring, with its proof.

    Raises:
        ConsentRefused: it has none; or it needs a confirmation, and none is proven.
    """
    said = checked(policy, said, datetime.now(UTC))
    if said.given and needs_confirmation(policy, said):
        raise ConsentRefused(
            f"{policy.brand} takes confirmed subscriptions to {said.scope} only: consent_source is {CONFIRMED!r} "
            f"where a link in a mail was followed, and not {said.source!r}"
        )
    return said


def moment(name: str, text: str) -> datetime:
    """A time of a file (ISO 8601), with its time zone.

    Raises:
        ValueError: it is none.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError(f"{name}: {text!r} is no time with a zone; write it as 2026-01-31T12:00:00Z")
    return at


def _yes(values: Mapping[str, str], name: str) -> bool | None:
    said = values.get(name, "").lower()
    if said and said not in _YES:
        raise ValueError(f"{name}: {said!r} is neither yes nor no")
    return _YES.get(said)


def _several(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    if name not in values:
        return ()
    return tuple(text for part in values[name].split(";") if (text := part.strip()))


def _joined(earlier: ImportRow | None, later: ImportRow) -> ImportRow:
    """Two lines of one ref: the later one's data, and what either of them says has been left or consented to."""
    if earlier is None:
        return later
    return ImportRow(
        later.person,
        tuple(dict.fromkeys(earlier.opted_out + later.opted_out)),
        earlier.deactivated or later.deactivated,
        tuple(dict.fromkeys(earlier.audiences + later.audiences)),
        tuple(dict.fromkeys(earlier.consents + later.consents)),
        later.purpose or earlier.purpose,
        earlier.paid if later.paid is None else later.paid,
    )
