"""Names of members in mails: an event names a member by ref, and the name comes from that member's own record."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mailer.input_types import MAX_ID
from mailer.policy.rule_registry import rule
from mailer.rendering.autolinks import has_autolink

_MEMBER: Final = "member"
SAMPLE_NAME: Final = "Tariq"
"""The name of every member in previews."""
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
"""Neutral words for a member without a name to show, by language."""


def is_member_reference(value: Any) -> bool:
    """Tells whether a value names a member: `{"member": REF}` in an event; stored values have the ledger's number."""
    return type(value) is dict and value.keys() == {_MEMBER} and _is_ref_or_number(value[_MEMBER])


def is_member_reference_by_ref(value: Any) -> bool:
    """Tells whether a value names a member by ref, as in an event."""
    return is_member_reference(value) and isinstance(value[_MEMBER], str)


def references_in_context(context: Mapping[str, Any]) -> Iterator[Any]:
    """Yields the refs, or the numbers, of the members that a context names."""
    yield from (value[_MEMBER] for value in context.values() if type(value) is dict and is_member_reference(value))


def replace_refs_by_ledger_numbers(context: Mapping[str, Any], numbers: Mapping[str, int]) -> dict[str, Any]:
    """Returns a context with the ledger's numbers instead of refs. A number leads to nobody once its row is deleted."""
    return {
        name: {_MEMBER: numbers[value[_MEMBER]]} if is_member_reference_by_ref(value) else value
        for name, value in context.items()
    }


def member_reference_from_ref(ref: str | None) -> dict[str, str]:
    """Returns the value by which an event names a member."""
    return {_MEMBER: ref or "?"}


@rule("members-names", "interpals-28", idle={})
def display_names_of_mentioned_members(
    context: Mapping[str, Any], names: Mapping[Any, str], locale: str
) -> dict[str, str]:
    """Mail names another member as that member's own record does, or not at all if the name would be a link."""
    found = {name: names.get(value[_MEMBER]) for name, value in context.items() if is_member_reference(value)}
    return {
        name: words_for_unknown_member(locale) if not text or has_autolink(text) else text
        for name, text in found.items()
    }


def values_without_member_references(context: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of a context that name no member."""
    return {name: value for name, value in context.items() if not is_member_reference(value)}


def context_with_sample_members(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a context with the sample name for each member, for previews."""
    found = [name for name, value in context.items() if type(value) is dict and is_member_reference(value)]
    return {**context, **dict.fromkeys(found, SAMPLE_NAME)} if found else context


def words_for_unknown_member(locale: str) -> str:
    """Returns the neutral words for a member without a name to show."""
    return _SOMEBODY.get(locale.partition("-")[0], _SOMEBODY["en"])


def _is_ref_or_number(value: Any) -> bool:
    return (isinstance(value, str) and 0 < len(value) <= MAX_ID) or type(value) is int
