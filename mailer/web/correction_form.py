"""The form of a correction: name, language and country, and the person's own words about anything else."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from babel import Locale
from pydantic import TypeAdapter, ValidationError

from mailer.input_types import Country, Name
from mailer.input_types import Locale as LocaleTag
from mailer.policy.country_codes import country_code_or_none
from mailer.policy.data_requests import MAX_NOTE
from mailer.text_checks import check_storable_text
from mailer.web.form_posts import Form
from mailer.web.languages import LANGUAGES, PageLanguage

_TYPES: Mapping[str, TypeAdapter[str]] = {
    "name": TypeAdapter(Name),
    "locale": TypeAdapter(LocaleTag),
    "country": TypeAdapter(Country),
}
NOTE = "note"
NOTHING = "nothing"
"""The fault of a form in which nothing was filled in."""


@dataclass(frozen=True, slots=True)
class TypedCorrection:
    """A filled form.

    Attributes:
        values: the corrected values, by the name of the field, without those that were left empty.
        note: the person's own words; None if there are none.
        typed: all texts as typed, for the form with its faults; without what is too long to be shown again.
        faults: the names of the fields with a fault; `NOTHING` if no field was filled in.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    note: str | None = None
    typed: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys((*_TYPES, NOTE), ""))
    faults: frozenset[str] = frozenset()


def read_typed_correction(form: Form) -> TypedCorrection:
    """Returns what was typed into the form of a correction, with its faults."""
    typed = {name: "".join(form.get(name, [])).strip() for name in (*_TYPES, NOTE)}
    values, faults = dict[str, str](), set[str]()
    for name, kind in _TYPES.items():
        try:
            if typed[name]:
                values[name] = kind.validate_python(typed[name])
        except ValidationError:
            faults.add(name)
    note = typed[NOTE].replace("\r\n", "\n")
    if len(note) > MAX_NOTE or not _is_storable(note):
        faults.add(NOTE)
    if not any(typed.values()):
        faults.add(NOTHING)
    shown = {name: text[:MAX_NOTE] for name, text in typed.items()}
    return TypedCorrection(values, note or None, shown, frozenset(faults))


def country_choices(language: PageLanguage) -> list[tuple[str, str]]:
    """Returns the code and the name of each country, sorted by the name in the reader's language."""
    names = Locale.parse(language.code).territories
    found = [(code, name) for code, name in names.items() if country_code_or_none(code) == code]
    return sorted(found, key=lambda choice: choice[1].casefold())


def locale_choices() -> list[tuple[str, str]]:
    """Returns the code of each language of the pages, and its name in the language itself."""
    return [(code, language.texts["name"]) for code, language in LANGUAGES.items()]


def _is_storable(text: str) -> bool:
    try:
        return check_storable_text(text) == text
    except ValueError:
        return False
