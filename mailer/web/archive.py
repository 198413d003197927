"""The copy of a person's data as a page: one file, without scripts, that opens anywhere."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*")
_NOTHING: tuple[Any, ...] = (None, "", [], {}, False)

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _moment(value: Any) -> Any:
    """A time in words that can be read, to the second, in UTC; everything else as it is."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return value
    return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is not empty of some facts."""
    return {name: value for name, value in values.items() if value not in _NOTHING}


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns in which some row says something."""
    return list(dict.fromkeys(name for row in rows for name in _said(row)))


_PAGES.filters |= {"moment": _moment, "said": _said, "columns": _columns}


def archive_page(archive: Mapping[str, Any]) -> str:
    """HTML of what `actions.rights.export` gives."""
    return _PAGES.get_template("archive.html.j2").render(archive=archive)
