"""Takes uploaded files of people from a queue, works on them, and says how their work ended."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, Generic, Protocol, TypeVar
from uuid import UUID

from mailer.actions.csv_reading import CsvUnreadableFromLine, InputRefused
from mailer.metrics_and_logger import describe_error_without_message, log
from mailer.ports.recipient_imports import ImportLost, ImportState, RecipientImport, RecipientImportQueue
from mailer.runtime.error_kinds import ErrorKind, classify_error
from mailer.runtime.repeating import run_every, sleep_unless_stopped

PERIOD: Final = 1.0
"""Seconds between two looks for work."""
RENEWAL: Final = 15.0
"""Seconds after which a lease is renewed while a chunk takes long."""
MOST_ATTEMPTS: Final = 3
"""The processes that may end while they work on a file, without progress, until it fails."""
_FORGET_EVERY: Final = 60.0
"""Seconds between two deletions of old files."""
_BUG: Final = "mailer met an error of its own at this file; the log of the timekeeper names it. Tell an operator"
_ENDED: Final = (
    "each process that worked on it ended: it may be too much for this machine. Split it, or tell an operator"
)


class UploadedFile(Protocol):
    """A file that waits for work. `attempts`: how often a process took it since its last progress."""

    @property
    def id(self) -> UUID:
        """The id of the file."""
        ...

    @property
    def attempts(self) -> int:
        """The processes that took it since its last progress."""
        ...


File = TypeVar("File", bound=UploadedFile)
Work = Callable[[File, asyncio.Event], Awaitable[None]]
"""Works on a file until it is done, or until the process has to stop."""


class UploadedFileQueue(Protocol[File]):
    """Hands files to the timekeepers. See `ports.recipient_imports.RecipientImportQueue`."""

    async def claim_import(self, owner: str) -> File | None:
        """Returns a file to work on, which nobody else gets while its lease lasts; None if there is none."""
        ...

    async def renew_lease(self, import_id: UUID, owner: str) -> bool:
        """Renews the lease. False: the file is no longer the owner's."""
        ...

    async def release_import(self, import_id: UUID, owner: str) -> None:
        """Ends the lease, so that another process goes on."""
        ...

    async def fail_import(self, job: File, owner: str, problem: str) -> None:
        """Ends the work with a reason for people. Raises ImportLost."""
        ...

    async def delete_old_files(self) -> None:
        """Deletes what was kept long enough."""
        ...


class UploadedFileWorker(Generic[File]):
    """Works on uploaded files, one after the other.

    Args:
        queue: the files.
        owner: the name of this process.
        work: what is done with a file.
    """

    def __init__(self, queue: UploadedFileQueue[File], owner: str, work: Work[File]) -> None:
        self._queue = queue
        self._owner = owner
        self._work = work
        self._forget_at = 0.0

    async def work_until_stopped(self, stop: asyncio.Event, period: float = PERIOD) -> None:
        """Works until `stop` is set. Then another process goes on after the last rows that were stored."""
        await run_every(period, stop, partial(self.work_on_waiting_files, stop), "an uploaded file waits; trying again")

    async def work_on_waiting_files(self, stop: asyncio.Event) -> None:
        """Works on all files that wait. An outage is raised, and leaves the file to a later round."""
        while not stop.is_set() and (job := await self._queue.claim_import(self._owner)) is not None:
            await self._work_on_file(job, stop)
        if time.monotonic() >= self._forget_at:
            await self._queue.delete_old_files()
            self._forget_at = time.monotonic() + _FORGET_EVERY

    async def _work_on_file(self, job: File, stop: asyncio.Event) -> None:
        if job.attempts > MOST_ATTEMPTS:
            await self._fail(job, _ENDED)
            return
        try:
            async with self._renewing_lease(job):
                await self._work(job, stop)
        except ImportLost:
            log.warning("an uploaded file was taken over or discarded while it was worked on", file=str(job.id))
        except (InputRefused, CsvUnreadableFromLine) as refusal:
            await self._fail(job, f"the file {refusal}" if isinstance(refusal, InputRefused) else str(refusal))
        except Exception as error:
            if classify_error(error) is not ErrorKind.BUG:
                await self._queue.release_import(job.id, self._owner)
                raise
            log.error("an uploaded file met a bug", file=str(job.id), error=describe_error_without_message(error))
            await self._fail(job, _BUG)

    async def _fail(self, job: File, problem: str) -> None:
        try:
            await self._queue.fail_import(job, self._owner, problem)
        except ImportLost:
            log.warning("an uploaded file was discarded while it failed", file=str(job.id))

    @asynccontextmanager
    async def _renewing_lease(self, job: File) -> AsyncIterator[None]:
        """Renews the lease while the context lasts. Whether it was lost is seen at the next chunk."""
        done = asyncio.Event()
        renewal = asyncio.create_task(self._renew_lease_until(done, job))
        try:
            yield
        finally:
            done.set()
            await renewal

    async def _renew_lease_until(self, done: asyncio.Event, job: File) -> None:
        await sleep_unless_stopped(done, RENEWAL)
        while not done.is_set():
            try:
                await self._queue.renew_lease(job.id, self._owner)
            except Exception as error:
                log.warning("a lease could not be renewed; trying again", error=type(error).__name__)
            await sleep_unless_stopped(done, RENEWAL)


class RecipientImportWorker(UploadedFileWorker[RecipientImport]):
    """Works on files of recipients: reads their columns first, and checks or imports their rows then.

    Args:
        queue: the files. owner: the name of this process.
        read: reads the columns of a file.
        check_or_import: checks the rows of a file, or imports them.
    """

    def __init__(
        self,
        queue: RecipientImportQueue,
        owner: str,
        read: Work[RecipientImport],
        check_or_import: Work[RecipientImport],
    ) -> None:
        async def work(job: RecipientImport, stop: asyncio.Event) -> None:
            await (read if job.state is ImportState.UPLOADED else check_or_import)(job, stop)

        super().__init__(queue, owner, work)
