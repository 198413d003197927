"""Starting SMTP servers that scripts/setup-relays has unpacked: each sees its own files laid over the system's."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import ROOT, SECONDS, until

CACHE = ROOT / ".cache" / "relays"
_LAY = """
set -e
mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
mount -t overlay overlay -o "lowerdir=$1/etc:/etc" /etc
if [ -d "$1/var" ]; then mount -t overlay overlay -o "lowerdir=$1/var:/var" /var; fi
shift
while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done
shift
exec "$@"
"""


def unpacked(name: str) -> Path:
    """The folder of a server. Fails, and never skips, where it is not there."""
    folder = CACHE / name
    if not folder.exists():
        pytest.fail(f"{name} is not unpacked: run scripts/setup-relays {name}")
    return folder


def number(name: str, user: str) -> int:
    """The number of a user, and of its group, as a server sees it."""
    for line in (unpacked(name) / "root" / "etc" / "passwd").read_text().splitlines():
        if line.startswith(f"{user}:"):
            return int(line.split(":")[2])
    raise LookupError(f"{name} has no user {user}")


def laid_over(name: str, binds: Mapping[Path, str] | None = None) -> list[str]:
    """The words before a program that is to see a server's files, and folders of ours in place of the system's."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.fail(f"{name} changes its user and needs mounts of its own: run these tests as root, with unshare")
    pairs = [word for ours, theirs in (binds or {}).items() for word in (str(ours), theirs)]
    return [
        *("unshare", "--mount", "--propagation", "private", "sh", "-c", _LAY, name),
        *(str(unpacked(name) / "root"), *pairs, "--"),
    ]


@dataclass
class Running:
    """A server that runs, and what it has printed."""

    process: asyncio.subprocess.Process
    log: Path

    async def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends it and all that it has started: it leads a process group of its own."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)
        try:
            async with asyncio.timeout(SECONDS / 10):
                await self.process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()


@asynccontextmanager
async def started(
    words: Sequence[str], folder: Path, port: int, env: Mapping[str, str] | None = None
) -> AsyncIterator[Running]:
    """A server that listens on a port of loopback; it is ended in the end."""
    log = folder / "server.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    running = Running(process, log)
    try:
        await until(lambda: _listens(running, port), f"{words[-1]} to listen")
        yield running
    finally:
        await running.end()


async def _listens(running: Running, port: int) -> bool:
    assert running.process.returncode is None, running.log.read_text()
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.transport.abort()
    return True
