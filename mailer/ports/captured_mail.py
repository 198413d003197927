"""Captured mail for the inbox pages. It exists only in the demo and in tests, where a server captures all mail."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class CapturedMail(Protocol):
    """One message that was captured."""

    @property
    def id(self) -> str:
        """The id of the mail, which can stand in a path."""
        ...

    @property
    def at(self) -> datetime:
        """The time at which it was received, in UTC."""
        ...

    @property
    def recipients(self) -> Sequence[str]:
        """The envelope recipients."""
        ...

    @property
    def author(self) -> str:
        """The From field, decoded."""
        ...

    @property
    def subject(self) -> str:
        """The Subject field, decoded."""
        ...

    @property
    def feedback_id(self) -> str | None:
        """The Feedback-ID field; None if there is none."""
        ...

    @property
    def raw(self) -> bytes:
        """The message exactly as received."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, str]]:
        """All fields in their order, decoded."""
        ...

    @property
    def html(self) -> str | None:
        """The HTML part, None if there is none."""
        ...

    @property
    def text(self) -> str | None:
        """The plain text part, None if there is none."""
        ...


class CapturedMailReader(Protocol):
    """Reads captured mail. It reads files, so call it in a thread."""

    def list_mails(self) -> Sequence[CapturedMail]:
        """Returns all captured mail, newest first."""
        ...

    def get_mail(self, id: str) -> CapturedMail | None:
        """Returns one mail, or None if there is none with that id."""
        ...
