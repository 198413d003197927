"""Reads single values of a row: opt-outs, audiences, attributes, flags, products and versions."""

import csv
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from mailer.actions.importing.import_fields import ImportField
from mailer.actions.importing.local_dates import DateOrder, parse_local_date
from mailer.actions.importing.place_names import fold_name
from mailer.actions.importing.word_values import is_status_without_mail, yes_or_no
from mailer.events import Person
from mailer.input_types import parse_json_with_unique_keys
from mailer.policy.consent_and_opt_out_scopes import is_opt_out_scope, possible_opt_out_scopes_text
from mailer.policy.policy_file import Policy
from mailer.policy.policy_versions import versions_at_collection
from mailer.policy.recipient_attributes import AttributeType, AttributeValue, parse_attribute_value
from mailer.policy.rule_registry import rule
from mailer.policy.standing import EVERY_PRODUCT, EVERYTHING_OPTIONAL
from mailer.ports.recipient_import import PersonWithoutEmail

_MAX_JSON: Final = 20_000
_MAX_TAGS: Final = 100
_RESERVED: Final = frozenset({"everyone"})
"""Names of audiences that nobody joins."""
_GROUPED: Final = re.compile(r"[+-]?[1-9]\d{0,2}([.,' ])\d{3}(\1\d{3})*")
"""A number that may have groups of thousands or three decimals."""
_COMMA: Final = re.compile(r"[+-]?\d+,\d+")


def split_semicolons(text: str) -> tuple[str, ...]:
    """Returns the parts of a text between semicolons, without blank ones."""
    return tuple(part for one in text.split(";") if (part := one.strip()))


def opt_outs_of_text(text: str, policy: Policy) -> tuple[str, ...]:
    """Reads the scopes that somebody has left; yes is all optional mail.

    Raises:
        ValueError: one of them is no scope of the brand.
    """
    said = yes_or_no(text)
    if said is not None:
        return (EVERYTHING_OPTIONAL,) if said else ()
    scopes = split_semicolons(text)
    for scope in scopes:
        if not is_opt_out_scope(policy, scope):
            what = f"{possible_opt_out_scopes_text(policy)} or {EVERYTHING_OPTIONAL}"
            raise ValueError(f"{scope[:60]!r} cannot be left; it takes {what}")
    return scopes


def is_leaving(name: ImportField, text: str, order: DateOrder | None) -> bool:
    """Tells whether a value says that somebody gets no optional mail: yes, no, a time, or a status.

    Raises:
        ValueError: it is none of them.
    """
    said = yes_or_no(text)
    if said is not None:
        return said is (name is not ImportField.SUBSCRIBED)
    if name is ImportField.UNSUBSCRIBED and text[:1].isdigit():
        try:
            return parse_local_date(text, order or DateOrder.YEAR_FIRST) is not None
        except ValueError:
            raise ValueError(f"{text[:60]!r} is neither yes nor no, and no date") from None
    try:
        return is_status_without_mail(text)
    except ValueError:
        if name is ImportField.STATUS:
            raise
        raise ValueError(f"{text[:60]!r} is neither yes nor no") from None


def audiences_of_tags(text: str) -> tuple[str, ...]:
    """Returns the lists that tags stand for: `VIP customers` is `vip-customers`.

    Args:
        text: tags with commas, semicolons or bars between them, perhaps quoted.

    Raises:
        ValueError: they are too many.
    """
    separator = next((sign for sign in (";", "|") if sign in text), ",")
    tags = next(csv.reader([" ".join(text.split())], delimiter=separator, skipinitialspace=True), [])
    if len(tags) > _MAX_TAGS:
        raise ValueError(f"has {len(tags)} tags; at most {_MAX_TAGS}")
    slugs = (_slug_of_tag(tag) for tag in tags)
    return tuple(slug for slug in slugs if slug and slug not in _RESERVED)


