"""Mailings, for intake and hand-over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from mailer.events import Attachment, MessageEvent
from mailer.policy.category import Category
from mailer.policy.policy_versions import Days
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.deliveries import DeliveryState

_LATELY = 60.0
"""Seconds over which a mailing's rate is counted."""


@dataclass(slots=True)
class NewMailing:
    """A valid event that will be stored as a mailing. No code changes it; `frozen` makes creation five times slower.

    Attributes:
        id: a UUIDv7 made by mailer, never the event's id.
        template_version, template_source: the template at the time of intake; the mailing keeps it.
        controller: of the brand; suppressions are stored by controller.
        versions: the brand's policy versions, by the day on which each came into force.
    """

    id: UUID
    event: MessageEvent
    publisher: Identity
    category: Category
    template_version: str
    template_source: str
    policy_version: str
    controller: str
    versions: Days = ()


@dataclass(frozen=True, slots=True)
class AcceptedMailing:
    """The result of accepting a new mailing.

    Attributes:
        mailing_id: the id of the mailing; if the event was known already, of its first mailing.
        known: True if the event was known already.
        batches: the ids of its batches that are due now; none while it waits for its release or its time.
        size: the number of recipients.
        facts: of a new mailing with listed people and no attachment, so that the hand-over need not read them.
        differs: of a known event, the fields in which it differs from the first one with its id.
    """

    mailing_id: UUID
    known: bool
    batches: tuple[int, ...] = ()
    size: int = 0
    facts: "MailingFacts | None" = None
    differs: tuple[str, ...] = ()


@dataclass(slots=True)
class MailingFacts:
    """The facts that all messages of one mailing have in common.

    No code changes it; `frozen` would make its creation five times slower.

    Attributes:
        released_at: when it could go, apart from its `send_at`: the time of intake, or of its release by a person.
        inviter, partner: the member or the partner on whose behalf it is sent.
    """

    id: UUID
    brand: str
    event_id: str
    category: str
    lane: str
    template: str
    template_version: str
    campaign: str | None
    reason: str | None
    context: Mapping[str, Any]
    reply_to: str | None
    send_at: datetime | None
    expires_at: datetime | None
    released_at: datetime
    audience_size: int
    topic: str | None = None
    inviter: str | None = None
    partner: str | None = None
    product: str | None = None
    attachments: tuple[Attachment, ...] = ()
    """The last field, since it is the last column of each query, too."""


@dataclass(frozen=True, slots=True)
class MailingStatus:
    """The state and the counters of a mailing.

    Attributes:
        state: awaiting_release, scheduled, running, paused, finished, cancelled, or ended after a restore.
        counts: deliveries by (state, reason); their sum is the audience.
        opens: fetches of the pixel by people's mail programs; machine_opens: by proxies and scanners, apart.
        unique_opens: the number of opened messages, as far as promises allow to know it. The same for clicks: clicks,
            machine_clicks, and unique_clicks (a message's click on a link counts once). None: not read, or too few to
            be shown; rounded to whole cells while the mailing runs (`hidden_or_rounded_figure`).
        publisher: an identity, as text; empty if it is unknown.
        halted: the scopes of the halts that stop it.
        began_at: when it could go; None while it waits for its release.
        ended_lately: the number of its deliveries that ended in the last minute.
        send_at: the time before which nothing of it begins; None if there is none.
        rescheduled_by: the identity, as text, that gave it this time; None if its publisher did.
    """

    id: UUID
    brand: str
    event_id: str
    category: str
    template: str
    campaign: str | None
    publisher: str
    state: str
    audience_size: int | None
    created_at: datetime
    released_by: str | None
    finished_at: datetime | None
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    opens: int | None = None
    machine_opens: int | None = None
    unique_opens: int | None = None
    clicks: int | None = None
    machine_clicks: int | None = None
    unique_clicks: int | None = None
    halted: tuple[str, ...] = ()
    began_at: datetime | None = None
    ended_lately: int = 0
    send_at: datetime | None = None
    rescheduled_by: str | None = None

    def count_in_state(self, state: str) -> int:
        """Returns the number of its deliveries in a state, for all reasons together."""
        return sum(n for (found, _), n in self.counts.items() if found == state)

    def progress(self, now: datetime) -> "MailingProgressAndEta":
        """Returns the numbers of ended and open deliveries, the rate, and the expected end, from the counters."""
        done = sum(n for (state, _), n in self.counts.items() if DeliveryState(state).is_final)
        left = sum(self.counts.values()) - done
        if self.state != "running" or self.began_at is None:
            return MailingProgressAndEta(done, left)
        seconds = min(max((now - self.began_at).total_seconds(), 1.0), _LATELY)
        rate = self.ended_lately / seconds
        return MailingProgressAndEta(done, left, rate, now + timedelta(seconds=left / rate) if rate else None)


