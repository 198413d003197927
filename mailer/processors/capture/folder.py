"""The folder of captured messages, as its readers see it. `mailer.processors.capture.server` writes it."""

import email.policy
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class CapturedMessage:
    """A message that the capture server received.

    Attributes:
        id: the name of its two files, without the extension.
        at: when it was received, UTC.
        sender: the envelope sender.
        recipients: the envelope recipients.
        author: the From field, decoded.
        subject: the Subject field, decoded.
        file: the file with its bytes.
        noted_feedback_id: the Feedback-ID field, empty if there is none; None if it was not noted at the capture.
    """

    id: str
    at: datetime
    sender: str
    recipients: tuple[str, ...]
    author: str
    subject: str
    file: Path
    noted_feedback_id: str | None = None

    @cached_property
    def feedback_id(self) -> str | None:
        """The Feedback-ID field; None if there is none. It is read from the message if the capture did not note it."""
        if self.noted_feedback_id is not None:
            return self.noted_feedback_id or None
        with self.file.open("rb") as message:
            return BytesHeaderParser().parse(message).get("Feedback-ID")

    @cached_property
    def raw(self) -> bytes:
        """The bytes of the message, exactly as received."""
        return self.file.read_bytes()

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All header fields in their order, decoded. A field that occurs twice is listed twice."""
        return [(name, str(value)) for name, value in self._parsed_message.items()]

    @property
    def html(self) -> str | None:
        """The text of the HTML part, or None if the message has none."""
        return self._body_part("html")

    @property
    def text(self) -> str | None:
        """The text of the plain text part, or None if the message has none."""
        return self._body_part("plain")

    @cached_property
    def _parsed_message(self) -> EmailMessage:
        return BytesParser(EmailMessage, policy=email.policy.default).parsebytes(self.raw)

    def _body_part(self, subtype: str) -> str | None:
        part = self._parsed_message.get_body((subtype,))
        return None if part is None else str(part.get_content())


class CaptureFolder:
    """Reads the messages that a `CaptureServer`, in this process or another, stored in a folder."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder, which may not exist yet."""
        self._folder = folder

    def list_mails(self) -> list[CapturedMessage]:
        """Returns all captured messages, newest first. Reads only the JSON files."""
        found = [self._read_mail(file) for file in self._folder.glob("*.json")]
        return sorted(found, key=_sort_key_by_time, reverse=True)

    def count_mails(self) -> int:
        """Returns the number of captured messages."""
        return sum(1 for _ in self._folder.glob("*.json"))

    def mails_received_by(self, address: str) -> Sequence[CapturedMessage]:
        """Returns the messages to one address, newest first. Keeps no other message in memory."""
        found = (self._read_mail(file) for file in self._folder.glob("*.json"))
        return sorted((mail for mail in found if address in mail.recipients), key=_sort_key_by_time, reverse=True)

    def get_mail(self, id: str) -> CapturedMessage | None:
        """Returns the message with this id, or None if there is none or the text is no UUID."""
        try:
            file = self._folder / f"{uuid.UUID(id)}.json"
        except ValueError:
            return None
        return self._read_mail(file) if file.exists() else None

    def _read_mail(self, file: Path) -> CapturedMessage:
        facts = json.loads(file.read_bytes())
        return CapturedMessage(
            id=file.stem,
            at=datetime.fromisoformat(facts["at"]),
            sender=facts["sender"],
            recipients=tuple(facts["recipients"]),
            author=facts["author"],
            subject=facts["subject"],
            file=file.with_suffix(".eml"),
            noted_feedback_id=facts.get("feedback_id"),
        )


def _sort_key_by_time(captured: CapturedMessage) -> tuple[datetime, str]:
    return captured.at, captured.id
