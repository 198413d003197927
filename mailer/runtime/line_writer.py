"""Output that never blocks and never ends a process: a thread of its own writes it, and what does not fit is dropped.

A reader that is gone, a pipe that nobody reads and a disk that is full are troubles of whoever reads the output. Mail
flows on; the lines that were dropped are counted.
"""

import io
import os
import select
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue

MOST = 4096
"""Pieces that may wait to be written."""
FLUSH_SECONDS = 2.0
"""The longest that a process which ends waits for its last lines to be read."""


class LineWriter:
    """Writes to a file descriptor, in a thread of its own. Used by any number of threads.

    Args:
        fd: a file descriptor; the writer keeps a copy of it.
        dropped: called with 1 for each piece that is dropped.
    """

    def __init__(self, fd: int, dropped: Callable[[int], object]) -> None:
        self._fd = os.dup(fd)
        self._dropped = dropped
        # Unlike a queue with a limit, it can be used by a finalizer that runs while the same thread is using it.
        self._queue: SimpleQueue[bytes | threading.Event | None] = SimpleQueue()
        self._torn = False
        threading.Thread(target=self._write_pieces, name="output", daemon=True).start()

    def put_piece(self, piece: bytes) -> None:
        """Takes something to write, or drops it. Never waits, never raises."""
        if self._queue.qsize() >= MOST:
            self._dropped(1)
        else:
            self._queue.put(piece)

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Waits until all that was put before is written or dropped, but not longer than `seconds`; whether it is."""
        done = threading.Event()
        self._queue.put(done)
        return done.wait(seconds)

    def close(self) -> None:
        """Lets the thread end once it has written what there is."""
        self._queue.put(None)

    def _write_pieces(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
            else:
                self._write_piece(item)
        os.close(self._fd)

    def _write_piece(self, piece: bytes) -> None:
        # What a full disk has cut off does not run into the next line.
        rest = memoryview(b"\n" + piece if self._torn else piece)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._fd, rest) :]
                except BlockingIOError:  # somebody made the descriptor a non-blocking one
                    waiting = select.poll()
                    waiting.register(self._fd, select.POLLOUT)
                    waiting.poll(1000)
            self._torn = False
        except OSError:
            self._torn = 0 < len(rest) < len(piece)
            self._dropped(1)


def fill_descriptors() -> None:
    """Opens what was closed when the process was started: else its first socket would become its stdout or stderr."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the least number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(fd, "w" if fd else "r", closefd=False))  # noqa: SIM115 - as long as the process


class StandInStream(io.TextIOBase):
    """A text stream over a writer, to stand in for `sys.stdout` or `sys.stderr`."""

    encoding = "utf-8"

    def __init__(self, writer: LineWriter, *, terminal: bool) -> None:
        super().__init__()
        self._writer = writer
        self._terminal = terminal

    def write(self, text: str, /) -> int:
        """Hands the text to the writer."""
        if text:
            self._writer.put_piece(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def writable(self) -> bool:
        """It is."""
        return True

    def isatty(self) -> bool:
        """Tells whether somebody looks at it."""
        return self._terminal
