"""The processor of `ses://`: raw MIME by version 2 of the API, so that our headers and our DKIM signature survive.

Source: AWS, "SendEmail" of the "Amazon SES API v2 Reference": its request, answer and errors.
"""

import base64
import json
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
from mailer.processors.ses.request_signing import sign_post_request
from mailer.rendering.signed_links import BOUNCE_PREFIX, RETURN_PATH_METADATA

URL_FORM: Final = ApiUrlForm(
    "ses",
    re.compile(r"email(?:-fips)?\.[a-z]{2}(?:-[a-z]+)+-[0-9]\.(?:amazonaws\.com|api\.aws)"),
    "email.eu-west-1.amazonaws.com",
    user="the access key id",
    values={"configuration_set": re.compile("[A-Za-z0-9_-]{1,64}")},
    carries_mime=True,
)
PATH: Final = "/v2/email/outbound-emails"
MAX_MESSAGE: Final = 40 * 1024 * 1024
"""Octets of a message in base64."""

_ERROR_NAME: Final = re.compile("[A-Za-z]{1,80}")
_THROTTLED: Final = frozenset(
    ("TooManyRequestsException", "LimitExceededException", "ThrottlingException", "Throttling", "ServiceUnavailable")
)
_OF_CREDENTIALS: Final = re.compile(
    "AccessDenied|UnrecognizedClient|Signature|ExpiredToken|MissingAuthenticationToken|InvalidClientTokenId"
    "|RequestExpired|OptInRequired|NotAuthorized"
)
_OF_ACCOUNT: Final = frozenset(("AccountSuspendedException", "SendingPausedException", "NotFoundException"))
_UNVERIFIED: Final = "not verified"
_HERE: Final = "local"
"""The region of an SES on loopback, for tests."""


class SesApi:
    """Writes the requests of SES, and reads its answers. See `ProviderApi`.

    Args:
        host: the Host header of the requests.
        region: the AWS region.
        key_id: the access key id.
        configuration_set: the configuration set, which publishes the events; empty: the default of the identity.
    """

    max_messages = 1
    max_octets = MAX_MESSAGE
    has_idempotency_key = False

    def __init__(self, host: str, region: str, key_id: str, configuration_set: str = "") -> None:
        self._host, self._region, self._key_id = host, region, key_id
        self._configuration_set = configuration_set

    def write_message(self, message: OutgoingMessage) -> bytes:
        """See the port. SES sets the envelope's sender itself, so a tag carries our token of the return path."""
        check_plain_envelope(message)
        token = message.sender.rpartition("@")[0].removeprefix(BOUNCE_PREFIX)
        request = {
            "Destination": {"ToAddresses": [message.recipient]},
            "Content": {"Raw": {"Data": base64.b64encode(message.content).decode()}},
            "FeedbackForwardingEmailAddress": message.sender,
            "EmailTags": [{"Name": RETURN_PATH_METADATA, "Value": token}],
        }
        if self._configuration_set:
            request["ConfigurationSetName"] = self._configuration_set
        return json.dumps(request).encode()

    def write_request(self, messages: Sequence[bytes], secret: str, now: datetime) -> ApiRequest:
        """See the port."""
        (body,) = messages
        headers = sign_post_request(
            host=self._host,
            path=PATH,
            body=body,
            region=self._region,
            service="ses",
            key_id=self._key_id,
            secret=secret,
            now=now,
        )
        return ApiRequest(PATH, headers, body)

    def read_outcomes(self, answer: ApiAnswer, count: int) -> Sequence[Outcome]:
        """See the port."""
        return [_outcome_of_answer(answer)] * count


def _outcome_of_answer(answer: ApiAnswer) -> Outcome:
    said = answer_outcomes.read_json(answer.body)
    status = answer.status
    if status == 200:
        message_id = answer_outcomes.read_text(said, "MessageId")
        is_id = MESSAGE_ID.fullmatch(message_id)
        return answer_outcomes.accepted(status, message_id) if is_id else answer_outcomes.unreadable(status)
    found = _ERROR_NAME.match(answer.headers.get("x-amzn-errortype", "") or answer_outcomes.read_text(said, "__type"))
    name = found[0] if found else ""
    words = f"{name} {answer_outcomes.read_text(said, 'message', 'Message')}".strip()
    if name in _THROTTLED and status < 500:
        return answer_outcomes.service_trouble(ConnectionTrouble.BUSY, status, words)
    if _OF_CREDENTIALS.search(name):
        return answer_outcomes.refused_credentials(status, name)
    if name in _OF_ACCOUNT:
        return answer_outcomes.service_trouble(ConnectionTrouble.REFUSED, status, words)
    if name == "MailFromDomainNotVerifiedException" or (name == "MessageRejected" and _UNVERIFIED in words.lower()):
        return answer_outcomes.refused_sender(status, words)
    return answer_outcomes.outcome_of_status(status, words)


def parse_ses_url(url: str) -> ApiSettings:
    """Parses `ses://key-id:secret@email.eu-west-1.amazonaws.com?configuration_set=…&…`. See `parse_api_url`."""
    return parse_api_url(url, URL_FORM)


async def open_ses_processor(url: str, data: Path) -> Processor:
    """Returns the processor of a URL. It connects with its first window, and stores no files."""
    settings = parse_ses_url(url)
    host = settings.host if settings.is_encrypted and settings.port == 443 else f"{settings.host}:{settings.port}"
    api = SesApi(host, (*settings.host.split("."), _HERE)[1], settings.user, **settings.values)
    return await open_api_processor(settings, api)
