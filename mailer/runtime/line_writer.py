"""Output that never blocks and never ends a process. A separate thread writes it, and drops lines that do not fit.

A closed reader, an unread pipe or a full disk do not stop mail. The dropped lines are counted.
"""

import io
import os
import select
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue

MOST = 4096
"""The most pieces that may wait to be written."""
FLUSH_SECONDS = 2.0
"""The longest time that an ending process waits until its last lines are written."""


class LineWriter:
    """Writes to a file descriptor in a separate thread. Any number of threads may use it.

    Args:
        fd: a file descriptor; the writer keeps a copy of it.
        dropped: is called with 1 for each dropped piece.
    """

    def __init__(self, fd: int, dropped: Callable[[int], object]) -> None:
        self._fd = os.dup(fd)
        self._dropped = dropped
        # A finalizer may use this queue while the same thread is using it. `queue.Queue` does not allow that.
        self._queue: SimpleQueue[bytes | threading.Event | None] = SimpleQueue()
        self._torn = False
        threading.Thread(target=self._write_queued_pieces, name="output", daemon=True).start()

    def queue_or_drop_piece(self, piece: bytes) -> None:
        """Queues a piece for writing, or drops it if `MOST` pieces wait. Never waits, never raises."""
        if self._queue.qsize() >= MOST:
            self._dropped(1)
        else:
            self._queue.put(piece)

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Waits up to `seconds` until all earlier pieces are written or dropped. Returns True if they are."""
        done = threading.Event()
        self._queue.put(done)
        return done.wait(seconds)

    def close(self) -> None:
        """Tells the thread to end after it has written the waiting pieces."""
        self._queue.put(None)

    def _write_queued_pieces(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
            else:
                self._write_piece(item)
        os.close(self._fd)

    def _write_piece(self, piece: bytes) -> None:
        # A full disk may have cut the last piece. A line break keeps the next one apart.
        rest = memoryview(b"\n" + piece if self._torn else piece)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._fd, rest) :]
                except BlockingIOError:  # somebody made the descriptor non-blocking
                    waiting = select.poll()
                    waiting.register(self._fd, select.POLLOUT)
                    waiting.poll(1000)
            self._torn = False
        except OSError:
            self._torn = self._torn if len(rest) > len(piece) else 0 < len(rest) < len(piece)
            self._dropped(1)


def open_missing_stdio() -> None:
    """Opens stdin, stdout and stderr on /dev/null if they are closed. Else the first socket could become stdout."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, open(fd, "w" if fd else "r", closefd=False))  # noqa: SIM115 - as long as the process


class StandInStream(io.TextIOBase):
    """A text stream over a `LineWriter` that replaces `sys.stdout` or `sys.stderr`."""

    encoding = "utf-8"

    def __init__(self, writer: LineWriter, *, terminal: bool) -> None:
        super().__init__()
        self._writer = writer
        self._terminal = terminal

    def write(self, text: str, /) -> int:
        """Hands the text to the writer."""
        if text:
            self._writer.queue_or_drop_piece(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def writable(self) -> bool:
        """Returns True."""
        return True

    def isatty(self) -> bool:
        """Returns True if the replaced stream is a terminal."""
        return self._terminal
