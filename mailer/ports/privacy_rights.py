"""Rights of people to their data, duties of law on us, and the processors' duties to erase data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID


class ForbiddenByLegalHold(Exception):
    """A legal hold forbids the erasure or the correction. The message says which, and how it ends."""


class NoLegalHold(LookupError):
    """The recipient has no legal hold with this reference."""


class SameLegalHoldAlreadyStands(Exception):
    """The recipient has a legal hold with this reference already. It is not set again."""


class AccountEventAlreadyApplied(Exception):
    """The change of an account event was made before. It is not made again."""


class RecipientErased(LookupError):
    """The person's data were erased, so nothing can be changed."""


@dataclass(frozen=True, slots=True)
class ErasureDuty:
    """A processor that has data of an erased person, and has to erase them.

    Attributes:
        last_at: the last hand-over. due_at: the time by which it has to erase the data.
        confirmed_at, confirmed_by: the time of its confirmation, and the person who recorded it.
    """

    recipient_id: int
    processor: str
    country: str
    contract: str
    last_at: datetime
    due_at: datetime
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """The result of an erasure.

    Attributes:
        cancelled: the number of queued, deferred and held deliveries. keepers: the processors that have to erase, too.
        expires_at: the time until which the keyed hash and the stub in the ledger may be stored.
    """

    recipient_id: int
    cancelled: int
    keepers: tuple[ErasureDuty, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DataCorrection:
    """New values for a person's data; None: the value stays."""

    email: str | None = None
    name: str | None = None
    locale: str | None = None
    country: str | None = None

    @property
    def corrected_values(self) -> dict[str, str]:
        """The corrected values, by the name of the field."""
        values = {"email": self.email, "name": self.name, "locale": self.locale, "country": self.country}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class LegalDisclosure:
    """A disclosure under legal process: the kinds of data, the authority, and the reference."""

    authority: str
    reference: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MailingPurgeDuty:
    """An outside processor that may keep nothing of a finished mailing, and its confirmation."""

    mailing_id: UUID
    brand: str
    processor: str
    country: str
    contract: str
    due_at: datetime
    confirmed_at: datetime | None
    confirmed_by: str | None


@dataclass(frozen=True, slots=True)
class BrandHandOversToProcessor:
    """A processor that was handed data of a brand's recipients, with the number, first and last time of hand-overs."""

    brand: str
    processor: str
    country: str
    contract: str
    handovers: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class MailingCoverage:
    """The accounts of a brand that a mailing has reached, and those that it has not.

    Attributes:
        counts: accounts by (state, reason); accounts outside its audience have the state `not_addressed`.
        unreached: (ref, state, reason) of each account to which it was not handed over.
    """

    accounts: int
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unreached: Sequence[tuple[str, str, str]] = ()


class PrivacyRightsStore(Protocol):
    """Stores what people's rights change. A change and its ledger entries commit together."""

    async def find_or_create_recipient(self, brand: str, controller: str, ref: str) -> int:
        """Returns the id of a recipient. Creates an unknown one, so that changes for this person can be stored."""
        ...

    async def read_all_recipient_data(self, brand: str, recipient_id: int) -> dict[str, Any] | None:
        """Returns all data about a person at a brand, as JSON values, or None if it has no such recipient."""
        ...

    async def erase_recipient(
        self,
        brand: str,
        recipient_id: int,
        source: str,
        *,
        basis: str,
        keep: timedelta,
        blocks: Callable[[Sequence[str]], str | None],
    ) -> ErasureResult | None:
        """Erases a person's data. Returns None if the brand has no such recipient.

        Args:
            brand: the brand of the recipient.
            recipient_id: the recipient.
            source: the one who asked, and the way.
            basis: the legal basis on which the keyed hash and the stub may be stored.
            keep: the time for which they may be stored.
            blocks: gets the references of the legal holds; returns the reason for which they forbid it, or None.

        Raises:
            ForbiddenByLegalHold: the legal holds forbid it.
        """
        ...

    async def mark_recipient_under_13_and_cancel_deliveries(self, brand: str, recipient_id: int, source: str) -> bool:
        """Marks a person as under 13, and cancels queued deliveries. False: the brand has no such recipient."""
        ...

    async def rectify_recipient(
        self,
        brand: str,
        recipient_id: int,
        correction: DataCorrection,
        source: str,
        *,
        blocks: Callable[[Sequence[str]], str | None],
    ) -> bool:
        """Corrects a person's data, as of now. Returns False if the brand has no such recipient.

        `blocks` is as in `erase_recipient`.

        Raises:
            ForbiddenByLegalHold: a legal hold forbids it.
            RecipientErased: the person was erased; there is nothing to correct.
            ValueError: the recipient has no address, and the correction has none.
        """
        ...

    async def place_legal_hold(self, brand: str, recipient_id: int, reference: str, actor: str, *, named: bool) -> bool:
        """Sets a legal hold. `named`: the person may know of it. Returns False if the brand has no such recipient.

        Raises:
            SameLegalHoldAlreadyStands: one with this reference stands already. The order counts all the same.
            AccountEventAlreadyApplied: the order was carried out before.
            EventIdTakenByDifferentEvent: the id of the order belongs to another one.
        """
        ...

    async def lift_legal_hold(self, brand: str, recipient_id: int, reference: str, actor: str) -> bool:
        """Lifts the legal holds with a reference. Returns False if the brand has no such recipient.

        Raises:
            NoLegalHold: there is none with that reference.
            AccountEventAlreadyApplied: the order was carried out before.
            EventIdTakenByDifferentEvent: the id of the order belongs to another one.
        """
        ...

    async def record_legal_disclosure(
        self, brand: str, recipient_id: int, disclosure: LegalDisclosure, actor: str
    ) -> bool:
        """Records a disclosure under legal process. Returns False if the brand has no such recipient."""
        ...


class ProcessorDutyStore(Protocol):
    """The processors that were handed data, and their duties to erase and purge."""

    async def list_all_processors_handed_data(self) -> list[BrandHandOversToProcessor]:
        """Returns all processors that were handed data."""
        ...

    async def list_all_erasure_duties(self) -> list[ErasureDuty]:
        """Returns the processors that had data of erased people, with their confirmations."""
        ...

    async def list_all_mailing_purge_duties(self) -> list[MailingPurgeDuty]:
        """Returns the processors that may keep nothing of a mailing, with their confirmations."""
        ...

    async def confirm_erasure_by_processor(self, recipient_id: int, processor: str, person: str) -> bool:
        """Records that a processor has erased a person's data. Returns False if it has no such duty."""
        ...

    async def confirm_mailing_purge_by_processor(self, mailing_id: UUID, processor: str, person: str) -> bool:
        """Records that a processor has kept nothing of a mailing. Returns False if it has no such duty."""
        ...
