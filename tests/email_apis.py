"""Doubles of the APIs of e-mail services, made from their published schemas: an unknown field is refused.

Each reads a request as its service does, and returns its answer and the messages that it took.
"""

import base64
import binascii
import email.policy
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mailer.processors.ses.request_signing import sign_string
from mailer.rendering.signed_links import METADATA_NAME

SECRET: Final = "hunter2-api-secret"
KEY_ID: Final = "AKIDEXAMPLE"


class RequestRefusedError(Exception):
    """A request that the service refuses. It has the status, the body and the headers of the answer."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body, self.headers = status, body, headers or {}


@dataclass(frozen=True)
class ApiCall:
    """A request as it came. `headers`: by their names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class TakenMail:
    """A message that a service took.

    Attributes:
        recipient: the address. token: what it gives back in its webhooks.
        fields: all that it was given. content: the MIME message, if it was given one.
    """

    recipient: str
    token: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    content: bytes = b""


@dataclass(frozen=True)
class Reply:
    """A successful answer of a service, and the messages that it took."""

    status: int
    body: Any
    taken: Sequence[TakenMail]
    headers: Mapping[str, str] = field(default_factory=dict)


class Strict(BaseModel):
    """An object without other members than its own."""

    model_config = ConfigDict(extra="forbid", strict=True)


def base64_text(text: str) -> str:
    """Checks base64."""
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("no base64") from None
    return text


Base64 = Annotated[str, AfterValidator(base64_text)]
Email = Annotated[str, Field(pattern=r"^[^\s@,<>\"]+@[^\s@,<>\"]+$")]


# Postmark: "Email API", single and batch.


class PostmarkHeader(Strict):
    """A custom header."""

    Name: Annotated[str, Field(pattern=r"^[!-9;-~]+$")]
    Value: Annotated[str, Field(pattern=r"^[^\r\n]*$")]


class PostmarkAttachment(Strict):
    """An attachment."""

    Name: str
    Content: Base64
    ContentType: str
    ContentID: str | None = None


class PostmarkMail(Strict):
    """One message."""

    From: Annotated[str, Field(max_length=255)]
    To: str
    Cc: str | None = None
    Bcc: str | None = None
    Subject: Annotated[str, Field(max_length=2000)] | None = None
    Tag: str | None = None
    HtmlBody: str | None = None
    TextBody: str | None = None
    ReplyTo: str | None = None
    Headers: list[PostmarkHeader] = []
    TrackOpens: bool = False
    TrackLinks: Literal["None", "HtmlAndText", "HtmlOnly", "TextOnly"] = "None"
    Metadata: dict[Annotated[str, Field(max_length=20)], Annotated[str, Field(max_length=80)]] = {}
    Attachments: list[PostmarkAttachment] = []
    MessageStream: str = "outbound"


def answer_as_postmark(call: ApiCall) -> Reply:
    """Reads a batch, as Postmark does."""
    if call.headers.get("x-postmark-server-token") != SECRET:
        raise RequestRefusedError(401, {"ErrorCode": 10, "Message": "No Account or Server API tokens were supplied"})
    need(call.method == "POST" and call.path == "/email/batch", 404)
    need(call.headers.get("content-type") == "application/json", 415)
    try:
        mails = TypeAdapter(Annotated[list[PostmarkMail], Field(max_length=500)]).validate_json(call.body)
    except ValidationError as error:
        raise RequestRefusedError(422, {"ErrorCode": 403, "Message": str(error)}) from None
    taken = [TakenMail(address_of(mail.To), mail.Metadata.get(METADATA_NAME, ""), mail.model_dump()) for mail in mails]
    entries = [
        {
            "ErrorCode": 0,
            "Message": "OK",
            "MessageID": f"b7bc2f4a-e38e-4336-af7d-{index:012}",
            "SubmittedAt": "2026-11-26T12:01:05.1794748-05:00",
            "To": mail.recipient,
        }
        for index, mail in enumerate(taken)
    ]
    return Reply(200, entries, taken)


