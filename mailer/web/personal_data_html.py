"""The copy of a person's data as a page: one file without scripts, for every browser."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mailer.input_types import parse_moment

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _format_if_moment(value: Any) -> Any:
    """Returns a time in a readable form, to the second, in UTC. Every other value is returned as it is."""
    if not isinstance(value, str):
        return value
    try:
        return parse_moment(value).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:  # a text of the person may look like a time
        return value


def _nonempty_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the entries whose values are neither empty nor False. A number stays, even 0."""
    return {name: value for name, value in values.items() if value or (value == 0 and value is not False)}


def _used_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the columns in which at least one row has a value."""
    return list(dict.fromkeys(name for row in rows for name in _nonempty_values(row)))


_PAGES.filters |= {"moment": _format_if_moment, "said": _nonempty_values, "columns": _used_columns}


def personal_data_as_html(archive: Mapping[str, Any]) -> str:
    """Returns the HTML page of a person's data, as `actions.rights.read_personal_data` returns them."""
    return _PAGES.get_template("archive.html.j2").render(archive=archive)
