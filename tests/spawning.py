"""Processes of mailer, and commands, that are forked from one that has imported it already (`tests.zygote`)."""

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MAILER = (sys.executable, "-m", "mailer")
_AT_START = ("PYTHON", "LC_", "LANG")
"""Variables, or how they begin, that a process looks at while it starts: with others of these it has to start anew."""


class Forked:
    """A forked process, with the interface of `asyncio.subprocess.Process`."""

    def __init__(self, pid: int, end: "Future[int]") -> None:
        self.pid = pid
        self._end = end

    @property
    def returncode(self) -> int | None:
        """The exit status; the negative number of a signal that ended the process; None while it runs."""
        return self._end.result() if self._end.done() else None

    async def wait(self) -> int:
        """Returns its exit status, once it has ended."""
        return await asyncio.shield(asyncio.wrap_future(self._end))

    def terminate(self) -> None:
        """SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if not self._end.done():
            os.kill(self.pid, number)


class Zygote:
    """Our end of the process that forks; unless we are given one, it is started when it is needed first."""

    def __init__(self, connection: socket.socket | None = None) -> None:
        self._asking = threading.Lock()
        self._ends: dict[int, Future[int]] = {}
        self._forked: Future[Forked] = Future()
        self._connection: socket.socket | None = None
        if connection:
            self._listen_to(connection)

    def start(
        self, arguments: Sequence[str], env: Mapping[str, str], cwd: Path, files: Sequence[int], script: str | None
    ) -> Forked:
        """Starts a process.

        Args:
            arguments: its command line, without the program.
            env: its whole environment.
            cwd: its folder.
            files: descriptors for its stdin, stdout and stderr.
            script: the file of a program, None for mailer.
        """
        request = json.dumps({"argv": list(arguments), "env": dict(env), "cwd": str(cwd), "script": script}).encode()
        with self._asking:
            if self._connection is None:
                (connection,) = start_zygote(1)
                self._listen_to(connection)
            assert self._connection is not None
            self._forked = Future()
            socket.send_fds(self._connection, [request], list(files))
            return self._forked.result(timeout=60)

    def _listen_to(self, connection: socket.socket) -> None:
        self._connection = connection
        threading.Thread(target=self._listen, args=(connection,), daemon=True).start()

    def _listen(self, connection: socket.socket) -> None:
        """Takes what the zygote says: which process it has forked and, always later, that this one has ended."""
        while text := connection.recv(4096):
            said: dict[str, Any] = json.loads(text)
            pid = said["pid"]
            if "status" in said:
                self._ends.pop(pid).set_result(said["status"])
            else:
                self._ends[pid] = Future()
                self._forked.set_result(Forked(pid, self._ends[pid]))


def start_zygote(count: int) -> list[socket.socket]:
    """Starts a process that forks for us and, if there are several ends, for processes that are forked from us.

    It ends when each end is closed.
    """
    ends = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(count)]
    theirs = [end.fileno() for _, end in ends]
    command = [sys.executable, "-m", "tests.zygote", *map(str, theirs)]
    zygote = subprocess.Popen(command, pass_fds=theirs, cwd=ROOT, stdin=subprocess.DEVNULL)
    for _, end in ends:
        end.close()

    def end_zygote() -> None:
        for ours, _ in ends:
            with suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)
        zygote.wait()

    atexit.register(end_zygote)
    return [ours for ours, _ in ends]


_zygote = Zygote()


def use_zygote(connection: socket.socket) -> None:
    """Makes the zygote at the other end fork all processes of this one."""
    global _zygote
    _zygote = Zygote(connection)


async def begin(
    command: Sequence[str], env: Mapping[str, str], cwd: Path, files: tuple[int, int, int]
) -> "asyncio.subprocess.Process | Forked":
    """Starts mailer, or a script, with these files as its stdin, stdout and stderr.

    It is forked, unless its environment or its program says how it starts, so that it has to start anew.
    """
    stdin, stdout, stderr = files
    is_mailer = tuple(command[:3]) == MAILER
    if (is_mailer or command[1].endswith(".py")) and _at_start(env) == _at_start(os.environ):
        script, arguments = (None, command[3:]) if is_mailer else (command[1], command[2:])
        return await asyncio.to_thread(_zygote.start, arguments, env, cwd, files, script)
    return await asyncio.create_subprocess_exec(*command, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd)


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_AT_START) and name != "PYTHONPATH"}
