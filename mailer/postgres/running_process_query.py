"""Reads from PostgreSQL which processes of mailer run."""

from mailer.database.statements import Pool, load_statements
from mailer.ports.running_process_query import RunningProcess

_RUNNING = load_statements("running_processes")["running"]


class PostgresRunningProcesses:
    """Implements `ports.running_process_query.RunningProcessLister`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_running_processes(self) -> list[RunningProcess]:
        """See the port."""
        return [RunningProcess(**row) for row in await self._pool.fetch(_RUNNING)]
