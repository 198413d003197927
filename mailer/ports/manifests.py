"""Manifests: the frozen audience of a campaign with a decision about each person, for checks and releases."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_manifest import (
    ManifestLine,
    ManifestSum,
    ManifestTemplate,
    ManifestTotals,
    people_in_reach,
    people_to_get_mail,
)
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.deliveries import DeliveryRow


class ManifestRefused(Exception):
    """A check, a release or another step of a campaign may not be. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class CampaignToCheck:
    """The campaign of a check.

    Attributes:
        state: as `campaigns.state` has it.
    """

    id: UUID
    brand: str
    name: str
    state: str
    revision: int
    draft: CampaignDraft
    manifest_id: UUID | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest.

    Attributes:
        state: queued, building, ready, failed, outdated, released or cancelled.
        templates: by variant.
        sums: the most people first; they add up to `people`.
        hash: 32 octets; None until it is ready.
        people, people_total: the progress; the total is unknown (None) at first.
        problem: why it failed; empty if it did not.
        requested_by, asked_by, released_by: identities, as text.
        findings: of the checks of the texts: name, severity, variant, locale, block, text, remedy.
        variants: people by variant. due_times: people who get it, by due time, the earliest first.
        zoneless: people without a known time zone.
    """

    id: UUID
    campaign_id: UUID
    brand: str
    revision: int
    state: str
    draft: CampaignDraft
    templates: Mapping[str, ManifestTemplate]
    policy_version: str
    sums: Sequence[ManifestSum]
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
    findings: Sequence[Mapping[str, Any]] = ()
    variants: Mapping[str, int] = field(default_factory=dict)
    due_times: Sequence[tuple[datetime, int]] = ()
    zoneless: int = 0

    @property
    def people_to_get_mail(self) -> int:
        """The number of people who get the mail, now or later."""
        return people_to_get_mail(self.sums)

    @property
    def people_in_reach(self) -> int:
        """The number of people who get the mail, and of those who would, once a cap of today is over."""
        return people_in_reach(self.sums)

    @property
    def template_name(self) -> str:
        """The name of the campaign's template."""
        return template_name_of_campaign(self.campaign_id)


def template_name_of_campaign(campaign_id: UUID) -> str:
    """Returns the name of the template of a campaign: `campaign-` and 12 hexadecimal digits of its id."""
    return f"campaign-{campaign_id.hex[:12]}"


class AudienceMember(NamedTuple):
    """A person of an audience whose decision is wanted.

    Attributes:
        row: with the standing.
        first: the lowest number among the people of the audience with this address; the person's own if nobody shares.
        attributes: of the person; empty unless they are needed.
    """

    row: DeliveryRow
    first: int
    attributes: Mapping[str, object]


class ManifestBuilding(Protocol):
    """The building of one manifest, in one transaction."""

    @property
    def total(self) -> int:
        """The number of people of the audience."""
        ...

    def iterate_audience(
        self, mailing_id: UUID, category: str, *, with_attributes: bool
    ) -> AsyncGenerator[Sequence[AudienceMember], None]:
        """Yields the people of the audience in order of their numbers, some at a time, as of one moment.

        Args:
            mailing_id: of the mailing that is foreseen.
            category: of the mailing.
            with_attributes: read the attributes of everybody; else only of those who share an address.
        """
        ...

    async def store_lines(self, lines: Sequence[ManifestLine]) -> None:
        """Stores lines, renews the lease and reports the progress.

        Raises:
            ManifestBuildingLost: another process builds it, or nobody wants it any more. Nothing is kept.
        """
        ...

    async def finish(self, totals: ManifestTotals, digest: bytes) -> None:
        """Makes the manifest ready, or outdated if the draft has changed. Raises ManifestBuildingLost as above."""
        ...


class ManifestBuildingLost(Exception):
    """Another process builds this manifest, or nobody wants it any more."""


class AudienceUnusable(Exception):
    """The audience of a manifest, or an excluded one, cannot be used. The message says why, and what to do."""


class ManifestQueue(Protocol):
    """The manifests that have to be built."""

    async def claim_manifest_to_build(self, owner: str) -> Manifest | None:
        """Leases the oldest manifest that waits, or whose builder is gone, to an owner. None: there is none."""
        ...

    def open_building(
        self, manifest: Manifest, policy: Policy, owner: str
    ) -> AbstractAsyncContextManager[ManifestBuilding]:
        """Opens the building of a claimed manifest. An error in the context keeps none of its lines.

        Raises:
            AudienceUnusable: a list or a segment that the draft names cannot be used any more.
            ManifestBuildingLost: another process builds it.
        """
        ...

    async def mark_failed(self, manifest: Manifest, owner: str, problem: str) -> None:
        """Stores why a manifest cannot be built; its campaign is a draft again."""
        ...

    async def delete_lines_of_unwanted_manifests(self, age: timedelta) -> None:
        """Deletes the lines of a manifest that nobody can release any more, if there is one of this age."""
        ...


class ManifestPerson(NamedTuple):
    """A person of a manifest, for a sample or an export."""

    recipient_id: int
    ref: str | None
    email: str | None
    name: str | None
    result: str
    reason: str
    variant: str
    due_at: datetime | None


class CampaignMailing(NamedTuple):
    """A mailing of a campaign. `template_variant` is the variant whose texts it has."""

    variant: str
    mailing_id: UUID
    template_variant: str | None


