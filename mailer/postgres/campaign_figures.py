"""Figures of campaigns in PostgreSQL: counted by the timekeeper, read by reports."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from mailer.database.connections import UNHURRIED_SECONDS
from mailer.database.statements import Connection, Pool, load_statements
from mailer.metrics_and_logger import log
from mailer.policy.advertiser_figures import OTHER, hidden_or_rounded_figure
from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_figures import (
    MOST_DOMAINS,
    CampaignFigures,
    FetchesOfVariant,
    LinkClicks,
    OutcomeCell,
    ReturnsOfDay,
    ReturnsOfDomain,
    ReturnsOfVariant,
    add_links,
    next_count_at,
    shown_cells,
    shown_links_of_mailing,
)
from mailer.policy.policy_file import Policy
from mailer.ports.campaign_figures import CampaignReport, EarlierCampaign
from mailer.ports.mailings import MailingStatus
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.mailing_status_rows import mailing_status_from_row

_SQL = load_statements("campaign_figures")
_MAILINGS = load_statements("mailings")
_STATUS = _MAILINGS["status"].replace("{fetches}", _MAILINGS["fetches"]).replace("{which}", "m.id = ANY ($1::uuid[])")
_EARLIER: Final = 5
"""The campaigns beside which a report stands."""
_Sums = dict[str, int]
_RETURNS: Final = ("opt_outs", "complaints", "hard_bounces", "soft_bounces")


class PostgresReleasedCampaignReports:
    """Implements `ports.campaign_figures.CampaignReportReader`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find_campaign_report(self, campaign_id: UUID) -> CampaignReport | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["report"], campaign_id)
        if row is None:
            return None
        values = dict(row)
        mailings = {variant: UUID(mailing_id) for variant, mailing_id in row["mailings"]}
        live = await self._pool.fetch(_SQL["live"], list(mailings.values()))
        earlier = await self._pool.fetch(_SQL["earlier"], row["brand"], row["released_at"], _EARLIER)
        values |= {
            "draft": CampaignDraft.model_validate(row["draft"]),
            "mailings": mailings,
            "live": {state["state"]: state["people"] for state in live if state["people"]},
            "figures": CampaignFigures.model_validate(row["figures"]) if row["counted_at"] else None,
            "earlier": [
                EarlierCampaign(
                    one["id"], one["name"], one["released_at"], CampaignFigures.model_validate(one["figures"])
                )
                for one in earlier
            ],
        }
        values.pop("created_by")
        return CampaignReport(**values)


class PostgresCampaignFigureCounts:
    """Implements `ports.campaign_figures.CampaignFigureCounter`."""

    def __init__(self, pool: Pool, policies: Mapping[str, Policy], hasher: AddressHasher) -> None:
        self._pool = pool
        self._policies = policies
        self._hasher = hasher

    async def count_next_campaign(self) -> UUID | None:
        """See the port. A campaign that cannot be counted is put off, so that it stops no other."""
        await self._pool.execute(_SQL["add_missing"])
        campaign_id: UUID | None = None
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(f"SET LOCAL statement_timeout = '{UNHURRIED_SECONDS}s'")
                due = await connection.fetchrow(_SQL["take_due"])
                if due is None:
                    return None
                campaign_id = due["campaign_id"]
                await self._count_and_store(connection, due)
        except (asyncpg.PostgresError, KeyError, ValueError) as error:
            if campaign_id is None:
                raise
            log.error("the figures of a campaign cannot be counted", campaign=str(campaign_id), error=str(error))
            await self._pool.execute(_SQL["postpone"], campaign_id)
        return campaign_id

    async def _count_and_store(self, connection: Connection, due: asyncpg.Record) -> None:
        """Counts a campaign's figures. Raises KeyError if its brand has no policy."""
        began, now = time.monotonic(), datetime.now(UTC)
        mailings = await connection.fetch(_SQL["mailings"], due["campaign_id"])
        is_over = all(row["is_finished"] for row in mailings)
        before = CampaignFigures.model_validate(due["figures"]) if due["figures"] else None
        counting = _CampaignCount(connection, self._policies[due["brand"]], self._hasher, mailings, due["lot"].bytes)
        figures = await counting.count_figures(before if due["is_final"] and is_over else None)
        after = next_count_at(mailings[0]["released_at"], now, timedelta(seconds=time.monotonic() - began))
        infinite = datetime.max.replace(tzinfo=UTC)
        await connection.execute(
            _SQL["store"], due["campaign_id"], figures.model_dump(mode="json"), now, is_over, after or infinite
        )


