"""The processes, and what prepares them: migrate, worker, web, timekeeper."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import typer

from mailer.app import App
from mailer.app import migrate as migrate_database
from mailer.cli.shared import fail, opened, out, run, settings, until_signalled
from mailer.embedded import Unavailable
from mailer.ledger.migrations import MigrationFailed
from mailer.pipeline.consumers import unless_stopped
from mailer.ports.broker import Broker
from mailer.runtime.readiness import Readiness
from mailer.telemetry import log


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

    async def work(app: App, stop: asyncio.Event) -> None:
        log.info("worker started", owner=app.owner, templates=len(app.templates))
        broker = await unless_stopped(stop, app.broker())
        _settle_memory()
        if broker is not None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(app.run_worker(stop, broker))
                if app.settings.in_process:
                    tasks.create_task(app.run_timekeeper(stop, broker))

    _serve("worker", work)


def web() -> None:
    """Serves the public pages and the API, until SIGTERM."""

    async def work(app: App, stop: asyncio.Event) -> None:
        await app.run_web(stop, lambda port: log.info("web started", port=port))

    _serve("web", work)


def timekeeper() -> None:
    """Publishes what is due, and returns what dead workers held, until SIGTERM."""

    async def work(app: App, stop: asyncio.Event) -> None:
        log.info("timekeeper started", owner=app.owner)
        broker = await unless_stopped(stop, app.broker())
        if broker is not None:
            await app.run_timekeeper(stop, broker)

    _serve("timekeeper", work)


def _serve(name: str, work: Callable[[App, asyncio.Event], Awaitable[None]]) -> None:
    """Runs a process until it is told to stop. It may start before the services that it needs."""

    async def main() -> None:
        stop, readiness = until_signalled(), Readiness()
        readiness.report("start", "it starts, and waits for the database")
        async with AsyncExitStack() as stack:
            app = await unless_stopped(stop, stack.enter_async_context(opened(wait=True, readiness=readiness)))
            if app is not None:
                readiness.report("start", None)
                await work(app, stop)
        log.info(f"{name} stopped")

    run(main)


def _settle_memory() -> None:
    """What has been loaded stays, so the collector need not look at it again and again: a fifth of a worker's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def run_everything(app: App, broker: Broker, stop: asyncio.Event) -> None:
    """Worker, timekeeper and web in one process: the embedded default."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(app.run_worker(stop, broker))
        tasks.create_task(app.run_timekeeper(stop, broker))
        tasks.create_task(app.run_web(stop))
