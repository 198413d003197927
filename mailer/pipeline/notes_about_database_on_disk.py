"""The notes of a machine about the database, in a folder outside of it: `MAILER_DATA`."""

import asyncio
import json
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

from mailer.metrics_and_logger import log
from mailer.pipeline.last_committed_entry_files import SECONDS_KEPT, LastCommittedEntryFiles
from mailer.pipeline.recipient_standing_journal import RecipientStandingJournal
from mailer.ports.halts import (
    JournaledStandingChange,
    LastCommitsOfProcess,
    LastSeenSealMarker,
    LocalDatabaseNotesUnreadable,
)
from mailer.runtime.private_files import create_private_folder, open_private_file_descriptor

PATIENCE = 5.0
"""The most seconds that an answer waits for the disk."""
MOST_UNWRITTEN = 10_000
"""The most changes that are kept in memory while the disk fails; the newest ones are kept."""


class NotesAboutDatabaseInFiles:
    """Implements `LocalDatabaseNotesStore` and `LocalCommitNotes` of `ports.halts` for all processes of a machine.

    `database.json` holds the newest seal that any of them has seen. `seen/` holds the commits and the journal of each.
    If the folder cannot be written, each process keeps its notes in memory as long as it runs.

    Args:
        folder: it is made with the first note.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "database.json"
        self._traces = LastCommittedEntryFiles(folder / "seen")
        self._journal = RecipientStandingJournal(folder / "seen", self._traces.id)
        self.id = self._traces.id
        self._lineage: UUID | None = None
        self._unwritten = deque[JournaledStandingChange]()
        self._is_kept = False
        self._is_failing = False
        # One thread: when a task begins, all that earlier tasks have written is on disk.
        self._disk = ThreadPoolExecutor(1, "disk")

    def read_last_seen_seal_marker(self) -> LastSeenSealMarker | None:
        """See the port."""
        try:
            seen = json.loads(self._file.read_text("utf-8"))
            memory = LastSeenSealMarker(UUID(seen["lineage"]), int(seen["seal"]), str(seen["digest"]))
            fresh = time.time() - self._file.stat().st_mtime < SECONDS_KEPT
            return memory if fresh else LastSeenSealMarker(memory.lineage)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            why = (
                self._disk_error_text_with_remedy(error) if isinstance(error, OSError) else "it is not what was written"
            )
            log.warning("what was seen of the database cannot be read", file=str(self._file), error=why)
            return None

    def write_seal_marker_if_newer(self, memory: LastSeenSealMarker, instead_of: Collection[UUID]) -> None:
        """See the port."""
        known = self.read_last_seen_seal_marker()
        older = known is None or (known.lineage == memory.lineage and known.seal < memory.seal)
        if not older and known is not None and known.lineage not in instead_of:
            return
        body = {"lineage": str(memory.lineage), "seal": memory.seal, "digest": memory.digest}
        self._write_or_log_disk_error(partial(self._replace_marker_file, json.dumps(body)))

    def _replace_marker_file(self, body: str) -> None:
        # Not the process id: in containers that share a volume, each process may have the same.
        fresh = self._file.with_name(f"{self._file.name}.{self.id}")
        create_private_folder(self._file.parent)
        with open(fresh, "w", encoding="utf-8", opener=open_private_file_descriptor) as opened:
            opened.write(body)
        fresh.replace(self._file)

    def switch_notes_to_lineage(self, lineage: UUID) -> None:
        """See the port."""
        self._is_kept = False
        if lineage != self._lineage:
            self._lineage = lineage
            self._write_or_log_disk_error(partial(self._traces.note_entries_of_this_lineage_only, lineage))

    def note_committed_entry_on_disk(self, writer: UUID, n: int) -> None:
        """See the port."""
        if not self._is_kept:
            self._write_or_log_disk_error(partial(self._traces.note_committed_entry, writer, n))

    async def note_standing_changes_on_disk(self, changes: Sequence[JournaledStandingChange]) -> None:
        """See the port. Calls at the same time share one write."""
        self._unwritten.extend(replace(change, lineage=self._lineage) for change in changes)
        await self._write_or_log_timeout(self._append_pending_changes)

    async def sync_notes_to_disk(self) -> None:
        """See the port."""
        if not self._traces.has_synced_all_notes:
            await self._write_or_log_timeout(self._traces.sync_notes_to_disk)

    def read_last_committed_entries(self) -> Sequence[LastCommitsOfProcess]:
        """See the port."""
        return self._traces.read_last_committed_entries()

    def schedule_deletion_of_ended_process_notes(self, ended: Collection[UUID]) -> None:
        """See the port."""
        self._traces.schedule_deletion_of_ended_process_notes(frozenset(ended))

    def stop_noting_to_keep_evidence(self) -> None:
        """See the port."""
        self._is_kept = True

    async def mark_lost_changes_handled(self, changes: Sequence[JournaledStandingChange]) -> None:
        """Marks lost changes as handled: `read_journaled_standing_changes` leaves them out from now on."""
        if changes:
            await self._write_or_log_timeout(partial(self._journal.mark_each_change_handled, changes))

    def read_journaled_standing_changes(self) -> Iterator[JournaledStandingChange]:
        """Yields the changes of standings that this machine's processes have made in the last 25 days.

        Raises:
            LocalDatabaseNotesUnreadable: this process may not read them, and so cannot tell if one of them was lost.
        """
        try:
            yield from self._journal.read_unhandled_changes()
        except PermissionError as error:
            raise LocalDatabaseNotesUnreadable(self._disk_error_text_with_remedy(error)) from error

    def close(self) -> None:
        """Closes the files. The notes of this process stay."""
        self._disk.shutdown()
        self._traces.close()

    def _append_pending_changes(self) -> None:
        if changes := [self._unwritten.popleft() for _ in range(len(self._unwritten))]:
            try:
                self._journal.append_changes(changes)
            except OSError:
                self._unwritten.extendleft(reversed(changes[-MOST_UNWRITTEN:]))
                raise
            self._traces.sync_notes_to_disk()

    async def _write_or_log_timeout(self, write: Callable[[], None]) -> None:
        """Writes in the disk thread, and waits for it at most `PATIENCE` seconds."""
        written = asyncio.get_running_loop().run_in_executor(self._disk, self._write_or_log_disk_error, write)
        try:
            await asyncio.wait_for(asyncio.shield(written), PATIENCE)
        except TimeoutError:
            self._log_write_error(f"the disk takes longer than {PATIENCE:.0f} seconds")

    def _write_or_log_disk_error(self, write: Callable[[], None]) -> None:
        """Writes, and only logs an error of the disk: once, and again only after a write has worked."""
        try:
            write()
            self._is_failing = False
        except OSError as error:
            self._log_write_error(self._disk_error_text_with_remedy(error))

    def _disk_error_text_with_remedy(self, error: OSError) -> str:
        """Returns one line: the error, and the remedy."""
        if not isinstance(error, PermissionError):
            return str(error)
        return (
            f"this process, of user {os.geteuid()}, may not use {error.filename or self._file.parent}: give this user"
            f" the right to read and write MAILER_DATA ({self._file.parent}) and all that is in it"
        )

    def _log_write_error(self, error: str) -> None:
        if not self._is_failing:
            log.warning("what was seen of the database cannot be written", file=str(self._file), error=error)
        self._is_failing = True
