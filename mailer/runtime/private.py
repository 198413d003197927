"""Files that only their owner may read: they hold what people wrote, or who they are."""

import os


def private(path: str, flags: int) -> int:
    """Opens a file; a new one is its owner's alone. For `open(…, opener=private)`."""
    return os.open(path, flags, 0o600)
