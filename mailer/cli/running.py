"""The processes, and what prepares them: migrate, worker, web, timekeeper."""

import asyncio

import typer

from mailer.app import App
from mailer.app import migrate as migrate_database
from mailer.cli.shared import fail, opened, out, run, settings, until_signalled
from mailer.embedded import Unavailable
from mailer.ledger.migrations import MigrationFailed
from mailer.ports.broker import Broker
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

    async def main() -> None:
        async with opened() as app:
            stop = until_signalled()
            broker = await app.broker()
            log.info("worker started", owner=app.owner)
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
            await app.run_web(stop)

    run(main)


def timekeeper() -> None:
    """Publishes what is due, and returns what dead workers held, until SIGTERM."""

    async def main() -> None:
        async with opened() as app:
            stop = until_signalled()
            await app.run_timekeeper(stop, await app.broker())

    run(main)


async def run_everything(app: App, broker: Broker, stop: asyncio.Event) -> None:
    """Worker, timekeeper and web in one process: the embedded default."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(app.run_worker(stop, broker))
        tasks.create_task(app.run_timekeeper(stop, broker))
        tasks.create_task(app.run_web(stop))
