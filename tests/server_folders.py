"""Folders for the files of servers that tests start."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ENOUGH = 4 << 30
"""Octets of memory that may be free for files: the servers of all processes take less than one."""


@contextmanager
def server_folder() -> Iterator[Path]:
    """Makes a folder for as long as somebody is in here.

    It is in memory, if there is room: on a disk, to copy a database takes five times as long. It does not lie in
    pytest's folder: as root a server is another user's, and each session closes that to others.
    """
    with tempfile.TemporaryDirectory(prefix="mailer-", dir=folder_in_memory()) as folder:
        yield Path(folder)


@contextmanager
def temporary_files_in_memory() -> Iterator[None]:
    """Has this process and those that it starts make temporary files in memory, if there is room, and removes them.

    To make a file costs a disk's file system up to twenty times the processor's time.
    """
    memory = folder_in_memory()
    if memory is None or os.statvfs(memory).f_flag & os.ST_NOEXEC:  # tests write programs, too
        yield
        return
    before = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="mailer-files-", dir=memory) as folder:
        os.chmod(folder, 0o1777)  # noqa: S103 - as /tmp: servers of root's tests are another user's
        os.environ["TMPDIR"], tempfile.tempdir = folder, None
        try:
            yield
        finally:
            tempfile.tempdir = None
            if before is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before


def folder_in_memory() -> Path | None:
    """Returns the folder of files in memory; None if there is no room in it, or servers see another (a chroot)."""
    folder = Path("/dev/shm")  # noqa: S108 - each server has a folder of its own in it
    is_usable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free > _ENOUGH
    return folder if is_usable and not os.environ.get("MAILER_TEST_RABBITMQ_CHROOT") else None
