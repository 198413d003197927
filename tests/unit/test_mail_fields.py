"""The fields of a message for services that take no MIME: each is read as it was written, or the message is refused."""

import base64
import json
from datetime import datetime
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events import Attachment
from mailer.ports.processor import OutgoingMessage
from mailer.processors.brevo.processor import BrevoApi
from mailer.processors.email_api.mail_fields import AttachedFile, Mailbox, read_mail_fields
from mailer.processors.email_api.provider_api import NotCarriedError
from mailer.processors.postmark.processor import PostmarkApi
from mailer.processors.sendgrid.processor import SendGridApi
from mailer.rendering.headers import HeaderRefused, without_direction_overrides
from tests.signed import newsletter, signer
from tests.unit.test_message import LINE, NEWSLETTER, SERVICE, TEXT, TURNS, write
from tests.webhook_requests import RETURN_LOCAL, RETURN_PATH

NOW = 1_700_000_000


def outgoing(content: bytes, recipient: str = "sam@example.org", sender: str = RETURN_PATH) -> OutgoingMessage:
    """A message with this content."""
    return OutgoingMessage(sender, recipient, content)


def test_a_newsletter() -> None:
    """Names, subject and bodies are decoded; our DKIM signature is left out, since the service signs."""
    file = Attachment(filename="größe.csv", content_type="text/csv", content=base64.b64encode(b"a;b\r\n"))
    content = signer().sign_message(newsletter(attachments=(file,)), NOW)
    fields = read_mail_fields(outgoing(content.replace("zoë".encode(), b"zoe")))
    assert fields.sender == Mailbox("news@mail.paltalk.example", "Paltalk News")
    assert fields.recipient == Mailbox("sam@example.org", "Zoë")
    assert fields.reply_to == Mailbox("help@paltalk.example", "")
    assert fields.subject == "Grüße " * 20
    assert (fields.text.strip(), fields.html.strip()) == ("Hello", "<p>Hello   </p>")
    assert "\r" not in fields.text + fields.html
    assert fields.files == (AttachedFile("größe.csv", "text/csv", b"a;b\r\n"),)
    assert fields.return_path_local == RETURN_LOCAL
    names = {name.lower() for name in fields.headers}
    assert names >= {"list-unsubscribe", "list-unsubscribe-post", "list-id", "message-id", "auto-submitted"}
    assert not names & {"dkim-signature", "date", "mime-version", "content-type", "from", "to", "subject", "reply-to"}
    assert fields.headers["List-Unsubscribe"] == "<https://mail.example/u/token>"


def test_mandatory_mail_has_no_way_to_leave() -> None:
    """No header is added that the message did not have."""
    fields = read_mail_fields(outgoing(write(SERVICE, unsubscribe_url=None)))
    assert "List-Unsubscribe" not in fields.headers


@pytest.mark.parametrize("header", ["From", "To", "Subject", "Reply-To", "X-Campaign"])
@pytest.mark.parametrize("hidden", ["a\r\nBcc: x@y.example", "a\nb", "a\x00b", "a\rb"])
def test_no_encoded_word_hides_a_header(header: str, hidden: str) -> None:
    """A service would write the decoded text into the header of its message."""
    word = f"=?utf-8?b?{base64.b64encode(hidden.encode()).decode()}?="
    fields = {"From": "a@b.example", "To": "c@d.example", "Subject": "s"}
    fields[header] = f"{word} <a@b.example>" if header in ("From", "To", "Reply-To") else word
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with pytest.raises(NotCarriedError, match="control"):
        read_mail_fields(outgoing(f"{head}\r\nHi\r\n".encode()))


def test_plain_text() -> None:
    """A message of one text has no HTML."""
    fields = read_mail_fields(outgoing(b"From: a@b.example\r\nTo: c@d.example\r\nSubject: s\r\n\r\nHi\r\n"))
    assert (fields.text, fields.html, fields.reply_to, fields.files) == ("Hi\n", "", None, ())


