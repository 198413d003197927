"""The JSON of a webhook, read within limits, and its fields with their types."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mailer.inbound.webhooks.webhook_requests import RefusalReason, WebhookRefused
from mailer.input_types import AHEAD, EARLIEST, parse_address, parse_json_with_unique_keys, parse_moment
from mailer.text_checks import check_one_line

MAX_DEPTH: Final = 16
"""The deepest nesting of arrays and objects. The events of SES have five levels."""
MAX_BRACKETS: Final = 50_000
"""The most arrays and objects. Half a million, which would fit into a body, would take a second to parse."""
MAX_EVENTS: Final = 5_000
"""The most events in a request. 768 KiB of SendGrid's hold about 2,000."""
MAX_RECIPIENTS: Final = 100
"""The most recipients of one event. A mail of ours has one; SES allows 50."""
MAX_IDENTIFIER: Final = 500
"""Characters of an id, a name or an address. A longer one makes the event malformed."""
MAX_TEXT: Final = 8_000
"""Characters of any other text. The rest is left out."""
_MILLISECONDS_FROM: Final = 100_000_000_000
"""Numbers from this on are milliseconds: as seconds they would be after the year 5000."""


class MalformedEventError(Exception):
    """An event that lacks something, or has it with the wrong type. It is counted."""


def parse_json_within_limits(body: bytes | str) -> Any:
    """Returns the values of a JSON text with unique keys, of at most `MAX_BRACKETS` objects, `MAX_DEPTH` deep.

    Raises:
        WebhookRefused: it is none.
    """
    octets = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    if octets.count(b"{") + octets.count(b"[") > MAX_BRACKETS:
        raise WebhookRefused(RefusalReason.MALFORMED, f"the JSON has more than {MAX_BRACKETS:,} arrays and objects")
    try:
        value = parse_json_with_unique_keys(body)
    except ValueError:
        raise WebhookRefused(
            RefusalReason.MALFORMED, "the body is no JSON with unique keys; let the provider send JSON"
        ) from None
    if _is_nested_too_deep(value):
        raise WebhookRefused(RefusalReason.MALFORMED, f"the JSON is nested more than {MAX_DEPTH} levels deep")
    return value


def _is_nested_too_deep(value: Any) -> bool:
    level = [value] if isinstance(value, list | dict) else []
    for _ in range(MAX_DEPTH):
        level = [item for outer in level for item in _items_of(outer) if isinstance(item, list | dict)]
    return bool(level)


def _items_of(value: list[Any] | dict[str, Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def read_event_list(value: Any) -> list[Any]:
    """Returns the events of a request that has a list of them, or one without a list.

    Raises:
        WebhookRefused: there are more than `MAX_EVENTS`.
    """
    found = value if isinstance(value, list) else [value]
    if len(found) > MAX_EVENTS:
        raise WebhookRefused(RefusalReason.TOO_LARGE, f"there are more than {MAX_EVENTS:,} events; send fewer at once")
    return found


@dataclass(frozen=True, slots=True)
class EventFields:
    """The fields of a JSON object, read with their types."""

    values: Mapping[str, Any]

    @classmethod
    def from_json(cls, value: Any) -> "EventFields":
        """Takes a value that must be an object.

        Raises:
            MalformedEventError: it is none.
        """
        if not isinstance(value, dict):
            raise MalformedEventError
        return cls(value)

    def identifier(self, *names: str) -> str:
        """Returns the first of some fields that is there: a text on one line, or a whole number.

        Raises:
            MalformedEventError: there is none, or it is empty, too long, or of another type.
        """
        found = next((self.values[name] for name in names if self.values.get(name) is not None), None)
        text = str(found) if type(found) is int else found
        if not isinstance(text, str) or not text.strip() or len(text) > MAX_IDENTIFIER:
            raise MalformedEventError
        try:
            return check_one_line(text.strip())
        except ValueError:
            raise MalformedEventError from None

    def text(self, name: str) -> str:
        """Returns at most `MAX_TEXT` characters of a field; "" if it is not there or no text."""
        found = self.values.get(name)
        return found[:MAX_TEXT] if isinstance(found, str) else ""

    def printable_number(self, name: str) -> str:
        """Returns a whole number of up to four digits, or a text, as text; "" if it is neither."""
        found = self.values.get(name)
        return str(found) if type(found) is int and abs(found) < 10_000 else self.text(name)

    def child(self, name: str) -> "EventFields":
        """Returns the fields of an inner object; none if it is not there or no object."""
        found = self.values.get(name)
        return EventFields(found if isinstance(found, dict) else {})

    def items(self, name: str) -> Sequence[Any]:
        """Returns the items of a list.

        Raises:
            MalformedEventError: it is no list, or has more than `MAX_RECIPIENTS` items.
        """
        found = self.values.get(name)
        if not isinstance(found, list) or len(found) > MAX_RECIPIENTS:
            raise MalformedEventError
        return found

    def time(self, name: str, now: datetime) -> datetime:
        """Returns a time in RFC 3339, or in seconds or milliseconds since 1970; `now` if it is none or cannot be true.

        Args:
            name: the field.
            now: the time of the request. No event is later, but for clocks that differ.
        """
        found = read_time(self.values.get(name))
        return now if found is None or not EARLIEST <= found <= now + AHEAD else found


def read_time(value: Any) -> datetime | None:
    """Returns a time in RFC 3339, or in seconds or milliseconds since 1970; None if it is none."""
    if isinstance(value, str):
        try:
            return parse_moment(value)
        except ValueError:
            return None
    if type(value) not in (int, float) or not 0 <= value < _MILLISECONDS_FROM * 100:  # no NaN, no infinity
        return None
    seconds = value / 1000 if value >= _MILLISECONDS_FROM else value
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def read_recipient(text: str) -> str | None:
    """Returns an address in its normal form, also one after a name in angle brackets; None if it is none."""
    bare = text[:MAX_IDENTIFIER].strip()
    if bare.endswith(">") and "<" in bare:
        bare = bare[bare.rfind("<") + 1 : -1]
    try:
        return parse_address(bare)
    except ValueError:
        return None
