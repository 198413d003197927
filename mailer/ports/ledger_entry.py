"""Entries of the ledger, before the writer adds number, time and hash."""

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class EntryKind(StrEnum):
    """The kind of fact that a ledger entry records."""

    MAILING = "mailing"
    """A mailing was accepted or released, paused, resumed, cancelled or ended."""
    DECISION = "decision"
    """A decision: does a person get a mailing, and by which rule."""
    HAND_OVER = "hand_over"
    """The intent of a hand-over. From here on the processor may have the message."""
    OUTCOME = "outcome"
    """The result of a hand-over, or another end of a delivery."""
    ACTION = "action"
    """A change of standing."""
    CONTROL = "control"
    """A person stopped everything, a brand or a processor, or let it go on."""
    ACCESS = "access"
    """Somebody has looked a person up, or acted on one, with a reason."""


class LedgerEntry(NamedTuple):
    """One fact for the ledger; the writer adds number, time and hash. Each mail has three, so it is a plain tuple.

    Attributes:
        fields: the kinds of personal data handed over, such as `email` or `name`; never their values.
        reply: the processor's text, or another text that may identify somebody. It is chained as a salted commitment.
        message_id: RFC 5322 Message-ID, without angle brackets.
        actor: the publisher or person who ordered it; None if only mailer or the recipient did.
    """

    kind: EntryKind
    brand: str
    mailing_id: UUID | None = None
    recipient_id: int | None = None
    attempt: int | None = None
    category: str | None = None
    reason: str | None = None
    rule: str | None = None
    policy: str | None = None
    processor: str | None = None
    country: str | None = None
    contract: str | None = None
    purpose: str | None = None
    fields: tuple[str, ...] | None = None
    reply: str | None = None
    message_id: str | None = None
    actor: str | None = None
