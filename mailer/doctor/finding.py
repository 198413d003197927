"""A finding of a check: a line that says what is wrong, where, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class FindingLevel(StrEnum):
    """Its severity. Only a problem keeps `mailer doctor` from ending with status 0."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Attributes:
        check: what was looked at.
        level: how bad it is.
        text: what was found, and what to do about it.
    """

    check: str
    level: FindingLevel
    text: str


def ok_finding(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, FindingLevel.OK, text)


def warning_finding(check: str, text: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(check, FindingLevel.WARNING, text)


def problem_finding(check: str, text: str) -> Finding:
    """It does not work, or loses something."""
    return Finding(check, FindingLevel.PROBLEM, text)


def worst_level(findings: Iterable[Finding]) -> FindingLevel:
    """The worst level of several findings."""
    levels = {finding.level for finding in findings}
    return (
        FindingLevel.PROBLEM
        if FindingLevel.PROBLEM in levels
        else FindingLevel.WARNING
        if FindingLevel.WARNING in levels
        else FindingLevel.OK
    )