# Amazon SES API v2: SendEmail.


class SesRaw(Strict):
    """A MIME message."""

    Data: Base64


class SesContent(Strict):
    """The content; of its forms only the raw one is used here."""

    Raw: SesRaw


class SesDestination(Strict):
    """The recipients of the envelope."""

    ToAddresses: list[Email] = []
    CcAddresses: list[Email] = []
    BccAddresses: list[Email] = []


class SesTag(Strict):
    """A tag. Other characters are refused."""

    Name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,256}$")]
    Value: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,256}$")]


class SesMail(Strict):
    """A request to send."""

    Content: SesContent
    Destination: SesDestination | None = None
    ConfigurationSetName: str | None = None
    EmailTags: list[SesTag] = []
    EndpointId: str | None = None
    FeedbackForwardingEmailAddress: Email | None = None
    FeedbackForwardingEmailAddressIdentityArn: str | None = None
    FromEmailAddress: str | None = None
    FromEmailAddressIdentityArn: str | None = None


def answer_as_ses(call: ApiCall) -> Reply:
    """Reads a request, as SES does: first its signature."""
    if not is_signed(call):
        raise RequestRefusedError(
            403, {"message": "The request signature we calculated"}, {"x-amzn-errortype": "SignatureDoesNotMatch"}
        )
    need(call.method == "POST" and call.path == "/v2/email/outbound-emails", 404)
    try:
        mail = SesMail.model_validate_json(call.body)
    except ValidationError as error:
        raise RequestRefusedError(400, {"message": str(error)}, {"x-amzn-errortype": "BadRequestException"}) from None
    assert mail.Destination is not None
    [recipient] = mail.Destination.ToAddresses
    [tag] = [tag.Value for tag in mail.EmailTags if tag.Name == METADATA_NAME]
    content = base64.b64decode(mail.Content.Raw.Data)
    taken = TakenMail(recipient, tag, mail.model_dump(), content)
    return Reply(200, {"MessageId": "010201924b3c4d5e-6f708192-a3b4-c5d6-e7f8-091a2b3c4d5e-000000"}, [taken])


_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>[0-9]{8}/[a-z0-9-]+/ses/aws4_request), "
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)


def is_signed(call: ApiCall) -> bool:
    """Tells whether the signature fits the request as it came (Signature Version 4)."""
    found = _AUTHORIZATION.fullmatch(call.headers.get("authorization", ""))
    if found is None or found["key"] != KEY_ID or "host" not in found["names"].split(";"):
        return False
    digest = hashlib.sha256(call.body).hexdigest()
    lines = "".join(f"{name}:{call.headers[name].strip()}\n" for name in found["names"].split(";"))
    canonical = f"{call.method}\n{call.path}\n\n{lines}\n{found['names']}\n{digest}"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{call.headers['x-amz-date']}\n{found['scope']}\n{hashed}"
    return sign_string(to_sign, found["scope"], SECRET) == found["signature"]


# SendGrid: "Mail Send" of API v3.


class SendGridAddress(Strict):
    """An address with a name."""

    email: Email
    name: str | None = None


class SendGridPersonalization(Strict):
    """The recipients of one copy."""

    to: Annotated[list[SendGridAddress], Field(min_length=1)]
    cc: list[SendGridAddress] = []
    bcc: list[SendGridAddress] = []
    subject: str | None = None
    headers: dict[str, str] = {}
    custom_args: dict[str, str] = {}
    send_at: int | None = None


class SendGridContent(Strict):
    """One body."""

    type: Literal["text/plain", "text/html"]
    value: Annotated[str, Field(min_length=1)]


class SendGridAttachment(Strict):
    """An attachment."""

    content: Base64
    filename: str
    type: str | None = None
    disposition: Literal["inline", "attachment"] = "attachment"
    content_id: str | None = None


