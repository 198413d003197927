"""The drafts of campaigns with their history, for staff."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_stages import CampaignStage, CampaignState

MAX_DRAFT_OCTETS: Final = 900_000
"""The largest draft, as JSON. The database takes a megabyte, with its blanks."""
REVISION_REPLACED_WITHIN: Final = timedelta(minutes=10)
"""The time in which the savings of one person replace each other in the history."""


class CampaignUnknown(Exception):
    """There is no such campaign, or no such revision of it."""


class CampaignChangeRefused(Exception):
    """The campaign may not be changed so. The message says why, and what to do."""


class CampaignChangedMeanwhile(Exception):
    """Somebody has saved another revision than the one that the change began with.

    Attributes:
        current: the campaign as it is now. Nothing was stored.
    """

    def __init__(self, current: "Campaign") -> None:
        super().__init__(
            f"{current.updated_by.removeprefix('person:')} has saved revision {current.revision} meanwhile:"
            " read it, then save on top of it"
        )
        self.current = current


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign with its draft.

    Attributes:
        revision: of the draft, from 1 on.
        manifest_id: of the last check of this revision; None if there is none.
        created_by, updated_by: identities, as text.
    """

    id: UUID
    brand: str
    name: str
    state: CampaignState
    revision: int
    draft: CampaignDraft
    manifest_id: UUID | None
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CampaignSummary:
    """A campaign in a list. `category` is that of its draft."""

    id: UUID
    brand: str
    name: str
    state: CampaignState
    stage: CampaignStage
    revision: int
    category: str
    updated_by: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CampaignRevision:
    """A revision of a draft. `began_at` is the first of the savings that it replaces."""

    revision: int
    draft: CampaignDraft
    by: str
    at: datetime
    began_at: datetime


@dataclass(frozen=True, slots=True)
class CampaignListPlace:
    """A place in the list: after the campaign with this time and id."""

    updated_at: datetime
    id: UUID

    def __str__(self) -> str:
        """Returns the place as text for a URL."""
        return f"{self.updated_at.isoformat()}_{self.id}"

    @classmethod
    def parse_place(cls, text: str) -> "CampaignListPlace":
        """Returns the place of a text.

        Raises:
            ValueError: the text names no place.
        """
        at, _, id_ = text.partition("_")
        place = cls(datetime.fromisoformat(at), UUID(id_))
        if place.updated_at.tzinfo is None:
            raise ValueError("a time without a zone")
        return place


@dataclass(frozen=True, slots=True)
class CampaignFilter:
    """A filter for campaigns.

    Attributes:
        brands: the brands whose campaigns are listed.
        state: the state; None: all that are not archived.
        after: where the page begins; None: with the one that was changed last.
    """

    brands: frozenset[str]
    state: CampaignState | None = None
    after: CampaignListPlace | None = None


@dataclass(frozen=True, slots=True)
class CampaignPage:
    """A page of a list of campaigns, the last changed first. `next` is where the next page begins, if there is one."""

    campaigns: Sequence[CampaignSummary]
    next: CampaignListPlace | None = None


@dataclass(frozen=True, slots=True)
class CampaignSteps:
    """The people and times of a campaign's steps after its last change. None: it has not come to that.

    Attributes:
        requested_by, checked_at: of the last check of this revision.
        released_by, released_at: of its release.
        mailings: the mailings by variant.
        states: their states (`MailingStatus.state`), in the same order.
        finished_at: the end of the last of them, if all have ended.
    """

    requested_by: str | None = None
    checked_at: datetime | None = None
    released_by: str | None = None
    released_at: datetime | None = None
    mailings: Sequence[tuple[str, UUID]] = ()
    states: Sequence[str] = ()
    finished_at: datetime | None = None


class CampaignStore(Protocol):
    """Stores the drafts of campaigns. Each change is an entry of the ledger."""

    async def create_campaign(self, brand: str, name: str, draft: CampaignDraft, by: str) -> Campaign:
        """Creates a campaign with its first revision."""
        ...

    async def save_draft(
        self, campaign_id: UUID, expected_revision: int, draft: CampaignDraft, by: str, name: str | None = None
    ) -> Campaign:
        """Stores a new revision, in state `draft`; a check of the former one is outdated. An equal draft is not stored.

        Args:
            campaign_id: the campaign.
            expected_revision: the revision that the change began with.
            draft: the new draft.
            by: the identity that saves, as text.
            name: a new name; None: the old one stays.

        Raises:
            CampaignUnknown: there is none.
            CampaignChangeRefused: it is released, cancelled or archived; or the draft is too large.
            CampaignChangedMeanwhile: it has another revision.
        """
        ...

    async def restore_revision(self, campaign_id: UUID, expected_revision: int, revision: int, by: str) -> Campaign:
        """Stores an old revision as a new one, which replaces none. Raises as `save_draft`."""
        ...

    async def find_campaign(self, campaign_id: UUID) -> Campaign | None:
        """Returns a campaign, or None if there is none."""
        ...

    async def list_campaigns(self, chosen: CampaignFilter, limit: int) -> CampaignPage:
        """Returns a page of campaigns."""
        ...

    async def read_history(self, campaign_id: UUID, limit: int) -> Sequence[CampaignRevision]:
        """Returns the newest revisions, the newest first."""
        ...

    async def find_revision(self, campaign_id: UUID, revision: int) -> CampaignRevision | None:
        """Returns a revision that the history keeps, or None."""
        ...

    async def read_audiences(self, brand: str) -> Sequence[str]:
        """Returns the audiences that a draft can name: `everyone`, lists, then `segment:NAME`; at most 200 of each."""
        ...

    async def read_attributes(self, brand: str, recipient_id: int, names: Sequence[str]) -> Mapping[str, object]:
        """Returns the values that a person has of some attributes, by name."""
        ...

    async def read_steps(self, campaign: Campaign) -> CampaignSteps:
        """Returns the steps of a campaign."""
        ...

    async def duplicate_campaign(self, campaign_id: UUID, name: str, by: str) -> Campaign:
        """Creates a campaign with the draft of another one, without its time of sending. Raises CampaignUnknown."""
        ...

    async def archive_campaign(self, campaign_id: UUID, by: str) -> Campaign:
        """Puts a draft into the archive; a check of it is outdated. Raises CampaignUnknown, CampaignChangeRefused."""
        ...

    async def unarchive_campaign(self, campaign_id: UUID, by: str) -> Campaign:
        """Takes a campaign out of the archive, as a draft. Raises CampaignUnknown, CampaignChangeRefused."""
        ...

    async def set_state(self, campaign_id: UUID, seen: CampaignState, state: CampaignState, by: str) -> Campaign:
        """Sets the state of a campaign that has the state that was seen.

        Raises:
            CampaignUnknown: there is none.
            CampaignChangedMeanwhile: it has another state by now.
        """
        ...
