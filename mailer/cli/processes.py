"""The commands of the processes: worker, web and timekeeper; and migrate, which prepares the database."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import typer
from prometheus_client import CollectorRegistry

from mailer.app import App, open_app, yield_database_url_running_server_if_embedded
from mailer.cli.database_migration import migrate_database_of_settings
from mailer.cli.shared import (
    exit_with_error,
    out,
    print_note,
    read_command_settings,
    run_async_or_exit,
    stop_event_of_signals,
)
from mailer.database.connections import ATTENDED, open_pool
from mailer.database_startup import DatabaseAndClockWatcher
from mailer.embedded import PrivateServiceUnavailable
from mailer.metrics_and_logger import TIMEKEEPER, WEB, WORKER, log
from mailer.pipeline.consumers import result_unless_stopped
from mailer.ports.broker import Broker
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.address_rehashing import rehash_legacy_addresses
from mailer.postgres.migrations import MigrationFailed
from mailer.rendering.missing_templates import find_missing_own_templates
from mailer.runtime.logs import replace_output_by_nonblocking_streams, set_up_logs
from mailer.runtime.operator_http_server import OperatorHttpServer
from mailer.runtime.process_monitoring import serving_operator_port
from mailer.runtime.readiness import Readiness
from mailer.timekeeper_running import run_timekeeper
from mailer.web_serving import serve_web

Work = Callable[[App, asyncio.Event, OperatorHttpServer], Awaitable[None]]
"""The work of a process until it is told to stop."""


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(migrate)
    app.command()(worker)
    app.command()(web)
    app.command()(timekeeper)


def migrate() -> None:
    """Brings the database up to date."""
    try:
        done, findings = migrate_database_of_settings(read_command_settings())
    except (MigrationFailed, PrivateServiceUnavailable) as error:
        exit_with_error(str(error), 1)
    for line in done.splitlines() or ["The database is up to date."]:
        out.print(line)
    for finding in findings:
        print_note(f"{finding.check}: {finding.text}")
    if people := run_async_or_exit(_rehash_addresses_hashed_by_old_rule):
        out.print(f"Addresses are compared by a stricter rule now: {people:,} hashes were made anew.")


async def _rehash_addresses_hashed_by_old_rule() -> int:
    """Hashes addresses again that have a hash by the rule of an earlier version. Returns the number of people."""
    current = read_command_settings()
    with yield_database_url_running_server_if_embedded(current) as url:
        pool = await open_pool(url, 1, ATTENDED)
        try:
            return await rehash_legacy_addresses(pool, AddressHasher(current.address_key))
        finally:
            await pool.close()


def worker() -> None:
    """Takes events in and hands deliveries over, until SIGTERM. With memory:// it keeps time as well."""

    async def work(app: App, stop: asyncio.Event, _: OperatorHttpServer) -> None:
        log.info("worker started", owner=app.owner, templates=len(app.templates))
        _warn_of_missing_templates(app)
        broker = await result_unless_stopped(stop, app.open_broker_and_declare_topology())
        _freeze_garbage_collection()
        if broker is not None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(app.run_worker_consumers_until_stopped(stop, broker))
                if app.settings.is_broker_in_process:
                    tasks.create_task(run_timekeeper(app, stop, broker))

    run_process("worker", work, WORKER, *([TIMEKEEPER] if read_command_settings().is_broker_in_process else []))


def web() -> None:
    """Serves the public pages and the API, until SIGTERM."""

    async def work(app: App, stop: asyncio.Event, operators: OperatorHttpServer) -> None:
        _warn_of_missing_templates(app)
        await serve_web(app, stop, lambda port: log.info("web started", port=port), operators)

    run_process("web", work, WEB)


def timekeeper() -> None:
    """Publishes what is due, and returns what dead workers held, until SIGTERM."""

    async def work(app: App, stop: asyncio.Event, _: OperatorHttpServer) -> None:
        log.info("timekeeper started", owner=app.owner)
        broker = await result_unless_stopped(stop, app.open_broker_and_declare_topology())
        if broker is not None:
            await run_timekeeper(app, stop, broker)

    run_process("timekeeper", work, TIMEKEEPER)


def run_process(name: str, work: Work, *registries: CollectorRegistry) -> None:
    """Runs a process until a signal stops it. It may start before the services that it needs."""

    async def main() -> None:
        stop, readiness, current = stop_event_of_signals(), Readiness(), read_command_settings()
        set_up_logs(json=current.log_json)
        replace_output_by_nonblocking_streams()
        readiness.set_or_clear_problem("start", "it starts, and waits for the database")
        async with AsyncExitStack() as stack:
            host, port = current.metrics_host, current.metrics_port
            operators = await stack.enter_async_context(serving_operator_port(name, host, port, readiness, registries))
            if port:
                log.info("operators are answered", host=host, port=port)
            opening = stack.enter_async_context(open_app(current, wait=True, readiness=readiness))
            app = await result_unless_stopped(stop, opening)
            if app is not None:
                readiness.set_or_clear_problem("start", None)
                watch = DatabaseAndClockWatcher(app.pool, readiness, dates=name != "web")
                await watch.check_once()
                watching = asyncio.create_task(watch.keep_watching())
                stack.callback(watching.cancel)
                await work(app, stop, operators)
        log.info(f"{name} stopped")

    run_async_or_exit(main)


def _warn_of_missing_templates(app: App) -> None:
    """Logs each template that a brand lacks, before anybody asks for its mail on a page."""
    for missing in find_missing_own_templates(app.templates):
        log.warning(missing.text, brand=missing.brand, template=missing.name)


def _freeze_garbage_collection() -> None:
    """Keeps loaded objects out of garbage collection, which runs less often. It saves a fifth of a worker's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def run_all_processes(app: App, broker: Broker, stop: asyncio.Event, operators: OperatorHttpServer) -> None:
    """Runs worker, timekeeper and web in one process."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(app.run_worker_consumers_until_stopped(stop, broker))
        tasks.create_task(run_timekeeper(app, stop, broker))
        tasks.create_task(serve_web(app, stop, operators=operators))
