"""The processor of `brevo://`: one JSON request a message, with an idempotency key.

Versions of one message share their headers, among them our token, so there are no batches.

Source: Brevo, "Send a transactional email" of its API reference (OpenAPI), "Email API now supports idempotency".
"""

import base64
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome
from mailer.ports.processor import OutgoingMessage, Processor
from mailer.processors.email_api import answer_outcomes
from mailer.processors.email_api.api_url import ApiSettings, ApiUrlForm, parse_api_url
from mailer.processors.email_api.mail_fields import Mailbox, MailFields, read_mail_fields
from mailer.processors.email_api.opening import MESSAGE_ID, open_api_processor
from mailer.processors.email_api.provider_api import ApiAnswer, ApiRequest, NotCarriedError
from mailer.rendering.signed_links import RETURN_PATH_METADATA

URL_FORM: Final = ApiUrlForm("brevo", re.compile(r"api\.brevo\.com"), "api.brevo.com")
PATH: Final = "/v3/smtp/email"
MAX_MESSAGE: Final = 20 * 1024 * 1024
"""Octets of a request."""
MAX_NAME: Final = 70
"""Characters of a display name."""

_CREATED: Final = frozenset((201, 202))
_KEY_NAMESPACE: Final = uuid.UUID("5d1d5a4c-6a0e-5c2b-9f0e-2f1f6f6a7b78")
_FILE_NAME: Final = re.compile(
    r".+\.(?:xlsx?|xlsm|ods|doc[xm]?|csv|pdf|txt|gif|jpe?g|png|tiff?|rtf|bmp|cgm|css|s?html?|zip|xml|pptx?|tar|ez|ics"
    r"|mobi|msg|pub|eps|odt|mp3|m4a|m4v|wma|ogg|flac|wav|aif[cf]?|aiff|mp4|mov|avi|mkv|mpe?g|wmv|pkpass)",
    re.IGNORECASE,
)
"""The file names that Brevo takes, by their endings."""


class BrevoApi:
    """Writes the requests of Brevo, and reads its answers. See `ProviderApi`."""

    max_messages = 1
    max_octets = MAX_MESSAGE
    has_idempotency_key = True

    def write_message(self, message: OutgoingMessage) -> bytes:
        """See the port."""
        return json.dumps(_to_json(read_mail_fields(message), message.content)).encode()

    def write_request(self, messages: Sequence[bytes], secret: str, now: datetime) -> ApiRequest:
        """See the port."""
        (body,) = messages
        return ApiRequest(PATH, {"content-type": "application/json", "api-key": secret}, body)

    def read_outcomes(self, answer: ApiAnswer, count: int) -> Sequence[Outcome]:
        """See the port."""
        return [_outcome_of_answer(answer)] * count


def _to_json(fields: MailFields, content: bytes) -> Mapping[str, Any]:
    for file in fields.files:
        if not _FILE_NAME.fullmatch(file.filename):
            raise NotCarriedError("an attachment whose ending Brevo refuses")
    if len(fields.sender.name) > MAX_NAME:
        raise NotCarriedError(f"a sender's name of more than {MAX_NAME} characters")
    optional: dict[str, Any] = {}
    if fields.html:
        optional["htmlContent"] = fields.html
    if fields.reply_to:
        optional["replyTo"] = _mailbox(fields.reply_to)
    if fields.files:
        optional["attachment"] = [
            {"content": base64.b64encode(file.content).decode(), "name": file.filename} for file in fields.files
        ]
    key = uuid.uuid5(_KEY_NAMESPACE, content.hex())
    return {
        "sender": _mailbox(fields.sender),
        "to": [_mailbox(fields.recipient)],
        "subject": fields.subject,
        "textContent": fields.text,
        "headers": {
            **fields.headers,
            "X-Mailin-custom": json.dumps({RETURN_PATH_METADATA: fields.return_path_local}),
            "idempotencyKey": str(key),
        },
        **optional,
    }


def _mailbox(mailbox: Mailbox) -> Mapping[str, str]:
    """Returns an address with its name. A recipient's name that is too long is left out, so that the mail arrives."""
    return {"email": mailbox.address, **({"name": mailbox.name} if 0 < len(mailbox.name) <= MAX_NAME else {})}


def _outcome_of_answer(answer: ApiAnswer) -> Outcome:
    status, said = answer.status, answer_outcomes.read_json(answer.body)
    if status in _CREATED:
        message_id = answer_outcomes.read_text(said, "messageId")
        is_id = MESSAGE_ID.fullmatch(message_id)
        return answer_outcomes.accepted(status, message_id) if is_id else answer_outcomes.unreadable(status)
    if 200 <= status < 300:
        return answer_outcomes.unreadable(status)
    name = answer_outcomes.read_text(said, "code")
    words = f"{name} {answer_outcomes.read_text(said, 'message')}".strip()
    if name == "not_enough_credits":
        return answer_outcomes.service_trouble(ConnectionTrouble.REFUSED, status, words)
    if status == 403 and name == "permission_denied":
        return answer_outcomes.service_trouble(ConnectionTrouble.REFUSED, status, words)
    if name == "invalid_parameter" and "sender" in words.lower():
        return answer_outcomes.refused_sender(status, words)
    if name == "duplicate_request":
        return answer_outcomes.in_doubt(words)
    # Its 5xx answers are not said to be before or after the queue.
    return answer_outcomes.outcome_of_status(status, words, not_taken=())


def parse_brevo_url(url: str) -> ApiSettings:
    """Parses `brevo://:api-key@api.brevo.com?…`. See `parse_api_url`."""
    return parse_api_url(url, URL_FORM)


async def open_brevo_processor(url: str, data: Path) -> Processor:
    """Returns the processor of a URL. It connects with its first window, and stores no files."""
    return await open_api_processor(parse_brevo_url(url), BrevoApi())
