"""Processes start before the services that they need."""

import asyncio
from pathlib import Path

import pytest

from mailer import bundled_files
from mailer.app import open_app
from mailer.embedded import postgres
from mailer.pipeline.halt_watcher import HaltWatcher
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.postgres.migrations import apply_migrations
from mailer.settings import read_settings
from tests.processes import Process, Stack, free_port, until
from tests.server_folders import server_folder

PROCESSES = ("worker", "timekeeper", "web")


def said(process: Process, text: str) -> bool:
    """True if a process has logged this text."""
    return text in process.log


@pytest.mark.parametrize("name", PROCESSES)
async def test_a_process_waits_for_postgresql(small_stack: Stack, name: str) -> None:
    """The process says that it waits, starts once the server is there, and stops as usual."""
    with server_folder() as folder:
        with postgres.start_postgres(folder) as server:
            apply_migrations(server.url(), bundled_files.bundled_folder("migrations"))
            alone = small_stack.having(DATABASE_URL=server.url())
        async with alone.starting(name) as (process,):
            await until(lambda: waits(process), "the process to wait for PostgreSQL")
            assert not said(process, " started")
            with postgres.start_postgres(Path(folder)):
                await process.up()
                assert await process.stop() == 0


@pytest.mark.parametrize("name", PROCESSES)
async def test_a_process_that_waits_for_postgresql_can_be_stopped(small_stack: Stack, name: str) -> None:
    """The process exits with 0 when it is asked to."""
    alone = small_stack.having(DATABASE_URL=f"postgresql://postgres@127.0.0.1:{free_port()}/mailer")
    async with alone.starting(name) as (process,):
        await until(lambda: waits(process), "the process to wait for PostgreSQL")
        assert await process.stop() == 0
        assert said(process, f"{name} stopped")


async def waits(process: Process) -> bool:
    """True if a process says that the database is away."""
    return said(process, "the database is away; trying again")


async def test_a_worker_asks_again_what_stands_still(small_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL restarts while a worker asks its first question: it asks again, and works."""
    refresh, asked = HaltWatcher.query_halts_and_attest_no_loss, asyncio.Event()
    errors = [DatabaseUnavailable("closed in the middle of operation"), DatabaseUnavailable("connection refused")]

    async def fails_twice(control: HaltWatcher) -> None:
        if errors:
            raise errors.pop(0)
        await refresh(control)
        asked.set()

    monkeypatch.setattr(HaltWatcher, "query_halts_and_attest_no_loss", fails_twice)
    for name, value in small_stack.env.items():
        monkeypatch.setenv(name, value)
    stop = asyncio.Event()
    async with open_app(read_settings()) as app, asyncio.TaskGroup() as tasks:
        working = tasks.create_task(
            app.run_worker_consumers_until_stopped(stop, await app.open_broker_and_declare_topology())
        )
        async with asyncio.timeout(60):
            await asked.wait()
        assert not working.done()
        stop.set()
