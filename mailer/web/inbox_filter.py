"""The choice of captured mails for the inbox: by a text, brand, category and person; and the newest of each kind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailer.policy.category import CATEGORIES
from mailer.ports.captured_mail import CapturedMail


@dataclass(frozen=True, slots=True)
class MailKind:
    """The kind of a captured mail, from its Feedback-ID (`campaign:category:brand:sender`)."""

    brand: str
    category: str


@dataclass(frozen=True, slots=True)
class InboxFilter:
    """A filter for captured mails; an empty text fits all.

    Attributes:
        text: a part of subject, author or recipient, in any case.
        brand, category: the kind.
        person: a part of the address of a recipient, in any case.
    """

    text: str = ""
    brand: str = ""
    category: str = ""
    person: str = ""


def kind_of_mail(mail: CapturedMail) -> MailKind | None:
    """Returns the kind of a mail, or None if its Feedback-ID names no category."""
    parts = (mail.feedback_id or "").split(":")
    return MailKind(parts[2], parts[1]) if len(parts) == 4 and parts[1] in CATEGORIES else None


def mails_in_filter(mails: Iterable[CapturedMail], chosen: InboxFilter) -> list[CapturedMail]:
    """Returns the mails that fit a filter, in their order."""
    return [mail for mail in mails if _is_in_filter(mail, chosen)]


def newest_of_each_kind(mails: Iterable[CapturedMail]) -> list[CapturedMail]:
    """Returns the first mail of each kind, for mails with the newest first. Mails without a kind are left out."""
    newest: dict[MailKind, CapturedMail] = {}
    for mail in mails:
        kind = kind_of_mail(mail)
        if kind is not None:
            newest.setdefault(kind, mail)
    return list(newest.values())


def brands_of_mails(mails: Iterable[CapturedMail]) -> Sequence[str]:
    """Returns the brands of some mails, by name."""
    return sorted({kind.brand for kind in map(kind_of_mail, mails) if kind is not None})


def _is_in_filter(mail: CapturedMail, chosen: InboxFilter) -> bool:
    kind = kind_of_mail(mail)
    if chosen.brand and (kind is None or kind.brand != chosen.brand):
        return False
    if chosen.category and (kind is None or kind.category != chosen.category):
        return False
    if chosen.person and not _is_part_of_any(mail.recipients, chosen.person):
        return False
    return not chosen.text or _is_part_of_any((mail.subject, mail.author, *mail.recipients), chosen.text)


def _is_part_of_any(texts: Iterable[str], part: str) -> bool:
    return any(part.casefold() in text.casefold() for text in texts)
