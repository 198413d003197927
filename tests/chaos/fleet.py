"""Runs mailer's own processes. Each is started again when it has ended, for any cause."""

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.journal import Journal
from tests.processes import Process, Stack
from tests.spawning import MAILER

_AWAY_SECONDS = 2.0
"""A process that was killed comes back within this time."""


class Member:
    """A process that is always there, but for the moments after its end.

    Args:
        name: such as `worker`, which is also its command. number: tells it from others of the name.
        settings: its environment; `dkim` may be added to it at a start. chance: decides on that.
    """

    def __init__(
        self, name: str, number: int, stack: Stack, dkim: str, journal: Journal, chance: random.Random
    ) -> None:
        self._name = name
        self.title = f"{name} {number}"
        self._stack = stack
        self._dkim = dkim
        self._journal = journal
        self._chance = chance
        self._starts = 0
        self._process: Process | None = None
        self._lifetime: asyncio.Task[None] | None = None
        self._killing = False

    def begin(self) -> None:
        """Starts the process, and again whenever it has ended."""
        self._lifetime = asyncio.create_task(self._live())

    async def end(self) -> None:
        """Asks the process to end, for good."""
        if self._lifetime:
            self._lifetime.cancel()
            await asyncio.gather(self._lifetime, return_exceptions=True)
        if self._process and not self._process.ended:
            os.kill(self._process.pid, signal.SIGCONT)
            if (status := await self._process.stop()) != 0:
                self._journal.endings.append(f"{self.title} exits with {status}: {_last(self._process.log)}")

    @property
    def up(self) -> bool:
        """True if the process runs and has said so."""
        return self._process is not None and not self._process.ended and " started" in self._process.log

    @property
    def pid(self) -> int | None:
        """The process id, while the process runs."""
        return None if self._process is None or self._process.ended else self._process.pid

    async def kill(self) -> None:
        """Sends SIGKILL."""
        if self._process and not self._process.ended:
            self._killing = True
            await self._process.kill()

    async def freeze(self, seconds: float) -> None:
        """Sends SIGSTOP, and SIGCONT later."""
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            if self.pid == pid:
                os.kill(pid, signal.SIGCONT)

    async def _live(self) -> None:
        while True:
            process = self._process = await self._start()
            await process.died()
            if not self._killing:
                self._note_ending(process)
            self._killing = False
            await asyncio.sleep(self._chance.uniform(0.2, _AWAY_SECONDS))

    def _note_ending(self, process: Process) -> None:
        """One that finds no service when it starts may end, as any supervisor's does; one that has started may not."""
        text = f"{self.title} ended by itself: {_last(process.log)}"
        self._journal.say(text)
        if " started" in process.log:
            self._journal.endings.append(text)

    async def _start(self) -> Process:
        self._starts += 1
        signs = self._dkim and self._name == "worker" and self._chance.random() < 0.5
        stack = self._stack.having(DKIM=self._dkim) if signs else self._stack
        log = self._stack.folder / f"{self.title.replace(' ', '-')}.{self._starts}.log"
        with log.open("wb") as file:
            started = await asyncio.create_subprocess_exec(
                *MAILER,
                self._name,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=stack.env,
                cwd=stack.folder,
                start_new_session=True,
            )
        return Process(started, log)


def logs_of(folder: Path) -> Sequence[Path]:
    """The logs of all processes, in the order of their starts."""
    return sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)


def _last(log: str) -> str:
    lines = log.strip().splitlines()
    return lines[-1][:300] if lines else "it logged nothing"
