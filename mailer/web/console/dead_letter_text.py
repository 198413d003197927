"""The text of a dead letter for a page: cut, and without personal data."""

import json
import re
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any, Final, get_args

from mailer.account_event_types import KINDS, AccountEvent
from mailer.events import Attachment, MessageEvent, Person
from mailer.policy.category import CATEGORIES
from mailer.policy.text_formats import SLUG
from mailer.web.address_masking import mask_address

MAX_SHOWN: Final = 20_000
"""The most characters of a body that a page shows."""
_MAX_READ: Final = 64 * 1024
"""The largest body, in octets, that is read as JSON. Of a larger one the beginning is shown as it stands."""
_PERSON: Final = dict.fromkeys(Person.model_fields)
_FIELDS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(name for kind in (MessageEvent, *get_args(AccountEvent)) for name in kind.model_fields),
    "to": {"refs": None, "people": _PERSON, "audience": None},
    "attachments": dict.fromkeys(Attachment.model_fields),
}
"""The fields of events whose names are shown, each with the fields in it. All other names may be values by mistake."""
_NAMES: Final = frozenset((*_FIELDS, *_FIELDS["to"], *_PERSON, *_FIELDS["attachments"], "true", "false", "null"))
"""The words that are shown in a body that is no JSON: the names of fields."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)")
_VALUES: Final[Mapping[str, Callable[[str], bool]]] = {
    "category": frozenset(CATEGORIES).__contains__,
    "account": frozenset(KINDS).__contains__,
    **dict.fromkeys(("brand", "template"), lambda text: len(text) <= 60 and re.fullmatch(SLUG, text) is not None),
    **dict.fromkeys(("send_at", "expires_at"), lambda text: _TIME.fullmatch(text) is not None),
}
"""The fields of the envelope whose texts are shown if they fit: they are chosen from a list, or are times."""
_ADDRESS: Final = re.compile(r"(?<![^\s<>\"',;:()\[\]])[^\s<>\"',;:()\[\]]+@[^\s<>\"',;:()\[\]]+")
"""An address. Strangers choose the texts: each pattern here looks at a character a few times, however long the text."""
_HIDDEN: Final = "…"
_QUOTED: Final = re.compile(r"""(?<!\w)(["'])((?:\\.|(?!\1)[^\\])*+)\1(?!\w)""", re.DOTALL)
"""A text in quotes, with quotes and backslashes in it escaped, as reasons quote what a publisher wrote."""
_NAMED_BY_PUBLISHER: Final = re.compile(
    r"(?<![^;:])(\s*+)([^;:]++)(?=: is not a field of an event)"
    r"|(?<![^;:])((?>[^;:]*?context\.))([^;:]++)(?=: (?:has a language twice|lacks ))"
    r"|(?<=context: )[^;:]+(?= holds an address)|(?<=an object that has )[^;]+"
)
"""The places of reasons at which the name of a field or of a value stands that the publisher chose. Groups: what stands
before it, and the name; without groups, all of it is the name."""


def mask_addresses(text: str) -> str:
    """Returns a text with each address masked, as `a…@e….org`."""
    return _ADDRESS.sub(lambda found: mask_address(found[0]), text)


def masked_reason(text: str) -> str:
    """Returns the reason of a dead letter for somebody who may not see personal data.

    Reasons quote what publishers wrote: refs, keys and names of fields. Only the names of the fields of events stay.
    """
    unquoted = _QUOTED.sub(lambda found: found[0] if found[2] in _NAMES else _HIDDEN, text)
    return mask_addresses(_NAMED_BY_PUBLISHER.sub(_without_unknown_fields, unquoted))


def _without_unknown_fields(found: re.Match[str]) -> str:
    before, name = found[1] or found[3] or "", found[2] or found[4] or found[0]
    return before + _path_up_to_unknown_field(name)


def _path_up_to_unknown_field(path: str) -> str:
    """Returns the beginning of a path as `to.people.0.`, up to the first name that is no field of an event."""
    known = list(takewhile(lambda name: name in _NAMES or name.isdecimal(), path.split(".")))
    return ".".join([*known, _HIDDEN])


def masked_body(body: bytes) -> str:
    """Returns a body for somebody who may not see personal data.

    Of JSON, the names of the fields of events are shown, and the values of the envelope that come from a list:
    category, brand, template, kind of account event, version and times. Of anything else, only the names of
    fields are shown.
    """
    if len(body) <= _MAX_READ:
        try:
            value = json.loads(body)
            masked = _mask_json_value(value, _FIELDS if isinstance(value, dict) else {})
            return cut_long_text(json.dumps(masked, ensure_ascii=False, indent=2))
        except (ValueError, RecursionError):
            pass
    text = body[: MAX_SHOWN * 4].decode(errors="replace")[:MAX_SHOWN]
    return cut_long_text(re.sub(r"\w+", lambda word: word[0] if word[0] in _NAMES else "•" * len(word[0]), text))


def unmasked_body(body: bytes) -> str:
    """Returns a body as it stands, for somebody who may see personal data."""
    return cut_long_text(body[: MAX_SHOWN * 4 + 4].decode(errors="replace"))


def cut_long_text(text: str) -> str:
    """Returns the beginning of a text, and says how much is left out."""
    left = len(text) - MAX_SHOWN
    return text if left <= 0 else f"{text[:MAX_SHOWN]}\n… ({left:,} characters more)"


def _mask_json_value(value: Any, known: Mapping[str, Any]) -> Any:
    """Returns a JSON value without its texts and numbers, and without the names that are no fields of events."""
    match value:
        case dict():
            return dict(_mask_json_item(name, inner, known) for name, inner in value.items())
        case list():
            return [_mask_json_value(inner, known) for inner in value]
        case None:
            return None
        case str():
            return _note_of_hidden_text(value) if value else ""
        case _:
            return _HIDDEN


def _mask_json_item(name: str, value: Any, known: Mapping[str, Any]) -> tuple[str, Any]:
    """Returns a name with its value: both as they are, the name alone, or neither."""
    if name not in known:
        return _note_of_hidden_text(name), _mask_json_value(value, {})
    is_of_envelope = known is _FIELDS
    if is_of_envelope and isinstance(value, str) and name in _VALUES and _VALUES[name](value):
        return name, value
    if is_of_envelope and name == "v" and type(value) is int and 0 <= value < 1000:
        return name, value
    return name, _mask_json_value(value, known[name] or {})


def _note_of_hidden_text(text: str) -> str:
    return f"{_HIDDEN} ({len(text):,} characters)"
