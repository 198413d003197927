"""The processes of mailer that run now, as they report themselves in the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A process that has said something within the last two minutes.

    Attributes:
        name: host, process id and a random part, as in its log.
        seen_at: when it last said something.
        processors: the number of processors whose state it reports; 0 for a process that hands nothing over.
        batches: the number of batches that it holds now; 10,000 are counted at most.
        lease_until: the end of its earliest lease; None if it holds nothing. A lease in the past: it is frozen or gone.
    """

    name: str
    seen_at: datetime | None
    processors: int
    batches: int
    lease_until: datetime | None


class RunningProcessLister(Protocol):
    """Lists processes for operators."""

    async def list_running_processes(self) -> list[RunningProcess]:
        """Returns the processes, by name."""
        ...
