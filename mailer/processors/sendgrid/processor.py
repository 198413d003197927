"""The processor of `sendgrid://`: one JSON request a message, as SendGrid takes no MIME over HTTP.

Several recipients of one request would share their text, so there are no batches.

Source: Twilio SendGrid, "Mail Send" of the "v3 API Reference" (OpenAPI `tsg_mail_v3`), "Errors".
"""

import base64
import json
import re
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

URL_FORM: Final = ApiUrlForm("sendgrid", re.compile(r"api\.(?:eu\.)?sendgrid\.com"), "api.sendgrid.com")
PATH: Final = "/v3/mail/send"
MAX_MESSAGE: Final = 30 * 1024 * 1024
"""Octets of a request."""

_ACCEPTED: Final = 202
_RESERVED: Final = frozenset(("x-sg-id", "x-sg-eid", "received"))
"""Headers that SendGrid refuses, besides those that are fields."""
_OFF: Final[Mapping[str, Any]] = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
    "ganalytics": {"enable": False},
}
"""SendGrid's own tracking, switched off: it would rewrite our links."""


class SendGridApi:
    """Writes the requests of SendGrid, and reads its answers. See `ProviderApi`."""

    max_messages = 1
    max_octets = MAX_MESSAGE
    has_idempotency_key = False

    def write_message(self, message: OutgoingMessage) -> bytes:
        """See the port."""
        return json.dumps(_to_json(read_mail_fields(message))).encode()

    def write_request(self, messages: Sequence[bytes], secret: str, now: datetime) -> ApiRequest:
        """See the port."""
        (body,) = messages
        return ApiRequest(PATH, {"content-type": "application/json", "authorization": f"Bearer {secret}"}, body)

    def read_outcomes(self, answer: ApiAnswer, count: int) -> Sequence[Outcome]:
        """See the port."""
        return [_outcome_of_answer(answer)] * count


def _to_json(fields: MailFields) -> Mapping[str, Any]:
    for name in fields.headers:
        if name.lower() in _RESERVED:
            raise NotCarriedError(f"the header {name}")
    bodies = [("text/plain", fields.text), ("text/html", fields.html)]
    optional: dict[str, Any] = {}
    if fields.reply_to:
        optional["reply_to"] = _mailbox(fields.reply_to)
    if fields.files:
        optional["attachments"] = [
            {
                "content": base64.b64encode(file.content).decode(),
                "filename": file.filename,
                "type": file.content_type,
                "disposition": "attachment",
            }
            for file in fields.files
        ]
    return {
        "personalizations": [{"to": [_mailbox(fields.recipient)]}],
        "from": _mailbox(fields.sender),
        "subject": fields.subject,
        "content": [{"type": kind, "value": body} for kind, body in bodies if body],
        "headers": fields.headers,
        "custom_args": {RETURN_PATH_METADATA: fields.return_path_local},
        "tracking_settings": _OFF,
        **optional,
    }


def _mailbox(mailbox: Mailbox) -> Mapping[str, str]:
    return {"email": mailbox.address, **({"name": mailbox.name} if mailbox.name else {})}


def _outcome_of_answer(answer: ApiAnswer) -> Outcome:
    status = answer.status
    if status == _ACCEPTED:
        message_id = answer.headers.get("x-message-id", "")
        is_id = MESSAGE_ID.fullmatch(message_id)
        return answer_outcomes.accepted(status, message_id) if is_id else answer_outcomes.unreadable(status)
    if 200 <= status < 300:
        return answer_outcomes.unreadable(status)
    said = answer_outcomes.read_json(answer.body)
    errors = said.get("errors") if isinstance(said, dict) else None
    words = "; ".join(
        f"{answer_outcomes.read_text(one, 'field')} {answer_outcomes.read_text(one, 'message')}".strip()
        for one in (errors if isinstance(errors, list) else [])
    )
    if status in (401, 403) and "credit" in words.lower():
        return answer_outcomes.service_trouble(ConnectionTrouble.REFUSED, status, words)
    if status == 403 and "sender identity" in words.lower():
        return answer_outcomes.refused_sender(status, words)
    return answer_outcomes.outcome_of_status(status, words)


def parse_sendgrid_url(url: str) -> ApiSettings:
    """Parses `sendgrid://:api-key@api.sendgrid.com?…`. See `parse_api_url`."""
    return parse_api_url(url, URL_FORM)


async def open_sendgrid_processor(url: str, data: Path) -> Processor:
    """Returns the processor of a URL. It connects with its first window, and stores no files."""
    return await open_api_processor(parse_sendgrid_url(url), SendGridApi())
