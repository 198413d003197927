"""The form of a segment: rows in groups, which become a condition, and the rows of a condition that fits the form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mailer.policy.policy_file import Policy
from mailer.policy.segment_checks import attributes_that_may_choose
from mailer.policy.segment_parsing import SegmentRefused, parse_condition, plain_condition
from mailer.policy.segments import (
    WITH_SEVERAL_VALUES,
    AttributeOperator,
    Condition,
    MailOperator,
    ValueOperator,
    text_of_condition_value,
)
from mailer.web.form_posts import Form

MOST_GROUPS: Final = 6
MOST_ROWS: Final = 12
FACTS: Final = ("country", "locale", "source", "known_since", "consent", "opt_out", "list", "mail")
"""The kinds of conditions that have no name of their own, as values of a row's field."""
OPERATOR_GROUPS: Final[Mapping[str, Sequence[str]]] = {
    "values": [*ValueOperator, AttributeOperator.BEGINS_WITH],
    "sizes": [
        *(AttributeOperator.AT_LEAST, AttributeOperator.AT_MOST, AttributeOperator.BEFORE),
        *(AttributeOperator.ON_OR_AFTER, AttributeOperator.IN_LAST_DAYS, AttributeOperator.IN_NEXT_DAYS),
        AttributeOperator.OVER_DAYS_AGO,
    ],
    "consents": ["given", "not_given", "has_left", "has_not_left"],
    "lists": ["is_on", "is_not_on"],
    "mail": [*MailOperator],
}
"""The operators of a row, in the groups of their menu."""
_ATTRIBUTE: Final = "attribute:"
_VALUE_KEY: Final = {"known_since": "value", "consent": "scope", "opt_out": "scope", "list": "name", "mail": "campaign"}


@dataclass(frozen=True, slots=True)
class FormRow:
    """A row: a fact such as `country` or `attribute:plan`, an operator and the values with semicolons between."""

    fact: str = ""
    operator: str = "is"
    value: str = ""


@dataclass(frozen=True, slots=True)
class FormGroup:
    """A group of rows: `match` is `all` or `any`; a negated one holds for everybody else."""

    match: str = "all"
    is_negated: bool = False
    rows: tuple[FormRow, ...] = (FormRow(), FormRow(), FormRow())


@dataclass(frozen=True, slots=True)
class SegmentForm:
    """The groups, of which all or any have to hold."""

    match: str = "all"
    groups: tuple[FormGroup, ...] = (FormGroup(),)


def facts_of_policy(policy: Policy) -> list[str]:
    """Returns the facts that a row may have: the attributes that may choose an audience, and the others."""
    return [*(f"{_ATTRIBUTE}{name}" for name in sorted(attributes_that_may_choose(policy))), *FACTS]


def read_segment_form(form: Form) -> SegmentForm:
    """Returns the form that a browser sent, with a row or a group more if its button was pressed."""
    groups = tuple(_read_group(form, n) for n in range(MOST_GROUPS) if f"g{n}-match" in form)
    pressed = _first(form, "do")
    if pressed == "group" and len(groups) < MOST_GROUPS:
        groups += (FormGroup(),)
    grown = (_with_row_if_pressed(group, pressed == f"row-{n}") for n, group in enumerate(groups))
    return SegmentForm(_read_match(form, "match"), tuple(grown) or (FormGroup(),))


def _read_group(form: Form, n: int) -> FormGroup:
    rows = tuple(
        FormRow(*(_first(form, f"g{n}r{m}-{part}") for part in ("fact", "operator", "value")))
        for m in range(MOST_ROWS)
        if f"g{n}r{m}-fact" in form
    )
    return FormGroup(_read_match(form, f"g{n}-match"), bool(_first(form, f"g{n}-not")), rows or (FormRow(),))


def _with_row_if_pressed(group: FormGroup, is_pressed: bool) -> FormGroup:
    return replace(group, rows=(*group.rows, FormRow())) if is_pressed and len(group.rows) < MOST_ROWS else group


def _read_match(form: Form, name: str) -> str:
    return "any" if _first(form, name) == "any" else "all"


def _first(form: Form, name: str) -> str:
    return form.get(name, [""])[0].strip()


