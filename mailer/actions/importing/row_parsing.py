"""Parses the rows of a file of people by a mapping. Each row becomes a person, or is refused with all its reasons."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from mailer.account_event_types import MAX_LINES, PostalLine
from mailer.actions.csv_reading import InputRefused
from mailer.actions.importing.column_mapping import BadValue, ColumnMapping, MappedColumn
from mailer.actions.importing.formula_cells import undo_harmless_cell
from mailer.actions.importing.import_fields import PROTECTING, ImportField
from mailer.actions.importing.imported_consents import parse_consents
from mailer.actions.importing.local_dates import age_in_years, parse_local_date, parse_local_moment
from mailer.actions.importing.place_names import country_of_text, locale_of_text
from mailer.actions.importing.postal_lines import postal_lines
from mailer.actions.importing.table_reading import Table, TableRow
from mailer.actions.importing.value_parsing import (
    attribute_of_text,
    attributes_of_json,
    audiences_of_tags,
    combine_paid_and_products,
    is_leaving,
    opt_outs_of_text,
    policy_version_to_store,
    refusal_of_other_controllers_row,
    split_semicolons,
    strict_yes_or_no,
)
from mailer.events import Person
from mailer.input_types import MAX_ADDRESS, Slug
from mailer.policy.country_regions import region_of_country_or_none
from mailer.policy.policy_file import Policy
from mailer.policy.recipient_attributes import REGION, AttributeValue, attribute_types_of_policy
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.consents import Consent
from mailer.ports.recipient_import import PersonWithoutEmail, RecipientImportRow
from mailer.rendering.mailbox_spellings import canonical_mailbox

_F = ImportField
CHILD_BELOW: Final = 13
"""The age in years below which somebody is a child that gets no mail (COPPA, 15 U.S.C. 6501)."""
_PERSONAL: Final = (
    *(_F.REF, _F.EMAIL, _F.NAME, _F.LOCALE, _F.COUNTRY, _F.SOURCE, _F.COLLECTED_AT, _F.POLICY_VERSION, _F.PURPOSE),
)
_FLAGS: Final = frozenset({_F.DEACTIVATED, _F.OBJECTED, _F.RESTRICTED, _F.PAID, _F.PRODUCTS})
_NEEDED: Final = frozenset({"ref", "email"})
_POSTAL: Final = TypeAdapter[tuple[str, ...]](Annotated[tuple[PostalLine, ...], Field(max_length=MAX_LINES)])
_SLUGS: Final = TypeAdapter[tuple[str, ...]](tuple[Slug, ...])


class _Products(BaseModel):
    """The products that a row names."""

    products: tuple[Slug, ...]


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """A row that can be imported.

    Attributes:
        number: its number in a spreadsheet. row: the person. notes: what was left out of it, and why.
    """

    number: int
    row: RecipientImportRow
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that cannot be imported.

    Attributes:
        number: its number in a spreadsheet. cells: as the file has them. reasons: all of them.
    """

    number: int
    cells: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """All reasons in one text."""
        return "; ".join(self.reasons)


class MappingIncomplete(InputRefused):
    """A mapping with an open question. Nothing is imported before somebody has answered it."""


def parse_rows(
    table: Table,
    mapping: ColumnMapping,
    policy: Policy,
    from_controller: str | None = None,
    now: datetime | None = None,
) -> Iterator[ImportedRow | RefusedRow]:
    """Checks a mapping at once, and returns an iterator over the rows of a file.

    Args:
        table: the file.
        mapping: what its columns fill.
        policy: the policy of the brand.
        from_controller: the controller that was responsible for the data until now, if they were taken over.
        now: the current time; None: as of the call.

    Raises:
        InputRefused: the mapping does not fit the file or the policy.
        MappingIncomplete: a question is open.
        CsvUnreadableFromLine: raised by the iterator: from a line on, quotes do not match.
    """
    check_mapping(table, mapping, policy)
    parser = _RowParser(table, mapping, policy, from_controller, now or datetime.now(UTC))
    return map(parser.parse, table.rows())


