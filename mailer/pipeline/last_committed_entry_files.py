"""The last entries that each process of a machine has committed to the ledger, in small files outside of the database.

A process notes each commit before it reports it, and before it hands over a message of it: one `pwrite` of 32 octets.
The note survives an end of the process. After `sync_notes_to_disk` it also survives a crash of the machine.
"""

import fcntl
import os
import time
import zlib
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct
from uuid import UUID

from mailer.ports.halts import Head, LastCommitsOfProcess
from mailer.ports.time_ordered_uuids import uuid7
from mailer.runtime.private_files import create_private_folder

SLOTS = 64
"""The number of entries in a trace: more than a process has connections. So the last entry that the server committed is
always among them, even if commits on other connections were confirmed in another order."""
SECONDS_KEPT = 25 * 86400
"""The age up to which a trace or a seal counts. After 30 days the database need not have the seal any more."""
FILES_READ, FILES_KEPT = 64, 1024
"""The numbers of newest files in a folder that are read, and that are kept."""
_HEADER = Struct(">16s16s")
_MAGIC = b"mailer trace 1"
_SLOT = Struct(">16sQI4x")
_SUFFIX = ".trace"


class LastCommittedEntryFiles:
    """This process's own trace file, and those of other processes in the folder.

    A file is locked while its process lives; the kernel unlocks it when the process ends.

    Args:
        folder: of all processes of the machine; made with the first note.
    """

    def __init__(self, folder: Path) -> None:
        self.id = uuid7()
        self._folder = folder
        self._file = folder / f"{self.id}{_SUFFIX}"
        self._descriptor: int | None = None
        self._lineage: UUID | None = None
        self._slots: list[Head] = []
        self._noted = 0
        self._synced = 0
        self._checked: tuple[int, frozenset[UUID]] = (0, frozenset())

    @property
    def has_synced_all_notes(self) -> bool:
        """True if all notes of this process are on disk."""
        return self._noted == self._synced

    def note_entries_of_this_lineage_only(self, lineage: UUID) -> None:
        """Begins to note commits to the database of this lineage. Drops notes about another lineage.

        Raises:
            OSError: the file cannot be written; the process keeps its notes in memory.
        """
        if self._lineage not in (None, lineage):
            self._slots, self._noted, self._synced = [], 0, 0
        self._lineage = lineage
        if self._slots or self._descriptor is not None:
            self._write_trace_file()

    def note_committed_entry(self, writer: UUID, n: int) -> None:
        """Notes an entry in the place of the oldest one.

        Raises:
            OSError: the file cannot be written; the process keeps its notes in memory.
        """
        place = self._noted % SLOTS
        self._slots[place : place + 1] = [(writer, n)]
        self._noted += 1
        if self._descriptor is not None:
            os.pwrite(self._descriptor, _pack_ledger_entry_id((writer, n)), _HEADER.size + place * _SLOT.size)
        elif self._lineage is not None:
            self._write_trace_file()

    def sync_notes_to_disk(self) -> None:
        """Writes all notes to disk. Then deletes the traces that are due for deletion, if newer notes are safe.

        Raises:
            OSError: the file cannot be written.
        """
        noted, (before, ended) = self._noted, self._checked
        if self._descriptor is None or noted == self._synced:
            return
        os.fdatasync(self._descriptor)
        self._synced = noted
        if noted > before and ended:
            self._checked = (noted, frozenset())
            for id_ in ended:
                (self._folder / f"{id_}{_SUFFIX}").unlink(missing_ok=True)

    def schedule_deletion_of_ended_process_notes(self, ended: frozenset[UUID]) -> None:
        """Plans to delete traces of ended processes at the next sync of newer notes: the database has their commits."""
        if not self._checked[1]:
            self._checked = (self._noted, ended)

    def close(self) -> None:
        """Closes the file, and so unlocks it: other processes then see that this process has ended."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write_trace_file(self) -> None:
        if self._lineage is None:
            return
        if self._descriptor is None:
            create_private_folder(self._folder)
            # The file gets its name after it is locked, so that no process mistakes it for that of an ended process.
            fresh = self._folder / f"{self.id}.new"
            descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            fresh.rename(self._file)
            self._descriptor = descriptor
        content = _HEADER.pack(_MAGIC, self._lineage.bytes) + b"".join(map(_pack_ledger_entry_id, self._slots))
        os.pwrite(self._descriptor, content.ljust(_HEADER.size + SLOTS * _SLOT.size, b"\0"), 0)

    def read_last_committed_entries(self) -> list[LastCommitsOfProcess]:
        """Returns the traces in the folder, this process's own first."""
        own = (
            []
            if self._lineage is None
            else [LastCommitsOfProcess(self.id, self._lineage, _newest_head_of_each_writer(self._slots))]
        )
        return own + list(self._read_traces_of_other_processes())

    def _read_traces_of_other_processes(self) -> Iterator[LastCommitsOfProcess]:
        """Yields the newest traces of other processes, and deletes the oldest files.

        Older ones are not needed: the processes after them have committed later entries.
        """
        if not self._folder.is_dir():
            return
        files = [file for file in self._folder.glob(f"*{_SUFFIX}") if file != self._file]
        with suppress(FileNotFoundError):  # another process has deleted a file meanwhile
            files.sort(key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files[:FILES_READ]:
            with suppress(OSError):
                if (trace := _read_trace_file(file)) is not None:
                    yield trace
        for file in files[FILES_KEPT:]:
            file.unlink(missing_ok=True)


def _pack_ledger_entry_id(head: Head) -> bytes:
    writer, n = head
    return _SLOT.pack(writer.bytes, n, zlib.crc32(writer.bytes + n.to_bytes(8)))


def _newest_head_of_each_writer(heads: Collection[Head]) -> frozenset[Head]:
    """Returns the highest entry of each writer. Lower entries were committed before it."""
    highest: dict[UUID, int] = {}
    for writer, n in heads:
        highest[writer] = max(n, highest.get(writer, 0))
    return frozenset(highest.items())


def _read_trace_file(file: Path) -> LastCommitsOfProcess | None:
    """Reads the trace of another process. Returns None if the file is no trace, or is too old to count."""
    with file.open("rb") as opened:
        dead = _is_file_unlocked(opened.fileno())
        content = opened.read()
        if time.time() - os.fstat(opened.fileno()).st_mtime > SECONDS_KEPT:
            if dead:
                file.unlink(missing_ok=True)
            return None
    if len(content) < _HEADER.size:
        return None
    magic, lineage = _HEADER.unpack_from(content)
    if magic.rstrip(b"\0") != _MAGIC:
        return None
    places = range(_HEADER.size, len(content) - _SLOT.size + 1, _SLOT.size)
    slots = [(UUID(bytes=writer), n, crc) for writer, n, crc in (_SLOT.unpack_from(content, place) for place in places)]
    heads = [(writer, n) for writer, n, crc in slots if n and crc == zlib.crc32(writer.bytes + n.to_bytes(8))]
    try:
        return LastCommitsOfProcess(
            UUID(file.name.removesuffix(_SUFFIX)), UUID(bytes=lineage), _newest_head_of_each_writer(heads), dead
        )
    except ValueError:
        return None


def _is_file_unlocked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
