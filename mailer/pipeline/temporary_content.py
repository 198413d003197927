"""The content of an uploaded file on the disk of this machine, while it is read."""

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def content_on_disk(parts: AsyncIterator[bytes]) -> AsyncIterator[Path]:
    """Writes the parts of a file to the disk, and yields a path by which it can be opened.

    The file has no name in any folder, so it is gone even if the process is killed.
    """
    with tempfile.TemporaryFile() as file:
        async for part in parts:
            file.write(part)
        file.flush()
        yield Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
