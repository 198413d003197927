"""The copy of a person's data as a page: one file, without scripts, that opens anywhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mailer.input_types import parse_moment

_NOTHING: tuple[Any, ...] = (None, "", [], {}, False)

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _moment_in_words(value: Any) -> Any:
    """A time in words that can be read, to the second, in UTC; everything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return parse_moment(value).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:  # a text of the person's, which may look like a time
        return value


def _stated_facts(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is not empty of some facts."""
    return {name: value for name, value in values.items() if value not in _NOTHING}


def _used_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns in which some row says something."""
    return list(dict.fromkeys(name for row in rows for name in _stated_facts(row)))


_PAGES.filters |= {"moment": _moment_in_words, "said": _stated_facts, "columns": _used_columns}


def archive_page(archive: Mapping[str, Any]) -> str:
    """HTML of what `actions.rights.export_data` gives."""
    return _PAGES.get_template("archive.html.j2").render(archive=archive)
