"""The tokens of signed links: the facts that each kind of link carries."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID


class TokenPurpose(StrEnum):
    """The purpose of a token, which is the salt of its signature."""

    UNSUBSCRIBE = "unsubscribe"
    OPEN = "open"
    CLICK = "click"
    CONFIRM = "confirm"
    PREFERENCES = "preferences"
    REPORT = "report"
    UNDO = "undo"
    DATA_REQUEST = "data-request"
    VIEW = "view"


TEST_RECIPIENT: Final = 0
"""The recipient whom the links of previews and test mails name. Nobody has this id: such a link acts on nobody."""


class UnsubscribeToken(NamedTuple):
    """The contents of an unsubscribe link: the person, and the mail that they leave.

    Attributes:
        brand: the brand that sent the mail. recipient_id: the person who leaves.
        category: the category to leave; to leave `service` closes the account.
        mailing_id: for statistics only; the mailing may be deleted by now.
        generation: the generation of the address that the mail goes to; None in older links, which do not have it.
    """

    brand: str
    recipient_id: int
    category: str
    mailing_id: UUID | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class OpenToken:
    """The contents of a pixel's address. By default it counts an open for nobody in particular (invariant 6).

    Attributes:
        nonce: a random value, stored with no person, by which a second open of the same message is recognised.
        recipient_id: the person who opens; only for people who have consented to that.
        generation: the generation of the address that the mail goes to; only together with `recipient_id`.
    """

    mailing_id: UUID
    nonce: str | None = None
    recipient_id: int | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class ClickToken:
    """The contents of a tracked link: the https or http URL that it leads to, and the other fields of `OpenToken`."""

    mailing_id: UUID
    url: str
    nonce: str | None = None
    recipient_id: int | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class ConfirmToken:
    """The contents of a confirmation link: the person who confirms a request (double opt-in).

    Attributes:
        confirmation: the id of the mail that asks.
        generation: the generation of the address that the mail goes to.
    """

    brand: str
    recipient_id: int
    confirmation: UUID
    generation: int


@dataclass(frozen=True, slots=True)
class DataRequestToken:
    """The contents of a link to a request for a person's data.

    Attributes:
        request: the id of the request.
        generation: the generation of the address that the mail goes to.
    """

    brand: str
    recipient_id: int
    request: UUID
    generation: int


class PreferencesToken(NamedTuple):
    """The contents of a preferences link: the person whose preferences it opens.

    `generation`: see `UnsubscribeToken`.
    """

    brand: str
    recipient_id: int
    generation: int | None = None


class MailReportToken(NamedTuple):
    """The contents of a report link: a person asks why they got a mailing, or says that the account is not theirs.

    `generation`: see `UnsubscribeToken`.
    """

    brand: str
    recipient_id: int
    mailing_id: UUID
    generation: int | None = None


class WebCopyToken(NamedTuple):
    """The contents of a link to the web copy of a mail: the person and the mailing.

    Attributes:
        generation: the generation of the address that the mail goes to.
    """

    brand: str
    recipient_id: int
    mailing_id: UUID
    generation: int


class UndoToken(NamedTuple):
    """The contents of an undo button's value: one opt-out that the person may have made by mistake.

    Attributes:
        suppression: the id of the record that the opt-out made. at: the time of the opt-out, aware.
    """

    brand: str
    recipient_id: int
    suppression: int
    at: datetime


@dataclass(frozen=True, slots=True)
class BounceToken:
    """The delivery to which a return path belongs."""

    mailing_id: UUID
    recipient_id: int
