"""The building of manifests in PostgreSQL: the audience as of one moment, and its lines by COPY, in one transaction."""

import re
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from mailer.database.connections import UNHURRIED_SECONDS
from mailer.database.statements import Connection, Pool, int_array_literal
from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_manifest import ManifestLine, ManifestTotals
from mailer.policy.policy_file import Policy
from mailer.policy.required_frequency_counts import RequiredFrequencyCount
from mailer.ports.manifests import AudienceMember, AudienceUnusable, Manifest, ManifestBuildingLost
from mailer.postgres.audiences import audience_query, find_audience_fault
from mailer.postgres.delivery_rows import delivery_row_from_record, frequency_count_parameters, statement_with_rows
from mailer.postgres.manifest_rows import SQL, manifest_from_row
from mailer.postgres.read_ahead import iterate_ahead

LEASE: Final = timedelta(seconds=30)
PORTION: Final = 2000
"""People about whom is decided together: some 50 milliseconds."""
_COLUMNS: Final = ("manifest_id", "recipient_id", "result", "reason", "variant", "due_at")
FORESEE: Final = statement_with_rows(SQL["foresee"])
"""Reads what decisions need about people and a mailing that does not exist yet."""


class PostgresManifestQueue:
    """Implements `ports.manifests.ManifestQueue`.

    Args:
        pool: the connections.
        rates: the counts of sent mail that caps and alarms need.
        lease: the time after which another process begins again what a builder has begun.
    """

    def __init__(self, pool: Pool, rates: Sequence[RequiredFrequencyCount], lease: timedelta = LEASE) -> None:
        self._pool = pool
        self._rates = frequency_count_parameters(rates)
        self._lease = lease

    async def claim_manifest_to_build(self, owner: str) -> Manifest | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["claim"], owner, self._lease)
        return manifest_from_row(row) if row else None

    @asynccontextmanager
    async def open_building(
        self, manifest: Manifest, policy: Policy, owner: str
    ) -> "AsyncIterator[PostgresManifestBuilding]":
        """See the port."""
        await self._pool.execute(SQL["name_turn"], manifest.id)
        async with (
            self._pool.acquire() as reading,
            self._pool.acquire() as writing,
            reading.transaction(isolation="repeatable_read", readonly=True),  # one moment for all people
            writing.transaction(),
        ):
            if not await writing.fetchval(SQL["take_turn"], manifest.id):
                raise ManifestBuildingLost
            building = PostgresManifestBuilding(self._pool, reading, writing, manifest, owner)
            building.rates, building.lease = self._rates, self._lease
            await building.resolve_audience(policy)
            yield building

    async def mark_failed(self, manifest: Manifest, owner: str, problem: str) -> None:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.fetchrow(SQL["lock_campaign"], manifest.campaign_id)
            if await connection.fetchval(SQL["fail"], manifest.id, owner, problem[:1000]):
                await connection.execute(SQL["back_to_draft"], manifest.campaign_id, manifest.id)

    async def delete_lines_of_unwanted_manifests(self, age: timedelta) -> None:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SET LOCAL statement_timeout = '{UNHURRIED_SECONDS}s'")
            await connection.execute(SQL["delete_lines"], age, timeout=UNHURRIED_SECONDS + 10)


