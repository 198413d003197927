"""Findings of the checks before a campaign is sent: values with their severity, place and remedy."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple


class Severity(StrEnum):
    """The weight of a finding."""

    ERROR = "error"
    """The check stops: the campaign cannot be released."""
    WARNING = "warning"
    """The releaser is shown it, and decides."""
    NOTE = "note"
    """Advice."""


SEVERITIES: Final = tuple(Severity)
"""All severities, the worst first."""


class Place(NamedTuple):
    """The place of a finding.

    Attributes:
        variant, locale: of the texts; None: of all.
        block: the number of the block in the draft, from 1 on; None: in no block, or in one that is not known.
    """

    variant: str | None = None
    locale: str | None = None
    block: int | None = None

    @property
    def in_words(self) -> str:
        """The place for people, such as `variant a, de, block 3`; empty: the whole campaign."""
        parts = (
            f"variant {self.variant}" if self.variant else "",
            self.locale or "",
            f"block {self.block}" if self.block else "",
        )
        return ", ".join(part for part in parts if part)


EVERYWHERE: Final = Place()
"""The place of a finding about the whole campaign."""


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """The finding of a check.

    Attributes:
        name: the name of the check (see `CampaignCheck`).
        severity: its weight.
        place: the texts that it is about.
        text: the fault, as a sentence.
        remedy: the way to correct it, as a sentence.
    """

    name: str
    severity: Severity
    place: Place
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class CampaignCheck:
    """A check: its name, its severity, the condition that it reports, and the remedy.

    Attributes:
        name: lower case with hyphens; unique.
        severity: of all its findings.
        looks_for: the condition, as a sentence for the documentation.
        remedy: the way to correct it, as a sentence.
    """

    name: str
    severity: Severity
    looks_for: str
    remedy: str

    def finding(self, text: str, place: Place = EVERYWHERE) -> CheckFinding:
        """Makes a finding of this check."""
        return CheckFinding(self.name, self.severity, place, text, self.remedy)


def error_check(name: str, looks_for: str, remedy: str) -> CampaignCheck:
    """Makes a check whose findings stop a campaign."""
    return CampaignCheck(name, Severity.ERROR, looks_for, remedy)


def warning_check(name: str, looks_for: str, remedy: str) -> CampaignCheck:
    """Makes a check whose findings the releaser decides about."""
    return CampaignCheck(name, Severity.WARNING, looks_for, remedy)


def note_check(name: str, looks_for: str, remedy: str) -> CampaignCheck:
    """Makes a check whose findings are advice."""
    return CampaignCheck(name, Severity.NOTE, looks_for, remedy)


def sorted_findings(findings: Iterable[CheckFinding]) -> list[CheckFinding]:
    """Returns findings without repetitions, the worst first, else in their order."""
    return sorted(dict.fromkeys(findings), key=lambda finding: SEVERITIES.index(finding.severity))


def has_errors(findings: Iterable[CheckFinding]) -> bool:
    """Tells whether findings stop a campaign."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def findings_by_severity(findings: Iterable[CheckFinding]) -> Iterator[tuple[Severity, list[CheckFinding]]]:
    """Yields each severity that findings have, the worst first, with its findings."""
    listed = list(findings)
    for severity in SEVERITIES:
        if found := [finding for finding in listed if finding.severity is severity]:
            yield severity, found


def findings_as_json(findings: Iterable[CheckFinding]) -> list[Mapping[str, Any]]:
    """Returns findings as the API and the commands show them: name, severity, variant, locale, block, text, remedy."""
    return [
        {
            "name": finding.name,
            "severity": finding.severity.value,
            **finding.place._asdict(),
            "text": finding.text,
            "remedy": finding.remedy,
        }
        for finding in findings
    ]
