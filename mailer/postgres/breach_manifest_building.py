"""The building of manifests of breach phases: the audience as of one moment, its lines by COPY, in one transaction."""

from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from mailer.database.connections import UNHURRIED_SECONDS
from mailer.database.statements import Connection, Pool, int_array_literal
from mailer.policy.breach.draft import AudienceSource, BreachAudience
from mailer.policy.breach.manifest import LINE_FIELDS, BreachLine, BreachTotals
from mailer.policy.breach.places import place_of_person, place_with_file
from mailer.policy.policy_file import Policy
from mailer.policy.required_frequency_counts import RequiredFrequencyCount
from mailer.ports.breach_manifests import BreachAudienceMember, BreachBuildingLost, BreachManifest
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.manifests import AudienceUnusable
from mailer.postgres.audiences import audience_query, find_audience_fault
from mailer.postgres.breach_manifest_rows import SQL, breach_manifest_from_row
from mailer.postgres.delivery_rows import ELSEWHERE, delivery_row_from_record, frequency_count_parameters
from mailer.postgres.manifest_building import FORESEE, LEASE, PORTION, shift_parameters
from mailer.postgres.manifest_rows import SQL as MANIFEST_SQL
from mailer.postgres.read_ahead import iterate_ahead

_COLUMNS: Final = ("manifest_id", *LINE_FIELDS)
_CATEGORY: Final = "breach"
_COMPROMISED: Final = 1
_ENGAGED: Final = 2
_FILE_UNREADY: Final = {
    None: "the case has no such file: upload it again, or choose another source",
    "waiting": "its file is not read yet: wait until it is, and check again",
    "running": "its file is being read: wait until that is done, and check again",
    "failed": "its file could not be read: the page of the audience says why; upload it again",
}


class PostgresBreachManifestQueue:
    """Implements `ports.breach_manifests.BreachManifestQueue`.

    Args:
        pool: the connections.
        rates: the counts of sent mail that caps and alarms need.
        lease: the time after which another process begins again what a builder has begun.
    """

    def __init__(self, pool: Pool, rates: Sequence[RequiredFrequencyCount], lease: timedelta = LEASE) -> None:
        self._pool = pool
        self._rates = frequency_count_parameters(rates)
        self._lease = lease

    async def claim_manifest_to_build(self, owner: str) -> BreachManifest | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["claim"], owner, self._lease)
        return breach_manifest_from_row(row) if row else None

    @asynccontextmanager
    async def open_building(
        self, manifest: BreachManifest, policy: Policy, owner: str
    ) -> "AsyncIterator[PostgresBreachBuilding]":
        """See the port."""
        await self._pool.execute(MANIFEST_SQL["name_turn"], manifest.id)
        async with (
            self._pool.acquire() as reading,
            self._pool.acquire() as writing,
            reading.transaction(isolation="repeatable_read", readonly=True),  # one moment for all people
            writing.transaction(),
        ):
            if not await writing.fetchval(MANIFEST_SQL["take_turn"], manifest.id):
                raise BreachBuildingLost
            building = PostgresBreachBuilding(self._pool, reading, writing, manifest, owner)
            building.rates, building.lease = self._rates, self._lease
            await building.resolve_audience(policy)
            yield building

    async def mark_failed(self, manifest: BreachManifest, owner: str, problem: str) -> None:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_case_and_phase(connection, manifest)
            if await connection.fetchval(SQL["fail"], manifest.id, owner, problem[:1000]):
                await connection.execute(SQL["back_to_draft"], manifest.case_id, manifest.phase, manifest.id)

    async def delete_lines_of_unwanted_manifests(self, age: timedelta) -> None:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SET LOCAL statement_timeout = '{UNHURRIED_SECONDS}s'")
            await connection.execute(SQL["delete_lines"], age, timeout=UNHURRIED_SECONDS + 10)


