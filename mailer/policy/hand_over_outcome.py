"""The outcomes of hand-overs."""

from dataclasses import dataclass
from enum import StrEnum

from mailer.policy.connection_trouble import ConnectionTrouble


class OutcomeKind(StrEnum):
    """The kinds of outcome. Each leads to exactly one next state of the delivery."""

    ACCEPTED = "accepted"
    """The processor took responsibility (a 250 after the final dot)."""
    DEFERRED = "deferred"
    """A passing refusal (4xx and its like): the same delivery is tried again later."""
    REFUSED = "refused"
    """The address does not exist or its owner changed: the address is dead."""
    BLOCKED = "blocked"
    """Refused for a reason of ours (content, policy, authentication): never held against the recipient."""
    SET_UP = "set_up"
    """The recipient domain finds our set-up broken (SPF, DKIM, DMARC, reverse DNS, TLS): held until it is mended."""
    IN_DOUBT = "in_doubt"
    """The connection died after the final dot: it may have been handed over."""
    UNSENT = "unsent"
    """Nothing of it was offered, or the processor refused us and not the message: it goes by another one, or later."""


@dataclass(slots=True)
class Outcome:
    """One reply for one recipient. Nobody changes it; frozen, it would take five times as long to make.

    Attributes:
        result: what follows from it.
        code: the SMTP reply code (RFC 5321 4.2) or the HTTP status of an API, None where there was no reply.
        status: the enhanced status code (RFC 3463) such as "5.1.1", None where the reply had none.
        text: the reply's text, for the ledger's side row.
        trouble: of what is unsent: the processor's trouble. None: its time or its permit was over. With a code, the
            processor said so to this very message, and may take others.
        lacking: of what is blocked before it was offered: the processor lacks an extension that the message needs.
    """

    result: OutcomeKind
    code: int | None = None
    status: str | None = None
    text: str = ""
    trouble: ConnectionTrouble | None = None
    lacking: bool = False
