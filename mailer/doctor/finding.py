"""Findings of checks: each is one line that names the fault, its place and the remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class FindingLevel(StrEnum):
    """The severity of a finding. Only a problem keeps `mailer doctor` from ending with status 0."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: the name of the check.
        level: the severity.
        text: the result, and the remedy if there is a fault.
    """

    check: str
    level: FindingLevel
    text: str


def ok_finding(check: str, text: str) -> Finding:
    """Makes a finding without a fault."""
    return Finding(check, FindingLevel.OK, text)


def warning_finding(check: str, text: str) -> Finding:
    """Makes a finding that a person should look at, though everything works."""
    return Finding(check, FindingLevel.WARNING, text)


def problem_finding(check: str, text: str) -> Finding:
    """Makes a finding of something that does not work, or loses data."""
    return Finding(check, FindingLevel.PROBLEM, text)


def worst_level(findings: Iterable[Finding]) -> FindingLevel:
    """Returns the worst level of several findings."""
    levels = {finding.level for finding in findings}
    return (
        FindingLevel.PROBLEM
        if FindingLevel.PROBLEM in levels
        else FindingLevel.WARNING
        if FindingLevel.WARNING in levels
        else FindingLevel.OK
    )
