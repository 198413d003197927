"""Observes processes from outside: their processor time and their memory."""

import os
import re
import signal
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

_TICK = os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 30


class Failed(Exception):
    """A run that came to nothing, or lost messages; the message says what."""


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def until(answer: Callable[[], T], what: str, seconds: float = 60, pause: float = 0.01) -> T:
    """Asks again and again until the answer is true, and returns it.

    Raises:
        Failed: that takes too long.
    """
    deadline = time.monotonic() + seconds
    while not (said := answer()):
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds:.0f} seconds for {what}")
        time.sleep(pause)
    return said


def tree(root: int) -> set[int]:
    """A process and all that descend from it."""
    children = defaultdict(list)
    for pid, fields in _all().items():
        children[int(fields[1])].append(pid)
    found, left = set(), [root]
    while left:
        found.add(pid := left.pop())
        left += children[pid]
    return found


def cpu(root: int) -> float:
    """Seconds of processor time, user and system, of a process, its threads and its children, ended ones too."""
    known = _all()
    return sum(sum(map(int, known[pid][11:15])) for pid in tree(root) if pid in known) / _TICK


def peak_mib(root: int) -> float:
    """The most memory that the processes of a tree have each had resident, added up, in MiB."""
    return sum(_peak(pid) for pid in tree(root)) / 1024


def _peak(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _all() -> dict[int, list[str]]:
    """The fields of each process's `stat` from its state on (proc(5)), by its id."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = folder.joinpath("stat").read_text().rpartition(") ")[2].split()
            except OSError:  # it has ended meanwhile
                continue
    return found


def stopped(pid: int) -> bool:
    """True if a process has been stopped, by itself or by another."""
    return _all()[pid][0] == "T"


@contextmanager
def frozen(pids: Iterable[int]) -> Iterator[None]:
    """Stops some processes and all their descendants for the time of the block."""
    held = [one for pid in pids for one in tree(pid)]
    for pid in held:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in held:
            os.kill(pid, signal.SIGCONT)


def descendant(name: str) -> int:
    """The one process below this one whose program has a name.

    Raises:
        LookupError: there is none.
    """
    for pid in tree(os.getpid()):
        if Path(f"/proc/{pid}/comm").read_text().strip() == name:
            return pid
    raise LookupError(f"no process {name} runs")


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of one run of a row.

    Attributes:
        messages: how many were handed over.
        seconds: from the start of the work to its end; what that is, the row says.
        cpu: seconds of the sending processes. database, broker: those of the services they used.
        peak: MiB of the sending processes.
    """

    messages: int
    seconds: float
    cpu: float
    peak: float
    database: float = 0
    broker: float = 0

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds


class Program:
    """A program that runs in the background, with its output in a file."""

    def __init__(
        self, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        """Starts it, by default in the folder of its log."""
        self.log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=env, cwd=cwd or log.parent
            )

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    @property
    def said(self) -> str:
        """The text that the program has written."""
        return self.log.read_text(errors="replace")

    def up(self, words: str, seconds: float = 60) -> None:
        """Returns once it has said some words.

        Raises:
            Failed: it does not.
        """

        def said() -> bool:
            if self._process.poll() is not None:
                raise Failed(f"{self.log.name} ended: {self.said[-2000:]}")
            return words in self.said

        until(said, f"{self.log.name} to start", seconds)

    def wait(self) -> None:
        """Returns once it has ended."""
        self._process.wait(_STOP_SECONDS)

    def stop(self) -> None:
        """Asks it to end, or makes it."""
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        """Returns the program itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the program."""
        self.stop()


class Sink(Program):
    """postfix's `smtp-sink`, which takes all and counts."""

    def __init__(self, folder: Path) -> None:
        """Starts it on a free port."""
        self.port = free_port()
        as_root = ("-u", "postfix") if os.geteuid() == 0 else ()
        command = ("smtp-sink", *as_root, "-c", f"127.0.0.1:{self.port}", "1000")
        super().__init__(command, folder / f"sink-{self.port}.log")
        until(self._listens, "smtp-sink to listen")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def taken(self) -> int:
        """The number of messages that the sink has taken."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 200))
            counts = re.findall(rb"mesg=(\d+)", file.read())  # the last one may be half written, and then is too small
        return int(counts[-1]) if counts else 0

    def has(self, messages: int, seconds: float) -> None:
        """Returns once it has taken so many.

        Raises:
            Failed: they do not come.
        """
        until(lambda: self.taken >= messages, f"{messages:,} messages at the sink", seconds)


def total_cpu(pids: Iterable[int]) -> float:
    """The processor time of several trees of processes; see `cpu`."""
    return sum(cpu(pid) for pid in pids)
