"""Reports for advertisers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

DIMENSIONS = ("country", "locale")
"""The properties by which a report breaks down an audience, one at a time."""


@dataclass(frozen=True, slots=True)
class AdvertiserCampaignReport:
    """The figures of a campaign for an advertiser, about groups of people. None: the figure is withheld.

    Attributes:
        campaign: the campaign's name, or the id of a mailing that has none.
        as_of: the time at which the figures were taken; they never change.
        minimum_cell: the least number of people that a figure may be about.
        mailings: number of mailings that are counted together.
        people: number of people who were sent a message, each counted once.
        opens, clicks: fetches by people's mail programs, repeated ones included.
        breakdowns: people by value, for each of `DIMENSIONS`; `other` has the values with too few people.
    """

    brand: str
    campaign: str
    as_of: datetime
    minimum_cell: int
    mailings: int
    people: int | None
    opens: int | None
    clicks: int | None
    breakdowns: Mapping[str, Mapping[str, int] | None]


class ReportNotReady(Exception):
    """The report cannot be made yet. The message says why."""


class ReportStore(Protocol):
    """Makes and stores reports."""

    async def get_or_issue_campaign_report(
        self, brand: str, campaign: str, minimum: int
    ) -> AdvertiserCampaignReport | None:
        """Returns the report of a campaign. The first call makes and stores it; later calls return the same report.

        Args:
            brand: the brand of the campaign.
            campaign: the campaign's name, or the id of a mailing that has none.
            minimum: the least number of people that a figure may be about.

        Returns:
            None if the brand has no such campaign.

        Raises:
            ReportNotReady: the campaign is still running.
        """
        ...
