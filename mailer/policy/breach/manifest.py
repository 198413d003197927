"""The manifest of a phase: the line of each person with channel and reason, the sums, and the hash. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple

from mailer.policy.campaign_manifest import ManifestTemplate

BREACH_MANIFEST_DAYS: Final = timedelta(days=7)
"""The age after which a manifest is not released: too much may have changed since."""


class BreachChannel(StrEnum):
    """The channel by which a person is told."""

    MAIL = "mail"
    LETTER = "letter"
    NONE = "none"
    """No channel: the reason says why."""


class BreachLine(NamedTuple):
    """The line of one person.

    Attributes:
        reason: why this channel, as one word with underscores.
        variant, locale: of the text; the phase has it.
        place: ISO 3166-1 or 3166-2; empty: unknown.
        due_at: an aware time in UTC, at full seconds, before which the mail does not begin; None: at once, or no mail.
            It counts from the request of the manifest; a later release moves it by as much.
    """

    recipient_id: int
    channel: BreachChannel
    reason: str
    variant: str
    locale: str
    place: str
    due_at: datetime | None


class BreachSum(NamedTuple):
    """The number of people with one channel, reason, variant and place."""

    channel: BreachChannel
    reason: str
    variant: str
    place: str
    people: int


class FrozenCheck(NamedTuple):
    """The values that a check has frozen, as they are stored: JSON.

    Attributes:
        facts: a BreachFacts. draft: a BreachPhaseDraft. rules: the rows that were in force.
        templates: by variant. policy_version: of the brand's policy.
    """

    facts: Mapping[str, Any]
    draft: Mapping[str, Any]
    rules: Sequence[Any]
    templates: Mapping[str, ManifestTemplate]
    policy_version: str


@dataclass(slots=True)
class BreachTotals:
    """The sums over the lines of a manifest.

    Attributes:
        people: by channel, reason, variant and place.
    """

    people: Counter[tuple[BreachChannel, str, str, str]] = field(default_factory=Counter)

    def add_lines(self, lines: Iterable[BreachLine]) -> None:
        """Counts lines."""
        self.people.update((line.channel, line.reason, line.variant, line.place) for line in lines)

    def sums(self) -> list[BreachSum]:
        """Returns the sums: the most people first."""
        found = [BreachSum(*key, people) for key, people in self.people.items()]
        return sorted(found, key=lambda one: (-one.people, *one[:4]))


def people_by(sums: Iterable[BreachSum], *names: str) -> dict[tuple[str, ...], int]:
    """Returns the people by some fields of the sums, such as `channel`, the most people first."""
    found = Counter[tuple[str, ...]]()
    for one in sums:
        found[tuple(str(getattr(one, name)) for name in names)] += one.people
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


class BreachManifestHash:
    """The hash of a manifest: SHA-256 over a head, and then over each line in order of the recipient's number.

    The head is JSON in ASCII, with keys sorted, `,` and `:` as separators, and these keys: `draft`, `facts`, `policy`
    (the version, a text), `rules`, and `templates`: by variant a list of the version and the SHA-256 of the source in
    UTF-8, as 64 hexadecimal digits. Each line follows as LF and its fields with commas between them, in ASCII:
    recipient_id, channel, reason, variant, locale, place, due_at. No field has a comma, a quote or a line break, so the
    line is the row of the CSV file. due_at is empty, or as in 2026-11-30T12:00:00+00:00. There is no LF at the end.

    Args:
        frozen: the stored values. Lists keep their order.
    """

    def __init__(self, frozen: FrozenCheck) -> None:
        head = {
            "draft": frozen.draft,
            "facts": frozen.facts,
            "policy": frozen.policy_version,
            "rules": list(frozen.rules),
            "templates": {
                name: [template.version, sha256(template.source.encode()).hexdigest()]
                for name, template in frozen.templates.items()
            },
        }
        self._hash = sha256(json.dumps(head, sort_keys=True, separators=(",", ":")).encode("ascii"))
        self._last = 0

    def add_lines(self, lines: Iterable[BreachLine]) -> None:
        """Adds lines, which come in order of the recipient's number. The size of portions changes nothing.

        Raises:
            ValueError: a number is not higher than the one before: a person would count twice.
        """
        parts = list[str]()
        for line in lines:
            if line.recipient_id <= self._last:
                raise ValueError("lines come in order of the recipient's number, each once")
            self._last = line.recipient_id
            parts.append(f"\n{','.join(fields_of_line(line))}")
        self._hash.update("".join(parts).encode("ascii"))

    def digest(self) -> bytes:
        """Returns the hash, 32 octets."""
        return self._hash.digest()


def hash_of_breach_manifest(frozen: FrozenCheck, lines: Iterable[BreachLine]) -> bytes:
    """Returns the hash of a manifest, 32 octets. See `BreachManifestHash`, also for what it raises."""
    one = BreachManifestHash(frozen)
    one.add_lines(lines)
    return one.digest()


LINE_FIELDS: Final = BreachLine._fields
"""The columns of the CSV file of lines."""


def fields_of_line(line: BreachLine) -> tuple[str, ...]:
    """Returns the fields of a line as the hash and the CSV file have them, in the order of `LINE_FIELDS`."""
    number, channel, reason, variant, locale, place, due_at = line
    due = due_at.astimezone(UTC).isoformat(timespec="seconds") if due_at else ""
    return str(number), channel.value, reason, variant, locale, place, due
