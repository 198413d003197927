"""Marks of phrases: the meaning that a language's table gives to a phrase. Pure."""

from enum import StrEnum


class Mark(StrEnum):
    """The meanings of phrases that the reader of requests knows."""

    # Opt-outs
    STOP = "asks to stop mail"
    """A whole opt-out: unsubscribe, take me off."""
    BARE = "has a word that alone asks to leave"
    """A word that is an opt-out if it stands alone in a mail to the opt-out mailbox or in an answer."""
    CEASE = "asks to cease"
    """An opt-out with mail as its object, or if it stands alone: stop."""
    REMOVE = "asks to remove"
    """An opt-out with a person or a list as its object, an erasure with data."""
    NOT = "has a negation"
    NO_MORE = "says no more"
    """A negation that asks by itself: no more mail."""
    SEND = "names sending"
    GET = "names receiving"
    WANT = "names a wish"
    MAIL = "names mail"
    NEWSLETTER = "names this newsletter or list"
    LIST = "names a list"
    ADVERTISING = "names advertising"
    EVERYTHING = "names everything"
    COMPANY = "names the whole company"
    WITHDRAW = "withdraws"
    CONSENT = "names a consent"
    OBJECT = "objects"
    PROCESSING = "names the processing of data"
    # Other requests
    ERASURE = "asks for erasure"
    DATA = "names data"
    ACCOUNT = "names an account"
    ACCESS = "asks for the stored data"
    COPY = "names a copy"
    CORRECT = "asks for a correction"
    RESTRICT = "asks for a restriction"
    ELECTRONIC = "names electronic notices"
    PAPER = "names paper"
    NOTICE = "names notices"
    # Harmless
    FILL = "has a neutral word"
    ME = "names the writer"
    ADDRESS = "names an address"
    POLITE = "asks politely"
    REASON = "gives a reason"
    GREETING = "greets"
    CLOSING = "ends the mail"
    SPLIT = "begins another clause"
    # Doubt
    QUESTION = "asks a question"
    IF = "names a condition"
    THIRD = "is about somebody else"
    PAST = "tells of the past"
    REPORT = "tells of words"
    JOKE = "may be a joke"
    KEEP = "wants to keep something"
    BACK = "wants to come back"
    LINK = "is about a link or a page"
    LATER = "names another time"
    OTHER = "is about something else"
    ANGER = "complains"
    CANCEL_REQUEST = "takes something back"
    STATEMENT = "tells of what the brand does"
    AUTOMATIC = "says that it is automatic"
    UNKNOWN = "has an unknown word"


DOUBTS = frozenset(
    {
        Mark.QUESTION, Mark.IF, Mark.THIRD, Mark.PAST, Mark.REPORT, Mark.JOKE, Mark.KEEP, Mark.BACK, Mark.LINK,
        Mark.LATER, Mark.OTHER, Mark.ANGER, Mark.CANCEL_REQUEST, Mark.STATEMENT, Mark.AUTOMATIC,
    }
)  # fmt: skip
"""Marks that make a mail doubtful wherever they stand."""