PLAIN = b"From: a@b.example\r\nTo: sam@example.org\r\nSubject: s\r\n"
BODY = b"MIME-Version: 1.0\r\n\r\nHi\r\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (PLAIN + b"Cc: x@example.org\r\n" + BODY, "the header Cc"),
        (PLAIN + b"Bcc: x@example.org\r\n" + BODY, "the header Bcc"),
        (PLAIN + b"Resent-To: x@example.org\r\n" + BODY, "the header Resent-To"),
        (PLAIN + b"X-One: 1\r\nx-one: 2\r\n" + BODY, "which stands twice"),
        (PLAIN.replace(b"a@b.example", b"a@b.example, c@d.example") + BODY, "a header From that is not one"),
        (PLAIN.replace(b"To: sam", b"Reply-To: a@b.example, c@d.example\r\nTo: sam") + BODY, "a header Reply-To"),
        (b"To: sam@example.org\r\n" + BODY, "a header From"),
        (PLAIN + b"Content-Type: text/html\r\n" + BODY, "a body of the type text/html"),
        (PLAIN + b"Content-Type: text/plain; charset=klingon\r\n" + BODY, "an unknown charset"),
        (PLAIN + b"Content-Type: multipart/alternative; boundary=b\r\n\r\nno parts\r\n", "not well formed"),
        (
            PLAIN + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n--b\r\n"
            b"Content-Type: text/calendar\r\n\r\nBEGIN\r\n--b--\r\n",
            "no attachment with a name",
        ),
    ],
)
def test_a_message_that_has_no_fields(content: bytes, reason: str) -> None:
    """Nothing of a message is dropped silently."""
    with pytest.raises(NotCarriedError, match=reason):
        read_mail_fields(outgoing(content))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b"sam@example.org", ""),
        (b"<sam@example.org>", ""),
        (b"Sam Jones <sam@example.org>", "Sam Jones"),
        (b'"Jones, \\"Sam\\" <x>" <sam@example.org>', 'Jones, "Sam" <x>'),
        (b"=?utf-8?B?WmXDqw==?= =?utf-8?Q?_Jones?= <sam@example.org>", "Zeë Jones"),
        (b"=?utf-8?Q?Sam?=\r\n <sam@example.org>", "Sam"),
    ],
)
def test_names(written: bytes, name: str) -> None:
    """Each form of a name (RFC 5322 3.4, RFC 2047) is read."""
    content = PLAIN.replace(b"To: sam@example.org", b"To: " + written) + BODY
    assert read_mail_fields(outgoing(content)).recipient == Mailbox("sam@example.org", name)


@pytest.mark.parametrize("recipient", ["zoë@example.org", '"a,b"@example.org', "a@b.example,c@d.example", ""])
def test_an_address_that_a_service_could_misread(recipient: str) -> None:
    """A quoted local part with a comma may be read as two people."""
    with pytest.raises(NotCarriedError, match="an address of the envelope"):
        read_mail_fields(outgoing(write(), recipient))
    with pytest.raises(NotCarriedError, match="an address of the envelope"):
        read_mail_fields(outgoing(write(), sender=""))


def test_limits_of_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service's limits are known before anything is sent to it."""
    monkeypatch.setattr("mailer.processors.postmark.processor.MAX_BODY", 1_000)
    large = outgoing(write(NEWSLETTER, text="line\n" * 201))
    with pytest.raises(NotCarriedError, match="octets") as caught:
        PostmarkApi().write_message(large)
    assert caught.value.status == "5.3.4"
    file = Attachment(filename="x.exe", content_type="application/octet-stream", content=base64.b64encode(b"x"))
    with pytest.raises(NotCarriedError, match="ending"):
        BrevoApi().write_message(outgoing(newsletter(attachments=(file,)).replace("zoë".encode(), b"zoe")))
    with pytest.raises(NotCarriedError, match="X-SG-ID"):
        SendGridApi().write_message(outgoing(PLAIN + b"X-SG-ID: 1\r\n" + BODY))


def test_names_at_brevo() -> None:
    """A recipient's long name is left out, and a brand's is not: another processor shows it."""
    one = PLAIN.replace(b"To: sam@example.org", b"To: " + b"S" * 71 + b" <sam@example.org>") + BODY
    assert json.loads(BrevoApi().write_message(outgoing(one)))["to"] == [{"email": "sam@example.org"}]
    two = PLAIN.replace(b"a@b.example", b"B" * 71 + b" <a@b.example>") + BODY
    with pytest.raises(NotCarriedError, match="sender's name"):
        BrevoApi().write_message(outgoing(two))


@given(subject=LINE, text=TEXT, html=TEXT, name=LINE | st.none())
def test_a_service_gets_what_the_renderer_wrote(subject: str, text: str, html: str, name: str | None) -> None:
    """Subject, both bodies and the name are the same as Python reads them in the message."""
    try:
        content = write(subject=subject, text=text, html=html, name=name)
    except HeaderRefused:
        return
    fields = read_mail_fields(outgoing(content))
    parsed = message_from_bytes(content, policy=default)
    plain, rich = (part.get_content().replace("\r\n", "\n") for part in parsed.iter_parts())
    assert (fields.text, fields.html) == (plain, rich)
    assert fields.subject == without_direction_overrides(subject)
    assert fields.recipient.name == "".join(char for char in name or "" if char not in TURNS).strip()


def test_secrets_are_not_in_the_repr_of_a_request() -> None:
    """A request that gets into a traceback or a log shows neither secret nor addresses."""
    request = SendGridApi().write_request([b'{"to":"sam@example.org"}'], "s3cret", datetime.min)
    assert "s3cret" not in repr(request)
    assert "sam@" not in repr(request)