class PostgresManifestBuilding:
    """Implements `ports.manifests.ManifestBuilding`.

    Args:
        pool: for the progress, which others see at once.
        reading, writing: two connections in transactions; the reading one sees one moment.
        manifest: the manifest, claimed by the owner.
    """

    rates: Sequence[Sequence[Any]]
    lease: timedelta

    def __init__(self, pool: Pool, reading: Connection, writing: Connection, manifest: Manifest, owner: str) -> None:
        self._pool = pool
        self._reading = reading
        self._writing = writing
        self._manifest = manifest
        self._owner = owner
        self._numbers = array("q")
        self._firsts: dict[int, int] = {}
        self._stored = 0

    @property
    def total(self) -> int:
        """The number of people of the audience."""
        return len(self._numbers)

    async def resolve_audience(self, policy: Policy) -> None:
        """Finds the people of the audience, without the excluded ones, in order of their numbers.

        A list that was deleted since the request would leave nobody out. Raises AudienceUnusable instead.
        """
        draft = self._manifest.draft
        for name in (draft.audience, *draft.exclude):
            if fault := await find_audience_fault(self._reading, policy, name):
                raise AudienceUnusable(fault)
        await self._reading.execute(f"SET LOCAL statement_timeout = '{UNHURRIED_SECONDS}s'")
        query, parameters = await audience_without_excluded(self._reading, self._manifest.brand, self._manifest.draft)
        statement = SQL["audience"].replace("{audience}", query)
        async for row in self._reading.cursor(statement, *parameters, prefetch=20_000):
            number, first = row
            self._numbers.append(number)
            if first is not None:
                self._firsts[number] = first
        await self._report_progress()

    async def iterate_audience(
        self, mailing_id: UUID, category: str, *, with_attributes: bool
    ) -> AsyncGenerator[Sequence[AudienceMember], None]:
        """See the port. The database reads the next portion while the caller decides about this one."""
        read = partial(self._read_portion, mailing_id, category, with_attributes)
        portions = (self._numbers[start : start + PORTION] for start in range(0, self.total, PORTION))
        async with aclosing(iterate_ahead(portions, read)) as people:
            async for portion in people:
                yield portion

    async def _read_portion(
        self, mailing_id: UUID, category: str, with_attributes: bool, numbers: Sequence[int]
    ) -> Sequence[AudienceMember]:
        firsts = [self._firsts.get(number) for number in numbers]
        wanted = numbers if with_attributes else [number for number in numbers if number in self._firsts]
        rows = await self._reading.fetch(
            FORESEE,
            *self.rates,
            mailing_id,
            int_array_literal(numbers),
            int_array_literal(firsts),
            self._manifest.brand,
            category,
        )
        attributes = await self._read_attributes(wanted)
        return [
            AudienceMember(row, first or row.recipient_id, attributes.get(row.recipient_id, {}))
            for row, first in zip(map(delivery_row_from_record, rows), firsts, strict=True)
        ]

    async def _read_attributes(self, numbers: Sequence[int]) -> Mapping[int, Mapping[str, object]]:
        if not numbers:
            return {}
        rows = await self._reading.fetch(SQL["attributes"], int_array_literal(numbers))
        return {row["recipient_id"]: row["attributes"] for row in rows}

    async def store_lines(self, lines: Sequence[ManifestLine]) -> None:
        """See the port."""
        records = [(self._manifest.id, *line) for line in lines]
        await self._writing.copy_records_to_table("manifest_people", records=records, columns=_COLUMNS)
        self._stored += len(lines)
        await self._report_progress()

    async def _report_progress(self) -> None:
        ours = await self._pool.fetchval(
            SQL["progress"], self._manifest.id, self._owner, self._stored, self.total, self.lease
        )
        if ours is None:
            raise ManifestBuildingLost

    async def finish(self, totals: ManifestTotals, digest: bytes) -> None:
        """See the port."""
        # Campaigns are locked before manifests, as everywhere.
        await self._writing.fetchrow(SQL["lock_campaign"], self._manifest.campaign_id)
        row = await self._writing.fetchrow(
            SQL["finish"],
            self._manifest.id,
            self._owner,
            totals.sums(),
            digest,
            self._stored,
            totals.variants,
            sorted(totals.due_times.items()),
            totals.zoneless,
        )
        if row is None:
            raise ManifestBuildingLost
        await self._writing.execute(SQL["mark_checked"], self._manifest.campaign_id, self._manifest.id)
        await self._writing.execute(SQL["end_turn"], self._manifest.id)


async def audience_without_excluded(
    connection: Connection, brand: str, draft: CampaignDraft
) -> tuple[str, list[object]]:
    """Returns a query for the people of a draft's audience without those whom it excludes, and its parameters."""
    query, parameters = await audience_query(connection, brand, draft.audience)
    queries = [f"({query})"]
    for name in draft.exclude:
        excluded, more = await audience_query(connection, brand, name)
        queries.append(f"({shift_parameters(excluded, len(parameters))})")
        parameters = [*parameters, *more]
    return " EXCEPT ".join(queries) if len(queries) > 1 else query, parameters


def shift_parameters(query: str, by: int) -> str:
    """Returns a query whose parameters are numbered after so many others."""
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + by}", query)
