"""Tables of the reference pages: in Markdown, and of the fields of a model."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from mailer.policy.text_formats import SLUG

_FORMS = {
    SLUG: "small letters, digits and single hyphens",
    r"^[a-z]+(_[a-z]+)*$": "small letters and single underscores",
    r"^[A-Za-z]{2,3}$": "two letters, such as `DE`",
    r"^[A-Za-z]{2,3}([_-][A-Za-z]{4})?([_-]([A-Za-z]{2}|[0-9]{3}))?$": "a language tag, such as `en-GB`",
}
"""Forms of texts in words; another one is shown as its pattern."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    columns = [*head]
    lines = [columns, ["---"] * len(columns), *map(list, rows)]
    if any(len(line) != len(columns) for line in lines):
        raise ValueError(f"a row has another number of cells than {columns}")
    cells = ([" ".join(cell.split()).replace("|", "&#124;") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def said(model: type[BaseModel]) -> dict[str, str]:
    """The texts below the attributes of a model, by attribute; those of its bases too."""
    texts: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if issubclass(kind, BaseModel) and kind.__module__.startswith("mailer."):
            body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
            assert isinstance(body, ast.ClassDef)  # noqa: S101 - for the type checker: it is a class's source
            for field, text in zip(body.body, body.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    match text:
                        case ast.Expr(value=ast.Constant(value=str(words))):
                            texts[field.target.id] = " ".join(words.split())
                        case _:
                            pass
    return texts


def fields_table(model: type[BaseModel]) -> str:
    """The fields of a model."""
    schema, words = model.model_json_schema(), said(model)
    required = set(schema["required"])
    rows = [
        [f"`{name}`", "required" if name in required else "", _kind(schema, what), words[name]]
        for name, what in schema["properties"].items()
    ]
    return table(["field", "", "kind", "is"], rows)


def _kind(schema: Mapping[str, Any], what: Mapping[str, Any]) -> str:
    """The kind of a value in words, with its limits."""
    if "anyOf" in what:
        return " or ".join(_kind(schema, each) for each in what["anyOf"] if each.get("type") != "null")
    if "$ref" in what:
        return str(what["$ref"].rpartition("/")[2]).lower()
    if "const" in what:
        return f"`{what['const']}`"
    if what["type"] == "array":
        most = f", at most {what['maxItems']:,}" if "maxItems" in what else ""
        return f"list of {_kind(schema, what['items'])}{most}"
    words = {"object": "values by name", "string": "text", "integer": "whole number"}[what["type"]]
    if what.get("format") == "uuid":
        return "UUID"
    if what.get("format") == "date-time":
        return "time with its zone (RFC 3339)"
    if what.get("format") == "base64":
        return "base64"
    most = f", at most {what['maxLength']} characters" if "maxLength" in what else ""
    form = _FORMS.get(what["pattern"], f"`{what['pattern']}`") if "pattern" in what else ""
    form = f": {form}" if form else ""
    return f"{words}{most}{form}"
