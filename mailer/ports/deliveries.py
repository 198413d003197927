"""Deliveries and their states, as the hand-over sees them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from mailer.policy.decision import Mailing
from mailer.policy.standing import Standing
from mailer.ports.ledger_entry import LedgerEntry


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    INTENDED = "intended"
    IN_DOUBT = "in_doubt"
    DEFERRED = "deferred"
    HELD = "held"
    SUPPRESSED = "suppressed"
    DIVERTED = "diverted"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"
    HANDED_OVER = "handed_over"

    @property
    def counted_as(self) -> "DeliveryState":
        """The state under which it is counted: what a worker holds is still queued for everyone else."""
        return DeliveryState.QUEUED if self in (DeliveryState.CLAIMED, DeliveryState.INTENDED) else self

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self in _FINAL


IN_DOUBT = "in_doubt"
"""The reason for which mandatory mail is held, and optional mail fails: it may have arrived as often as it may."""
SET_UP = "set_up"
"""The reason of what is held until our own set-up is mended."""
NO_WAY_OUT = "no_way_out"
"""The reason of what is held since its reader would not see how to leave it."""
_FINAL = frozenset(
    {
        DeliveryState.SUPPRESSED,
        DeliveryState.DIVERTED,
        DeliveryState.CANCELLED,
        DeliveryState.EXPIRED,
        DeliveryState.FAILED,
        DeliveryState.HANDED_OVER,
    }
)


@dataclass(slots=True)
class DeliveryRow:
    """One delivery that a worker holds. Nobody changes it; frozen, it would take five times as long to make.

    Attributes:
        attempt: how often it has been claimed; a fence, never counted down.
        standing: as read by the claiming statement.
        context: this person's own values for the template.
        inviter_paused: the invitations of the mailing's inviter are stopped.
        shared: the hash of the address, where others of the mailing had the same when it was expanded; else None.
        tried_at: when it was offered to a processor for the first time; None if it never was.
    """

    mailing_id: UUID
    recipient_id: int
    attempt: int
    standing: Standing
    name: str | None = None
    locale: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    inviter_paused: bool = False
    shared: bytes | None = None
    tried_at: datetime | None = None

    @property
    def key(self) -> tuple[UUID, int]:
        """The delivery's key: its mailing and its recipient."""
        return self.mailing_id, self.recipient_id


@dataclass(frozen=True, slots=True)
class Claim:
    """Deliveries held under one lease.

    Attributes:
        token: fences every statement about them.
        rows: in order of mailing and recipient.
        deadline: `time.monotonic()` seconds after which the lease may have run out.
    """

    token: UUID
    rows: Sequence[DeliveryRow]
    deadline: float

    def rows_of_mailing(self, mailing_id: UUID) -> list[DeliveryRow]:
        """The rows of one mailing."""
        return [row for row in self.rows if row.mailing_id == mailing_id]


class TextCarrier(NamedTuple):
    """The recipient whose delivery carries a text to an address that several share.

    Attributes:
        n: how often the text was carried until now. due_at: when a deferred delivery is offered again.
        reason: of its state.
    """

    recipient_id: int
    n: int
    state: DeliveryState
    due_at: datetime | None
    reason: str


class CarryIntent(NamedTuple):
    """An intent to carry a text to an address that several share.

    Attributes:
        address: its hash. text: the digest of the message without its links and ids.
        n: how often the text had been carried; the intent only begins if that has not changed since.
    """

    address: bytes
    text: bytes
    n: int


class DeliveryMove(NamedTuple):
    """A change of a delivery's state, guarded by its state, attempt and claim.

    Attributes:
        version: for an intent, the version of the standing that was decided on; None elsewhere.
        due_at: when a deferred, held or in-doubt delivery is looked at again.
        from_reason: the reason that goes with the old state, where that state is counted by reason.
        sent_as: for an intent, the category that it is to this person, where that is not the mailing's.
        counts_as: for an intent, the category under which it counts for caps and alarms; None where nothing counts it.
        invites: it is the intent of an invitation, which only begins if its address has not been used.
        carries: for the intent of a text to an address that several share.
        copy_of: for a delivery that ends because another one's copy counts, the recipient of that one.
    """

    mailing_id: UUID
    recipient_id: int
    attempt: int
    from_state: DeliveryState
    to_state: DeliveryState
    reason: str = ""
    due_at: datetime | None = None
    version: int | None = None
    from_reason: str = ""
    sent_as: str | None = None
    counts_as: str | None = None
    invites: bool = False
    carries: CarryIntent | None = None
    copy_of: int | None = None

    @property
    def key(self) -> tuple[UUID, int]:
        """The delivery's key."""
        return self.mailing_id, self.recipient_id


class LockWait(Exception):
    """A move would have had to wait longer for what somebody else is changing; nothing of it was done."""


class DeliveryStore(Protocol):
    """The rows and the ledger behind them."""

    async def claim_batches(self, batches: Sequence[int], owner: str, mailings: Collection[UUID] = ()) -> Claim | None:
        """Takes what is open of some batches, with each person's standing, in one statement.

        Args:
            batches: their ids.
            owner: who claims.
            mailings: those that the batches are of, all of them, where that is known; else they are asked for.

        Returns:
            None: nothing was open, or somebody else holds them.
        """
        ...

    async def commit_moves(
        self,
        claim: UUID | None,
        moves: Sequence[DeliveryMove],
        entries: Sequence[LedgerEntry],
        patience: float | None = None,
    ) -> frozenset[tuple[UUID, int]]:
        """Moves all or none, and writes the ledger entries in the same statement.

        Args:
            claim: that holds the deliveries; None for those that nobody holds.
            moves: each delivery once.
            entries: of the ledger.
            patience: how long it waits for what somebody else is changing, in seconds; None: as long as statements may.

        Returns:
            The keys that did not pass their guard. Empty: everything was done. Else nothing was, and the caller
            decides again about these and moves the others.

        Raises:
            LockWait: its patience was over; nothing was done.
            RuntimeError: they are refused though each of them holds, as where one comes twice.
        """
        ...

    async def find_carriers(
        self, texts: Mapping[tuple[UUID, int], tuple[bytes, bytes]]
    ) -> dict[tuple[UUID, int], TextCarrier]:
        """Finds who last carried what a delivery would carry; nothing for a text that nobody has carried.

        Args:
            texts: by delivery, the hash of the address and the digest of the text, as in `CarryIntent`.
        """
        ...

    async def reread_claimed(self, claim: UUID, keys: Sequence[tuple[UUID, int]]) -> list[DeliveryRow]:
        """Those of the deliveries that the claim still holds, with each person's standing as of now."""
        ...

    async def read_deliveries(self, mailing_id: UUID, recipients: Sequence[int]) -> list[DeliveryRow]:
        """Returns some deliveries of a mailing as they are, in whatever state."""
        ...

    async def list_queued(self, mailing_id: UUID, after: int, limit: int) -> list[DeliveryRow]:
        """Returns deliveries of a mailing that are queued, in the order of recipients' ids, behind one of these."""
        ...

    async def foresee_standing(self, brand: str, recipient_id: int, mailing: Mailing) -> DeliveryRow | None:
        """A person's standing as a delivery of the mailing would see it; None: the brand has no such recipient."""
        ...

    async def renew_lease(self, claim: UUID) -> float | None:
        """Makes a claim's lease as long again; its new deadline as in `Claim`. None: it has run out, or is over."""
        ...

    async def finish_claim(self, claim: UUID, give_back_until: datetime | None) -> None:
        """Ends a claim. Rows still claimed go back to queued, their batch due at `give_back_until`."""
        ...
