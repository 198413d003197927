"""The form of the columns of an uploaded file: what it offers, and the mapping that was chosen with it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from mailer.actions.importing.column_mapping import ColumnMapping, MappedColumn
from mailer.actions.importing.import_fields import DATES, ImportField
from mailer.actions.importing.local_dates import DateOrder, evidence_of_values
from mailer.actions.suppression_and_consent_import import rejection_reason_of_error
from mailer.policy.policy_file import Policy
from mailer.policy.recipient_attributes import FIRST_NAME, AttributeType, attribute_types_of_policy
from mailer.ports.recipient_imports import FileReading
from mailer.web.form_posts import Form

_FIELD, _ATTRIBUTE = "field:", "attribute:"


@dataclass(frozen=True, slots=True)
class ColumnShown:
    """A column of the form.

    Attributes:
        number: its place, from 0 on.
        column: the column with what it is taken as. samples: its first values.
        chosen: the value of the select. has_order: True if the order of its dates is asked for or known.
    """

    number: int
    column: MappedColumn
    samples: Sequence[str]
    chosen: str
    has_order: bool


def columns_shown(reading: FileReading, mapping: ColumnMapping) -> list[ColumnShown]:
    """Returns the columns in the order of the file. One that the mapping does not name is left out."""
    by_heading = {column.heading: column for column in mapping.columns}
    return [
        _column_shown(number, by_heading.get(heading) or MappedColumn(heading=heading), samples)
        for number, (heading, samples) in enumerate(zip(reading.headings, reading.samples, strict=True))
    ]


def attribute_choices(policy: Policy) -> list[tuple[str, str]]:
    """Returns the attributes that a column can fill: the value of the option, and the name."""
    names = sorted(set(attribute_types_of_policy(policy.attributes)) - {FIRST_NAME})
    return [(f"{_ATTRIBUTE}{name}", name) for name in names]


def field_choices() -> list[tuple[str, str]]:
    """Returns the fields that a column can fill: the value of the option, and the name of the text."""
    return [(f"{_FIELD}{field.value}", field.value) for field in ImportField]


def mapping_of_form(form: Form, shown: Sequence[ColumnShown], before: ColumnMapping, policy: Policy) -> ColumnMapping:
    """Returns the mapping that somebody has chosen. Columns that newly hold dates are asked about.

    Args:
        form: as the page sends it.
        shown: the columns of the page.
        before: the stored mapping.
        policy: of the brand.

    Raises:
        ValueError: something cannot be; the message says what.
    """
    columns = [_column_of_form(form, one, policy) for one in shown]
    chosen: dict[str, Any] = {
        "preset": before.preset,
        "columns": columns,
        "default_country": _one(form, "default_country") or None,
        "default_locale": _one(form, "default_locale") or None,
        "source": _one(form, "source") or None,
        "policy_version": _one(form, "policy_version") or None,
        "audiences": [name for name in _one(form, "audiences").replace(",", " ").split() if name],
        "consent": _consent_of_form(form),
    }
    mapping = parse_mapping(chosen)
    if mapping.source is not None and policy.source_vocabulary.find_kind(mapping.source) is None:
        raise ValueError("source: addresses cannot come from there; the policy's [sources] lists where from")
    return mapping


def parse_mapping(values: Mapping[str, Any]) -> ColumnMapping:
    """Returns a mapping from its values.

    Raises:
        ValueError: says the first thing that cannot be.
    """
    try:
        return ColumnMapping.model_validate(values)
    except ValidationError as error:
        raise ValueError(rejection_reason_of_error(error)) from None


def stored_mapping(reading: FileReading, values: Mapping[str, Any]) -> ColumnMapping:
    """Returns the stored mapping; one that leaves all out if it is of another version of mailer, and no longer fits."""
    try:
        return parse_mapping(values)
    except ValueError:
        return ColumnMapping(columns=tuple(MappedColumn(heading=heading) for heading in reading.headings))


def _column_shown(number: int, column: MappedColumn, samples: Sequence[str]) -> ColumnShown:
    chosen = (
        f"{_FIELD}{column.field.value}"
        if column.field
        else f"{_ATTRIBUTE}{column.attribute}"
        if column.attribute
        else ""
    )
    return ColumnShown(number, column, samples, chosen, column.date_order not in (None, DateOrder.YEAR_FIRST))


def _column_of_form(form: Form, shown: ColumnShown, policy: Policy) -> dict[str, Any]:
    before, chosen = shown.column, _one(form, f"column-{shown.number}")
    is_kept = chosen == shown.chosen
    field = chosen.removeprefix(_FIELD) if chosen.startswith(_FIELD) else None
    attribute = chosen.removeprefix(_ATTRIBUTE) if chosen.startswith(_ATTRIBUTE) else None
    if is_kept:
        field, attribute = before.field, before.attribute
    elif field == ImportField.FIRST_NAME:
        attribute = FIRST_NAME
    has_dates, order = _may_hold_dates(field, attribute, policy), _one(form, f"order-{shown.number}")
    is_question_open = (
        before.date_order is not DateOrder.ASK and not chosen and not _one(form, f"settled-{shown.number}")
    )
    return {
        "heading": before.heading,
        "field": field,
        "attribute": attribute,
        "date_order": _date_order(shown, is_kept, order) if has_dates else None,
        "bad_values": _one(form, "bad_values") or before.bad_values,
        "why_left_out": "" if chosen else before.why_left_out,
        "question": before.question if is_question_open else "",
    }


def _date_order(shown: ColumnShown, is_kept: bool, order: str) -> str | None:
    """Returns the order of the dates of a column: as chosen, as it was, or as the first values prove it."""
    if order or is_kept:
        return order or shown.column.date_order
    evidence = evidence_of_values(shown.samples)
    return evidence.order if evidence.dates else None


def _may_hold_dates(field: str | None, attribute: str | None, policy: Policy) -> bool:
    if attribute is not None:
        return attribute_types_of_policy(policy.attributes).get(attribute) is AttributeType.DATE
    return field in DATES


def _consent_of_form(form: Form) -> dict[str, Any] | None:
    scopes = _one(form, "consent_scopes").replace(",", " ").split()
    if not scopes:
        return None
    return {
        "scopes": scopes,
        "words": _one(form, "consent_words"),
        "version": _one(form, "consent_version"),
        "source": _one(form, "consent_source") or "form",
    }


def _one(form: Form, name: str) -> str:
    return form.get(name, [""])[0].strip()