class SendGridSwitch(Strict):
    """A switch of tracking."""

    enable: bool
    enable_text: bool | None = None


class SendGridTracking(Strict):
    """All switches of tracking."""

    click_tracking: SendGridSwitch | None = None
    open_tracking: SendGridSwitch | None = None
    subscription_tracking: SendGridSwitch | None = None
    ganalytics: SendGridSwitch | None = None


_RESERVED: Final = frozenset(("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-transfer-encoding")) | {
    "content-type",
    "to",
    "from",
    "subject",
    "reply-to",
    "cc",
    "bcc",
}


def no_reserved_headers(headers: dict[str, str]) -> dict[str, str]:
    """Refuses the headers that SendGrid reserves."""
    if reserved := _RESERVED & {name.lower() for name in headers}:
        raise ValueError(f"reserved: {reserved}")
    return headers


class SendGridMail(Strict):
    """A request to send."""

    personalizations: Annotated[list[SendGridPersonalization], Field(min_length=1, max_length=1000)]
    from_: Annotated[SendGridAddress, Field(alias="from")]
    reply_to: SendGridAddress | None = None
    subject: Annotated[str, Field(min_length=1)]
    content: Annotated[list[SendGridContent], Field(min_length=1)]
    attachments: list[SendGridAttachment] = []
    headers: Annotated[dict[str, str], AfterValidator(no_reserved_headers)] = {}
    categories: list[str] = []
    custom_args: dict[str, str] = {}
    tracking_settings: SendGridTracking | None = None


def answer_as_sendgrid(call: ApiCall) -> Reply:
    """Reads a request, as SendGrid does."""
    if call.headers.get("authorization") != f"Bearer {SECRET}":
        raise RequestRefusedError(
            401, {"errors": [{"message": "The provided authorization grant is invalid", "field": None, "help": None}]}
        )
    need(call.method == "POST" and call.path == "/v3/mail/send", 404)
    need(call.headers.get("content-type") == "application/json", 415)
    try:
        mail = SendGridMail.model_validate_json(call.body)
        if [part.type for part in mail.content] not in (["text/plain"], ["text/plain", "text/html"]):
            raise ValueError("text/plain comes first")
    except ValueError as error:
        raise RequestRefusedError(400, {"errors": [{"message": str(error), "field": "x", "help": None}]}) from None
    taken = [
        TakenMail(one.email, mail.custom_args.get(METADATA_NAME, ""), mail.model_dump(by_alias=True))
        for copy in mail.personalizations
        for one in copy.to
    ]
    return Reply(202, None, taken, {"x-message-id": "14c5d75ce93.dfd.64b469"})


# Mailgun: "Send an email in MIME format".

_FORM_NAME: Final = re.compile(r'form-data; name="([^"]+)"(; filename="[^"]+")?')
_FORM_FIELDS: Final = frozenset(("to", "message", "o:tracking", "o:dkim", "o:tag", "o:require-tls"))


def answer_as_mailgun(call: ApiCall) -> Reply:
    """Reads a form, as Mailgun does. Its parts are read by Python's own parser."""
    login = base64.b64encode(f"api:{SECRET}".encode()).decode()
    if call.headers.get("authorization") != f"Basic {login}":
        raise RequestRefusedError(401, {"message": "Invalid private key"})
    need(call.method == "POST" and call.path == "/v3/mg.example.org/messages.mime", 404)
    head = f"Content-Type: {call.headers['content-type']}\r\n\r\n".encode()
    form = BytesParser(policy=email.policy.HTTP).parsebytes(head + call.body)
    need(form.get_content_type() == "multipart/form-data" and not form.defects, 400)
    fields: dict[str, bytes] = {}
    for part in form.iter_parts():
        found = _FORM_NAME.fullmatch(str(part["Content-Disposition"]))
        need(found is not None, 400)
        assert found is not None
        need(found[1] in _FORM_FIELDS or found[1].startswith("v:"), 400)
        need(found[1] not in fields and (found[1] == "message") == bool(found[2]), 400)
        fields[found[1]] = form_value(call.body, found[0])
    need({"to", "message"} <= fields.keys(), 400)
    recipient = fields["to"].decode()
    need(re.fullmatch(r"[^\s@,<>\"]+@[^\s@,<>\"]+", recipient) is not None, 400)
    texts = {name: value.decode() for name, value in fields.items() if name != "message"}
    taken = TakenMail(recipient, texts.get(f"v:{METADATA_NAME}", ""), texts, fields["message"])
    return Reply(200, {"id": "<20261130070000.1.ABCDEF@mg.example.org>", "message": "Queued. Thank you."}, [taken])


