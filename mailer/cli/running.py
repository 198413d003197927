"""The processes, and what prepares them: migrate, worker, web, timekeeper."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import typer

from mailer.app import App
from mailer.app import migrate as migrate_database
from mailer.cli.shared import fail, opened, out, run, settings, until_signalled
from mailer.embedded import Unavailable
from mailer.ledger.migrations import MigrationFailed
from mailer.ports.broker import Broker
from mailer.telemetry import log

_T = TypeVar("_T")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(migrate)
    app.command()(worker)
    app.command()(web)
    app.command()(timekeeper)


def migrate() -> None:
    """Brings the database up to date."""
    try:
        done = migrate_database(settings())
    except (MigrationFailed, Unavailable) as error:
        fail(str(error), 1)
    out.print(done or "The database is up to date.")


def worker() -> None:
    """Takes events in and hands deliveries over, until SIGTERM. With memory:// it keeps time as well."""

    async def main() -> None:
        async with opened() as app:
            stop = until_signalled()
            log.info("worker started", owner=app.owner, templates=len(app.templates))
            broker = await _before(stop, app.broker())
            _settle_memory()
            if broker is not None:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(app.run_worker(stop, broker))
                    if app.settings.in_process:
                        tasks.create_task(app.run_timekeeper(stop, broker))
        log.info("worker stopped")

    run(main)


def web() -> None:
    """Serves the public pages and the API, until SIGTERM."""

    async def main() -> None:
        async with opened() as app:
            stop = until_signalled()
            await app.run_web(stop, lambda port: log.info("web started", port=port))
        log.info("web stopped")

    run(main)


def timekeeper() -> None:
    """Publishes what is due, and returns what dead workers held, until SIGTERM."""

    async def main() -> None:
        async with opened() as app:
            stop = until_signalled()
            log.info("timekeeper started", owner=app.owner)
            broker = await _before(stop, app.broker())
            if broker is not None:
                await app.run_timekeeper(stop, broker)
        log.info("timekeeper stopped")

    run(main)


def _settle_memory() -> None:
    """What has been loaded stays, so the collector need not look at it again and again: a fifth of a worker's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _before(stop: asyncio.Event, step: Coroutine[Any, Any, _T]) -> _T | None:
    """A step's result, None if told to stop first: a broker that is away is waited for."""
    task, stopped = asyncio.create_task(step), asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait({task})
    return None


async def run_everything(app: App, broker: Broker, stop: asyncio.Event) -> None:
    """Worker, timekeeper and web in one process: the embedded default."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(app.run_worker(stop, broker))
        tasks.create_task(app.run_timekeeper(stop, broker))
        tasks.create_task(app.run_web(stop))
