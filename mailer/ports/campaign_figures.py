"""Reports of campaigns: the figures of one, and of the ones before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_figures import CampaignFigures


@dataclass(frozen=True, slots=True)
class EarlierCampaign:
    """A campaign of the same brand that was released before."""

    id: UUID
    name: str
    released_at: datetime
    figures: CampaignFigures


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """The report of a released campaign.

    Attributes:
        state: of the campaign. draft: as it was released.
        manifest_id, released_by, released_at: of the release. people: the audience that it froze.
        mailings: the mailing of each variant.
        live: deliveries by state, from the counters, as of now.
        figures: as of `counted_at`; None: they were not counted yet.
        is_final: the deliveries were counted after all mailings had finished. What comes back is still counted.
        is_withdrawn: a person took the campaign out of the archive page.
        earlier: the campaigns of the brand that were released before, the newest first.
    """

    id: UUID
    brand: str
    name: str
    state: str
    draft: CampaignDraft
    manifest_id: UUID
    released_by: str
    released_at: datetime
    people: int
    mailings: Mapping[str, UUID]
    live: Mapping[str, int]
    figures: CampaignFigures | None
    counted_at: datetime | None
    is_final: bool
    is_withdrawn: bool
    earlier: Sequence[EarlierCampaign] = ()

    @property
    def people_waiting_for_winner(self) -> int:
        """The people who get the winner of an A/B test, as long as their mail is not released."""
        cells = self.figures.cells if self.figures and "rest" not in self.mailings else ()
        return sum(cell.people for cell in cells if cell.variant == "rest" and cell.was_to_get)


class CampaignReportReader(Protocol):
    """Reads reports. It counts no large table."""

    async def find_campaign_report(self, campaign_id: UUID) -> CampaignReport | None:
        """Returns the report of a campaign, or None if there is no released campaign with this id."""
        ...


class CampaignFigureCounter(Protocol):
    """Counts the figures that take a scan."""

    async def count_next_campaign(self) -> UUID | None:
        """Counts the figures of the campaign that is due the longest. Returns its id, or None if none is due."""
        ...
