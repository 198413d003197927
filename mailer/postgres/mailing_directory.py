"""Lists of mailings in PostgreSQL, for staff."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg

from mailer.database.statements import Pool, load_statements
from mailer.policy.policy_file import Policy
from mailer.ports.mailings import MailingFilter, MailingListState, MailingPage, MailingStatus
from mailer.postgres.mailing_status_rows import mailing_status_from_row

_SQL = load_statements("mailing_directory")
_STATUS = load_statements("mailings")["status"].replace("{fetches}", "").replace("{which}", "m.id = ANY ($1::uuid[])")
LOOKED_AT = 2000
"""The most mailings that one page looks at: some milliseconds."""
_FIRST_LOOK = 4
"""A page looks at four times its mailings first, which is nearly always enough: ten times as many take 20 ms more."""
_NEWEST = UUID(int=2**128 - 1)
_UNFINISHED = (MailingListState.OPEN, MailingListState.AWAITING_RELEASE)


class PostgresMailingDirectory:
    """Implements `ports.mailings.MailingDirectory`."""

    def __init__(self, pool: Pool, policies: Mapping[str, Policy], looked_at: int = LOOKED_AT) -> None:
        self._pool = pool
        self._policies = policies
        self._looked_at = looked_at

    async def list_mailings(self, chosen: MailingFilter, limit: int) -> MailingPage:
        """See the port."""
        for most in sorted({min(_FIRST_LOOK * limit, self._looked_at), self._looked_at}):
            rows = await self._fetch_mailing_rows(chosen, most)
            fitting = [row["id"] for row in rows if row["brand"] in chosen.brands and _is_in_state(row, chosen.state)]
            if len(fitting) > limit or len(rows) < most:
                break
        shown = fitting[:limit]
        more = shown if len(fitting) > limit else [row["id"] for row in rows] if len(rows) == most else []
        return MailingPage(await self.find_mailings(shown), more[-1] if more else None)

    async def find_mailing(self, mailing_id: UUID) -> MailingStatus | None:
        """See the port."""
        return next(iter(await self.find_mailings([mailing_id])), None)

    async def _fetch_mailing_rows(self, chosen: MailingFilter, most: int) -> list[asyncpg.Record]:
        before = chosen.before or _NEWEST
        if chosen.state in _UNFINISHED:
            return await self._pool.fetch(_SQL["unfinished"], before, most)
        return await self._pool.fetch(_SQL["of_brands"], sorted(chosen.brands), before, most)

    async def find_mailings(self, mailing_ids: Sequence[UUID]) -> list[MailingStatus]:
        """See the port."""
        rows = await self._pool.fetch(_STATUS, mailing_ids) if mailing_ids else []
        return [mailing_status_from_row(row, self._policies) for row in rows]


def _is_in_state(row: asyncpg.Record, state: MailingListState | None) -> bool:
    match state:
        case None:
            return True
        case MailingListState.OPEN:
            return row["finished_at"] is None
        case MailingListState.FINISHED:
            return row["finished_at"] is not None and row["state"] == "released"
        case _:
            return bool(row["state"] == state)
