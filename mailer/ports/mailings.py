"""Mailings, as intake and hand-over see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from mailer.events import Attachment, MessageEvent
from mailer.policy.category import Category
from mailer.policy.identity import Identity
from mailer.policy.policy_versions import Days
from mailer.ports.deliveries import DeliveryState

_LATELY = 60.0
"""Seconds over which a mailing's rate is counted."""


@dataclass(slots=True)
class NewMailing:
    """An event that was found good, on its way in. Nobody changes it; frozen, it would take five times as long to make.

    Attributes:
        id: a UUIDv7 minted here, never the event's id.
        template_version, template_source: the template as it was when the event came in; the mailing keeps it.
        controller: the brand's, by whom suppressions are kept.
        versions: the brand's, by the day on which each came into force.
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
    """What became of a new mailing.

    Attributes:
        mailing_id: the first mailing's id, where the event was known already.
        known: whether the event was known already.
        batches: the ids of its batches that are due now, none while it waits for release or for its time.
        size: how many recipients it has.
        facts: of a new mailing that names its people and attaches nothing, so that nobody has to ask for them.
        differs: of a known event, the fields in which it differs from the first one under its id.
    """

    mailing_id: UUID
    known: bool
    batches: tuple[int, ...] = ()
    size: int = 0
    facts: "MailingFacts | None" = None
    differs: tuple[str, ...] = ()


@dataclass(slots=True)
class MailingFacts:
    """All that one mailing's messages have in common.

    Nobody changes it once it is made; frozen, it would take five times as long to make.

    Attributes:
        released_at: when it was free to go, but for its `send_at`: as it came in, or when somebody released it.
        inviter, partner: who stands behind it.
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
    """The last field: it is the last column of each query, too."""


@dataclass(frozen=True, slots=True)
class MailingStatus:
    """How far a mailing has come.

    Attributes:
        state: awaiting_release, scheduled, running, paused, finished, cancelled, or ended after a restore.
        counts: deliveries by (state, reason); their sum is the audience.
        opens: fetches of the pixel by people's mail programs; machine_opens: by proxies and scanners, apart.
        unique_opens: how many messages were opened, as far as that may be known. The same of clicks: clicks,
            machine_clicks, and unique_clicks, each message's click on each link once. None: fewer than are shown; in
            whole cells while the mailing runs (`aggregates.rounded_figure`).
        publisher: an identity, as text; empty where nobody is known.
        halted: the scopes of what makes it stand still.
        began_at: when it was free to go; None while it waits for its release.
        ended_lately: how many of its deliveries came to their end in the last minute.
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

    def progress(self, now: datetime) -> "MailingProgress":
        """How far it has come, as of its counters."""
        done = sum(n for (state, _), n in self.counts.items() if DeliveryState(state).is_final)
        left = sum(self.counts.values()) - done
        if self.state != "running" or self.began_at is None:
            return MailingProgress(done, left)
        seconds = min(max((now - self.began_at).total_seconds(), 1.0), _LATELY)
        rate = self.ended_lately / seconds
        return MailingProgress(done, left, rate, now + timedelta(seconds=left / rate) if rate else None)


@dataclass(frozen=True, slots=True)
class MailingProgress:
    """How far a mailing has come.

    Attributes:
        done: deliveries in a final state. open: the others.
        rate: deliveries that came to their end, a second, over the last minute; None unless it is running.
        eta: when all are done, at that rate; None where nothing moves.
    """

    done: int
    open: int
    rate: float | None = None
    eta: datetime | None = None


class ReleaseRefused(Exception):
    """A mailing may not be released; the message says why and by whom it could be."""


class MailingStore(Protocol):
    """The mailings of the database."""

    async def accept_mailings(self, mailings: Sequence[NewMailing]) -> list[AcceptedMailing]:
        """Takes events in, with their people, deliveries and batches, in one transaction. One answer each, in order.

        Raises:
            ValueError: one of them has a value that the database cannot hold; none was taken in.
        """
        ...

    async def has_audience(self, brand: str, name: str) -> bool:
        """Whether the brand has an audience of that name; `everyone` always exists."""
        ...

    async def read_facts(self, mailing_ids: Sequence[UUID]) -> dict[UUID, MailingFacts]:
        """What hand-over needs to know of them."""
        ...

    async def member_names(self, brand: str, numbers: Sequence[int], refs: Sequence[str]) -> dict[int | str, str]:
        """The names that mail to others may show of members, by number and by ref; those without are missing."""
        ...

    async def read_template_source(self, version: str) -> str | None:
        """The template of a version, as it was."""
        ...

    async def find_mailing(self, brand: str, event_id: str) -> MailingStatus | None:
        """The mailing of an event."""
        ...

    async def differing_fields(self, event: MessageEvent) -> tuple[str, ...]:
        """The fields in which an event differs from the one that was taken in under its id before, if there is one."""
        ...