@dataclass(frozen=True, slots=True)
class MailingProgressAndEta:
    """The progress of a mailing.

    Attributes:
        done: deliveries in a final state. open: the others.
        rate: deliveries that ended per second, over the last minute; None unless the mailing is running.
        eta: the time at which all will have ended, at that rate; None if the rate is 0 or None.
    """

    done: int
    open: int
    rate: float | None = None
    eta: datetime | None = None


class MailingListState(StrEnum):
    """The states by which mailings can be listed."""

    OPEN = "open"
    """Something of it is still to be done: it waits, runs or is paused."""
    AWAITING_RELEASE = "awaiting_release"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    ENDED = "ended"
    """The mailing was ended after a restore."""


@dataclass(frozen=True, slots=True)
class MailingFilter:
    """A filter for mailings.

    Attributes:
        brands: the brands whose mailings are listed.
        state: the state; None: all.
        before: the id of a mailing; only older ones are listed. None: from the newest on.
    """

    brands: frozenset[str]
    state: MailingListState | None = None
    before: UUID | None = None


@dataclass(frozen=True, slots=True)
class MailingPage:
    """A page of a list of mailings, the newest first.

    Attributes:
        mailings: without opens and clicks.
        older_than: the id with which the next page begins (`MailingFilter.before`); None if this is the last page.
    """

    mailings: Sequence[MailingStatus]
    older_than: UUID | None = None


class MailingDirectory(Protocol):
    """Lists and finds mailings for staff. It counts no large table and reads none in whole."""

    async def list_mailings(self, chosen: MailingFilter, limit: int) -> MailingPage:
        """Returns a page of mailings. It looks at a few thousand mailings at most, and then ends the page early."""
        ...

    async def find_mailing(self, mailing_id: UUID) -> MailingStatus | None:
        """Returns the status of a mailing without opens and clicks, or None if there is none."""
        ...

    async def find_mailings(self, mailing_ids: Sequence[UUID]) -> Sequence[MailingStatus]:
        """Returns the statuses of mailings without opens and clicks. Those that do not exist are missing."""
        ...


class ReleaseRefused(Exception):
    """A mailing may not be released. The message says why, and who could release it."""


class MailingStore(Protocol):
    """Stores and reads mailings."""

    async def accept_mailings(self, mailings: Sequence[NewMailing]) -> list[AcceptedMailing]:
        """Stores mailings with people, deliveries and batches, in one transaction. Returns one result each, in order.

        Raises:
            ValueError: one of them has a value that the database cannot store; none was stored.
        """
        ...

    async def find_audience_fault(self, brand: str, name: str) -> str | None:
        """Returns why a brand cannot mail an audience now, with what to do; None if it can."""
        ...

    async def read_facts_of_mailings(self, mailing_ids: Sequence[UUID]) -> dict[UUID, MailingFacts]:
        """Returns the facts of mailings that the hand-over needs, by id."""
        ...

    async def read_showable_member_names(
        self, brand: str, numbers: Sequence[int], refs: Sequence[str]
    ) -> dict[int | str, str]:
        """Returns the names of members that mail to others may show, by number and by ref. Unnamed ones are missing."""
        ...

    async def read_template_source_by_version(self, version: str) -> str | None:
        """Returns the source of the template of a version, or None if that version is not stored."""
        ...

    async def find_mailing_status_of_event(self, brand: str, event_id: str) -> MailingStatus | None:
        """Returns the status of the mailing of an event, or None if there is none."""
        ...

    async def fields_differing_from_known_event(self, event: MessageEvent) -> tuple[str, ...]:
        """Returns the fields in which an event differs from the stored event with its id; empty if there is none."""
        ...
