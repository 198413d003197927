"""Mail as it was once sent, in `tests/cases/mail`, each message with what is right of it."""

import base64
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from mailer.events import EventRefused, MessageEvent, validate_event
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage
from mailer.processors.smtp.transaction import SmtpExtensions, SmtpTransaction, compose_transaction_or_outcome
from mailer.rendering.template_library import SAMPLE
from tests.factories import plain_event, policies, templates
from tests.signed import newsletter

CASES = Path(__file__).parents[1] / "cases" / "mail"


def case(name: str) -> EmailMessage:
    """A message as it was sent, and as a strict reader takes it."""
    message = message_from_bytes((CASES / f"{name}.eml").read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)
    return message


def read(content: bytes) -> EmailMessage:
    """A message as it is sent today."""
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def event_with(**values: Any) -> MessageEvent:
    """A newsletter's event with some values."""
    return validate_event(plain_event({"refs": ["u1"]}, **values))


def attached(message: EmailMessage) -> dict[str, Any]:
    """The file of a message, as an event attaches it."""
    [part] = [part for part in message.walk() if part.get_filename() is not None]
    payload = part.get_payload()
    content = payload if isinstance(payload, str) else base64.b64encode(b"Subject: x\r\n\r\nhi\r\n").decode()
    return {
        "filename": part.get_filename(),
        "content_type": part.get_content_type(),
        "content": "".join(content.split()),
    }


def test_feedback_id_encoded_words() -> None:
    """The campaign that made encoded words of the field stands in it as it is."""
    campaign, _, rest = str(case("feedback-id-encoded-words")["Feedback-ID"]).partition(":")
    assert (rest, len(campaign)) == ("newsletter:interpals:mailer", 60)
    content = newsletter(campaign=event_with(campaign=campaign).campaign, brand="interpals")
    assert f"\r\nFeedback-ID: {campaign}:{rest}\r\n".encode() in content


def test_attachment_message_rfc822_base64() -> None:
    """A message is no attachment."""
    with pytest.raises(EventRefused, match="is message/rfc822, which cannot be attached in base64"):
        event_with(attachments=[attached(case("attachment-message-rfc822-base64"))])


def test_attachment_text_plain_no_charset() -> None:
    """The same file goes out with its charset."""
    file = attached(case("attachment-text-plain-no-charset"))
    sent = read(newsletter(attachments=event_with(attachments=[file]).attachments))
    [part] = sent.iter_attachments()
    assert (part.get_content_type(), part.get_content_charset()) == ("text/plain", "utf-8")
    assert part.get_payload(decode=True) == base64.b64decode(file["content"])


def test_name_bidi_override() -> None:
    """A new name like this one is refused, and a known one loses what turns it."""
    name = case("name-bidi-override")["To"].addresses[0].display_name
    assert "\u202e" in name
    with pytest.raises(EventRefused, match="turns the direction of text"):
        validate_event(plain_event([{"ref": "u1", "email": "hn01@h.example", "name": name}]))


def test_reply_to_utf8_without_smtputf8() -> None:
    """A Reply-To in UTF-8 goes only to a relay that offers SMTPUTF8, which is asked for it (RFC 6531 3.4)."""
    outgoing = OutgoingMessage(
        "b@x.example", "hp1@h.example", (CASES / "reply-to-utf8-without-smtputf8.eml").read_bytes()
    )
    without = compose_transaction_or_outcome(outgoing, 0, SmtpExtensions.parse_ehlo_keywords({"8bitmime": ""}))
    assert isinstance(without, Outcome)
    assert (without.result, without.status) == (OutcomeKind.BLOCKED, "5.6.7")
    offered = compose_transaction_or_outcome(
        outgoing, 0, SmtpExtensions.parse_ehlo_keywords({"8bitmime": "", "smtputf8": ""})
    )
    assert isinstance(offered, SmtpTransaction)
    assert offered.mail.endswith(b" SMTPUTF8")


def test_interpals_ar_any() -> None:
    """Company and postal address keep their direction where `<bdi>` is dropped, and where `dir` is, too."""
    controller = policies()["interpals"].controller
    was = case("interpals-ar-any").get_body(("html",))
    assert was
    for text in (controller.name, controller.postal_address):
        assert f"<bdi>{text}</bdi>" in was.get_content()
    template = templates().find_template("interpals", "rights-answer")
    assert template
    page = template.render("ar", {**SAMPLE, **template.example}).html
    assert "<bdi" not in page
    bare = re.sub(r"</?span[^>]*>", "", page)
    for text in (controller.name, controller.postal_address):
        assert f"\u2068{text}\u2069" in bare
        assert f'<span dir="auto">\u2068{text}\u2069</span>' in page


def test_each_case_has_its_test() -> None:
    """A file that is added here is tried."""
    names = {file.stem.replace("-", "_") for file in CASES.glob("*.eml")}
    assert {f"test_{name}" for name in names} <= globals().keys()