def check_mapping(table: Table, mapping: ColumnMapping, policy: Policy) -> None:
    """Checks that a mapping fits a file and a policy, and that no question is open.

    Raises:
        InputRefused: it names a column or an attribute that there is not, or fills neither ref nor email.
        MappingIncomplete: a question is open.
    """
    if missing := [column.heading for column in mapping.columns if column.heading not in table.headings]:
        raise InputRefused(f"the mapping names the column {missing[0]!r}, which the file does not have")
    types = attribute_types_of_policy(policy.attributes)
    for column in mapping.columns:
        if column.attribute and column.attribute not in types:
            raise InputRefused(f"the policy declares no attribute {column.attribute}; map {column.heading!r} otherwise")
    if not any(column.field in (_F.REF, _F.EMAIL) for column in mapping.columns):
        raise InputRefused("the mapping has a column neither for ref nor for email; one of them says who somebody is")
    if refusal := mapping.source and policy.source_vocabulary.refusal_of_address_from_source(
        mapping.source, None, None
    ):
        raise InputRefused(f"the mapping's {refusal}")
    if questions := [
        column.question or f"{column.heading!r}: say the order of its dates" for column in mapping.open_questions
    ]:
        raise MappingIncomplete("; ".join(questions))


@dataclass(slots=True)
class _RowValues:
    """The values of a row while it is parsed."""

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    texts: dict[ImportField, str] = field(default_factory=dict)
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    opted_out: list[str] = field(default_factory=list)
    audiences: list[str] = field(default_factory=list)
    moments: dict[ImportField, datetime] = field(default_factory=dict)
    born: date | None = None

    def add_problem(self, column: MappedColumn, reason: str) -> None:
        """Notes a bad value, or refuses the row, as the column says."""
        name = column.field or column.attribute or column.heading
        if column.bad_values is BadValue.REFUSE or column.field in PROTECTING:
            self.faults.append(f"{name}: {reason}")
        else:
            self.notes.append(f"{column.heading}: {reason}; taken without it")


