"""postfix's `smtp-source`, the C client that all rates are held against."""

import os
import subprocess
from dataclasses import dataclass
from time import monotonic, sleep

from bench.speed.machine import Failed, Measured, Sink, peak_mib
from bench.speed.ours import CONNECTIONS
from bench.speed.room import Room

SESSIONS = CONNECTIONS
BYTES = 3_800
"""The size of a message: the same as that of the other rows."""


@dataclass(frozen=True, slots=True)
class Source:
    """A way to run `smtp-source`.

    Attributes:
        key: chooses the row. label: names it. size: messages a round.
        options: beside the sessions and the size of a message.
    """

    key: str
    label: str
    size: int
    options: tuple[str, ...] = ()

    def round(self, room: Room, size: int) -> Measured:
        """Measures from the start of the program to its end."""
        addresses = ("-f", "bounce@sender.example", "-t", "somebody@people.example")
        how = ("-s", str(SESSIONS), "-l", str(BYTES), "-m", str(size), *self.options, *addresses)
        with Sink(room.folder) as sink:
            begun = monotonic()
            process = subprocess.Popen(["smtp-source", *how, f"127.0.0.1:{sink.port}"], cwd="/")
            peak = 0.0
            # What the kernel says of its memory in the end counts that of this process, before the exec.
            while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
                peak = max(peak, peak_mib(process.pid))
                sleep(0.05)
            seconds = monotonic() - begun
            _, status, used = ended
            if status:
                raise Failed(f"{self.label} ended with {status}")
            sink.has(size, 5)
        return Measured(size, seconds, used.ru_utime + used.ru_stime, peak)
