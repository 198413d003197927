"""A small process of ours that takes commands: a JSON object on its stdin, with an answer on its stdout.

It ends when its stdin does, so it never outlives whoever started it.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from tests.processes import ROOT

ANSWER_SECONDS = 20


class Servant:
    """Our end of such a process.

    Args:
        module: what it runs, such as `tests.chaos.sink`. arguments: its command line.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = (sys.executable, "-m", module, *arguments)
        self._asking = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Starts it."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def ask(self, **command: Any) -> dict[str, Any]:
        """Gives a command; its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._asking, asyncio.timeout(ANSWER_SECONDS):
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            line = await self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line)
        return answer


async def serve(obey: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
    """The process' own end: obeys what stdin says until it ends."""
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    while line := await stdin.readline():
        print(json.dumps(await obey(json.loads(line))), flush=True)
