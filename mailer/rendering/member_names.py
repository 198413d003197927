"""Members of whom a mail speaks: an event names one by reference, and the name comes from that member's own record."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mailer.input_types import MAX_ID
from mailer.policy.rule_registry import rule
from mailer.rendering.autolinks import has_link

_MEMBER: Final = "member"
SAMPLE_NAME: Final = "Tariq"
"""The name that previews show of any member."""
_SOMEBODY: Final[Mapping[str, str]] = {
    "ar": "أحد الأعضاء",
    "de": "Ein Mitglied",
    "en": "A member",
    "es": "Un miembro",
    "fr": "Un membre",
    "it": "Un membro",
    "nl": "Een lid",
    "pt": "Um membro",
}
"""Neutral words for who has no name to show, by language."""


def is_member(value: Any) -> bool:
    """Tells whether a value names a member: `{"member": REF}` in an event, with the ledger's number in what is kept."""
    return type(value) is dict and value.keys() == {_MEMBER} and _is_member_key(value[_MEMBER])


def is_member_ref(value: Any) -> bool:
    """Tells it of a value as an event has it."""
    return is_member(value) and isinstance(value[_MEMBER], str)


def members_in(context: Mapping[str, Any]) -> Iterator[Any]:
    """Yields the refs, or the numbers, of the members that a context names."""
    yield from (value[_MEMBER] for value in context.values() if type(value) is dict and is_member(value))


def number_members(context: Mapping[str, Any], numbers: Mapping[str, int]) -> dict[str, Any]:
    """A context with the ledger's numbers in the place of refs: without its row, a number leads to nobody."""
    return {
        name: {_MEMBER: numbers[value[_MEMBER]]} if is_member_ref(value) else value for name, value in context.items()
    }


def member_reference(ref: str | None) -> dict[str, str]:
    """A member as an event names one."""
    return {_MEMBER: ref or "?"}


@rule("members-names", "interpals-28", idle={})
def name_members(context: Mapping[str, Any], names: Mapping[Any, str], locale: str) -> dict[str, str]:
    """Another member has the name of that member's own record, or none: a name that would be a link is none."""
    found = {name: names.get(value[_MEMBER]) for name, value in context.items() if is_member(value)}
    return {
        name: words_for_unknown_member(locale) if not text or has_link(text) else text for name, text in found.items()
    }


def values_without_members(context: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a context that name no member."""
    return {name: value for name, value in context.items() if not is_member(value)}


def sample_members(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """A context as previews show it."""
    found = [name for name, value in context.items() if type(value) is dict and is_member(value)]
    return {**context, **dict.fromkeys(found, SAMPLE_NAME)} if found else context


def words_for_unknown_member(locale: str) -> str:
    """The words for who has no name to show."""
    return _SOMEBODY.get(locale.partition("-")[0], _SOMEBODY["en"])


def _is_member_key(value: Any) -> bool:
    return (isinstance(value, str) and 0 < len(value) <= MAX_ID) or type(value) is int
