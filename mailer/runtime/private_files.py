"""Files and folders that only their owner may read. They contain personal data."""

import os
import stat
from pathlib import Path


def open_private_file_descriptor(path: str, flags: int) -> int:
    """Opens a file with mode 0600, also an existing one. Serves `open(…, opener=open_private_file_descriptor)`.

    Raises:
        OSError: the file cannot be opened, or has another owner, who could read it.
    """
    descriptor = os.open(path, flags, 0o600)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):  # a terminal or a pipe keeps its mode
            os.fchmod(descriptor, 0o600)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def create_private_folder(folder: Path) -> None:
    """Creates a folder with mode 0700, and each missing folder above it. Leaves existing folders as they are.

    Raises:
        OSError: a folder cannot be created.
    """
    for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