def condition_of_form(form: SegmentForm) -> Condition:
    """Returns the condition of the rows. Rows without a fact are left out.

    Raises:
        SegmentRefused: a row cannot be used, or there is none. Each line begins with the row.
    """
    groups: list[dict[str, Any]] = []
    problems: list[str] = []
    for n, group in enumerate(form.groups, 1):
        rows = [(m, row) for m, row in enumerate(group.rows, 1) if row.fact]
        problems += [f"group {n}, row {m}: {fault}" for m, row in rows for fault in _faults_of_row(row)]
        if rows:
            groups.append(_plain_group(group, [_plain_row(row) for _, row in rows]))
    if not groups and not problems:
        problems = ["choose a fact in at least one row"]
    if problems:
        raise SegmentRefused(problems)
    return parse_condition(groups[0] if len(groups) == 1 else {"type": form.match, "conditions": groups})


def _plain_group(group: FormGroup, rows: list[dict[str, Any]]) -> dict[str, Any]:
    plain = rows[0] if len(rows) == 1 else {"type": group.match, "conditions": rows}
    return {"type": "not", "condition": plain} if group.is_negated else plain


def _faults_of_row(row: FormRow) -> Sequence[str]:
    try:
        parse_condition(_plain_row(row))
    except SegmentRefused as error:
        return error.problems
    return ()


def _plain_row(row: FormRow) -> dict[str, Any]:
    if row.fact in _VALUE_KEY:
        return {"type": row.fact, "operator": row.operator, _VALUE_KEY[row.fact]: row.value}
    separators = row.value.replace(",", ";") if row.fact in ("country", "locale") else row.value
    several = [one.strip() for one in separators.split(";") if one.strip()]
    values = several if row.operator in WITH_SEVERAL_VALUES else [row.value] if row.value else []
    if row.fact.startswith(_ATTRIBUTE):
        name = row.fact.removeprefix(_ATTRIBUTE)
        return {"type": "attribute", "name": name, "operator": row.operator, "values": values}
    return {"type": row.fact, "operator": row.operator, "values": values}


def form_of_condition(condition: Condition) -> SegmentForm | None:
    """Returns the form of a condition; None if the form cannot show it, such as a deeper one."""
    plain = plain_condition(condition)
    groups = [_group_of_plain(plain)]
    match = "all"
    if groups[0] is None and plain["type"] in ("all", "any"):
        match, groups = plain["type"], [_group_of_plain(one) for one in plain["conditions"]]
    known = tuple(group for group in groups if group is not None)
    if len(known) < len(groups) or len(known) > MOST_GROUPS:
        return None
    form = SegmentForm(match, known)
    try:
        is_same = _with_texts(plain_condition(condition_of_form(form))) == _with_texts(plain)
        return form if is_same else None
    except SegmentRefused:
        return None


def _with_texts(plain: Any) -> Any:
    """Returns plain values with texts in the places of numbers, true and false, as a form has them."""
    if isinstance(plain, dict):
        return {key: _with_texts(value) for key, value in plain.items()}
    return [_with_texts(one) for one in plain] if isinstance(plain, list) else text_of_condition_value(plain)


def _group_of_plain(plain: Mapping[str, Any]) -> FormGroup | None:
    """Returns a group for a row, for rows that are all in one group, and for the negation of either."""
    if plain["type"] == "not":
        inner = _group_of_plain(plain["condition"])
        return None if inner is None or inner.is_negated else replace(inner, is_negated=True)
    is_group = plain["type"] in ("all", "any")
    rows = plain["conditions"] if is_group else [plain]
    if len(rows) > MOST_ROWS or any(row["type"] in ("all", "any", "not") for row in rows):
        return None
    return FormGroup(plain["type"] if is_group else "all", rows=tuple(_row_of_plain(row) for row in rows))


def _row_of_plain(plain: Mapping[str, Any]) -> FormRow:
    kind = plain["type"]
    if kind in _VALUE_KEY:
        return FormRow(kind, plain["operator"], plain[_VALUE_KEY[kind]])
    fact = f"{_ATTRIBUTE}{plain['name']}" if kind == "attribute" else kind
    return FormRow(fact, plain["operator"], "; ".join(text_of_condition_value(one) for one in plain["values"]))
