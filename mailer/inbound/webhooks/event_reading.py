"""The steps that all providers share: each event of a request is read alone, and counted by what it is."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from mailer.inbound.webhooks.event_json import EventFields, MalformedEventError
from mailer.inbound.webhooks.provider_events import IgnoredEvent, ProviderEvent, ReceivedEvents
from mailer.policy.smtp_replies import storable_reply_text

MAX_IGNORED_NAMES: Final = 32
"""The most names of ignored events that are counted apart in one request."""
OTHERS: Final = "others"
"""The name under which the events of further names are counted."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9 _:-]{0,59}")
_STATUS: Final = re.compile(r"(?<![\w.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)", re.ASCII)
"""An enhanced status code (RFC 3463 2) anywhere in a text, which is not part of an IP address."""


def ignored_event(name: str) -> list[ProviderEvent | IgnoredEvent]:
    """Returns an ignored event with its name, or as `unknown` if the text is no name."""
    return [IgnoredEvent(name if _NAME.fullmatch(name) else "unknown")]


EventReader = Callable[[EventFields, datetime], Sequence[ProviderEvent | IgnoredEvent]]
"""Returns what one event tells, by its fields and the time of the request; or raises `MalformedEventError`."""


def read_each_event(items: Iterable[Any], read_event: EventReader, now: datetime) -> ReceivedEvents:
    """Reads each event of a request, once. One that is malformed is counted, and holds up no other.

    Args:
        items: the events as JSON has them.
        read_event: see `EventReader`.
        now: the time of the request, aware.
    """
    read: list[ProviderEvent | IgnoredEvent] = []
    malformed = 0
    for item in items:
        try:
            read += read_event(EventFields.from_json(item), now)
        except MalformedEventError:
            malformed += 1
    ignored = Counter(event.name for event in read if isinstance(event, IgnoredEvent))
    events: dict[str, ProviderEvent] = {}
    for event in read:
        if isinstance(event, ProviderEvent):
            events.setdefault(event.event_key, event)
    return ReceivedEvents(tuple(events.values()), _limit_names(ignored), malformed)


def _limit_names(counted: Counter[str]) -> dict[str, int]:
    kept = dict(counted.most_common(MAX_IGNORED_NAMES))
    others = counted.total() - sum(kept.values())
    return {**kept, OTHERS: others} if others else kept


def find_enhanced_status(*texts: str) -> str | None:
    """Returns the first enhanced status code in some texts, or None."""
    return next((found[1] for text in texts if (found := _STATUS.search(text))), None)


def join_diagnostic(*texts: str) -> str:
    """Returns the texts that are not empty as one, each once, as replies of relays are stored."""
    return storable_reply_text(" ".join(dict.fromkeys(text.strip() for text in texts if text.strip())))