def _slug_of_tag(tag: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", fold_name(tag)).strip("-")[:60].strip("-")


def attribute_of_text(kind: AttributeType, text: str, order: DateOrder | None) -> AttributeValue:
    """Reads the value of an attribute as people write it: a local date, a decimal comma, yes in a language.

    Raises:
        ValueError: it is no value of the type, or its meaning is open.
    """
    match kind:
        case AttributeType.DATE if order:
            day = parse_local_date(text, order)
            if day is None:
                raise ValueError("is a placeholder for no date")
            return day.isoformat()
        case AttributeType.YES_NO if (said := yes_or_no(text)) is not None:
            return said
        case AttributeType.NUMBER:
            return parse_attribute_value(kind, _number_with_dot(text))
        case AttributeType.TEXT:
            return parse_attribute_value(kind, " ".join(text.split()))
        case _:
            return parse_attribute_value(kind, text)


def _number_with_dot(text: str) -> str:
    text = re.sub(r"[\u00a0\u202f]", " ", text)
    if "." in text and "," in text:
        decimal = max(text.rindex("."), text.rindex(","))
        groups = re.sub(r"[.,' ]", "", text[:decimal])
        return f"{groups}.{text[decimal + 1 :]}"
    if _GROUPED.fullmatch(text):
        raise ValueError("may have groups of thousands or decimals; write it with a dot before decimals and no groups")
    return text.replace(",", ".") if _COMMA.fullmatch(text) else text


def attributes_of_json(text: str, types: Mapping[str, AttributeType]) -> tuple[dict[str, AttributeValue], list[str]]:
    """Reads declared attributes from a JSON object.

    Returns:
        The values by name, and the reasons for the names that were left out.

    Raises:
        ValueError: it is no JSON object, or too large.
    """
    if len(text) > _MAX_JSON:
        raise ValueError(f"has {len(text):,} characters; at most {_MAX_JSON:,}")
    said = parse_json_with_unique_keys(text)
    if not isinstance(said, dict):
        raise ValueError('is no JSON object, such as {"plan": "pro"}')
    found: dict[str, AttributeValue] = {}
    left_out: list[str] = []
    for key, value in said.items():
        name = re.sub(r"[^a-z0-9]+", "_", fold_name(key)).strip("_")
        if name not in types:
            left_out.append(f"the policy declares no attribute {name[:40] or '?'}")
            continue
        try:
            found[name] = _attribute_of_json_value(types[name], value)
        except ValueError as error:
            left_out.append(f"{name}: {error}")
    return found, left_out


def _attribute_of_json_value(kind: AttributeType, value: Any) -> AttributeValue:
    if isinstance(value, bool):
        return attribute_of_text(kind, "yes" if value else "no", None)
    if isinstance(value, str | int | float):
        return (
            parse_attribute_value(kind, str(value))
            if kind is AttributeType.NUMBER
            else attribute_of_text(kind, str(value), DateOrder.YEAR_FIRST)
        )
    raise ValueError("is no text, number, or yes or no")


def strict_yes_or_no(name: ImportField, texts: Mapping[ImportField, str]) -> bool | None:
    """Reads yes or no; None if the row does not say.

    Raises:
        ValueError: it is neither.
    """
    text = texts.get(name)
    if text is None:
        return None
    if (said := yes_or_no(text)) is None:
        raise ValueError(f"{name}: {text[:60]!r} is neither yes nor no")
    return said


def combine_paid_and_products(paid: bool | None, named: tuple[str, ...]) -> tuple[str, ...] | None:
    """Returns the paid products of a row: those that it names, or all if it says yes and names none.

    None: the row says nothing, so the stored value stays.

    Raises:
        ValueError: it names some, and says that nothing is paid for.
    """
    if named and paid is False:
        raise ValueError("products: names some, and paid says no; leave one of them empty")
    if named:
        return tuple(sorted(set(named)))
    return None if paid is None else (EVERY_PRODUCT,) if paid else ()


@rule("foreign-version", "interpals-13", idle=lambda person, policy, from_controller, now: person.policy_version)
def policy_version_to_store(
    person: Person | PersonWithoutEmail, policy: Policy, from_controller: str | None, now: datetime
) -> str | None:
    """A version of another controller's policy is never one of ours, even if it has the same name."""
    if from_controller is not None:
        return f"{from_controller}/{person.policy_version}"
    return versions_at_collection(policy.versions_by_effective_day, person.policy_version, person.collected_at, now)


def refusal_of_other_controllers_row(
    source: str | None, policy_version: str | None, from_controller: str | None
) -> str | None:
    """Returns the reason if a row of another controller has no source or policy version, else None.

    Data keep the promises under which they were collected.
    """
    if from_controller is None or (source and policy_version):
        return None
    return f"an address of {from_controller} needs source and policy_version: under which of its policies it was given"
