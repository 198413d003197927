"""The differences between two policies: versions of a brand, brands, or a file and what is in force. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mailer.policy.policy_file import Policy

_NAMED_BY = ("id", "name")
"""The keys by which the entries of a list are compared, rather than by their places."""


@dataclass(frozen=True, slots=True)
class PolicyDifference:
    """A key that two policies fill in differently.

    Attributes:
        key: its place, such as `switches.promo_basis` or `promises.interpals-07.rules`.
        before, after: the values as text; None where there is none.
    """

    key: str
    before: str | None
    after: str | None


def differences_between_policies(before: Policy, after: Policy) -> list[PolicyDifference]:
    """Returns the keys that differ, in the order of the file."""
    one, other = dict(_flat_values(_policy_as_json(before))), dict(_flat_values(_policy_as_json(after)))
    return [
        PolicyDifference(key, one.get(key), other.get(key))
        for key in dict.fromkeys((*one, *other))
        if one.get(key) != other.get(key)
    ]


def _policy_as_json(policy: Policy) -> dict[str, Any]:
    return policy.model_dump(mode="json", by_alias=True, exclude_none=True)


def _flat_values(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yields each place and its value as text."""
    match value:
        case Mapping():
            for name, inner in value.items():
                yield from _flat_values(inner, f"{key}.{name}" if key else str(name))
        case list() if named := _entries_by_name(value):
            yield from _flat_values(named, key)
        case list():
            yield key, ", ".join(map(str, value))
        case bool():
            yield key, str(value).lower()
        case _:
            yield key, str(value)


def _entries_by_name(entries: list[Any]) -> dict[str, Any] | None:
    """Returns the entries of a list by their names; None if they have none, or not each its own."""
    for name in _NAMED_BY:
        if entries and all(isinstance(entry, dict) and name in entry for entry in entries):
            named = {str(entry[name]): entry for entry in entries}
            return named if len(named) == len(entries) else None
    return None
