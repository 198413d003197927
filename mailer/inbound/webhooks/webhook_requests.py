"""A webhook's request, its limits, and the error that refuses it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from mailer.ports.received_webhooks import MAX_WEBHOOK_OCTETS

MAX_HEADERS: Final = 200
"""The most header fields of a request."""
MAX_HEADER_VALUE: Final = 4_096
"""Characters of a header field that is read."""


class RefusalReason(StrEnum):
    """The reason for which a request was refused."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    NOT_AUTHENTIC = "not_authentic"
    STALE = "stale"
    WRONG_TOPIC = "wrong_topic"
    CERTIFICATE_UNAVAILABLE = "certificate_unavailable"


_STATUSES: Final[Mapping[RefusalReason, int]] = {
    RefusalReason.TOO_LARGE: 413,
    RefusalReason.MALFORMED: 400,
    RefusalReason.NOT_AUTHENTIC: 401,
    RefusalReason.STALE: 403,
    RefusalReason.WRONG_TOPIC: 403,
    RefusalReason.CERTIFICATE_UNAVAILABLE: 503,
}


class WebhookRefused(Exception):
    """A request that is not accepted. Nothing of it may act.

    Attributes:
        reason: see `RefusalReason`.
        status: the HTTP status of the answer. A 401 goes with `WWW-Authenticate: Basic`, which some senders wait for.

    Its text says what to do. It quotes nothing of the request, so that it can be logged and answered.
    """

    def __init__(self, reason: RefusalReason, advice: str) -> None:
        super().__init__(advice)
        self.reason = reason
        self.status = _STATUSES[reason]


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request as it arrived. Its repr has neither header fields nor body.

    Attributes:
        headers: the values of each header field, by its name in lower case.
        body: the raw body.
        now: the time of the request, aware.
    """

    headers: Mapping[str, tuple[str, ...]] = field(repr=False)
    body: bytes = field(repr=False)
    now: datetime

    def header(self, name: str) -> str:
        """Returns the value of a header field, or "" if there is none.

        Raises:
            WebhookRefused: the field stands there twice, or is too long.
        """
        values = self.headers.get(name, ("",))
        if len(values) > 1 or len(values[0]) > MAX_HEADER_VALUE:
            raise WebhookRefused(RefusalReason.MALFORMED, f"the header field {name} must stand once, and be short")
        return values[0]


def limited_webhook_request(headers: Iterable[tuple[str, str]], body: bytes, now: datetime) -> WebhookRequest:
    """Makes a request of its header fields and body.

    Raises:
        WebhookRefused: there is too much of either.
    """
    if len(body) > MAX_WEBHOOK_OCTETS:
        raise WebhookRefused(
            RefusalReason.TOO_LARGE, f"the body has more than {MAX_WEBHOOK_OCTETS:,} octets; send fewer events"
        )
    pairs = list(headers)
    if len(pairs) > MAX_HEADERS:
        raise WebhookRefused(RefusalReason.TOO_LARGE, f"there are more than {MAX_HEADERS} header fields")
    grouped: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        grouped[name.lower()] = (*grouped.get(name.lower(), ()), value)
    return WebhookRequest(grouped, body, now)
