"""Values that the reader of requests takes and returns. Pure."""

from dataclasses import dataclass
from enum import StrEnum

MAX_SUBJECT = 500
"""The most characters of a subject that are read."""
MAX_TEXT = 20_000
"""The most characters of a body that are read, quotes included. A longer body goes to a person."""


class RequestMailbox(StrEnum):
    """The mailboxes to which people write."""

    OPT_OUT = "opt_out"
    SUPPORT = "support"
    PRIVACY = "privacy"
    REPLY = "reply"
    """The Reply-To address of a mailing."""


class RequestKind(StrEnum):
    """The requests that a mail can make. `copy`, `correction`, `erasure` and `restriction` are data requests."""

    OPT_OUT = "opt_out"
    ERASURE = "erasure"
    COPY = "copy"
    CORRECTION = "correction"
    RESTRICTION = "restriction"
    WRITTEN_NOTICE = "written_notice"
    """The person wants notices on paper, or withdraws the consent to electronic notices."""
    COMPLAINT = "complaint"
    QUESTION = "question"
    """A question, or anything else that a person must read."""
    NOTHING = "nothing"
    """An automatic reply, advertising of strangers, or only a quote."""


class OptOutReach(StrEnum):
    """The mail that an opt-out is about."""

    LIST = "list"
    """The list or category of the mailing that the person answers or names."""
    ALL = "all"
    """All optional mail of the brand."""
    COMPANY = "company"
    """All marketing of the controller: an objection (GDPR Art. 21(2))."""


class Certainty(StrEnum):
    """The sureness of a reading: `plain` may be acted on without a person."""

    PLAIN = "plain"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class MailToRead:
    """A mail as the reader takes it.

    Attributes:
        subject: decoded; the first 500 characters are read.
        text: the plain text, decoded; the first 20,000 characters are read. `plain_text_of_html` makes it of HTML.
        mailbox: the mailbox that the mail came to.
        brand_name: as people read it. Its words say nothing.
        sender: the address of the From field, or empty. Another address in the text makes the mail doubtful.
        footers: the brand's own texts in mailings, in every language. They are no words of the writer.
    """

    subject: str
    text: str
    mailbox: RequestMailbox
    brand_name: str = ""
    sender: str = ""
    footers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SuggestedRequest:
    """A request that a mail seems to make. `reach` is set for an opt-out."""

    kind: RequestKind
    reach: OptOutReach | None = None


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """The reading of a mail.

    Attributes:
        request: the request; if doubtful, the best guess.
        reach: of an opt-out; else None.
        certainty: `plain` may be acted on without a person. `doubtful` goes to a person's queue.
        suggestions: the actions that a person may confirm, best first; empty if there is none.
        reasons: short English phrases that name what was found. They quote nothing of the mail.
        language: one of ar, de, en, es, fr, ja; None if the mail has no known word.
        user_name: the user name that the mail states, or None. At most 64 characters.
    """

    request: RequestKind
    reach: OptOutReach | None
    certainty: Certainty
    suggestions: tuple[SuggestedRequest, ...] = ()
    reasons: tuple[str, ...] = ()
    language: str | None = None
    user_name: str | None = None