class _CampaignCount:
    """Counts one campaign."""

    def __init__(
        self,
        connection: Connection,
        policy: Policy,
        hasher: AddressHasher,
        mailings: Sequence[asyncpg.Record],
        lot: bytes,
    ) -> None:
        self._connection = connection
        self._policy = policy
        self._key_id = hasher.key_id
        self._mailings = mailings
        self._ids = [row["mailing_id"] for row in mailings]
        self._lot = lot

    async def count_figures(self, final: CampaignFigures | None) -> CampaignFigures:
        """Returns the figures. Deliveries of a campaign that is over are not counted again: `final` has them."""
        minimum = self._policy.minimum_cell
        came_back = await self._connection.fetch(_SQL["came_back"], self._ids, self._policy.controller.id, self._key_id)
        statuses = [
            mailing_status_from_row(row, {self._policy.brand: self._policy})
            for row in await self._connection.fetch(_STATUS, self._ids)
        ]
        return CampaignFigures(
            minimum_cell=minimum,
            cells=final.cells if final else await self._count_outcomes(),
            returns=self._returns_of_variants(came_back),
            fetches=await self._fetches_of_variants({status.id: status for status in statuses}),
            days=_returns_of_days(came_back),
            domains=_returns_of_domains(final, came_back) if final else await self._count_domains(came_back),
            links=await self._count_links(),
        )

    async def _count_outcomes(self) -> tuple[OutcomeCell, ...]:
        rows = await self._connection.fetch(_SQL["outcomes"], self._mailings[0]["manifest_id"], self._ids)
        return tuple(OutcomeCell(**dict(row)) for row in rows)

    def _returns_of_variants(self, came_back: Sequence[asyncpg.Record]) -> tuple[ReturnsOfVariant, ...]:
        sums = _sum_by(came_back, "mailing_id")
        return tuple(
            ReturnsOfVariant(variant=row["variant"], sent=row["sent"], **sums.get(row["mailing_id"], {}))
            for row in self._mailings
        )

    async def _fetches_of_variants(self, statuses: Mapping[UUID, MailingStatus]) -> tuple[FetchesOfVariant, ...]:
        rows = await self._connection.fetch(_SQL["clicking_messages"], self._ids)
        clicked = {row["mailing_id"]: row["clicked"] for row in rows}
        minimum = self._policy.minimum_cell
        found: list[FetchesOfVariant] = []
        for row in self._mailings:
            status = statuses[row["mailing_id"]]
            found.append(
                FetchesOfVariant(
                    variant=row["variant"],
                    opens=status.opens,
                    machine_opens=status.machine_opens,
                    opened=status.unique_opens,
                    clicks=status.clicks,
                    machine_clicks=status.machine_clicks,
                    clicked=hidden_or_rounded_figure(clicked[status.id], minimum, row["is_finished"]),
                )
            )
        return tuple(found)

    async def _count_domains(self, came_back: Sequence[asyncpg.Record]) -> tuple[ReturnsOfDomain, ...]:
        minimum = self._policy.minimum_cell
        rows = await self._connection.fetch(_SQL["domains"], self._ids, minimum, MOST_DOMAINS)
        large = {row["domain"]: row["sent"] for row in rows}
        unnamed = sum(row["sent"] for row in self._mailings) - sum(large.values())
        cells = large | ({"": unnamed} if unnamed > 0 else {})
        return _with_returns(shown_cells(cells, minimum, self._lot, MOST_DOMAINS), came_back)

    async def _count_links(self) -> tuple[LinkClicks, ...]:
        clicks: defaultdict[UUID, dict[str, int]] = defaultdict(dict)
        for row in await self._connection.fetch(_SQL["clicks_by_link"], self._ids):
            clicks[row["mailing_id"]][row["link"]] = row["clicks"]
        minimum = self._policy.minimum_cell
        return add_links(
            [
                shown_links_of_mailing(
                    clicks[row["mailing_id"]],
                    minimum,
                    self._lot + row["mailing_id"].bytes,
                    is_finished=row["is_finished"],
                )
                for row in self._mailings
                if row["mailing_id"] in clicks
            ]
        )


def _sum_by(rows: Iterable[asyncpg.Record], column: str) -> dict[Any, _Sums]:
    """Returns the people by kind for each value of a column."""
    sums: defaultdict[Any, _Sums] = defaultdict(dict)
    for row in rows:
        of_value = sums[row[column]]
        of_value[row["kind"]] = of_value.get(row["kind"], 0) + row["people"]
    return sums


def _returns_of_days(came_back: Iterable[asyncpg.Record]) -> tuple[ReturnsOfDay, ...]:
    sums = _sum_by(came_back, "day")
    return tuple(ReturnsOfDay(day=day, **sums[day]) for day in sorted(sums))


def _returns_of_domains(final: CampaignFigures, came_back: Sequence[asyncpg.Record]) -> tuple[ReturnsOfDomain, ...]:
    return _with_returns({one.domain: one.sent for one in final.domains}, came_back)


def _with_returns(sent: Mapping[str, int], came_back: Iterable[asyncpg.Record]) -> tuple[ReturnsOfDomain, ...]:
    """Returns the domains that may be shown, with what came back; what came back of others counts for `OTHER`."""
    sums = {domain: dict.fromkeys(_RETURNS, 0) for domain in sent}
    for row in came_back:
        of_domain = sums.get(row["domain"], sums.get(OTHER))
        if of_domain is not None:
            of_domain[row["kind"]] += row["people"]
    return tuple(ReturnsOfDomain(domain=domain, sent=sent[domain], **sums[domain]) for domain in sent)
