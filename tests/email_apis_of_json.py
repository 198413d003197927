"""Doubles of the services that take JSON: Postmark, SendGrid, Brevo; see `tests.email_apis`."""

import json
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from mailer.rendering.signed_links import RETURN_PATH_METADATA
from tests.email_api_calls import (
    SECRET,
    ApiCall,
    Base64,
    Email,
    Reply,
    RequestRefusedError,
    Strict,
    TakenMail,
    need,
)

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
    Headers: list[PostmarkHeader] = Field(default_factory=list)
    TrackOpens: bool = False
    TrackLinks: Literal["None", "HtmlAndText", "HtmlOnly", "TextOnly"] = "None"
    Metadata: dict[Annotated[str, Field(max_length=20)], Annotated[str, Field(max_length=80)]] = Field(
        default_factory=dict
    )
    Attachments: list[PostmarkAttachment] = Field(default_factory=list)
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
    taken = [
        TakenMail(address_of(mail.To), mail.Metadata.get(RETURN_PATH_METADATA, ""), mail.model_dump()) for mail in mails
    ]
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


# SendGrid: "Mail Send" of API v3.


class SendGridAddress(Strict):
    """An address with a name."""

    email: Email
    name: str | None = None


class SendGridPersonalization(Strict):
    """The recipients of one copy."""

    to: Annotated[list[SendGridAddress], Field(min_length=1)]
    cc: list[SendGridAddress] = Field(default_factory=list)
    bcc: list[SendGridAddress] = Field(default_factory=list)
    subject: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    custom_args: dict[str, str] = Field(default_factory=dict)
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
    attachments: list[SendGridAttachment] = Field(default_factory=list)
    headers: Annotated[dict[str, str], AfterValidator(no_reserved_headers)] = Field(default_factory=dict)
    categories: list[str] = Field(default_factory=list)
    custom_args: dict[str, str] = Field(default_factory=dict)
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
        TakenMail(one.email, mail.custom_args.get(RETURN_PATH_METADATA, ""), mail.model_dump(by_alias=True))
        for copy in mail.personalizations
        for one in copy.to
    ]
    return Reply(202, None, taken, {"x-message-id": "14c5d75ce93.dfd.64b469"})


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
    bcc: list[BrevoAddress] = Field(default_factory=list)
    cc: list[BrevoAddress] = Field(default_factory=list)
    htmlContent: str | None = None
    textContent: str | None = None
    subject: str
    replyTo: BrevoAddress | None = None
    attachment: list[BrevoAttachment] = Field(default_factory=list)
    headers: dict[str, str] = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)


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
    token = json.loads(mail.headers["X-Mailin-custom"])[RETURN_PATH_METADATA]
    message_id = "<202611300700.12345678901@smtp-relay.mailin.fr>"
    return Reply(201, {"messageId": message_id}, [TakenMail(mail.to[0].email, token, mail.model_dump())])


def address_of(text: str) -> str:
    """The address in `"Name" <address>`."""
    return text.rpartition("<")[2].rstrip(">")
