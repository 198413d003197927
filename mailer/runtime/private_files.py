"""Files and folders that only their owner may read: they hold what people wrote, or who they are."""

import os
import stat
from pathlib import Path


def open_private(path: str, flags: int) -> int:
    """Opens a file, for `open(…, opener=private)`. It is its owner's alone, also if others could read it before.

    Raises:
        OSError: it cannot be opened, or is somebody else's, who could read what is written to it.
    """
    descriptor = os.open(path, flags, 0o600)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):  # a terminal or a pipe is read by whom it is for
            os.fchmod(descriptor, 0o600)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def private_folder(folder: Path) -> None:
    """Makes a folder that is its owner's alone, and so each above it that is missing; one that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