class PostgresBreachBuilding:
    """Implements `ports.breach_manifests.BreachBuilding`.

    Args:
        pool: for the progress, which others see at once.
        reading, writing: two connections in transactions; the reading one sees one moment.
        manifest: the manifest, claimed by the owner.

    A person of the audience takes nine octets of memory.
    """

    rates: Sequence[Sequence[Any]]
    lease: timedelta

    def __init__(
        self, pool: Pool, reading: Connection, writing: Connection, manifest: BreachManifest, owner: str
    ) -> None:
        self._pool = pool
        self._reading = reading
        self._writing = writing
        self._manifest = manifest
        self._owner = owner
        self._numbers = array("q")
        self._marks = bytearray()
        self._engaged = 0
        self._stored = 0

    @property
    def total(self) -> int:
        """The number of people of the audience."""
        return len(self._numbers)

    @property
    def engaged(self) -> int:
        """The number of people of the audience who come first."""
        return self._engaged

    async def resolve_audience(self, policy: Policy) -> None:
        """Finds the people of the audience, in order of their numbers, and those whose mailbox strangers can read."""
        audience = self._manifest.draft.audience
        await self._refuse_unusable(policy, audience)
        await self._reading.execute(f"SET LOCAL statement_timeout = '{UNHURRIED_SECONDS}s'")
        query, parameters = await query_of_breach_audience(self._reading, self._manifest.brand, audience)
        compromised, more = await self._query_of_compromised(audience)
        statement = SQL["audience"].replace("{audience}", query)
        statement = statement.replace("{compromised}", shift_parameters(compromised, len(parameters)))
        async for row in self._reading.cursor(statement, *parameters, *more, prefetch=20_000):
            number, is_compromised, is_engaged = row
            self._numbers.append(number)
            self._marks.append(_COMPROMISED * is_compromised | _ENGAGED * is_engaged)
            self._engaged += is_engaged
        await self._report_progress()

    async def _refuse_unusable(self, policy: Policy, audience: BreachAudience) -> None:
        """Raises AudienceUnusable for lists, segments and files that are gone or not ready: they would be left out."""
        for name in filter(None, (audience.audience, audience.compromised)):
            if fault := await find_audience_fault(self._reading, policy, name):
                raise AudienceUnusable(fault)
        for file in filter(None, (audience.file, audience.compromised_file)):
            state = await self._reading.fetchval(SQL["is_file_ready"], file, self._manifest.case_id)
            if state != "done":
                raise AudienceUnusable(_FILE_UNREADY[state])

    async def _query_of_compromised(self, audience: BreachAudience) -> tuple[str, list[object]]:
        queries, parameters = [SQL["nobody"]], list[object]()
        if audience.compromised:
            query, parameters = await audience_query(self._reading, self._manifest.brand, audience.compromised)
            queries.append(f"({query})")
        if audience.compromised_file:
            queries.append(shift_parameters(SQL["of_file"], len(parameters)))
            parameters = [*parameters, audience.compromised_file]
        return " UNION ALL ".join(queries), parameters

    async def iterate_audience(self) -> AsyncGenerator[Sequence[BreachAudienceMember], None]:
        """See the port. The database reads the next portion while the caller decides about this one."""
        async with aclosing(iterate_ahead(range(0, self.total, PORTION), self._read_portion)) as people:
            async for portion in people:
                yield portion

    async def _read_portion(self, start: int) -> Sequence[BreachAudienceMember]:
        numbers, marks = self._numbers[start : start + PORTION], self._marks[start : start + PORTION]
        ids, nobody = int_array_literal(numbers), int_array_literal([None] * len(numbers))
        asked = *self.rates, ELSEWHERE, ids, nobody, self._manifest.brand, _CATEGORY
        rows = map(delivery_row_from_record, await self._reading.fetch(FORESEE, *asked))
        around = await self._reading.fetch(SQL["circumstances"], ids, self._manifest.draft.audience.file)
        beside = {id_: more for id_, *more in around}
        return [
            _member(row, beside[row.recipient_id], bool(mark & _COMPROMISED), bool(mark & _ENGAGED))
            for row, mark in zip(rows, marks, strict=True)
        ]

    async def store_lines(self, lines: Sequence[BreachLine]) -> None:
        """See the port."""
        records = [(self._manifest.id, *line) for line in lines]
        await self._writing.copy_records_to_table("breach_manifest_people", records=records, columns=_COLUMNS)
        self._stored += len(lines)
        await self._report_progress()

    async def _report_progress(self) -> None:
        progress = self._manifest.id, self._owner, self._stored, self.total, self.lease
        if await self._pool.fetchval(SQL["progress"], *progress) is None:
            raise BreachBuildingLost

    async def finish(self, totals: BreachTotals, digest: bytes) -> None:
        """See the port."""
        manifest = self._manifest
        await lock_case_and_phase(self._writing, manifest)
        row = await self._writing.fetchrow(SQL["finish"], manifest.id, self._owner, totals.sums(), digest, self._stored)
        if row is None:
            raise BreachBuildingLost
        await self._writing.execute(SQL["mark_checked"], manifest.case_id, manifest.phase, manifest.id)
        await self._writing.execute(MANIFEST_SQL["end_turn"], manifest.id)


async def query_of_breach_audience(
    connection: Connection, brand: str, audience: BreachAudience
) -> tuple[str, list[object]]:
    """Returns the query for the numbers of the people whom a phase tells, and its parameters."""
    match audience.source:
        case AudienceSource.EVERYONE:
            return SQL["everyone"], [brand]
        case AudienceSource.AUDIENCE:
            return await audience_query(connection, brand, audience.audience or "")
        case AudienceSource.FILE:
            return SQL["of_file"], [audience.file]


def _member(row: DeliveryRow, beside: Sequence[Any], is_compromised: bool, is_engaged: bool) -> BreachAudienceMember:
    region, has_postal_address, place_by_file, locale_by_file = beside
    place = place_with_file(place_of_person(row.standing.country, region), place_by_file)
    locale = row.locale or locale_by_file
    return BreachAudienceMember(row.standing, locale, place, has_postal_address, is_compromised, is_engaged)


async def lock_case_and_phase(connection: Connection, manifest: BreachManifest) -> None:
    """Locks the case and the phase of a manifest, which are locked before manifests, as everywhere."""
    await connection.fetchrow(SQL["lock_case"], manifest.case_id)
    await connection.fetchrow(SQL["lock_phase"], manifest.case_id, manifest.phase)
