"""Files that only their owner may read: they hold what people wrote, or who they are."""

import os
import stat


def private(path: str, flags: int) -> int:
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
