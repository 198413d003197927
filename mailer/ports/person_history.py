"""A person at a brand as staff see them: who they are, their history page by page, and who has looked at it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from mailer.policy.history_paging import HistoryPlace, place_of_mail
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.consents import StoredConsent
from mailer.ports.staff import RightInSession
from mailer.ports.suppressions import Suppression


class AccessInterface(StrEnum):
    """The ways on which somebody reads a person's data, or acts on a person."""

    CONSOLE = "console"
    API = "api"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class AccessorAndReason:
    """A look-up of a person, or an act on one, for the ledger.

    Attributes:
        by: who looks or acts.
        door: the way.
        network: the masked network from where; empty if none is known.
        reason: why, in the words of who looks or acts.
        used: the right that is used in a session; None for who has no session, as with an API key or a command.
    """

    by: Identity
    door: AccessInterface
    network: str
    reason: str
    used: RightInSession | None = None

    @property
    def note(self) -> str:
        """The network and the reason, as the ledger keeps them where an erasure reaches."""
        return f"{self.origin}: {self.reason or 'no reason was given'}"

    @property
    def origin(self) -> str:
        """The network, for an entry about nobody: its text is kept for ever, so it has no words of staff."""
        return f"from {self.network or 'a command'}"


@dataclass(frozen=True, slots=True)
class ActOnPerson:
    """An act of staff on a person, which the ledger keeps beside the change.

    Attributes:
        name: of the act, such as `restrict`.
        recipient_id: the person; None: everybody whom the change is about, such as all who share a suppressed address.
    """

    name: str
    brand: str
    recipient_id: int | None
    access: AccessorAndReason


@dataclass(frozen=True, slots=True)
class ListedRecipient:
    """A recipient of a brand.

    Attributes:
        id: their number in the ledger.
        brand, ref: the names that the application uses; the ref of an erased person is a keyed hash.
        email, name, locale, country: the current data.
        state: active, deactivated, restricted, under_13, address_dead or erased.
        opted_out: the scopes of their opt-outs.
        since: the time when they became known.
    """

    id: int
    brand: str
    ref: str
    email: str | None
    name: str | None
    locale: str | None
    country: str | None
    state: str
    opted_out: Sequence[str]
    since: datetime


@dataclass(frozen=True, slots=True)
class MailOfHistory:
    """A mailing for a person, sent or not.

    Attributes:
        state, reason: of the delivery. due_at: when it is decided again.
        ended_at, ended_reason, rule, policy, processor: of the latest ledger entry with a decision or an outcome.
    """

    mailing_id: UUID
    event_id: str
    category: str
    template: str
    campaign: str | None
    topic: str | None
    state: str
    reason: str
    due_at: datetime | None
    ended_at: datetime | None = None
    ended_reason: str | None = None
    rule: str | None = None
    policy: str | None = None
    processor: str | None = None

    @property
    def place(self) -> HistoryPlace:
        """The place in the history, by the time of the mailing."""
        return place_of_mail(self.mailing_id)


@dataclass(frozen=True, slots=True)
class LedgerEntryOfHistory:
    """An entry of the ledger about a person and no mailing: a change, a look-up, or an act of staff.

    Attributes:
        kind: `action` or `access`. reason, scope, rule, actor: as the ledger has them.
        fields: kinds of data, or the name of the act. note: a text that an erasure deletes.
    """

    place: HistoryPlace
    kind: str
    reason: str
    scope: str | None
    rule: str | None
    actor: str | None
    fields: Sequence[str]
    note: str | None


@dataclass(frozen=True, slots=True)
class ConsentOfHistory:
    """A consent or a withdrawal, with its proof."""

    place: HistoryPlace
    record: StoredConsent


@dataclass(frozen=True, slots=True)
class SuppressionOfHistory:
    """A suppression of the person's address that did not come by an act on this person, such as by a kept hash."""

    place: HistoryPlace
    stop: Suppression


@dataclass(frozen=True, slots=True)
class PendingRequestOfHistory:
    """A wish that waits, or waited, for a confirmation by mail.

    Attributes:
        what: the scope of a consent, or an act. words: those that were shown.
        mailed_at: when the mail with the link went. answered_at: when the link was used.
        is_void: the person has said the opposite since.
    """

    place: HistoryPlace
    what: str
    version: str
    words: str | None
    mailed_at: datetime
    answered_at: datetime | None
    is_void: bool


@dataclass(frozen=True, slots=True)
class NoticeOfHistory:
    """A notice that no mail could tell, which somebody tells in writing or by telephone."""

    place: HistoryPlace
    mailing_id: UUID
    category: str
    channel: str
    reason: str
    state: str
    changed_at: datetime


HistoryItem = (
    MailOfHistory
    | LedgerEntryOfHistory
    | ConsentOfHistory
    | SuppressionOfHistory
    | PendingRequestOfHistory
    | NoticeOfHistory
)


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of a history, the newest entry first. next: where the next page begins; None: there is none."""

    items: Sequence[HistoryItem]
    next: HistoryPlace | None


class PersonDirectory(Protocol):
    """Finds people, and reads their history. It changes nothing."""

    async def find_people(self, brands: Collection[str], text: str) -> Sequence[ListedRecipient]:
        """Returns the recipients of some brands with this ref, this address in any spelling, or this number."""
        ...

    async def find_recipient_by_id(self, brand: str, recipient_id: int) -> ListedRecipient | None:
        """Returns a recipient of a brand; None if the brand has no such one."""
        ...

    async def read_history_page(
        self, brand: str, recipient_id: int, before: HistoryPlace | None, limit: int
    ) -> HistoryPage:
        """Returns up to `limit` entries before a place, newest first; without a place, the newest."""
        ...

    async def read_template_names(self, mailings: Collection[UUID]) -> Mapping[UUID, str]:
        """Returns the templates of mailings, by mailing."""
        ...


class AccessRecorder(Protocol):
    """Keeps who has looked people up, as entries of the ledger."""

    async def record_look_up(self, found: Sequence[tuple[str, int | None]], access: AccessorAndReason) -> None:
        """Records a look-up: an entry for each brand and person; None for a brand where nobody was found."""
        ...

    async def has_looked_person_up_within(self, brand: str, recipient_id: int, by: Identity, within: timedelta) -> bool:
        """Tells whether somebody has looked a person up lately, and so has given a reason."""
        ...
