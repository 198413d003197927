"""The copy of a person's data as a page in their language: one file without scripts, for every browser.

It says in headings and sentences what is kept. Words that have no translation stand as they were recorded.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from babel import Locale
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mailer.input_types import parse_moment
from mailer.policy.ledger_reason_wording import reason_in_words
from mailer.web.languages import PageLanguage, choose_language_by_accept_language

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
COPY_TEXTS: Mapping[str, Mapping[str, Any]] = {
    file.stem: tomllib.loads(file.read_text(encoding="utf-8"))
    for file in Path(__file__).with_name("copy_texts").glob("*.toml")
}
"""The texts of the copy, by language. `fields` has a label for each kind of data, `values` words for known values."""
_AS_THEY_ARE = frozenset(
    {"name", "ref", "email", "words", "proof", "note", "lines", "content", "filename", "reference"}
)
"""Fields with a person's own words: no value of theirs is taken for one of ours, or for a time."""

_ALWAYS_SHOWN = frozenset({"data", "standing", "basis"})
"""The sections that stand on the page also when there is nothing in them."""


def personal_data_as_html(archive: Mapping[str, Any], brand_name: str, language: PageLanguage | None = None) -> str:
    """Returns the HTML page of a person's data.

    Args:
        archive: the data, as `actions.privacy_rights.read_personal_data` returns them.
        brand_name: the name of the brand, as people know it.
        language: the language of the reader; None: that of the person.
    """
    told = language or choose_language_by_accept_language("", archive["data"].get("locale") or "")
    return _PAGES.get_template("archive.html.j2").render(
        archive=archive, brand_name=brand_name, copy=_PersonalDataCopyWording(told)
    )


@dataclass(frozen=True)
class _PersonalDataCopyWording:
    """The words of the copy in one language. Its methods are what the template asks."""

    language: PageLanguage

    @cached_property
    def texts(self) -> Mapping[str, Any]:
        """The texts of the language."""
        return COPY_TEXTS[self.language.code]

    def label(self, name: str) -> str:
        """Returns the label of a kind of data. One that is newer than the texts is called by its own name."""
        return str(self.texts["fields"].get(name, name.replace("_", " ")))

    def heading(self, name: str) -> str:
        """Returns the heading of a section."""
        return str(self.texts["sections"].get(name, name.replace("_", " ")))

    def headings_without_entries(self, archive: Mapping[str, Any]) -> list[str]:
        """Returns the headings of the sections that have nothing in them, in the order of the page."""
        empty = [name for name in self.texts["sections"] if name in archive and not archive[name]]
        return [self.heading(name) for name in empty if name not in _ALWAYS_SHOWN]

    def labelled_nonempty_values(
        self, values: Mapping[str, Any], leave_out: Sequence[str] = ()
    ) -> Iterator[tuple[str, Markup]]:
        """Yields label and value of what is not empty. A number stays, even 0."""
        for name, value in _nonempty_values(values).items():
            if name not in leave_out:
                yield self.label(name), self.value_in_words(name, value)

    def value_in_words(self, name: str, value: Any) -> Markup:
        """Returns a value in words."""
        match value:
            case bool():
                return Markup.escape(self.texts["yes" if value else "no"])
            case str() | int() | float():
                return self._word_for_value(name, str(value))
            case Mapping():
                parts = (
                    Markup("{}: {}").format(self.label(key), self.value_in_words(key, one))
                    for key, one in value.items()
                )
                return Markup("; ").join(parts)
            case Sequence():
                return Markup.escape(self.language.texts["comma"]).join(self.value_in_words(name, one) for one in value)
            case _:
                return Markup.escape(value)

    def record_as_sentence(self, name: str, row: Mapping[str, Any]) -> Markup:
        """Returns a sentence about a row of the record."""
        words = {key: self.value_in_words(key, value) for key, value in row.items() if value is not None}
        if "reason" in row:
            words["reason"] = self._reason_sentence(row)
        return Markup.escape(self.texts["says"][name]).format_map(_PlaceholderValuesOrDash(words))

    def format_moment_if_time(self, value: str) -> str:
        """Returns a time as the reader writes it, in UTC; a day without its hour. Every other text stays."""
        try:
            if len(value) == len("2026-01-01"):
                return self.language.format_day(datetime.fromisoformat(value).date())
            return self.language.format_moment(parse_moment(value))
        except (ValueError, OverflowError):  # a text of the person may look like a time
            return value

    def _word_for_value(self, name: str, value: str) -> Markup:
        if name == "retention_days":
            return Markup.escape(self.language.format_number(int(value)))
        if name == "country":
            return Markup("<bdi>{}</bdi>").format(Locale.parse(self.language.locale).territories.get(value, value))
        told = value if name in _AS_THEY_ARE else self.texts["values"].get(value) or self.format_moment_if_time(value)
        return Markup("<bdi>{}</bdi>").format(told)

    def _reason_sentence(self, row: Mapping[str, Any]) -> Markup:
        """Returns the reason of an entry, which is in English in every language."""
        if not row["reason"]:
            return Markup()
        said = reason_in_words(row["reason"], row.get("rule"), row.get("processor"))
        return Markup('<span lang="en" dir="ltr">{}.</span>').format(said[:1].upper() + said[1:])


class _PlaceholderValuesOrDash(dict[str, Any]):
    """Values for the blanks of a sentence; what a record lacks is a dash."""

    def __missing__(self, key: str) -> str:
        return "-"


def _nonempty_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the entries whose values are neither empty nor False. A number stays, even 0."""
    return {name: value for name, value in values.items() if value or (value == 0 and value is not False)}
