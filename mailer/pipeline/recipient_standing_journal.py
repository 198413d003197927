"""A journal of changes of standings in files outside of the database, for a database that has lost some of them.

Each change is one line of JSON; each process writes one file a day. A line holds ids and reasons, and no address, name
or free text.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from mailer.metrics_and_logger import log
from mailer.pipeline.last_committed_entry_files import SECONDS_KEPT
from mailer.ports.halts import Head, JournaledStandingChange
from mailer.runtime.private_files import create_private_folder, open_private_file_descriptor

_SUFFIX = ".changes"
_FIELDS = tuple(field.name for field in fields(JournaledStandingChange))
"""The fields of a line. `dataclasses.asdict` copies each value, which takes as long as to write it."""


class RecipientStandingJournal:
    """The journal of a machine.

    Args:
        folder: of all processes of the machine. id: of this process.
    """

    def __init__(self, folder: Path, id: UUID) -> None:
        self._folder = folder
        self._id = id

    def append_changes(self, changes: Sequence[JournaledStandingChange]) -> None:
        """Appends changes, and returns when they are on disk.

        Raises:
            OSError: they cannot be written.
        """
        self._append_lines([{name: getattr(change, name) for name in _FIELDS} for change in changes])

    def mark_each_change_handled(self, changes: Sequence[JournaledStandingChange]) -> None:
        """Marks lost changes as made again, or as impossible to make again: `read_unhandled_changes` leaves them out.

        Raises:
            OSError: it cannot be written.
        """
        self._append_lines([{"ticked_off": [change.writer, change.n]} for change in changes])

    def read_unhandled_changes(self) -> Iterator[JournaledStandingChange]:
        """Yields the changes in the journal, of all processes of the machine, oldest day first.

        Raises:
            OSError: they cannot be read, so that lost changes would stay unknown.
        """
        ticked_off = {
            said for said in self._changes_and_handled_entry_ids() if not isinstance(said, JournaledStandingChange)
        }
        for said in self._changes_and_handled_entry_ids():
            if isinstance(said, JournaledStandingChange) and said.ledger_entry_id not in ticked_off:
                yield said

    def _append_lines(self, lines: Sequence[Mapping[str, Any]]) -> None:
        create_private_folder(self._folder)
        file = self._folder / f"{datetime.now(UTC):%Y-%m-%d}-{self._id}{_SUFFIX}"
        new = not file.exists()
        descriptor = open_private_file_descriptor(str(file), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        with open(descriptor, "w", encoding="utf-8") as opened:
            if _is_last_line_cut(descriptor):
                opened.write("\n")  # a full disk has cut the last line off; the next one must not join it
            opened.writelines(json.dumps(line, default=str, separators=(",", ":")) + "\n" for line in lines)
            opened.flush()
            os.fdatasync(descriptor)
        if new:
            _fsync_folder(self._folder)
            self._delete_old_files()

    def _changes_and_handled_entry_ids(self) -> Iterator[JournaledStandingChange | Head]:
        """Yields each change, and the entry of each change marked as replayed. An unreadable line is skipped."""
        for file in self._journal_files():
            try:
                lines = file.read_text("utf-8", "replace").splitlines()
            except FileNotFoundError:  # another process has deleted it: it was too old to count
                continue
            for number, line in enumerate(lines, 1):
                try:
                    yield _parse_change_or_handled_entry_id(json.loads(line))
                except (ValueError, LookupError, TypeError):  # such as the last line of a machine that lost its power
                    log.warning("a line of the journal cannot be read", file=file.name, line=number)

    def _journal_files(self) -> list[Path]:
        """Returns the files, oldest day first. A folder that may not be read raises an error."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        return [self._folder / name for name in sorted(names) if name.endswith(_SUFFIX)]

    def _delete_old_files(self) -> None:
        for file in self._journal_files():
            with suppress(FileNotFoundError):  # another process has deleted it
                if time.time() - file.stat().st_mtime > SECONDS_KEPT:
                    file.unlink()


def _is_last_line_cut(descriptor: int) -> bool:
    """Returns True if the last line of a file has no line end."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _parse_change_or_handled_entry_id(said: dict[str, Any]) -> JournaledStandingChange | Head:
    if "ticked_off" in said:
        writer, n = said["ticked_off"]
        return UUID(writer), int(n)
    lineage = UUID(said["lineage"]) if said["lineage"] else None
    values = {name: datetime.fromisoformat(said[name]) for name in ("at", "known_since")}
    return JournaledStandingChange(**{**said, **values, "writer": UUID(said["writer"]), "lineage": lineage})


def _fsync_folder(folder: Path) -> None:
    """Writes a folder to disk, without which a new file's name is not on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
