"""Reads the rows of a file of people whom a breach concerns. The columns are recognized by their headings."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mailer.account_event_types import MAX_LINES, PostalLine
from mailer.actions.csv_reading import InputRefused
from mailer.actions.importing.formula_cells import undo_harmless_cell
from mailer.actions.importing.import_fields import ImportField, field_of_heading
from mailer.actions.importing.place_names import country_of_text, locale_of_text
from mailer.actions.importing.postal_lines import postal_lines
from mailer.actions.importing.row_parsing import RefusedRow
from mailer.actions.importing.table_reading import Table, TableRow
from mailer.input_types import Address, Country, Line, Locale, Name
from mailer.policy.breach.places import place_of_person
from mailer.ports.breach_files import BreachFileRow

_F = ImportField
_POSTAL: Final = (_F.STREET, _F.STREET_2, _F.POSTCODE, _F.CITY, _F.REGION, _F.POSTAL_ADDRESS)
_TAKEN: Final = frozenset({_F.REF, _F.EMAIL, _F.NAME, _F.FIRST_NAME, _F.LAST_NAME, _F.LOCALE, _F.COUNTRY, *_POSTAL})
_NEEDED: Final = frozenset({"ref", "email"})
_REGION: Final = re.compile(r"^([A-Z]{2}-)?[A-Z0-9]{1,3}$")
_NO_ONE: Final = "a row needs a reference, an e-mail address, or a name with a postal address, to say who it is"
_NO_HEADING: Final = (
    "has no heading that says who somebody is: name the columns ref, email, or name with street, postcode and city"
)


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True)

    ref: Name | None = None
    email: Address | None = None
    name: Line | None = None
    locale: Locale | None = None
    country: Country | None = None
    postal: Annotated[tuple[PostalLine, ...], Field(max_length=MAX_LINES)] = ()


class BreachFileReader:
    """Reads the rows of one file.

    Args:
        table: the file.

    Raises:
        InputRefused: no heading says who somebody is, or two columns are one field.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._places = _places_of_fields(table)

    def rows(self) -> Iterator[tuple[BreachFileRow | RefusedRow, tuple[str, ...], TableRow]]:
        """Yields each row with what was left out of it, in words, and as it stood in the file.

        Raises:
            CsvUnreadableFromLine: from a line on, quotes do not match.
        """
        for row in self._table.rows():
            parsed, notes = self._parse(row)
            yield parsed, notes, row

    def _parse(self, row: TableRow) -> tuple[BreachFileRow | RefusedRow, tuple[str, ...]]:
        if row.fault:
            return RefusedRow(row.number, row.cells, (row.fault,)), ()
        texts = {
            field: text
            for field, place in self._places.items()
            if place < len(row.cells) and (text := undo_harmless_cell(row.cells[place].strip()))
        }
        values, faults, notes = _checked_values(texts)
        if faults or values is None:
            return RefusedRow(row.number, row.cells, tuple(faults)), ()
        if not (values.ref or values.email or (values.name and values.postal)):
            return RefusedRow(row.number, row.cells, (_NO_ONE,)), ()
        place, left_out = _place(values.country, texts.get(_F.REGION, ""))
        found = BreachFileRow(row.number, values.ref, values.email, values.name, values.locale, place, values.postal)
        return found, (*notes, *left_out)


def _places_of_fields(table: Table) -> Mapping[ImportField, int]:
    places: dict[ImportField, int] = {}
    for place, heading in enumerate(table.headings):
        field = field_of_heading(heading)
        if field not in _TAKEN:
            continue
        if field in places:
            twice = f"{table.headings[places[field]]!r} and {heading!r}"
            raise InputRefused(f"has two columns for {field.value}, {twice}: remove one of them")
        places[field] = place
    has_name = bool({_F.NAME, _F.FIRST_NAME, _F.LAST_NAME} & places.keys())
    has_address = bool({_F.STREET, _F.POSTAL_ADDRESS} & places.keys())
    if not ({_F.REF, _F.EMAIL} & places.keys() or (has_name and has_address)):
        raise InputRefused(_NO_HEADING)
    return places


def _checked_values(texts: Mapping[ImportField, str]) -> tuple[_Values | None, list[str], list[str]]:
    """Returns the values of a row, its faults, and notes of what was left out since people are known without it."""
    stated, notes, faults = _stated_values(texts), list[str](), list[str]()
    while True:
        try:
            return _Values.model_validate(stated), faults, notes
        except ValidationError as error:
            bad = {str(one["loc"][0]): str(one["msg"]).removeprefix("Value error, ") for one in error.errors()}
        for name, why in bad.items():
            if name in _NEEDED:
                faults.append(f"{name}: {why}")
            else:
                notes.append(f"{name}: {why}; taken without it")
            del stated[name]
        if faults:
            return None, faults, notes


def _stated_values(texts: Mapping[ImportField, str]) -> dict[str, Any]:
    whole = texts.get(_F.NAME) or f"{texts.get(_F.FIRST_NAME, '')} {texts.get(_F.LAST_NAME, '')}"
    stated: dict[str, Any] = {name.value: texts[name] for name in (_F.REF, _F.EMAIL) if name in texts}
    if name := " ".join(whole.split()):
        stated["name"] = name
    if locale := texts.get(_F.LOCALE):
        stated["locale"] = locale_of_text(locale) or locale
    country = texts.get(_F.COUNTRY) or _country_of_region(texts.get(_F.REGION, ""))
    if country:
        stated["country"] = country_of_text(country) or country
    code = country_of_text(country or "")
    if lines := postal_lines(texts, code):
        stated["postal"] = lines
    return stated


def _country_of_region(region: str) -> str | None:
    """Returns the country of a full code such as `US-CA`; None for another text."""
    return region[:2] if _REGION.match(region.upper()) and region[2:3] == "-" else None


def _place(country: str | None, region: str) -> tuple[str, tuple[str, ...]]:
    """Returns the place of a row, and a note if its region cannot be read, or is of no known or of another country."""
    code = region.upper()
    if not region:
        return place_of_person(country, ""), ()
    if not _REGION.match(code):
        note = f"region: {region[:40]!r} is no code such as CA or US-CA; taken without it"
        return place_of_person(country, ""), (note,)
    full = code if "-" in code else f"{country}-{code}"
    place = place_of_person(country, full)
    if place != full:
        note = f"region: {code!r} is no part of the country {country}" if country else f"region: {code!r} of no country"
        return place, (f"{note}; write it as US-CA, or add the country; taken without it",)
    return place, ()
