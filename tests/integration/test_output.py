"""A reader of a process's output may go away, stop reading or be a full disk. Signals end every process alike."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.acceptance.samples import event, people
from tests.processes import SECONDS, Stack, free_port, until
from tests.spawning import MAILER

NOISE = 600
"""Events that are refused, with a log line of 200 octets and more each: a pipe holds 64 KiB."""


@asynccontextmanager
async def _worker(stack: Stack, stderr: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *MAILER,
        "worker",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stderr,
        stderr=stderr,
        env=stack.env,
        cwd=stack.folder,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _works(stack: Stack, process: asyncio.subprocess.Process) -> int:
    """A worker refuses many events, which it logs, takes a good one in and hands it over; its status once it ends."""
    await stack.query(
        "INSERT INTO outbox (routing_key, message_id, body)"
        " SELECT 'interpals.newsletter', 'bad-' || n, 'no JSON' FROM generate_series(1, $1::int) n",
        NOISE,
    )
    await until(lambda: stack.value("SELECT count(*) = $1 FROM dead_letters", NOISE), "the events to be refused")
    await stack.done("publish", "-", stdin=json.dumps(event("good", "interpals", "newsletter", people("ada"))))
    await stack.finished("good")
    assert len(stack.mails(To="ada@example.org")) == 1
    process.terminate()
    async with asyncio.timeout(SECONDS):
        return await process.wait()


@pytest.mark.parametrize("reader", ["gone", "stalled", "full disk"])
async def test_logs_stop_nobody(small_stack: Stack, reader: str) -> None:
    """A worker lives, sends and ends with status 0 though nothing of its output can be written (S6)."""
    ours, theirs = os.pipe()
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        async with _worker(small_stack, full if reader == "full disk" else theirs) as process:
            if reader == "gone":
                os.close(ours)
            assert await _works(small_stack, process) == 0
    finally:
        for fd in (theirs, full) if reader == "gone" else (ours, theirs, full):
            os.close(fd)


async def test_a_process_without_stdout_and_stderr(small_stack: Stack) -> None:
    """A stream that was closed before it started stays unused: no socket of its own is taken for its log."""
    shell = 'exec "$@" <&- >&- 2>&-'
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", shell, "sh", *MAILER, "worker", env=small_stack.env, cwd=small_stack.folder
    )
    try:
        assert await _works(small_stack, process) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_terminal_that_hangs_up_ends_each_process(small_stack: Stack) -> None:
    """SIGHUP is as SIGTERM: each finishes what it does, and its status is 0 (S14)."""
    names = ("worker", "web", "timekeeper")
    async with small_stack.running(*names) as processes:
        for process in processes:
            process.asked()
            os.kill(process.pid, signal.SIGHUP)
        async with asyncio.timeout(SECONDS):
            for name, process in zip(names, processes, strict=True):
                await process.died()
                assert process.status == 0
                assert f"{name} stopped" in process.log


async def test_nohup_outlives_its_terminal(small_stack: Stack) -> None:
    """A process that was started with SIGHUP ignored goes on."""
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        'trap "" HUP; exec "$@" 2>log',
        "sh",
        *MAILER,
        "timekeeper",
        env=small_stack.env,
        cwd=small_stack.folder,
    )
    log = small_stack.folder / "log"
    try:
        await until(lambda: asyncio.to_thread(_holds, log, " started"), "it to start")
        process.send_signal(signal.SIGHUP)
        process.terminate()
        async with asyncio.timeout(SECONDS):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _holds(file: Path, text: str) -> bool:
    return file.exists() and text in file.read_text()


async def test_a_web_process_logs_each_request(small_stack: Stack) -> None:
    """The web process logs method, route, status and milliseconds of each request, and no path, address or program."""
    stack = small_stack.having(LOG_JSON="true", PORT=str(free_port()))
    async with stack.running("web") as [process]:
        async with stack.client() as client:
            await client.get("/u/secret-token?x=1", headers={"user-agent": "Mozilla/5.0"})
            await client.get("/no/such/path")
        await until(lambda: _says(process.log), "the requests to be logged")
        entries = [json.loads(line) for line in process.log.splitlines()]
    [shown] = [entry for entry in entries if entry.get("request") == "GET /u/{token}"]
    assert {**shown, "ms": 0, "timestamp": ""} == {
        "event": "request",
        "level": "info",
        "request": "GET /u/{token}",
        "status": 400,
        "ms": 0,
        "timestamp": "",
    }
    assert re.fullmatch(r"\d+\.\d", str(shown["ms"]))
    assert "GET none" in [entry.get("request") for entry in entries]
    for trace in ("secret-token", "Mozilla", "127.0.0.1:", "no/such", "\x1b"):
        assert trace not in process.log, trace


async def _says(log: str) -> bool:
    return "GET none" in log


async def test_a_reader_that_has_seen_enough_gets_no_traceback(small_stack: Stack) -> None:
    """A command whose stdout is closed, as by `head`, ends quietly; its status says that not all was read."""
    ours, theirs = os.pipe()
    os.close(ours)
    process = await asyncio.create_subprocess_exec(
        *MAILER,
        "mailing",
        "list",
        "--json",
        stdout=theirs,
        stderr=asyncio.subprocess.PIPE,
        env=small_stack.env,
        cwd=small_stack.folder,
    )
    os.close(theirs)
    async with asyncio.timeout(SECONDS):
        _, err = await process.communicate()
    assert (process.returncode, err) == (1, b"")