class _RowParser:
    """Parses rows of one file by one mapping."""

    def __init__(
        self, table: Table, mapping: ColumnMapping, policy: Policy, from_controller: str | None, now: datetime
    ) -> None:
        places = {heading: place for place, heading in enumerate(table.headings)}
        self._columns = [(places[one.heading], one) for one in mapping.columns if one.field or one.attribute]
        self._by_field = {one.field: one for one in mapping.columns if one.field}
        self._mapping, self._policy, self._from = mapping, policy, from_controller
        self._types = attribute_types_of_policy(policy.attributes)
        self._now = now

    def parse(self, row: TableRow) -> ImportedRow | RefusedRow:
        """Parses one row."""
        if row.fault:
            return RefusedRow(row.number, row.cells, (row.fault,))
        values = _RowValues()
        for place, column in self._columns:
            if place < len(row.cells) and (text := undo_harmless_cell(row.cells[place].strip())):
                self._read_cell(column, text, values)
        found = self._build_row(values)
        if found is None or values.faults:
            return RefusedRow(row.number, row.cells, tuple(dict.fromkeys(values.faults)))
        return ImportedRow(row.number, found, tuple(values.notes))

    def _read_cell(self, column: MappedColumn, text: str, values: _RowValues) -> None:
        try:
            if column.attribute:
                values.attributes[column.attribute] = attribute_of_text(
                    self._types[column.attribute], text, column.date_order
                )
        except ValueError as error:
            values.add_problem(column.model_copy(update={"field": None}), str(error))
        try:
            if column.field:
                self._read_field(column, column.field, text, values)
        except ValueError as error:
            values.add_problem(column, _text_of_error(error))

    def _read_field(self, column: MappedColumn, name: ImportField, text: str, values: _RowValues) -> None:
        match name:
            case _F.UNSUBSCRIBED | _F.SUBSCRIBED | _F.STATUS:
                if is_leaving(name, text, column.date_order):
                    values.opted_out.append(EVERYTHING_OPTIONAL)
            case _F.OPTED_OUT:
                values.opted_out += opt_outs_of_text(text, self._policy)
            case _F.BIRTHDAY if column.date_order:
                values.born = self._parse_birthday(text, column)
            case _F.TAGS:
                values.audiences += audiences_of_tags(text)
            case _F.AUDIENCES:
                values.audiences += _SLUGS.validate_python(split_semicolons(text))
            case _F.ATTRIBUTES:
                found, left_out = attributes_of_json(text, self._types)
                values.attributes.update({key: value for key, value in found.items() if key not in values.attributes})
                values.notes += (f"{column.heading}: {reason}; taken without it" for reason in left_out)
            case _ if column.date_order and name in (_F.COLLECTED_AT, _F.CONSENT_AT, _F.CONFIRMED_AT):
                if moment := parse_local_moment(text, column.date_order):
                    values.moments[name] = moment
            case _:
                values.texts[name] = text

    def _parse_birthday(self, text: str, column: MappedColumn) -> date | None:
        if not column.date_order:
            raise ValueError("say the order of its dates in the mapping")
        born = parse_local_date(text, column.date_order)
        if born and born > self._now.date():
            raise ValueError("is in the future")
        return born

    def _build_row(self, values: _RowValues) -> RecipientImportRow | None:
        person = self._build_person(values)
        if person is None:
            return None
        is_ref_from_email = _F.REF not in values.texts
        if region := region_of_country_or_none(values.texts.get(_F.REGION, ""), person.country):
            values.attributes.setdefault(REGION, region)
        flags: Mapping[ImportField, bool | None] = {}
        products = None
        if not _FLAGS.isdisjoint(values.texts):
            try:
                flags = {name: strict_yes_or_no(name, values.texts) for name in _FLAGS - {_F.PRODUCTS}}
                named = _Products(products=split_semicolons(values.texts.get(_F.PRODUCTS, ""))).products
                products = combine_paid_and_products(flags[_F.PAID], named)
            except ValueError as error:
                values.faults.append(_text_with_place_of_error(error))
                return None
        return RecipientImportRow(
            person,
            tuple(dict.fromkeys(values.opted_out)),
            bool(flags.get(_F.DEACTIVATED)),
            tuple(dict.fromkeys((*values.audiences, *self._mapping.audiences))),
            self._consents(values),
            products,
            bool(flags.get(_F.OBJECTED)),
            bool(flags.get(_F.RESTRICTED)),
            is_ref_from_email,
            values.attributes,
            self._postal_lines(values, person.country),
            values.born is not None and age_in_years(values.born, self._now.date()) < CHILD_BELOW,
        )

    def _consents(self, values: _RowValues) -> tuple[Consent, ...]:
        if self._mapping.consent is None and _F.CONSENTS not in values.texts:
            return ()
        try:
            return tuple(parse_consents(values.texts, values.moments, self._mapping, self._policy, self._from))
        except ValueError as error:
            if _F.CONSENTS in values.texts:
                values.faults.append(_text_with_place_of_error(error))
            else:
                values.notes.append(f"consent: {error}; taken without it")
            return ()

    def _missing(self, stated: Mapping[str, Any]) -> list[str]:
        """Returns the reasons for which nobody can tell who a row is about; none if one can.

        Files in our own columns fill both `ref` and `email`, if they have these columns.
        """
        if self._mapping.preset == "own":
            named = (name for name in (_F.REF, _F.EMAIL) if name in self._by_field)
            return [f"{name}: Field required" for name in named if name not in stated]
        if "ref" in stated or "email" in stated:
            return []
        return ["email: a row needs an e-mail address or a ref, to say who it is"]

    def _postal_lines(self, values: _RowValues, country: str | None) -> tuple[str, ...]:
        if _F.STREET not in values.texts and _F.POSTAL_ADDRESS not in values.texts:
            return ()
        try:
            return _POSTAL.validate_python(postal_lines(values.texts, country))
        except ValidationError as error:
            values.notes.append(f"postal address: {_text_of_error(error)}; taken without it")
            return ()

    def _build_person(self, values: _RowValues) -> Person | PersonWithoutEmail | None:
        """Builds the person of a row. Values that are not needed are left out if their columns say so."""
        stated = self._personal_values(values)
        kind = Person if "email" in stated else PersonWithoutEmail
        if missing := self._missing(stated):
            values.faults += missing
            return None
        if "ref" not in stated and "email" in stated:
            stated["ref"] = provisional_ref(str(stated["email"]))
        while True:
            try:
                person = kind.model_validate(stated)
                break
            except ValidationError as error:
                bad = {str(one["loc"][0]): one for one in error.errors()}
                dropped = {name: self._is_dropped(name, one, stated, values) for name, one in bad.items()}
                if not all(dropped.values()):
                    return None
        return self._checked_person(person, values)

    def _is_dropped(self, name: str, error: Any, stated: dict[str, Any], values: _RowValues) -> bool:
        """Notes the error of one value, and drops the value. Returns False if the person cannot be known without it."""
        reason = str(error["msg"]).removeprefix("Value error, ")
        column = self._by_field.get(_F(name)) or self._by_field.get(_F.FIRST_NAME)
        if name in _NEEDED or name not in stated or column is None:
            values.faults.append(f"{name}: {reason}")
            return False
        values.add_problem(column, reason)
        del stated[name]
        return True

    def _personal_values(self, values: _RowValues) -> dict[str, Any]:
        texts, mapping = values.texts, self._mapping
        stated: dict[str, Any] = {name.value: texts[name] for name in _PERSONAL if name in texts}
        stated |= _names(texts)
        if country := texts.get(_F.COUNTRY):
            stated["country"] = country_of_text(country) or country
        if locale := texts.get(_F.LOCALE):
            stated["locale"] = locale_of_text(locale) or _unknown_language(locale)
        moment = values.moments.get(_F.COLLECTED_AT) or values.moments.get(_F.CONSENT_AT)
        if moment and "collected_at" not in stated:
            stated["collected_at"] = moment
        for name, value in (
            ("country", mapping.default_country),
            ("locale", mapping.default_locale),
            ("source", mapping.source),
            ("policy_version", mapping.policy_version),
        ):
            if value is not None:
                stated.setdefault(name, value)
        return stated

    def _checked_person(
        self, person: Person | PersonWithoutEmail, values: _RowValues
    ) -> Person | PersonWithoutEmail | None:
        wrong = self._policy.source_vocabulary.refusal_of_address_from_source(
            person.source, person.collected_at, person.purpose
        )
        if reason := wrong or refusal_of_other_controllers_row(person.source, person.policy_version, self._from):
            values.faults.append(reason)
            return None
        version = policy_version_to_store(person, self._policy, self._from, self._now)
        return person if version == person.policy_version else person.model_copy(update={"policy_version": version})


def provisional_ref(email: str) -> str:
    """Returns the text that stands for the ref of somebody without one, within a file. It is never stored."""
    mailbox = canonical_mailbox(email) if len(email) <= MAX_ADDRESS else email
    return f"email:{sha256(mailbox.encode('utf-8', 'replace')).hexdigest()}"


def _names(texts: Mapping[ImportField, str]) -> dict[str, str]:
    """Returns the name on one line: the whole one, or first and last name."""
    whole = texts.get(_F.NAME) or f"{texts.get(_F.FIRST_NAME, '')} {texts.get(_F.LAST_NAME, '')}"
    return {"name": name} if (name := " ".join(whole.split())) else {}


def _unknown_language(text: str) -> str:
    """Returns a text that no language has as its tag, so that it is refused with the words of a tag."""
    return text if len(text) > 3 or not text.isalpha() else f"{text}?"


def _text_with_place_of_error(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return f"{'.'.join(map(str, error.errors()[0]['loc']))}: {_text_of_error(error)}"


def _text_of_error(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first: Any = error.errors()[0]
    return str(first["msg"]).removeprefix("Value error, ")
