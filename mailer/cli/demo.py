"""`mailer demo`: runs the whole pipeline on this machine, with the example events and recipients."""

import asyncio
import logging
import shlex
import socket
import sys
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console

from mailer import bundled_files
from mailer.app import App, open_app, yield_database_url_running_server_if_embedded
from mailer.cli.database_migration import migrate_database_of_settings
from mailer.cli.in_process_demo_commands import InProcessCommands
from mailer.cli.processes import run_all_processes
from mailer.cli.shared import (
    exit_with_error,
    out,
    read_command_settings,
    run_async_or_exit,
    shell_word_for_mailer_program,
    stop_event_of_signals,
)
from mailer.embedded.demo import DemoCommandsMailboxAndSite, run_demo_and_return_statuses
from mailer.embedded.demo_report import DemoCheckFailed, DemoPrinter
from mailer.embedded.demo_tour import tour_lines
from mailer.embedded.demo_tour_preparation import prepare_tour
from mailer.metrics_and_logger import TIMEKEEPER, WEB, WORKER
from mailer.ports.broker import Broker
from mailer.ports.mailings import MailingStatus
from mailer.processors.capture.folder import CaptureFolder
from mailer.processors.capture.server import load_capture_session_class
from mailer.runtime.logs import replace_output_by_nonblocking_streams, set_up_logs
from mailer.runtime.process_monitoring import serving_operator_port
from mailer.runtime.readiness import Readiness
from mailer.settings import Settings

_WIDTH = 100
"""The width of the table in characters when stdout is no terminal."""
_PLACES = ("data", "database_url", "broker_url", "processors", "templates", "policies")
"""The settings that the demo changes. Other commands need them to find the demo's data."""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(
    stay: Annotated[bool, typer.Option("--stay", help="Stay up, with the inbox, until Ctrl-C.")] = False,
) -> None:
    """Runs the whole pipeline over the examples, and prints what happened to every mailing."""
    try:
        told = run_async_or_exit(partial(_run_services_and_demo_scenario, stay))
    except DemoCheckFailed as error:
        exit_with_error(str(error), 1)
    if not told:
        exit_with_error("the demo was interrupted", 130)


async def _run_services_and_demo_scenario(stay: bool) -> bool:
    """Starts the services and runs the story. Returns True if the story came to its end."""
    load_capture_session_class()  # a missing package is reported before anything starts
    stop = stop_event_of_signals()
    replace_output_by_nonblocking_streams()
    narrator = DemoPrinter(Console(highlight=False, width=None if out.is_terminal else _WIDTH))
    with ExitStack() as stack:
        data = Path(stack.enter_context(TemporaryDirectory(prefix="mailer-demo-")))
        current = _demo_settings_in_folder(data)
        set_up_logs(json=current.log_json, level=logging.WARNING)  # the demo prints its story on stdout
        narrator.say(f"A database, a broker, an SMTP server and a web app start, in {data} and for this machine only.")
        stack.enter_context(yield_database_url_running_server_if_embedded(current))
        migrate_database_of_settings(current)
        readiness = Readiness()
        where = (current.metrics_host, current.metrics_port)
        async with (
            serving_operator_port("demo", *where, readiness, [WORKER, TIMEKEEPER, WEB]) as operators,
            open_app(current, readiness=readiness) as app,
            asyncio.TaskGroup() as tasks,
        ):
            broker = await app.open_broker_and_declare_topology()
            tasks.create_task(run_all_processes(app, broker, stop, operators))
            told = await _run_unless_stopped(stop, _run_demo_scenario_and_print_hints(app, broker, narrator, stay))
            if told and stay:
                await stop.wait()
            stop.set()
    narrator.say(f"{data} is removed.")
    return told


async def _run_demo_scenario_and_print_hints(app: App, broker: Broker, narrator: DemoPrinter, stay: bool) -> None:
    data, site = app.settings.data, app.settings.public_url
    mailbox = CaptureFolder(data / "captured")
    examples = bundled_files.bundled_folder("examples")
    stage = DemoCommandsMailboxAndSite(InProcessCommands(app, broker), mailbox, site, examples, data, narrator)
    mailings = await run_demo_and_return_statuses(stage)
    tour = await prepare_tour(stage) if stay else None
    for line in _hint_lines_on_where_to_look_up_figures(app.settings, mailings, stay):
        narrator.say(line)
    if tour is not None:
        for line in tour_lines(
            site, tour, _shell_command_printing_totp_code(), f"{shell_word_for_mailer_program()} staff reset NAME"
        ):
            narrator.say(line)


def _shell_command_printing_totp_code() -> str:
    """Returns the command that prints the code of an authenticator app for its key, which stands as KEY in it."""
    return f"{shlex.quote(sys.executable)} -c 'import pyotp; print(pyotp.TOTP(\"KEY\").now())'"


async def _run_unless_stopped(stop: asyncio.Event, act: Coroutine[Any, Any, None]) -> bool:
    """Runs `act` until it ends or `stop` is set, which cancels it. Returns True if `act` ended."""
    acting, stopping = asyncio.create_task(act), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((acting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if acting.done():
            acting.result()
        return acting.done()
    finally:
        acting.cancel()
        stopping.cancel()
        await asyncio.gather(acting, stopping, return_exceptions=True)


def _demo_settings_in_folder(data: Path) -> Settings:
    """Returns settings that use only the folder `data` and this machine; the environment cannot change that."""
    port = _free_port()
    return read_command_settings(
        database_url="embedded",
        broker_url="memory://",
        processors=("capture://",),
        public_url=f"http://localhost:{port}",  # a passkey belongs to a name; an IP address has none
        host="127.0.0.1",
        port=port,
        metrics_host="127.0.0.1",
        metrics_port=_free_port(),
        templates=bundled_files.bundled_folder("templates"),
        policies=bundled_files.bundled_folder("policies"),
        only_deliver_to=(),
        dkim=(),
        data=data,
    )


def _free_port() -> int:
    """Returns a port that is free now. Links in mails need the number before the server listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _hint_lines_on_where_to_look_up_figures(
    current: Settings, mailings: Sequence[MailingStatus], stay: bool
) -> Iterator[str]:
    """Yields the lines that say where to look up each figure, and how long that is possible."""
    yield ""
    mailer = shell_word_for_mailer_program()
    inbox = f"http://127.0.0.1:{current.metrics_port}/inbox"
    if stay:
        yield f"It stays up until Ctrl-C. The inbox is {inbox}; in another terminal:"
    else:
        yield f"All of this ends now. `{mailer} demo --stay` stays up; there, in another terminal:"
    yield f"  export {_environment_assignments(current)}"
    for status in mailings:
        yield f"  {mailer} mailing show {status.id}    # {status.brand} {status.event_id}: all counts, and opens"
    for status in mailings[-1:]:
        yield f"  {mailer} ledger export --mailing {status.id}    # each decision, hand-over and outcome"
    yield f"  {mailer} ledger verify    # whether all of that is still what was written"
    yield f"  {inbox}    every mail: as it looks, as text, its headers"
    for file in sorted(current.data.glob("*.rejected.csv")):
        yield f"  {file}    the lines that were rejected, with reasons"


def _environment_assignments(current: Settings) -> str:
    """Returns the assignments that other commands need to work on the demo's data; equal settings are left out."""
    usual = read_command_settings()
    values = {name: getattr(current, name) for name in _PLACES if getattr(usual, name) != getattr(current, name)}
    return " ".join(f"MAILER_{name.upper()}={shlex.quote(_setting_as_text(value))}" for name, value in values.items())


def _setting_as_text(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
