"""The facts after a fault run, as values: the sink's log, the ledger's entries, and all faults with their times.

Moments are seconds since the epoch; everything runs on one machine, and so by one clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SINK_DROPS = "the sink ends a connection"
"""A fault that is so frequent that only those amid a delivery belong to its history."""
Key = tuple[str, int]
"""A delivery: the id of its mailing and of its recipient."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A message that the sink saw.

    Attributes:
        key: by its return path; None where that is none of ours. mail_at, at: its MAIL, and its end.
        verdict: accepted, refused or dropped. fate: the trouble that it met.
    """

    key: Key | None
    mail_at: float
    at: float
    verdict: str
    message_id: str | None = None
    fate: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger about a delivery.

    Attributes:
        at: taken before its statement was sent. committed_at: by the database's clock.
        writer: who wrote it, and as the how-many-th.
    """

    key: Key
    at: float
    committed_at: float
    kind: str
    category: str
    reason: str = ""
    attempt: int = 0
    message_id: str | None = None
    writer: str = ""

    @property
    def in_doubt(self) -> bool:
        """True if the entry names the delivery as one that may have been handed over."""
        return self.kind == "outcome" and self.reason.startswith("in_doubt")


@dataclass(frozen=True, slots=True)
class Mailing:
    """A mailing, and what its counters say."""

    id: str
    brand: str
    event: str
    category: str
    lane: str
    finished: bool
    counts: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Delivery:
    """The final state of a delivery."""

    key: Key
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """An event: how many recipients it has, and whether its publisher was told that it is safe."""

    brand: str
    event: str
    size: int
    confirmed: bool


@dataclass(frozen=True, slots=True)
class OptOut:
    """Somebody left a category; `answered_at` is when the page said so."""

    brand: str
    recipient: int
    category: str
    answered_at: float


@dataclass(frozen=True, slots=True)
class Halt:
    """A stop of everything, of a brand or of a mailing: from its command's return to the beginning of the opposite."""

    scope: str
    name: str
    began_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was done to the system.

    Attributes:
        windows: how many windows a lane it may leave in doubt.
        hinders: whether it holds up what is on its way to the sink, and so what arrives there may be late.
    """

    what: str
    began_at: float
    ended_at: float
    windows: int = 0
    hinders: bool = False


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter; `poison` is the number of the message that was poisoned on purpose, None for any other."""

    text: str
    poison: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All facts of a run.

    Attributes:
        window: deliveries that a consumer intends at once. lease: seconds.
        endings: processes that ended by themselves though nothing was done to them. dead: dead letters.
        poison: the numbers of the messages that cannot be taken in and that RabbitMQ confirmed.
        verified: what `mailer ledger verify` found wrong.
    """

    seen: Sequence[Seen]
    entries: Sequence[Entry]
    mailings: Sequence[Mailing]
    deliveries: Sequence[Delivery]
    published: Sequence[Published]
    opt_outs: Sequence[OptOut] = ()
    halts: Sequence[Halt] = ()
    faults: Sequence[Fault] = ()
    endings: Sequence[str] = ()
    dead: Sequence[DeadLetter] = ()
    poison: Sequence[int] = ()
    verified: Sequence[str] = ()
    window: int = 64
    lease: float = 5.0


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept, for one delivery where it is one's."""

    promise: str
    what: str
    key: Key | None = None
