"""A finding of a check: a line that says what is wrong, where, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
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
    level: Level
    text: str


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, text)


def warning(check: str, text: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(check, Level.WARNING, text)


def problem(check: str, text: str) -> Finding:
    """It does not work, or loses something."""
    return Finding(check, Level.PROBLEM, text)


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level of several findings."""
    levels = {finding.level for finding in findings}
    return Level.PROBLEM if Level.PROBLEM in levels else Level.WARNING if Level.WARNING in levels else Level.OK
