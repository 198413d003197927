"""What a machine remembers of the database, in a small file outside of it."""

import json
import os
import time
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

from mailer.ports.control import Memory
from mailer.telemetry import log

SECONDS_KEPT = 25 * 86400
"""How long a seal is remembered: after 30 days the database need not have it any more."""


class Remembered:
    """Implements `ports.control.Vault` with one file for all processes of a machine.

    Each writes what it has seen itself, so whichever comes last, what it says was true of the database.

    Args:
        file: its folder is made when there is something to remember.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> Memory | None:
        """See the port."""
        try:
            seen = json.loads(self._file.read_text("utf-8"))
            memory = Memory(UUID(seen["lineage"]), int(seen["seal"]), str(seen["digest"]))
            fresh = time.time() - self._file.stat().st_mtime < SECONDS_KEPT
            return memory if fresh else Memory(memory.lineage)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            log.warning("what was seen of the database cannot be read", file=str(self._file))
            return None

    def write(self, memory: Memory, instead_of: Collection[UUID]) -> None:
        """See the port."""
        known = self.read()
        older = known is None or (known.lineage == memory.lineage and known.seal < memory.seal)
        if not older and known is not None and known.lineage not in instead_of:
            return
        body = {"lineage": str(memory.lineage), "seal": memory.seal, "digest": memory.digest}
        fresh = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps(body), "utf-8")
            fresh.replace(self._file)
        except OSError as error:
            log.warning("what was seen of the database cannot be written", file=str(self._file), error=str(error))
