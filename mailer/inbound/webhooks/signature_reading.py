"""The reading of signatures and signed times, which several providers share. All is pure."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Final

from mailer.inbound.webhooks.webhook_requests import RefusalReason, WebhookRefused
from mailer.input_types import AHEAD

MAX_AGE: Final = timedelta(hours=26)
"""The age up to which a signed request is accepted. SendGrid repeats a request for 24 hours.

Whoever stores event keys keeps them for longer than this.
"""
_MAX_SECONDS: Final = 12
"""Digits of a time in seconds."""


def refuse_unless_recent(sent: datetime | None, now: datetime) -> None:
    """Checks a signed time against the clock.

    Args:
        sent: the time that the provider signed; None if it is none.
        now: the time of the request.

    Raises:
        WebhookRefused: it is older than `MAX_AGE`, or in the future by more than clocks differ.
    """
    if sent is None:
        raise WebhookRefused(RefusalReason.MALFORMED, "the signed time is none")
    if not now - MAX_AGE <= sent <= now + AHEAD:
        raise WebhookRefused(
            RefusalReason.STALE, "the signed time is too far from this machine's; is one of the clocks wrong?"
        )


def read_signed_seconds(text: str) -> datetime | None:
    """Returns the time of a text with whole seconds since 1970, or None if it is none."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_SECONDS):
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def decode_base64_strictly(text: str) -> bytes | None:
    """Returns the octets of a text in base64 (RFC 4648 4), or None if it is none."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        return None
