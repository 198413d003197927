"""Manifests of breach phases in PostgreSQL: requests of checks, and the people behind their figures."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg

from mailer.database.statements import Pool
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.breach.draft import BreachAudience
from mailer.policy.policy_file import Policy
from mailer.ports.breach_manifests import (
    BreachCheckRequest,
    BreachManifest,
    BreachManifestRefused,
    BreachPerson,
    LinesWanted,
)
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.audiences import find_audience_fault
from mailer.postgres.breach_manifest_rows import SQL, breach_manifest_from_row
from mailer.postgres.breach_readers import count_readers_by_place

_NO_PHASE = "the case has no such phase; `mailer breach show` shows them"


class PostgresBreachManifests:
    """Implements `ports.breach_manifests.BreachManifestStore`.

    Args:
        pool: the connections. writers: of the ledger.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def find_audience_fault(self, policy: Policy, name: str) -> str | None:
        """See the port."""
        async with self._pool.acquire() as connection:
            return await find_audience_fault(connection, policy, name)

    async def request_manifest(self, request: BreachCheckRequest, by: str) -> BreachManifest:
        """See the port."""
        manifest_id = uuid7()
        async with open_unit_of_work(self._pool, self._writers) as work:
            case = await work.connection.fetchrow(SQL["lock_case"], request.case_id)
            phase = await work.connection.fetchrow(SQL["lock_phase"], request.case_id, request.phase)
            if refusal := _refusal_to_check(case, phase, request):
                raise BreachManifestRefused(refusal)
            key = request.case_id, request.phase
            await work.connection.execute(SQL["outdate_former"], *key)
            await work.connection.execute(
                SQL["queue"],
                manifest_id,
                *key,
                list(request.rules),
                {name: list(template) for name, template in request.templates.items()},
                request.policy_version,
                list(request.findings),
                by,
            )
            await work.connection.execute(SQL["check_phase"], *key, manifest_id)
            row = await work.connection.fetchrow(SQL["find"], manifest_id)
            assert row is not None  # noqa: S101 - it was inserted above
            found = breach_manifest_from_row(row)
            await work.append_entries([_entry(found, EntryKind.CONTROL, "breach_check_requested", by)])
        return found

    async def count_readers(self, brand: str, audience: BreachAudience) -> Mapping[tuple[str, str], int]:
        """See the port."""
        return await count_readers_by_place(self._pool, brand, audience)

    async def find_manifest(self, manifest_id: UUID) -> BreachManifest | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["find"], manifest_id)
        return breach_manifest_from_row(row) if row else None

    async def find_manifest_of_phase(self, case_id: UUID, phase: int) -> BreachManifest | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["of_phase"], case_id, phase)
        return breach_manifest_from_row(row) if row else None

    async def find_former_manifest(self, manifest: BreachManifest) -> BreachManifest | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["former"], manifest.case_id, manifest.phase, manifest.id)
        return breach_manifest_from_row(row) if row else None

    async def list_people(
        self, manifest_id: UUID, wanted: LinesWanted, after: int, limit: int
    ) -> Sequence[BreachPerson]:
        """See the port."""
        channel = wanted.channel.value if wanted.channel else None
        rows = await self._pool.fetch(SQL["people"], manifest_id, after, limit, channel, *wanted[1:])
        return [BreachPerson(*row) for row in rows]

    async def record_look(self, manifest: BreachManifest, reason: str, wanted: LinesWanted, by: str) -> None:
        """See the port."""
        named = (f"{name}:{value}" for name, value in wanted._asdict().items() if value is not None)
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.append_entries([_entry(manifest, EntryKind.ACCESS, reason, by, *named)])

    async def record_view(self, manifest: BreachManifest, by: str) -> UUID | None:
        """See the port."""
        before: UUID | None = await self._pool.fetchval(SQL["view"], manifest.case_id, manifest.phase, by, manifest.id)
        return before


def _refusal_to_check(
    case: asyncpg.Record | None, phase: asyncpg.Record | None, request: BreachCheckRequest
) -> str | None:
    """Returns why a phase cannot be checked, with what to do; None if it can."""
    if case is None or phase is None:
        return _NO_PHASE
    if case["state"] != "open":
        return f"the case is {case['state']}: open it again first, with a reason"
    if phase["state"] in ("released", "cancelled"):
        return f"phase {request.phase} is {phase['state']}: begin another phase to say more"
    if phase["revision"] != request.revision or case["revision"] != request.facts_revision:
        return "somebody has changed the texts, the audience or the facts meanwhile; look at them, and check again"
    return None


def _entry(manifest: BreachManifest, kind: EntryKind, reason: str, by: str, *more: str) -> LedgerEntry:
    fields = (f"phase:{manifest.phase}", f"manifest:{manifest.id}", *more)
    rule = f"breach:{manifest.case_id}"
    return LedgerEntry(kind, manifest.brand, category="breach", reason=reason, rule=rule, fields=fields, actor=by)
