"""What came of a hand-over, as a value."""

from dataclasses import dataclass
from enum import StrEnum

from mailer.policy.trouble import Trouble


class Result(StrEnum):
    """The kinds of outcome. Each leads to exactly one next state of the delivery."""

    ACCEPTED = "accepted"
    """The processor took responsibility (a 250 after the final dot)."""
    DEFERRED = "deferred"
    """A passing refusal (4xx and its like): the same delivery is tried again later."""
    REFUSED = "refused"
    """The address does not exist or its owner changed: the address is dead."""
    BLOCKED = "blocked"
    """Refused for a reason of ours (content, policy, authentication): never held against the recipient."""
    IN_DOUBT = "in_doubt"
    """The connection died after the final dot: it may have been handed over."""
    UNSENT = "unsent"
    """Nothing of it was offered: no connection, or its lease would have run out."""


@dataclass(slots=True)
class Outcome:
    """One reply for one recipient. Nobody changes it; frozen, it would take five times as long to make.

    Attributes:
        result: what follows from it.
        code: the SMTP reply code (RFC 5321 4.2), None where there was no reply.
        status: the enhanced status code (RFC 3463) such as "5.1.1", None where the reply had none.
        text: the reply's text, for the ledger's side row.
        no_connection: what is unsent is so for want of a connection, and not because its time or permit was over.
        trouble: the kind of trouble for which there was no connection; None where it is not known, or was none.
    """

    result: Result
    code: int | None = None
    status: str | None = None
    text: str = ""
    no_connection: bool = False
    trouble: Trouble | None = None