class AudienceReaders(NamedTuple):
    """Counts of an audience, before exclusions and decisions.

    Attributes:
        people: all of them with an address; 0: they were not counted in time.
        by_locale: by the locale that they read; the key "" is for people without one.
        without: those who lack a field, by its name.
    """

    people: int
    by_locale: Mapping[str, int]
    without: Mapping[str, int]


class ManifestStore(Protocol):
    """Checks and releases of campaigns. Each change is an entry of the ledger."""

    async def find_campaign_to_check(self, campaign_id: UUID) -> CampaignToCheck | None:
        """Returns a campaign, or None if there is none."""
        ...

    async def find_audience_fault(self, brand: str, name: str) -> str | None:
        """Returns why a brand cannot use an audience now, with what to do; None if it can."""
        ...

    async def count_readers(self, brand: str, audience: str, fields: Sequence[str]) -> AudienceReaders:
        """Returns the counts of an audience that the brand has, by locale and for some attributes."""
        ...

    async def request_manifest(
        self,
        campaign: CampaignToCheck,
        templates: Mapping[str, ManifestTemplate],
        policy_version: str,
        findings: Sequence[Mapping[str, Any]],
        by: str,
    ) -> Manifest:
        """Freezes a campaign as it was seen, and queues its manifest. One that was requested before is outdated.

        Args:
            campaign: as it was seen.
            templates: by variant.
            policy_version: in force.
            findings: of the checks of the texts.
            by: the identity of who asks, as text.

        Raises:
            ManifestRefused: the draft has changed meanwhile, or the campaign is released, cancelled or archived.
        """
        ...

    async def find_manifest(self, manifest_id: UUID) -> Manifest | None:
        """Returns a manifest, or None if there is none."""
        ...

    async def find_former_manifest(self, manifest: Manifest) -> Manifest | None:
        """Returns the finished check of the same campaign before this one, or None."""
        ...

    async def list_people(
        self, manifest_id: UUID, result: str, reason: str, after: int, limit: int
    ) -> Sequence[ManifestPerson]:
        """Returns people with one result and reason, in order of their numbers, after a number."""
        ...

    async def record_look(self, manifest: Manifest, reason: str, result: str, why: str, by: str) -> None:
        """Records in the ledger that somebody sees the people of a manifest.

        Args:
            manifest: the manifest.
            reason: `manifest_people_seen` or `manifest_people_exported`.
            result: of the lines that are seen.
            why: the reason of these lines.
            by: the identity, as text.
        """
        ...

    async def ask_for_release(self, manifest_id: UUID, by: str) -> None:
        """Lets a checked campaign wait for its release. Raises ManifestRefused."""
        ...

    async def cancel_campaign(self, campaign_id: UUID, by: str) -> None:
        """Ends a campaign: nothing of it is checked, released or sent as the rest of a test from now on.

        Its mailings are cancelled one by one, by who calls this.

        Raises:
            ManifestRefused: there is none.
        """
        ...

    async def pause_campaign(self, campaign_id: UUID) -> None:
        """Lets nobody send the rest of a released campaign's test. Its mailings are paused one by one, by who calls."""
        ...

    async def resume_campaign(self, campaign_id: UUID) -> None:
        """Lets the rest of a paused campaign's test be sent again."""
        ...

    async def is_campaign_paused(self, campaign_id: UUID) -> bool:
        """Returns True if the rest of the campaign's test cannot be sent now, since somebody has paused it."""
        ...

    async def list_mailings(self, campaign_id: UUID) -> Sequence[CampaignMailing]:
        """Returns the mailings of a campaign."""
        ...

    async def find_next_batch_time(self, mailing_id: UUID) -> datetime | None:
        """Returns when the next part of a mailing begins, if it waits for its time; else None."""
        ...

    async def list_authors(self, manifest_id: UUID) -> Sequence[tuple[str, str]]:
        """Returns who wrote, checked or asked for a campaign, as identities, each with what they did."""
        ...


class TestLister(Protocol):
    """Lists tests whose winner a rule chooses."""

    async def list_tests_that_decide(self) -> Sequence[Manifest]:
        """Returns released manifests whose test is over, whose rest is not sent, and whose winner a rule chooses."""
        ...


class CampaignReleaser(Protocol):
    """Releases campaigns, and sends the rest of tests."""

    async def release_manifest(
        self, manifest_id: UUID, seen_hash: bytes, releaser: Identity
    ) -> Sequence[CampaignMailing]:
        """Releases a campaign: makes its mailings, bound to the hash that the releaser has seen.

        Args:
            manifest_id: the manifest.
            seen_hash: 32 octets, of the manifest that the person has seen.
            releaser: the person.

        Returns:
            The mailings, one for each variant.

        Raises:
            ManifestRefused: it is not as it was seen, outdated, too old, or released already.
            ReleaseRefused: a second person has to release it, and this one is not independent of who wrote, checked or
                asked for it.
        """
        ...

    async def send_rest(self, manifest_id: UUID, variant: str, releaser: Identity) -> CampaignMailing:
        """Sends a test's rest with the texts of a variant, once.

        Args:
            manifest_id: the released manifest.
            variant: the chosen one.
            releaser: the person who chose it, or mailer itself if the rule did.

        Raises:
            ManifestRefused: it is not released, is cancelled, has no such variant, or its rest is sent already.
        """
        ...
