"""The versions of a policy that bind somebody: those under which the address was collected, or agreed to since.

A standing has them as text, one a line, as they were said. A line that begins with `AGREED` is a version that the
person has consented to. What is unknown never counts as the version in force: it counts as all of the brand's versions.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Protocol, TypeVar

AGREED = "\t"
"""The first character of a line that names a version to which the person has consented (interpals-30)."""
NOBODYS = ""
"""A line for what was collected while nobody said under which version."""


class PolicyVersion(Protocol):
    """A version of a policy, as far as this is about it."""

    @property
    def version(self) -> str:
        """Its name."""
        ...

    @property
    def effective(self) -> date:
        """The day on which it came into force."""
        ...


V = TypeVar("V", bound=PolicyVersion)
Days = Sequence[tuple[date, str]]
"""The versions of a brand by the day on which each came into force, oldest first."""


def binding_versions(versions: Sequence[V], said: str | None) -> tuple[V, ...]:
    """Finds the versions that bind somebody; the strictest value of each of their switches holds.

    Args:
        versions: all of the brand's.
        said: as a standing has it; None: nobody has said anything.

    Returns:
        The newest version that the person agreed to, with those under which the address was collected later. Without
        one: those under which it was collected, or all of the brand's where one of these is unknown.
    """
    known = {version.version: version for version in versions}
    lines = distinct_lines(said)
    agreed = [known[line[1:]] for line in lines if line[:1] == AGREED and line[1:] in known]
    named = [line for line in lines if line[:1] != AGREED]
    if agreed:
        newest = max(agreed, key=lambda version: version.effective)
        later = (known[line] for line in named if line in known)
        return newest, *(version for version in later if version.effective > newest.effective)
    if named and all(line in known for line in named):
        return tuple(known[line] for line in named)
    return tuple(versions)


def distinct_lines(said: str | None) -> list[str]:
    """Splits what was said at several times, oldest first; empty where nothing was."""
    return [] if said is None else list(dict.fromkeys(said.split("\n")))


def has_named_unknown_version(versions: Iterable[PolicyVersion], said: str | None) -> bool:
    """Tells whether somebody named a version that the brand does not have, and the person has agreed to none of its."""
    names, lines = {version.version for version in versions}, distinct_lines(said)
    if any(line[:1] == AGREED and line[1:] in names for line in lines):
        return False
    return any(line[:1] != AGREED and line != NOBODYS and line not in names for line in lines)


def describe_versions(said: str | None) -> str | None:
    """Says it for a person to read; None where nothing was said."""
    named = [_describe_agreed_or_named_version(line) for line in distinct_lines(said) if line != NOBODYS]
    return ", ".join(named) or None


def _describe_agreed_or_named_version(line: str) -> str:
    return f"{line[1:]} (agreed to)" if line[:1] == AGREED else line


def effective_days_and_versions(versions: Iterable[PolicyVersion]) -> Days:
    """Lists a brand's versions by the day on which each came into force."""
    return tuple(sorted((version.effective, version.version) for version in versions))


def versions_at_collection(days: Days, named: str | None, collected_at: datetime | None, now: datetime) -> str | None:
    """Finds the versions under which an address was collected, as far as an event or a file says so.

    Args:
        days: the brand's versions.
        named: the version that was named.
        collected_at: the aware time at which the address was collected.
        now: an aware time; nothing was collected after it.

    Returns:
        The version named; without one, that in force at `collected_at`. Both, where the one named came into force
        later: it cannot be the one that was shown. None: nobody knows.
    """
    if collected_at is None or collected_at > now or not days:
        return named
    day = collected_at.date()
    found = bisect_right(days, (day, "\U0010ffff"))
    then = days[found - 1][1] if found else None
    if named is None or named == then:
        return then
    later = any(name == named and effective > day for effective, name in days)
    return f"{then or NOBODYS}\n{named}" if later else named
