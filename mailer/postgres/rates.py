"""Rate limits in PostgreSQL, the tokens used of them, and paces."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.pace import SendingPace, recovered_pace_or_none, slower_pace
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.rates import Name, Period, RateLimit, Scope, TokenLease, TokenRequest

_SQL = load_statements("rates")


class PostgresRateLimits:
    """Implements `ports.rates.RateTokenStore` and `ports.rates.RateLimitStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def limits_and_paces_in_force(self) -> tuple[list[RateLimit], dict[tuple[str, str], SendingPace]]:
        """See the port."""
        async with self._pool.acquire() as connection:
            limits = [RateLimit(**row) for row in await connection.fetch(_SQL["in_force"])]
            return limits, await _read_paces(connection)

    async def lease_tokens(self, asks: Sequence[TokenRequest]) -> list[TokenLease]:
        """See the port."""
        columns = zip(*((*ask.name, ask.wanted, ask.n, ask.reserve) for ask in asks), strict=True)
        rows = await self._pool.fetch(_SQL["lease"], *columns)
        return [
            TokenLease((scope, key, per), granted, start, ends, seconds)
            for scope, key, per, granted, start, ends, seconds in rows
        ]

    async def return_tokens(self, unused: Sequence[tuple[Name, datetime, int]]) -> None:
        """See the port."""
        columns = zip(*((*name, start, n) for name, start, n in unused), strict=True)
        await self._pool.execute(_SQL["give_back"], *columns)

    async def lower_paces(self, rates: Sequence[tuple[str, str, float]], worker: str) -> None:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SQL["slowing"])
            known, now = await _read_paces(connection), datetime.now(UTC)
            paces = {
                (by, domain): slower_pace(known.get((by, domain)), rate, worker, now) for by, domain, rate in rates
            }
            await connection.executemany(
                _SQL["slow"],
                [(*key, pace.pace, pace.original, pace.since, list(pace.workers)) for key, pace in paces.items()],
            )

    async def list_limits_and_paces(self) -> list[RateLimit]:
        """See the port."""
        async with self._pool.acquire() as connection:
            limits = [
                RateLimit(**{**row, "plan": tuple(row["plan"]) if row["plan"] else None})
                for row in await connection.fetch(_SQL["all"])
            ]
            now = datetime.now(UTC)
            for (processor, domain), pace in sorted((await _read_paces(connection)).items()):
                if current := recovered_pace_or_none(pace, now):
                    limits.append(RateLimit("pace", f"{processor} {domain}", "second", int(current), at=pace.since))
        return limits

    async def set_limit(self, limit: RateLimit, by: str) -> None:
        """See the port."""
        figures = [str(n) for n in limit.plan or (limit.n,)]
        said = f"{','.join(figures)}/{limit.per}" + (f" from {limit.began_on}" if limit.began_on else "")
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.connection.execute(_SQL["set"], *limit.limit_name, limit.n, limit.plan, limit.began_on, by)
            entry = await _ledger_entry_of_limit_change(work.connection, "rate_set", limit.scope, limit.key, said, by)
            await work.append_entries([entry])

    async def clear_limits(self, scope: Scope, key: str, per: Period | None, by: str) -> int:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            cleared = await work.connection.fetch(_SQL["clear"], scope, key, per)
            entries = [
                await _ledger_entry_of_limit_change(work.connection, "rate_cleared", scope, key, f"a {row['per']}", by)
                for row in cleared
            ]
            await work.append_entries(entries)
        return len(cleared)


async def delete_finished_rate_windows(pool: Pool, limit: int) -> int:
    """Deletes up to `limit` windows that are over, and paces that have recovered. Returns the number of windows."""
    await pool.execute(_SQL["forget_paces"])
    return int((await pool.execute(_SQL["forget"], limit)).rpartition(" ")[2])


async def _ledger_entry_of_limit_change(
    connection: Connection, what: str, scope: Scope, key: str, said: str, by: str
) -> LedgerEntry:
    """Returns the ledger entry of a change of a limit, with the brand if the limit is of a brand or a mailing."""
    mailing = UUID(key) if scope == "mailing" else None
    brand = await connection.fetchval(_SQL["brand_of"], mailing) if mailing else key if scope == "brand" else ""
    return LedgerEntry(
        EntryKind.CONTROL,
        brand or "",
        mailing_id=mailing,
        reason=what,
        rule=f"action:{by}",
        processor=key if scope == "processor" else None,
        reply=f"{scope} {key}: {said}",
    )


async def _read_paces(connection: Connection) -> dict[tuple[str, str], SendingPace]:
    return {
        (row["processor"], row["domain"]): SendingPace(
            row["pace"], row["original"], row["since"], tuple(row["workers"])
        )
        for row in await connection.fetch(_SQL["paces"])
    }
