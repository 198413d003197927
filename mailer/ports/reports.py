"""Reports for advertisers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

DIMENSIONS = ("country", "locale")
"""By what an audience is broken down, one at a time."""


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """What an advertiser is told of a campaign: figures about groups of people. None: the figure is withheld.

    Attributes:
        campaign: its name, or the id of a mailing without one.
        as_of: when the figures were taken; they never change.
        minimum_cell: no figure is about fewer people.
        mailings: how many are counted together.
        people: who were handed something, each counted once.
        opens, clicks: by people's mail programs, as often as they were.
        breakdowns: people by value, for each of `DIMENSIONS`; `other` has those whose own cell is not shown.
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


class ReportRefused(Exception):
    """A report that cannot be made yet; the message says what it waits for."""


class ReportStore(Protocol):
    """The reports of the database."""

    async def issue_report(self, brand: str, campaign: str, minimum: int) -> CampaignReport | None:
        """The report of a campaign; made the first time it is asked for, and the same ever after.

        Args:
            brand: whose campaign it is.
            campaign: its name, or the id of a mailing without one.
            minimum: the least people that a figure may be about.

        Returns:
            None if the brand has no such campaign.

        Raises:
            ReportRefused: the campaign is still running.
        """
        ...
