"""Deliveries and their states, for the hand-over."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from mailer.policy.decision_types import Mailing
from mailer.policy.standing import Standing
from mailer.ports.ledger_entry import LedgerEntry


class DeliveryState(StrEnum):
    """The state of a delivery."""

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
    def state_counted_as(self) -> "DeliveryState":
        """The state under which it is counted: deliveries in a worker's hands count as queued."""
        return DeliveryState.QUEUED if self in (DeliveryState.CLAIMED, DeliveryState.INTENDED) else self

    @property
    def is_final(self) -> bool:
        """True if the state never changes again."""
        return self in _FINAL


IN_DOUBT = "in_doubt"
"""The reason of mandatory mail that is held, and of optional mail that fails: as many copies as allowed may be out."""
SET_UP = "set_up"
"""The reason of deliveries that are held until our own set-up is repaired."""
BUG = "bug"
"""The first word of the reason of deliveries that a bug of mailer keeps."""
NO_WAY_OUT = "no_way_out"
"""The reason of deliveries that are held because their reader would not see an opt-out link."""
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
    """One delivery that a worker has claimed. No code changes it; `frozen` would make its creation five times slower.

    Attributes:
        attempt: the number of times it was claimed; a fence, never counted down.
        standing: as read by the claiming statement.
        context: this person's own values for the template.
        inviter_paused: the invitations of the mailing's inviter are stopped.
        shared: the hash of the address, if other recipients of the mailing had the same address at intake; else None.
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
        token: the fence of each statement about these deliveries.
        rows: in order of mailing and recipient.
        deadline: `time.monotonic()` seconds after which the lease may have run out.
    """

    token: UUID
    rows: Sequence[DeliveryRow]
    deadline: float

    def rows_of_mailing(self, mailing_id: UUID) -> list[DeliveryRow]:
        """Returns the rows of one mailing."""
        return [row for row in self.rows if row.mailing_id == mailing_id]


class LastDeliveryOfTextToSharedAddress(NamedTuple):
    """The recipient whose delivery carries a text to an address that several share.

    Attributes:
        n: the number of times that the text was sent until now. due_at: when a deferred delivery is offered again.
        reason: of its state.
    """

    recipient_id: int
    n: int
    state: DeliveryState
    due_at: datetime | None
    reason: str


class IntentToSendTextToSharedAddress(NamedTuple):
    """An intent to carry a text to an address that several share.

    Attributes:
        address: its hash. text: the digest of the message without its links and ids.
        n: the number of times that the text had been sent; the intent only commits if that has not changed since.
    """

    address: bytes
    text: bytes
    n: int


class DeliveryMove(NamedTuple):
    """A change of a delivery's state. It only happens if state, attempt and claim are still as given.

    Attributes:
        version: for an intent, the version of the standing on which the decision was made; else None.
        due_at: the time at which a deferred, held or in-doubt delivery is decided again.
        from_reason: the reason of the old state, if that state is counted by reason.
        sent_as: for an intent, the category of the mail for this person, if it is not the mailing's.
        counts_as: for an intent, the category under which caps and alarms count it; None if nothing counts it.
        invites: for the intent of an invitation, which only commits if its address was not used before.
        carries: for the intent of a text to an address that several share.
        copy_of: for a delivery that ends because another recipient got the same mail: that recipient.
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
    carries: IntentToSendTextToSharedAddress | None = None
    copy_of: int | None = None

    @property
    def delivery_key(self) -> tuple[UUID, int]:
        """The key of the delivery: ids of mailing and recipient."""
        return self.mailing_id, self.recipient_id


class LockWaitTimedOut(Exception):
    """The moves would have to wait too long for a lock of another transaction. Nothing was changed."""


class DeliveryStore(Protocol):
    """Stores deliveries, and writes their ledger entries."""

    async def claim_queued_deliveries_of_batches(
        self, batches: Sequence[int], owner: str, mailings: Collection[UUID] = ()
    ) -> Claim | None:
        """Claims the queued deliveries of batches, with each person's standing, in one statement.

        Args:
            batches: ids of the batches.
            owner: the name of the process that claims.
            mailings: ids of all mailings of the batches, if they are known; else the statement looks them up.

        Returns:
            The claim, or None if no delivery was queued, or another process has claimed them.
        """
        ...

    async def commit_moves_or_find_refused(
        self,
        claim: UUID | None,
        moves: Sequence[DeliveryMove],
        entries: Sequence[LedgerEntry],
        patience: float | None = None,
    ) -> frozenset[tuple[UUID, int]]:
        """Makes all of the moves or none, and writes the ledger entries in the same statement.

        Args:
            claim: the claim that holds the deliveries; None for deliveries that nobody has claimed.
            moves: each delivery once.
            entries: of the ledger.
            patience: seconds to wait for locks of other transactions; None: as long as statements may take.

        Returns:
            The keys of the deliveries whose move was refused. Empty: all moves were made. Else none was made, and the
            caller decides again about these deliveries and moves the others.

        Raises:
            LockWaitTimedOut: the patience was over; nothing was changed.
            RuntimeError: the moves are refused though each alone is valid, for example because a delivery comes twice.
        """
        ...

    async def find_last_delivery_of_text_to_shared_address(
        self, texts: Mapping[tuple[UUID, int], tuple[bytes, bytes]]
    ) -> dict[tuple[UUID, int], LastDeliveryOfTextToSharedAddress]:
        """Finds the last delivery that sent a text to a shared address. A text that was never sent has no entry.

        Args:
            texts: by delivery, the hash of the address and the digest of the text; see
                `IntentToSendTextToSharedAddress`.
        """
        ...

    async def reread_claimed_rows(self, claim: UUID, keys: Sequence[tuple[UUID, int]]) -> list[DeliveryRow]:
        """Returns the given deliveries that the claim still holds, with each person's standing as of now."""
        ...

    async def read_mailing_deliveries_of_recipients(
        self, mailing_id: UUID, recipients: Sequence[int]
    ) -> list[DeliveryRow]:
        """Returns deliveries of a mailing, in any state."""
        ...

    async def list_queued_deliveries_of_mailing(self, mailing_id: UUID, after: int, limit: int) -> list[DeliveryRow]:
        """Returns queued deliveries of a mailing, in the order of recipient ids, after recipient `after`."""
        ...

    async def read_standing_as_delivery_row(
        self, brand: str, recipient_id: int, mailing: Mailing
    ) -> DeliveryRow | None:
        """Returns a person's standing as a delivery row of the mailing, or None if the brand has no such recipient."""
        ...

    async def renew_claim_lease(self, claim: UUID) -> float | None:
        """Renews a claim's lease. Returns the new deadline, as in `Claim`, or None if the lease or claim has ended."""
        ...

    async def end_claim_and_requeue_rest(self, claim: UUID, give_back_until: datetime | None) -> None:
        """Ends a claim. Rows that are still claimed become queued again; their batch is due at `give_back_until`."""
        ...
