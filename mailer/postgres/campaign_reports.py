"""Advertisers' reports in PostgreSQL. A report is counted once, compared with all earlier reports, then stored."""

from collections import defaultdict
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.database.storable_text import storable_text
from mailer.policy.advertiser_figures import (
    OTHER,
    Shared,
    count_people_by_cell_pair,
    find_values_to_hide,
    may_subtraction_reveal_small_group,
    publishable_cells,
)
from mailer.ports.reports import DIMENSIONS, AdvertiserCampaignReport, ReportNotReady

_SQL = load_statements("reports")
_AUDIENCE = "audience"

_Breakdown = tuple[int, str]
"""The id of a report, and a dimension."""


class PostgresCampaignReports:
    """Implements `ports.reports.ReportStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get_or_issue_campaign_report(
        self, brand: str, campaign: str, minimum: int
    ) -> AdvertiserCampaignReport | None:
        """See the port."""
        campaign = storable_text(campaign)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SQL["one_at_a_time"])
            if issued := await connection.fetchrow(_SQL["issued"], brand, campaign):
                return _report_from_row(issued)
            mailings = await connection.fetch(_SQL["mailings"], brand, campaign, _parse_mailing_id(campaign))
            if not mailings:
                return None
            if running := sum(mailing["finished_at"] is None for mailing in mailings):
                raise ReportNotReady(
                    f"{running} of {len(mailings)} mailings of {campaign} are not finished; ask again once all are: "
                    "figures that grow could be subtracted from one another"
                )
            await _count_and_store_report(connection, brand, campaign, minimum, [mailing["id"] for mailing in mailings])
            made = await connection.fetchrow(_SQL["issued"], brand, campaign)
        return _report_from_row(made) if made else None


def _parse_mailing_id(text: str) -> UUID | None:
    """Returns a text as a mailing id, or None. Another spelling of an id would make a second report: it gets None."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None


async def _count_and_store_report(
    connection: Connection, brand: str, campaign: str, minimum: int, mailings: list[UUID]
) -> None:
    """Counts and stores a report, without the figures that must not be shown."""
    report_id = await connection.fetchval(_SQL["begin"], brand, campaign, minimum, mailings)
    if not await _store_publishable_cells(connection, report_id, minimum, mailings):
        return
    meetings = await _count_people_shared_with_other_reports(connection, report_id, brand)
    released = {theirs for _, theirs in meetings if theirs[0] != report_id}
    for dimension in (_AUDIENCE, *DIMENSIONS):
        ours = report_id, dimension
        if not any(
            may_subtraction_reveal_small_group(meetings[ours, theirs], minimum)
            for theirs in released
            if (ours, theirs) in meetings
        ):
            released.add(ours)
        elif dimension == _AUDIENCE:
            await connection.execute(_SQL["withhold"], report_id, [_AUDIENCE, *DIMENSIONS])
            return
        else:
            await connection.execute(_SQL["withhold"], report_id, [dimension])
    await _store_opens_and_clicks(connection, report_id, minimum, mailings)


async def _store_publishable_cells(connection: Connection, report_id: int, minimum: int, mailings: list[UUID]) -> bool:
    """Stores the cells that may be shown if no other report existed. Returns False if there are none."""
    cells: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in await connection.fetch(_SQL["count"], report_id, mailings):
        cells[row["dimension"]][row["value"]] = row["people"]
    if not publishable_cells(cells[_AUDIENCE], minimum):
        await connection.execute(_SQL["withhold"], report_id, list(cells))
        return False
    for dimension in DIMENSIONS:
        shown = publishable_cells(cells[dimension], minimum)
        if not shown:
            await connection.execute(_SQL["withhold"], report_id, [dimension])
        elif gone := cells[dimension].keys() - shown.keys():
            await connection.execute(_SQL["merge"], report_id, dimension, list(gone), OTHER)
    return True


async def _store_opens_and_clicks(connection: Connection, report_id: int, minimum: int, mailings: list[UUID]) -> None:
    [fetches] = await connection.fetch(_SQL["count_fetches"], mailings, minimum)
    shown = {name: n for name, n in fetches.items() if not find_values_to_hide({name: n}, minimum)}
    await connection.execute(_SQL["keep_fetches"], report_id, shown.get("opens"), shown.get("clicks"))


async def _count_people_shared_with_other_reports(
    connection: Connection, report_id: int, brand: str
) -> dict[tuple[_Breakdown, _Breakdown], Shared]:
    """Returns the numbers of people that breakdowns of this report share with others of the brand.

    The keys are pairs of a breakdown of this report and one that it shares people with.
    """
    sizes: defaultdict[_Breakdown, dict[str, int]] = defaultdict(dict)
    for row in await connection.fetch(_SQL["released"], brand):
        sizes[row["report_id"], row["dimension"]][row["value"]] = row["people"]
    common: defaultdict[tuple[_Breakdown, _Breakdown], dict[tuple[str, str], int]] = defaultdict(dict)
    for row in await connection.fetch(_SQL["shared"], report_id, brand):
        theirs = row["report_id"], row["their_dimension"]
        common[(report_id, row["dimension"]), theirs][row["value"], row["their_value"]] = row["people"]
    return {
        (ours, theirs): count_people_by_cell_pair(sizes[ours], sizes[theirs], people)
        for (ours, theirs), people in common.items()
    }


def _report_from_row(row: asyncpg.Record) -> AdvertiserCampaignReport:
    cells: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for dimension, value, people in sorted(row["cells"], key=lambda cell: (cell[1] == OTHER, -cell[2], cell[1])):
        cells[dimension][value] = people
    return AdvertiserCampaignReport(
        brand=row["brand"],
        campaign=row["campaign"],
        as_of=row["as_of"],
        minimum_cell=row["minimum_cell"],
        mailings=row["mailings"],
        people=sum(cells[_AUDIENCE].values()) if _AUDIENCE in cells else None,
        opens=row["opens"],
        clicks=row["clicks"],
        breakdowns={dimension: cells.get(dimension) for dimension in DIMENSIONS},
    )
