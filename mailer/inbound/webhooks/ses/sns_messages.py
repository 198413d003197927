"""The messages of Amazon SNS over HTTP: their form, and the text that is signed.

Source: Amazon SNS, "Parsing Amazon SNS message formats", "Verifying the signatures of Amazon SNS messages".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from mailer.inbound.webhooks.event_json import parse_json_within_limits
from mailer.inbound.webhooks.webhook_requests import RefusalReason, WebhookRefused


class SnsType(StrEnum):
    """The type of a message."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION_CONFIRMATION = "SubscriptionConfirmation"
    UNSUBSCRIBE_CONFIRMATION = "UnsubscribeConfirmation"


_SIGNED_IN_NOTIFICATION: Final = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_IN_CONFIRMATION: Final = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_ALWAYS: Final = ("Signature", "SignatureVersion", "SigningCertURL")
_OPTIONAL: Final = "Subject"
_OF_MANY_LINES: Final = "Message"
"""The only field that may have line breaks. Otherwise other fields could have the same signed text."""


@dataclass(frozen=True, slots=True)
class SnsMessage:
    """A message whose fields are all texts. Nothing of it is true before its signature verified.

    Attributes:
        type: see `SnsType`.
        fields: the signed fields that are there, in the order in which they are signed; then those of the signature.
    """

    type: SnsType
    fields: Mapping[str, str]

    @property
    def signed_octets(self) -> bytes:
        """The text that is signed: each name and each value on a line of its own."""
        signed = [f"{name}\n{value}\n" for name, value in self.fields.items() if name not in _ALWAYS]
        return "".join(signed).encode("utf-8", "surrogatepass")


def parse_sns_message(body: bytes) -> SnsMessage:
    """Parses the body of a request of SNS.

    Raises:
        WebhookRefused: it has another form.
    """
    values = parse_json_within_limits(body)
    if not isinstance(values, dict):
        raise _no_message()
    try:
        kind = SnsType(values.get("Type", ""))
    except ValueError:
        raise _no_message() from None
    names = _SIGNED_IN_NOTIFICATION if kind is SnsType.NOTIFICATION else _SIGNED_IN_CONFIRMATION
    return SnsMessage(kind, _read_texts(values, (*names, *_ALWAYS)))


def _read_texts(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    given = {name: values.get(name) for name in names if name != _OPTIONAL or values.get(name) is not None}
    texts = {name: value for name, value in given.items() if isinstance(value, str)}
    if len(texts) < len(given) or any("\n" in value for name, value in texts.items() if name != _OF_MANY_LINES):
        raise _no_message()
    return texts


def _no_message() -> WebhookRefused:
    return WebhookRefused(
        RefusalReason.MALFORMED, "the body is no message of Amazon SNS; switch raw message delivery off"
    )