def form_value(body: bytes, disposition: str) -> bytes:
    """Returns the octets of a part, as they came."""
    boundary = body.partition(b"\r\n")[0]
    [part] = [part for part in body.split(boundary) if disposition.encode() + b"\r\n" in part]
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


# Brevo: "Send a transactional email".


class BrevoAddress(Strict):
    """An address with a name."""

    email: Email
    name: Annotated[str, Field(max_length=70)] | None = None


class BrevoAttachment(Strict):
    """An attachment."""

    content: Base64
    name: str


class BrevoMail(Strict):
    """A request to send."""

    sender: BrevoAddress
    to: Annotated[list[BrevoAddress], Field(min_length=1)]
    bcc: list[BrevoAddress] = []
    cc: list[BrevoAddress] = []
    htmlContent: str | None = None
    textContent: str | None = None
    subject: str
    replyTo: BrevoAddress | None = None
    attachment: list[BrevoAttachment] = []
    headers: dict[str, str] = {}
    tags: list[str] = []


def answer_as_brevo(call: ApiCall) -> Reply:
    """Reads a request, as Brevo does."""
    if call.headers.get("api-key") != SECRET:
        raise RequestRefusedError(401, {"code": "unauthorized", "message": "Key not found"})
    need(call.method == "POST" and call.path == "/v3/smtp/email", 404)
    need(call.headers.get("content-type") == "application/json", 415)
    try:
        mail = BrevoMail.model_validate_json(call.body)
    except ValidationError as error:
        raise RequestRefusedError(400, {"code": "invalid_parameter", "message": str(error)}) from None
    need(bool(mail.htmlContent or mail.textContent), 400)
    token = json.loads(mail.headers["X-Mailin-custom"])[METADATA_NAME]
    message_id = "<202611300700.12345678901@smtp-relay.mailin.fr>"
    return Reply(201, {"messageId": message_id}, [TakenMail(mail.to[0].email, token, mail.model_dump())])


def need(true: bool, status: int) -> None:
    """Refuses a request unless something is true."""
    if not true:
        raise RequestRefusedError(status, {"message": "refused"})


def address_of(text: str) -> str:
    """The address in `"Name" <address>`."""
    return text.rpartition("<")[2].rstrip(">")


@dataclass(frozen=True)
class Service:
    """A service.

    Attributes:
        answer: reads a request as the service does. user, query: what its URL has besides the secret.
        is_batched: a window goes in one request. carries_mime: it takes the message as it is.
    """

    answer: Callable[[ApiCall], Reply]
    user: str = ""
    query: str = ""
    is_batched: bool = False
    carries_mime: bool = False

    def url(self, scheme: str, port: int, more: str = "") -> str:
        """The URL of a double of the service on loopback."""
        return f"{scheme}://{self.user}:{SECRET}@127.0.0.1:{port}?name={scheme}{self.query}{more}"


SERVICES: Final[Mapping[str, Service]] = {
    "brevo": Service(answer_as_brevo),
    "mailgun": Service(answer_as_mailgun, query="&domain=mg.example.org", carries_mime=True),
    "postmark": Service(answer_as_postmark, is_batched=True),
    "sendgrid": Service(answer_as_sendgrid),
    "ses": Service(answer_as_ses, KEY_ID, carries_mime=True),
}
