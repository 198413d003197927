"""The context of an event: values for its template, and their limits."""

import json
import math
from itertools import chain
from typing import Annotated, Any

from pydantic import AfterValidator

from mailer.policy.text_folding_for_comparison import has_too_many_combining_marks
from mailer.text_checks import check_storable_text

MAX_CONTEXT_BYTES = 64 * 1024
MAX_CONTEXT_DEPTH = 20
_TOO_DEEP = f"is nested more than {MAX_CONTEXT_DEPTH} levels deep; make it flatter"
_WHOLE_NUMBERS = range(-(1 << 63), 1 << 63)


def _json_fault(value: Any, levels: int = MAX_CONTEXT_DEPTH) -> str | None:
    """Returns the fault that keeps a value from being stored as JSON, None if there is none."""
    match value:
        case None | bool():
            return None
        case str():
            return _text_fault(value)
        case int():
            return None if value in _WHOLE_NUMBERS else "has a whole number of more than 64 bits; write it as text"
        case float():
            return None if math.isfinite(value) else "has NaN or an infinite number, which JSON has not; write null"
        case dict() | list() | tuple():
            if levels == 0:
                return _TOO_DEEP
            parts = chain(value, value.values()) if isinstance(value, dict) else value
            return next((fault for part in parts if (fault := _json_fault(part, levels - 1))), None)
        case _:
            return f"has a value of the type {type(value).__name__}, which JSON has not; write it as text"


def _text_fault(text: str) -> str | None:
    if text.isascii() and text.isprintable():  # quicker, and holds for most
        return None
    try:
        check_storable_text(text)
    except ValueError as error:
        return str(error)
    return None


_TEXTS = frozenset({str})
_MOST_OCTETS = 4
"""The most octets of a character in UTF-8. A printable character that JSON escapes has fewer."""
_AROUND = len('"": "", ')
"""The octets that JSON writes around a name and its text."""


def _check_context(value: dict[str, Any]) -> dict[str, Any]:
    if _has_only_short_printable_texts(value):  # quicker, and holds for most
        return value
    try:
        written = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except (TypeError, ValueError) as error:  # such as a type that JSON has not, or a number of a million digits
        raise ValueError(_json_fault(value) or f"cannot be written as JSON: {error}") from None
    if (size := len(written)) > MAX_CONTEXT_BYTES:  # looked at first, as the rest takes long where it is large
        raise ValueError(f"is {size:,} bytes; at most {MAX_CONTEXT_BYTES:,}: put long texts in the template")
    if fault := _json_fault(value):
        raise ValueError(fault)
    return value


def _has_only_short_printable_texts(value: dict[str, Any]) -> bool:
    """Tells whether all names and values are printable texts, and short enough for the limit with any letters."""
    texts = [*value, *value.values()]
    if not _TEXTS.issuperset(map(type, texts)):
        return False
    whole = "".join(texts)
    return (
        len(whole) * _MOST_OCTETS + len(value) * _AROUND <= MAX_CONTEXT_BYTES
        and whole.isprintable()
        and not has_too_many_combining_marks(whole)
    )


Context = Annotated[dict[str, Any], AfterValidator(_check_context)]
"""Values by name, as JSON has them."""
