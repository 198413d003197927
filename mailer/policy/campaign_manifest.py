"""The manifest of a campaign: the line of each person, the variant that a person gets, the sums and the hash. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b, sha256
from typing import Final, NamedTuple
from uuid import UUID

from mailer.policy.campaign_draft import CampaignDraft, VariantName
from mailer.policy.decision_types import Decision, Divert, Hold, Send, Suppress

MANIFEST_DAYS: Final = timedelta(days=7)
"""The age after which a manifest is not released: too much may have changed since."""
REST: Final = "rest"
"""The variant of people who wait for the winner of a test."""
NO_TIME_ZONE: Final = "no_time_zone"
"""The reason of people who are left out of a campaign at a local time, since no zone of theirs is known."""
CAPS: Final = ("category_cap", "brand_cap")
"""The reasons of people who have got enough mail lately. Time takes them away, and nobody decides about it."""
DUPLICATE_ADDRESS: Final = "duplicate_address"
_PARTS: Final = 2**64


class LineResult(StrEnum):
    """The result that a check foresees for a person."""

    SEND = "send"
    HOLD = "hold"
    SUPPRESS = "suppress"
    DIVERT = "divert"
    DUPLICATE = "duplicate"

    @property
    def gets_mail(self) -> bool:
        """True if the person gets the mail, now or later."""
        return self in (LineResult.SEND, LineResult.HOLD)


class ManifestLine(NamedTuple):
    """The line of one person.

    Attributes:
        due_at: an aware time in UTC before which the person's mail does not begin; None: with the mailing.
    """

    recipient_id: int
    result: LineResult
    reason: str
    variant: str
    due_at: datetime | None


class ManifestTemplate(NamedTuple):
    """The template of a variant: its version, and its source as JSON."""

    version: str
    source: str


class ManifestSum(NamedTuple):
    """The number of people with one result and reason."""

    result: LineResult
    reason: str
    people: int


@dataclass(slots=True)
class ManifestTotals:
    """The sums over the lines of a manifest.

    Attributes:
        people: by result and reason.
        variants: by variant, without those who are left out.
        due_times: those who get the mail, by due time.
        zoneless: people without a known time zone, where the time is a local one.
    """

    people: Counter[tuple[LineResult, str]] = field(default_factory=Counter)
    variants: Counter[str] = field(default_factory=Counter)
    due_times: Counter[datetime] = field(default_factory=Counter)
    zoneless: int = 0

    def add_lines(self, lines: Iterable[ManifestLine]) -> None:
        """Counts lines."""
        for _, result, reason, variant, due_at in lines:
            self.people[result, reason] += 1
            if reason == NO_TIME_ZONE:
                continue
            self.variants[variant] += 1
            if due_at is not None and result.gets_mail:
                self.due_times[due_at] += 1

    def sums(self) -> list[ManifestSum]:
        """Returns the sums: the most people first."""
        found = [ManifestSum(result, reason, n) for (result, reason), n in self.people.items()]
        return sorted(found, key=lambda one: (-one.people, one.result, one.reason))


def line_result_of_decision(decision: Decision) -> tuple[LineResult, str]:
    """Returns the result and the reason of a person's line, by the decision of the rules."""
    match decision:
        case Send():
            return LineResult.SEND, ""
        case Hold(reason=reason):
            return LineResult.HOLD, reason
        case Suppress(reason=reason):
            return LineResult.SUPPRESS, reason
        case Divert(reason=reason):
            return LineResult.DIVERT, reason


def variant_of_person(manifest_id: UUID, number: int, draft: CampaignDraft) -> str:
    """Returns the variant that a person gets, by a hash that nobody can foresee before the check.

    Args:
        manifest_id: another check chooses other people.
        number: of the person; of people who share an address, the lowest one, so that they get the same variant.
        draft: has the variants and the share of the test.
    """
    if draft.ab_test is None:
        return "a"
    digest = blake2b(manifest_id.bytes + number.to_bytes(8), digest_size=8).digest()
    place = int.from_bytes(digest) * 100
    tested = draft.ab_test.share_percent * _PARTS
    if place >= tested:
        return REST
    names: list[VariantName] = sorted(draft.variants)
    return names[place * len(names) // tested]


class ManifestHash:
    """The hash of a manifest: SHA-256 over draft, templates and policy version, then each line by recipient's number.

    Args:
        draft: as it was frozen. templates: by variant. policy_version: by which the check decided.
    """

    def __init__(self, draft: CampaignDraft, templates: Mapping[str, ManifestTemplate], policy_version: str) -> None:
        head = {
            "draft": draft.model_dump(mode="json"),
            "templates": {name: template.version for name, template in templates.items()},
            "policy": policy_version,
        }
        self._hash = sha256(json.dumps(head, sort_keys=True, separators=(",", ":")).encode())
        self._last = 0

    def add_lines(self, lines: Iterable[ManifestLine]) -> None:
        """Adds lines, which come in order of the recipient's number. The size of portions changes nothing.

        Raises:
            ValueError: a number is not higher than the one before: a line would count twice.
        """
        parts = list[str]()
        for line in lines:
            if line.recipient_id <= self._last:
                raise ValueError("lines come in order of the recipient's number, each once")
            self._last = line.recipient_id
            parts.append(_line_as_text(line))
        self._hash.update("".join(parts).encode())

    def digest(self) -> bytes:
        """Returns the hash, 32 octets."""
        return self._hash.digest()


def _line_as_text(line: ManifestLine) -> str:
    recipient_id, result, reason, variant, due_at = line
    due = due_at.astimezone(UTC).isoformat() if due_at else ""
    return f"\n{recipient_id} {result.value} {reason} {variant} {due}"


def people_to_get_mail(sums: Iterable[ManifestSum]) -> int:
    """Returns the number of people who get the mail, now or later."""
    return sum(one.people for one in sums if one.result.gets_mail)


def people_in_reach(sums: Iterable[ManifestSum]) -> int:
    """Returns the number of people who get the mail, and of those who would, once a cap of today is over."""
    return sum(one.people for one in sums if one.result.gets_mail or one.reason in CAPS)
