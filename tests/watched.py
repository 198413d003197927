"""A pool that notes the statements that ran."""

from collections import Counter
from typing import Any

from mailer.database.statements import Pool


class WatchedPool:
    """A pool that notes the statements that ran."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.ran: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.pool, name)
        if name not in ("fetch", "fetchval", "fetchrow", "execute"):
            self.ran[name] += 1
            return found

        async def watched(statement: str, *arguments: Any) -> Any:
            self.ran[statement] += 1
            return await found(statement, *arguments)

        return watched
