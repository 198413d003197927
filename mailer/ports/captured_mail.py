"""Captured mail, as the inbox pages show it. Only where a capturing server stands in for the world: the demo, tests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class CapturedMail(Protocol):
    """One message that was captured."""

    @property
    def id(self) -> str:
        """Its name, fit for a path."""
        ...

    @property
    def at(self) -> datetime:
        """When it was received, UTC."""
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


class CapturedMails(Protocol):
    """What was captured. Reads files, so it is called in a thread."""

    def list_mails(self) -> Sequence[CapturedMail]:
        """Everything captured, newest first."""
        ...

    def get_mail(self, id: str) -> CapturedMail | None:
        """One message, None if there is none with that id."""
        ...
