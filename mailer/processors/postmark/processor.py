"""The processor of `postmark://`: JSON in batches, as Postmark takes no MIME over HTTP.

Source: Postmark, "Email API" (single and batch), "API error codes".
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

URL_FORM: Final = ApiUrlForm(
    "postmark",
    re.compile(r"api\.postmarkapp\.com"),
    "api.postmarkapp.com",
    values={"stream": re.compile("[a-z0-9][a-z0-9_-]{0,30}")},
)
MAX_MESSAGE: Final = 10 * 1024 * 1024
"""Octets of one message with its attachments, as JSON."""
MAX_BODY: Final = 5 * 1024 * 1024
"""Octets of the text, and of the HTML."""

_UNPROCESSABLE: Final = 422
_MAINTENANCE: Final = 100
_BAD_TOKEN: Final = 10
_INACTIVE: Final = 406
_OF_SENDER: Final = frozenset((400, 401))
"""The sender is not set up, or not confirmed."""
_OF_ACCOUNT: Final = frozenset((405, 412, 413, 1235, 1236))
"""Out of credit, not yet approved, or no such stream."""


class PostmarkApi:
    """Writes the requests of Postmark, and reads its answers. See `ProviderApi`.

    Args:
        stream: the message stream that carries the mail.
    """

    max_messages = 500
    max_octets = 50 * 1024 * 1024 - 1024
    has_idempotency_key = False

    def __init__(self, stream: str = "outbound") -> None:
        self._stream = stream

    def write_message(self, message: OutgoingMessage) -> bytes:
        """See the port."""
        fields = read_mail_fields(message)
        written = json.dumps(self._to_json(fields)).encode()
        if len(written) > MAX_MESSAGE or max(len(fields.text.encode()), len(fields.html.encode())) > MAX_BODY:
            raise NotCarriedError(f"a message of {len(written):,} octets", "5.3.4")
        return written

    def write_request(self, messages: Sequence[bytes], secret: str, now: datetime) -> ApiRequest:
        """See the port."""
        headers = {"content-type": "application/json", "x-postmark-server-token": secret}
        return ApiRequest("/email/batch", headers, b"[" + b",".join(messages) + b"]")

    def read_outcomes(self, answer: ApiAnswer, count: int) -> Sequence[Outcome]:
        """See the port."""
        said = answer_outcomes.read_json(answer.body)
        if answer.status == 200:
            if isinstance(said, list) and len(said) == count:
                return [_outcome_of_message(one) for one in said]
            return [answer_outcomes.unreadable(answer.status)] * count
        if answer.status == _UNPROCESSABLE and isinstance(said, dict) and said.get("ErrorCode") != 0:
            return [_outcome_of_message(said)] * count
        text = answer_outcomes.read_text(said, "Message")
        return [answer_outcomes.outcome_of_status(answer.status, text)] * count

    def _to_json(self, fields: MailFields) -> Mapping[str, Any]:
        reply_to = {"ReplyTo": _mailbox_text(fields.reply_to)} if fields.reply_to else {}
        html = {"HtmlBody": fields.html} if fields.html else {}
        headers = [{"Name": name, "Value": value} for name, value in fields.headers.items()]
        return {
            "From": _mailbox_text(fields.sender),
            "To": _mailbox_text(fields.recipient),
            "Subject": fields.subject,
            "TextBody": fields.text,
            **html,
            **reply_to,
            "Headers": [*headers, {"Name": "X-PM-KeepID", "Value": "true"}],
            "Attachments": [
                {
                    "Name": file.filename,
                    "Content": base64.b64encode(file.content).decode(),
                    "ContentType": file.content_type,
                }
                for file in fields.files
            ],
            "Metadata": {RETURN_PATH_METADATA: fields.return_path_local},
            "TrackOpens": False,
            "TrackLinks": "None",
            "MessageStream": self._stream,
        }


def _mailbox_text(mailbox: Mailbox) -> str:
    """Returns `"Name" <address>`, the name quoted (RFC 5322 3.2.4)."""
    if not mailbox.name:
        return mailbox.address
    quoted = re.sub(r'(["\\])', r"\\\1", mailbox.name)
    return f'"{quoted}" <{mailbox.address}>'


def _outcome_of_message(said: Any) -> Outcome:
    """Returns the outcome of one message by its entry in the answer."""
    code = said.get("ErrorCode") if isinstance(said, dict) else None
    text = answer_outcomes.read_text(said, "Message")
    if not isinstance(code, int) or isinstance(code, bool):
        return answer_outcomes.unreadable(200)
    if code == 0:
        message_id = answer_outcomes.read_text(said, "MessageID")
        return answer_outcomes.accepted(200, message_id) if MESSAGE_ID.fullmatch(message_id) else _unreadable()
    words = f"error {code}: {text}"
    if code == _BAD_TOKEN:
        return answer_outcomes.refused_credentials(_UNPROCESSABLE, f"error {code}:")
    if code in (_MAINTENANCE, answer_outcomes.THROTTLED):
        return answer_outcomes.service_trouble(ConnectionTrouble.BUSY, _UNPROCESSABLE, words)
    if code in _OF_ACCOUNT:
        return answer_outcomes.service_trouble(ConnectionTrouble.REFUSED, _UNPROCESSABLE, words)
    if code in _OF_SENDER:
        return answer_outcomes.refused_sender(_UNPROCESSABLE, words)
    return answer_outcomes.blocked(None if code == _INACTIVE else _UNPROCESSABLE, words)


def _unreadable() -> Outcome:
    return answer_outcomes.unreadable(200)


def parse_postmark_url(url: str) -> ApiSettings:
    """Parses `postmark://:server-token@api.postmarkapp.com?stream=outbound&…`. See `parse_api_url`."""
    return parse_api_url(url, URL_FORM)


async def open_postmark_processor(url: str, data: Path) -> Processor:
    """Returns the processor of a URL. It connects with its first window, and stores no files."""
    settings = parse_postmark_url(url)
    return await open_api_processor(settings, PostmarkApi(**settings.values))
