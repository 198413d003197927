"""The processor of `mailgun://`: MIME, so that our headers and our DKIM signature survive.

Several recipients of one request would share their text, so there are no batches.

Source: Mailgun, "Send an email in MIME format" of its API reference (OpenAPI), "Errors".
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome
from mailer.ports.processor import OutgoingMessage, Processor
from mailer.processors.email_api import answer_outcomes
from mailer.processors.email_api.api_url import ApiSettings, ApiUrlForm, parse_api_url
from mailer.processors.email_api.opening import MESSAGE_ID, open_api_processor
from mailer.processors.email_api.provider_api import ApiAnswer, ApiRequest, check_plain_envelope
from mailer.rendering.signed_links import RETURN_PATH_METADATA

URL_FORM: Final = ApiUrlForm(
    "mailgun",
    re.compile(r"api\.(?:eu\.)?mailgun\.net"),
    "api.eu.mailgun.net",
    values={"domain": re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")},
    required=("domain",),
    carries_mime=True,
)
MAX_MESSAGE: Final = 25 * 1024 * 1024
"""Octets of a message."""

_BOUNDARY: Final = re.compile(rb"--(mailer-[0-9a-f]{64})\r\n")


class MailgunApi:
    """Writes the requests of Mailgun, and reads its answers. See `ProviderApi`.

    Args:
        domain: the domain of ours that is set up at Mailgun, and sends.
    """

    max_messages = 1
    max_octets = MAX_MESSAGE
    has_idempotency_key = False

    def __init__(self, domain: str) -> None:
        self._path = f"/v3/{domain}/messages.mime"

    def write_message(self, message: OutgoingMessage) -> bytes:
        """See the port. Returns a form of the type multipart/form-data (RFC 7578), which begins with its boundary."""
        check_plain_envelope(message)
        fields = {
            "to": message.recipient,
            "o:tracking": "no",
            f"v:{RETURN_PATH_METADATA}": message.sender.rpartition("@")[0],
        }
        boundary = b"mailer-" + hashlib.sha256(message.content).hexdigest().encode()
        parts = [_form_part(boundary, f'name="{name}"', value.encode()) for name, value in fields.items()]
        file = _form_part(boundary, 'name="message"; filename="message.eml"', message.content)
        return b"".join((*parts, file, b"--", boundary, b"--\r\n"))

    def write_request(self, messages: Sequence[bytes], secret: str, now: datetime) -> ApiRequest:
        """See the port."""
        (body,) = messages
        boundary = _BOUNDARY.match(body)
        if boundary is None:
            raise ValueError("a form that begins with no boundary of ours")
        login = base64.b64encode(f"api:{secret}".encode()).decode()
        content_type = f"multipart/form-data; boundary={boundary[1].decode()}"
        return ApiRequest(self._path, {"content-type": content_type, "authorization": f"Basic {login}"}, body)

    def read_outcomes(self, answer: ApiAnswer, count: int) -> Sequence[Outcome]:
        """See the port."""
        return [_outcome_of_answer(answer)] * count


def _form_part(boundary: bytes, disposition: str, content: bytes) -> bytes:
    head = f"Content-Disposition: form-data; {disposition}\r\n\r\n".encode()
    return b"--%b\r\n%b%b\r\n" % (boundary, head, content)


def _outcome_of_answer(answer: ApiAnswer) -> Outcome:
    status, said = answer.status, answer_outcomes.read_json(answer.body)
    if 200 <= status < 300:
        message_id = answer_outcomes.read_text(said, "id")
        is_id = MESSAGE_ID.fullmatch(message_id)
        return answer_outcomes.accepted(status, message_id) if is_id else answer_outcomes.unreadable(status)
    words = answer_outcomes.read_text(said, "message", "Error")
    if status == 403 and words and words.lower() != "forbidden":
        # The domain is disabled or over its limit. Wrong keys get 401, or the bare word.
        return answer_outcomes.service_trouble(ConnectionTrouble.REFUSED, status, words)
    # Its 5xx answers are not said to be before or after the queue.
    return answer_outcomes.outcome_of_status(status, words, not_taken=())


def parse_mailgun_url(url: str) -> ApiSettings:
    """Parses `mailgun://:sending-key@api.eu.mailgun.net?domain=mg.example.org&…`. See `parse_api_url`."""
    return parse_api_url(url, URL_FORM)


async def open_mailgun_processor(url: str, data: Path) -> Processor:
    """Returns the processor of a URL. It connects with its first window, and stores no files."""
    settings = parse_mailgun_url(url)
    return await open_api_processor(settings, MailgunApi(**settings.values))
