"""What people may ask for about themselves, what the law may ask of us, and who has to forget."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID


class ErasureBlocked(Exception):
    """Something forbids the erasure or the correction; the message says what, and how it ends."""


class NoLegalHold(LookupError):
    """No such legal hold stands."""


class KnownEvent(Exception):
    """The change that an account event asks for was made before; it is not made again."""


class RecipientErased(LookupError):
    """The person's data are gone; nothing is left that could be changed."""


@dataclass(frozen=True, slots=True)
class DataKeeper:
    """A processor that held data of an erased person.

    Attributes:
        last_at: the last hand-over. due_at: until when it is to have erased them.
        confirmed_at, confirmed_by: when it said so, and to whom.
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
    """What an erasure came to.

    Attributes:
        cancelled: how many deliveries were queued, deferred or held. keepers: who else has to erase.
        expires_at: until when the keyed hash and the stub in the ledger may be kept.
    """

    recipient_id: int
    cancelled: int
    keepers: tuple[DataKeeper, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DataCorrection:
    """What is rectified; None: as it was."""

    email: str | None = None
    name: str | None = None
    locale: str | None = None
    country: str | None = None

    @property
    def corrected_fields(self) -> dict[str, str]:
        """The fields that are corrected."""
        values = {"email": self.email, "name": self.name, "locale": self.locale, "country": self.country}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What was disclosed under legal process: which kinds of data, to which authority, under which reference."""

    authority: str
    reference: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProcessorPurge:
    """An outside processor that is to keep nothing of a finished mailing, and when it confirmed."""

    mailing_id: UUID
    brand: str
    processor: str
    country: str
    contract: str
    due_at: datetime
    confirmed_at: datetime | None
    confirmed_by: str | None


@dataclass(frozen=True, slots=True)
class DataHolder:
    """A processor that was handed data of a brand's recipients: how often, and when the first and the last time."""

    brand: str
    processor: str
    country: str
    contract: str
    handovers: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class MailingCoverage:
    """Whom of all accounts of a brand a mailing has reached.

    Attributes:
        counts: accounts by (state, reason); `not_addressed` is the state of those who were not in its audience.
        unreached: (ref, state, reason) of everyone to whom it was not handed over.
    """

    accounts: int
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unreached: Sequence[tuple[str, str, str]] = ()


class RightsStore(Protocol):
    """Each change and its ledger entries commit together."""

    async def register_recipient(self, brand: str, controller: str, ref: str) -> int:
        """The id of a recipient; one that nobody has made known yet is noted, so that what is said of it holds."""
        ...

    async def copy_data(self, brand: str, recipient_id: int) -> dict[str, Any] | None:
        """Everything that is stored about a person at a brand, as JSON has it; None if it has no such recipient."""
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
        """Erases a person. None: the brand has no such recipient.

        Args:
            brand: whose recipient.
            recipient_id: who.
            source: who asked, and how.
            basis: why the keyed hash and the stub may be kept.
            keep: how long.
            blocks: is given the references of the legal holds that stand; says why they forbid it, or None.

        Raises:
            ErasureBlocked: they do.
        """
        ...

    async def mark_under_13(self, brand: str, recipient_id: int, source: str) -> bool:
        """Notes that a person is under 13, and cancels what is queued. False: the brand has no such recipient."""
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
        """Corrects data, as of now. False: the brand has no such recipient. `blocks` is as in `erase_recipient`.

        Raises:
            ErasureBlocked: a legal hold forbids it.
            RecipientErased: there is nothing left to correct.
            ValueError: nobody knows an address, and the correction has none.
        """
        ...

    async def set_legal_hold(self, brand: str, recipient_id: int, reference: str, actor: str, *, named: bool) -> bool:
        """Sets a legal hold; `named`: the person may be told. False: the brand has no such recipient."""
        ...

    async def lift_legal_hold(self, brand: str, recipient_id: int, reference: str, actor: str) -> bool:
        """Lifts the holds of a reference. False: the brand has no such recipient.

        Raises:
            NoLegalHold: none of that reference stands.
        """
        ...

    async def record_disclosure(self, brand: str, recipient_id: int, disclosure: Disclosure, actor: str) -> bool:
        """Notes a disclosure. False: the brand has no such recipient."""
        ...


class ProcessorDuties(Protocol):
    """Who was handed data, and has to forget."""

    async def list_data_holders(self) -> list[DataHolder]:
        """Who was handed data at all. It reads the ledger through."""
        ...

    async def list_erasure_duties(self) -> list[DataKeeper]:
        """Who held data of erased people."""
        ...

    async def list_purge_duties(self) -> list[ProcessorPurge]:
        """Who is to keep nothing of which mailing."""
        ...

    async def confirm_erasure(self, recipient_id: int, processor: str, person: str) -> bool:
        """Notes that a processor has erased a person. False: nothing of the kind is due."""
        ...

    async def confirm_purge(self, mailing_id: UUID, processor: str, person: str) -> bool:
        """Notes that a processor has kept nothing of a mailing. False: nothing of the kind is due."""
        ...
