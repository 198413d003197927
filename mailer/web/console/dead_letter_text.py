"""The text of a dead letter for a page: cut, and without personal data."""

import json
import re
from typing import Any, Final

from mailer.web.address_masking import mask_address

MAX_SHOWN: Final = 20_000
"""The most characters of a body that a page shows."""
_MAX_READ: Final = 64 * 1024
"""The largest body, in octets, that is read as JSON. Of a larger one the beginning is shown as it stands."""
_PLAIN: Final = frozenset(
    {
        *("v", "brand", "category", "template", "product", "topic", "campaign", "partner", "locale", "country"),
        *("source", "collected_at", "policy_version", "send_at", "expires_at", "account", "action", "audience", "at"),
    }
)
"""The fields of events whose values name nobody."""
_NAMES: Final = _PLAIN | {
    *("id", "to", "refs", "people", "ref", "email", "name", "context", "reason", "inviter", "reply_to", "attachments"),
    *("true", "false", "null", "filename", "content", "content_type", "segment"),
}
"""The words that are shown in a body that is no JSON: the names of fields."""
_ADDRESS: Final = re.compile(r"[^\s<>\"',;:()\[\]]+@[^\s<>\"',;:()\[\]]+")
_HIDDEN: Final = "…"


def mask_addresses(text: str) -> str:
    """Returns a text with each address masked, as `a…@e….org`."""
    return _ADDRESS.sub(lambda found: mask_address(found[0]), text)


def masked_body(body: bytes) -> str:
    """Returns a body for somebody who may not see personal data.

    Of JSON, only the values of fields that name nobody are shown; of anything else, only the names of fields.
    """
    if len(body) <= _MAX_READ:
        try:
            value = json.loads(body)
            return shown_beginning(json.dumps(_masked(value, ""), ensure_ascii=False, indent=2))
        except (ValueError, RecursionError):
            pass
    text = body[: MAX_SHOWN * 4].decode(errors="replace")[:MAX_SHOWN]
    return shown_beginning(re.sub(r"\w+", lambda word: word[0] if word[0] in _NAMES else "•" * len(word[0]), text))


def whole_body(body: bytes) -> str:
    """Returns a body as it stands, for somebody who may see personal data."""
    return shown_beginning(body[: MAX_SHOWN * 4 + 4].decode(errors="replace"))


def shown_beginning(text: str) -> str:
    """Returns the beginning of a text, and says how much is left out."""
    left = len(text) - MAX_SHOWN
    return text if left <= 0 else f"{text[:MAX_SHOWN]}\n… ({left:,} characters more)"


def _masked(value: Any, key: str) -> Any:
    """Returns a JSON value with each text and number replaced that may belong to a person."""
    match value:
        case dict():
            return {_masked_name(name): _masked(inner, name) for name, inner in value.items()}
        case list():
            return [_masked(inner, key) for inner in value]
        case bool() | None:
            return value
        case _ if key in _PLAIN:
            return mask_addresses(value) if isinstance(value, str) else value
        case str():
            return f"{_HIDDEN} ({len(value):,} characters)" if value else ""
        case _:
            return _HIDDEN


def _masked_name(name: str) -> str:
    """Returns the name of a field. Names inside a context are the application's own: they may be values by mistake."""
    return name if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) else f"{_HIDDEN} ({len(name):,} characters)"
