"""Doubles of the APIs of e-mail services, made from their published schemas: an unknown field is refused.

Each reads a request as its service does, and returns its answer and the messages that it took.
"""

import base64
import email.policy
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from typing import Annotated, Final

from pydantic import Field, ValidationError

from mailer.processors.ses.request_signing import sign_string
from mailer.rendering.signed_links import RETURN_PATH_METADATA
from tests.email_api_calls import (
    KEY_ID,
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
from tests.email_apis_of_json import answer_as_brevo, answer_as_postmark, answer_as_sendgrid

# Amazon SES API v2: SendEmail.


class SesRaw(Strict):
    """A MIME message."""

    Data: Base64


class SesContent(Strict):
    """The content; of its forms only the raw one is used here."""

    Raw: SesRaw


class SesDestination(Strict):
    """The recipients of the envelope."""

    ToAddresses: list[Email] = Field(default_factory=list)
    CcAddresses: list[Email] = Field(default_factory=list)
    BccAddresses: list[Email] = Field(default_factory=list)


class SesTag(Strict):
    """A tag. Other characters are refused."""

    Name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,256}$")]
    Value: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,256}$")]


class SesMail(Strict):
    """A request to send."""

    Content: SesContent
    Destination: SesDestination | None = None
    ConfigurationSetName: str | None = None
    EmailTags: list[SesTag] = Field(default_factory=list)
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
    [tag] = [tag.Value for tag in mail.EmailTags if tag.Name == RETURN_PATH_METADATA]
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
    taken = TakenMail(recipient, texts.get(f"v:{RETURN_PATH_METADATA}", ""), texts, fields["message"])
    return Reply(200, {"id": "<20261130070000.1.ABCDEF@mg.example.org>", "message": "Queued. Thank you."}, [taken])


def form_value(body: bytes, disposition: str) -> bytes:
    """Returns the octets of a part, as they came."""
    boundary = body.partition(b"\r\n")[0]
    [part] = [part for part in body.split(boundary) if disposition.encode() + b"\r\n" in part]
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


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
        return f"{scheme}://{self.user}:{SECRET}@127.0.0.1:{port}?timeout=10{self.query}{more}"


SERVICES: Final[Mapping[str, Service]] = {
    "brevo": Service(answer_as_brevo),
    "mailgun": Service(answer_as_mailgun, query="&domain=mg.example.org", carries_mime=True),
    "postmark": Service(answer_as_postmark, is_batched=True),
    "sendgrid": Service(answer_as_sendgrid),
    "ses": Service(answer_as_ses, KEY_ID, carries_mime=True),
}
