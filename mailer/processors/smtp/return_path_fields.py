"""The header field by which an e-mail service behind a relay gives our return path back in its webhooks. Pure.

A service replaces the return path of the envelope by its own. It takes the field out of the message.
Sources: Postmark, "Custom metadata FAQ"; Twilio SendGrid, "X-SMTPAPI: Unique Arguments"; Mailgun, "Attaching Data to
Messages"; Brevo, "Transactional webhooks" (`X-Mailin-custom`).
"""

import json
from collections.abc import Callable, Mapping
from typing import Final

from mailer.ports.processor import OutgoingMessage
from mailer.rendering.signed_links import RETURN_PATH_METADATA


def _as_json(local: str) -> str:
    return json.dumps({RETURN_PATH_METADATA: local})


FIELDS: Final[Mapping[str, Callable[[str], str]]] = {
    "brevo": lambda local: f"X-Mailin-custom: {_as_json(local)}",
    "mailgun": lambda local: f"X-Mailgun-Variables: {_as_json(local)}",
    "postmark": lambda local: f"X-PM-Metadata-{RETURN_PATH_METADATA}: {local}",
    "sendgrid": lambda local: f'X-SMTPAPI: {{"unique_args": {_as_json(local)}}}',
}
"""The field of each service, from the local part of the return path."""


def add_return_path_field(message: OutgoingMessage, service: str) -> OutgoingMessage:
    """Returns a message with the field of a service before its other fields, so that its signature stays valid."""
    field = FIELDS[service](message.sender.partition("@")[0])
    return message._replace(content=field.encode() + b"\r\n" + message.content)
