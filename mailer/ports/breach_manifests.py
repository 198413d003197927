"""Manifests of breach phases: the frozen audience with channel and reason for each person, and their building."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from mailer.policy.breach.draft import BreachAudience, BreachPhaseDraft
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.manifest import BreachChannel, BreachLine, BreachSum, BreachTotals, FrozenCheck
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.policy.policy_file import Policy
from mailer.policy.standing import Standing


class BreachManifestRefused(Exception):
    """A check or another step of a phase may not be. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class BreachManifest:
    """A manifest.

    Attributes:
        state: queued, building, ready, failed, outdated, released or cancelled.
        frozen: what it was made of, as stored; `facts` and `draft` are the same as values.
        findings: of the checks of the texts: name, severity, variant, locale, block, text, remedy.
        sums: the most people first; they add up to `people`.
        hash: 32 octets; None until it is ready.
        people, people_total: the progress; the total is unknown (None) at first.
        problem: why it failed; empty if it did not.
        requested_by, asked_by, released_by, second_look_by: identities, as text.
        break_glass: the reason of a release by one person alone; None: a second person released it.
    """

    id: UUID
    case_id: UUID
    phase: int
    brand: str
    revision: int
    facts_revision: int
    state: str
    frozen: FrozenCheck
    facts: BreachFacts
    draft: BreachPhaseDraft
    findings: Sequence[Mapping[str, Any]]
    sums: Sequence[BreachSum]
    hash: bytes | None
    people: int
    people_total: int | None
    problem: str
    requested_by: str
    requested_at: datetime
    ready_at: datetime | None
    asked_by: str | None
    asked_at: datetime | None
    released_by: str | None
    released_at: datetime | None
    break_glass: str | None
    second_look_by: str | None
    second_look_at: datetime | None
    second_look: str | None

    @property
    def is_at_work(self) -> bool:
        """True while it waits for its building, or is built."""
        return self.state in ("queued", "building")

    def count_people(self, channel: BreachChannel) -> int:
        """Returns the number of people with a channel."""
        return sum(one.people for one in self.sums if one.channel is channel)


class BreachCheckRequest(NamedTuple):
    """A check of a phase that is asked for.

    Attributes:
        case_id, phase: what is checked.
        revision, facts_revision: of the phase and of the case, as they were seen.
        templates: by variant. rules: the rows in force, as JSON. findings: of the checks of the texts.
        policy_version: in force.
    """

    case_id: UUID
    phase: int
    revision: int
    facts_revision: int
    templates: Mapping[str, ManifestTemplate]
    rules: Sequence[Any]
    findings: Sequence[Mapping[str, Any]]
    policy_version: str


class BreachPerson(NamedTuple):
    """A person of a manifest, for a sample or an export."""

    recipient_id: int
    ref: str | None
    email: str | None
    name: str | None
    channel: str
    reason: str
    variant: str
    locale: str
    place: str
    due_at: datetime | None


class LinesWanted(NamedTuple):
    """The lines behind a figure. None: any."""

    channel: BreachChannel | None = None
    reason: str | None = None
    variant: str | None = None
    place: str | None = None


class BreachManifestStore(Protocol):
    """Checks of phases. Each change is an entry of the ledger."""

    async def find_audience_fault(self, policy: Policy, name: str) -> str | None:
        """Returns why the brand of a policy cannot use a list or a segment now, with what to do; None if it can."""
        ...

    async def count_readers(self, brand: str, audience: BreachAudience) -> Mapping[tuple[str, str], int]:
        """Returns the people of an audience by place and locale, each empty if unknown; none if it takes too long."""
        ...

    async def request_manifest(self, request: BreachCheckRequest, by: str) -> BreachManifest:
        """Freezes a phase with its facts, and queues its manifest. One that was requested before is outdated.

        Args:
            request: what is checked, as it was seen.
            by: the identity of who asks, as text.

        Raises:
            BreachManifestRefused: phase or facts have changed meanwhile, the case is not open, or it is released.
        """
        ...

    async def find_manifest(self, manifest_id: UUID) -> BreachManifest | None:
        """Returns a manifest, or None if there is none."""
        ...

    async def find_manifest_of_phase(self, case_id: UUID, phase: int) -> BreachManifest | None:
        """Returns the last check of a phase as it is now, or of its release; None: there is none."""
        ...

    async def find_former_manifest(self, manifest: BreachManifest) -> BreachManifest | None:
        """Returns the finished check of the same phase before this one, or None."""
        ...

    async def list_people(
        self, manifest_id: UUID, wanted: LinesWanted, after: int, limit: int
    ) -> Sequence[BreachPerson]:
        """Returns people of a manifest, in order of their numbers, after a number."""
        ...

    async def record_look(self, manifest: BreachManifest, reason: str, wanted: LinesWanted, by: str) -> None:
        """Records in the ledger that somebody sees people of a manifest: `breach_people_seen` or `…_exported`."""
        ...

    async def record_view(self, manifest: BreachManifest, by: str) -> UUID | None:
        """Remembers that somebody sees a finished check. Returns the id of the one that they saw before, or None."""
        ...


class BreachAudienceMember(NamedTuple):
    """A person of an audience whose channel is wanted.

    Attributes:
        locale: as known; None: nobody knows it. place: ISO 3166-1 or 3166-2, or empty.
        has_postal_address: a letter can be sent.
        is_compromised: strangers can read their mailbox.
        is_engaged: they come first, if the pace says so.
    """

    standing: Standing
    locale: str | None
    place: str
    has_postal_address: bool
    is_compromised: bool
    is_engaged: bool


class BreachBuilding(Protocol):
    """The building of one manifest, in one transaction."""

    @property
    def total(self) -> int:
        """The number of people of the audience."""
        ...

    @property
    def engaged(self) -> int:
        """The number of people of the audience who come first."""
        ...

    def iterate_audience(self) -> AsyncGenerator[Sequence[BreachAudienceMember], None]:
        """Yields the people of the audience in order of their numbers, some at a time, as of one moment."""
        ...

    async def store_lines(self, lines: Sequence[BreachLine]) -> None:
        """Stores lines, renews the lease and reports the progress.

        Raises:
            BreachBuildingLost: another process builds it, or nobody wants it any more. Nothing is kept.
        """
        ...

    async def finish(self, totals: BreachTotals, digest: bytes) -> None:
        """Makes the manifest ready, or outdated if phase or facts have changed. Raises BreachBuildingLost as above."""
        ...


class BreachBuildingLost(Exception):
    """Another process builds this manifest, or nobody wants it any more."""


class BreachManifestQueue(Protocol):
    """The manifests that have to be built."""

    async def claim_manifest_to_build(self, owner: str) -> BreachManifest | None:
        """Leases the oldest manifest that waits, or whose builder is gone, to an owner. None: there is none."""
        ...

    def open_building(
        self, manifest: BreachManifest, policy: Policy, owner: str
    ) -> AbstractAsyncContextManager[BreachBuilding]:
        """Opens the building of a claimed manifest. An error in the context keeps none of its lines.

        Raises:
            mailer.ports.manifests.AudienceUnusable: the list, segment or file of the draft cannot be used.
            BreachBuildingLost: another process builds it.
        """
        ...

    async def mark_failed(self, manifest: BreachManifest, owner: str, problem: str) -> None:
        """Stores why a manifest cannot be built; its phase is a draft again."""
        ...

    async def delete_lines_of_unwanted_manifests(self, age: timedelta) -> None:
        """Deletes the lines of a manifest that nobody can release any more, if there is one of this age."""
        ...
