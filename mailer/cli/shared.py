"""Functions that several commands use: run asynchronous code, end with an error, print tables and JSON."""

import asyncio
import json
import os
import pwd
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import asyncpg
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mailer.app import App, open_app
from mailer.cli.terminal_layout import Cell, escape_json, escape_line, lay_out_facts, lay_out_table
from mailer.embedded import PrivateServiceUnavailable
from mailer.events import EventRefused
from mailer.policy.policy_file import PolicyError
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_and_staff_identity import parse_person_identity as person_of
from mailer.ports.broker import BrokerUnavailable, MessageUnpublishable
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.halts import LocalDatabaseNotesUnreadable
from mailer.postgres.migrations import MigrationFailed
from mailer.processors.capture.server import AiosmtpdNotInstalled
from mailer.rendering.template_library import TemplateError
from mailer.runtime.logs import flush_output, log_loop_error, set_up_logs
from mailer.settings import Settings, SettingsError, read_settings

_T = TypeVar("_T")


class EscapingConsole(Console):
    """The console on which commands print. It prints texts as they are, without markup or wrapping."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, soft_wrap=True)

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints a line. It prints control characters as their codes, so the terminal does not obey them."""
        super().print(*(escape_line(one) if isinstance(one, str) else one for one in objects), **options)


out = EscapingConsole()

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_BAD_INPUT = (SettingsError, PolicyError, TemplateError, EventRefused, MessageUnpublishable)
_FAILURE = (
    PrivateServiceUnavailable,
    MigrationFailed,
    BrokerUnavailable,
    AiosmtpdNotInstalled,
    DatabaseUnavailable,
    LocalDatabaseNotesUnreadable,
    OSError,
    asyncpg.PostgresError,
)


def shell_word_for_mailer_program() -> str:
    """Returns the shell word that starts `mailer`: the full path if a shell would find another program or none."""
    own = Path(sys.executable).with_name("mailer")
    return shlex.quote(str(own)) if own.exists() and shutil.which("mailer") != str(own) else "mailer"


def exit_with_error(message: str, status: int) -> NoReturn:
    """Ends the command with one line on stderr."""
    exit_with_errors([message], status)


def exit_with_errors(messages: Sequence[str], status: int) -> NoReturn:
    """Ends the command with a line on stderr for each message."""
    flush_output()
    with suppress(OSError):
        for message in messages:
            print_note(message)
    sys.exit(status)


def print_note(message: str) -> None:
    """Prints one line on stderr, for people and not for programs."""
    print(escape_line(f"mailer: {' '.join(message.split())}"), file=sys.stderr)


def run_async_or_exit(main: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Runs asynchronous code. An expected error ends the command with its message."""
    try:
        return uvloop.run(_run_raising_first_grouped_error(main))
    except BrokenPipeError:
        raise
    except _BAD_INPUT as error:
        exit_with_error(str(error), 2)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidCatalogNameError):
        exit_with_error("the database is not up to date; run `mailer migrate`", 1)
    except _FAILURE as error:
        exit_with_error(str(error) or type(error).__name__, 1)


async def _run_raising_first_grouped_error(main: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Runs `main`. Of an exception group, it raises the first single error: that error has ended the other tasks."""
    asyncio.get_running_loop().set_exception_handler(log_loop_error)
    try:
        return await main()
    except ExceptionGroup as group:
        error: Exception = group
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        raise error from group


def read_command_settings(**overrides: Any) -> Settings:
    """Reads the settings. A bad setting ends the command."""
    try:
        return read_settings(**overrides)
    except SettingsError as error:
        exit_with_error(str(error), 2)


class _RememberedActingPerson:
    """Keeps the person that `--by` names, who acts by this command."""

    person: Identity | None = None


def remember_acting_person(by: str) -> str:
    """Keeps the person of `--by` for the ledger entries of this command. The command refuses a bad name itself."""
    with suppress(ValueError):
        _RememberedActingPerson.person = person_of(by)
    return by


def acting_person() -> Identity:
    """Returns the person who acts by this command: the person of `--by`, or else the user of this system."""
    return _RememberedActingPerson.person or _system_user_identity()


def system_user_name() -> str:
    """Returns the name of the system user who runs the command. It ignores the environment, which may name anybody."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user that has no name
        return f"uid {os.getuid()}"


def _system_user_identity() -> Identity:
    try:
        return person_of(system_user_name())
    except ValueError:
        return person_of(f"uid {os.getuid()}")


@asynccontextmanager
async def open_command_app(**overrides: Any) -> AsyncIterator[App]:
    """Opens the application for a command, with the settings, the logs and the acting person."""
    current = read_command_settings(**overrides)
    set_up_logs(json=current.log_json)
    async with open_app(current) as app:
        app.writers.actor = str(acting_person())
        yield app


def run_with_app(act: Callable[[App], Awaitable[_T]]) -> _T:
    """Opens the application, runs `act` with it, and returns the result."""

    async def main() -> _T:
        async with open_command_app() as app:
            return await act(app)

    return run_async_or_exit(main)


def stop_event_of_signals() -> asyncio.Event:
    """Returns an event that SIGTERM, SIGINT or SIGHUP sets. The process then finishes its work and begins no more.

    Under `nohup`, SIGHUP stays ignored, so the process outlives its terminal.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, stop.set)
    return stop


def print_json(value: Any) -> None:
    """Prints one JSON document on stdout, on one line."""
    print(escape_json(json.dumps(value, ensure_ascii=False, default=str)))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], title: str | None = None) -> None:
    """Prints a table on stdout. A cell that is a list gets a line for each item."""
    for line in ([title] if title else []) + lay_out_table(columns, rows, out.width if out.is_terminal else None):
        out.print(line)


def progress_bar() -> Progress:
    """Returns a progress bar on stderr. It is hidden if stderr is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def format_utc_time(at: datetime | None) -> str:
    """Returns a time in UTC, to the second, as text; an empty text for None."""
    return at.strftime("%Y-%m-%d %H:%M:%SZ") if at else ""


def print_facts(values: Mapping[str, Cell]) -> None:
    """Prints names and values, one pair a line. Values that are None are left out."""
    for line in lay_out_facts([(name, value) for name, value in values.items() if value is not None]):
        out.print(line)
