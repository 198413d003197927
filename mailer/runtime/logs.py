"""The logs of a process: one format for our lines and those of libraries, written to stderr. Logging never blocks."""

import atexit
import faulthandler
import logging
import os
import re
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO, cast

import structlog

from mailer.metrics_and_logger import LINES_DROPPED, describe_error_without_message, log
from mailer.runtime.line_writer import LineWriter, StandInStream

MAX_LINE = 8 * 1024
"""The most octets of a line. A longer line is cut."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""Control characters and others that change the look of a line. Values are written with codes in their place."""

_writers: dict[int, LineWriter] = {}
"""The line writers, by file descriptor."""


def set_up_logs(*, json: bool, fd: int = 2, level: int = logging.INFO) -> None:
    """Sends all logs to a file descriptor, as lines for people or as JSON for machines.

    Writes our lines from `level` on, and those of libraries from WARNING on. Uses colours on a terminal, unless
    NO_COLOR is set.
    """
    writer = _line_writer_of_fd(fd)
    renderer: Any = structlog.processors.JSONRenderer()
    if not json:
        renderer = structlog.dev.ConsoleRenderer(colors=_takes_colours(fd))
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _replace_exception_by_description,
        _escape_unprintable_values,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _LogLineStream(writer))),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(_LogLineStream(writer))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.raiseExceptions = False
    logging.captureWarnings(True)


def replace_output_by_nonblocking_streams() -> None:
    """Replaces stdout and stderr by streams that neither block nor end the process. For processes without a user."""
    for name, fd in (("stdout", 1), ("stderr", 2)):
        setattr(sys, name, StandInStream(_line_writer_of_fd(fd), terminal=_is_terminal(fd)))


def flush_output() -> None:
    """Waits until all logged and printed lines are written: at most two seconds a file descriptor."""
    for writer in _writers.values():
        writer.flush()


def close_output() -> None:
    """Waits as `flush_output` does, then closes all writers. Nothing is written afterwards."""
    flush_output()
    while _writers:
        _writers.popitem()[1].close()


def install_unexpected_error_hooks() -> None:
    """Installs hooks that log uncaught errors: type and line, without the message, which may name a person.

    Also enables faulthandler: at a signal such as SIGSEGV the process writes the stacks of its threads.
    """
    with suppress(OSError, ValueError):
        faulthandler.enable(2)
    sys.excepthook = lambda _, error, trace: _log_unexpected("it ended by an error that nobody expected", error, trace)
    sys.unraisablehook = lambda it: _log_unexpected("an error had nobody to go to", it.exc_value, it.exc_traceback)
    threading.excepthook = lambda it: _log_unexpected("a thread ended by an error", it.exc_value, it.exc_traceback)


def log_loop_error(_: object, context: dict[str, Any]) -> None:
    """Logs an error of the event loop. Leaves out the reprs of tasks, which contain error messages."""
    _log_unexpected(str(context.get("message")), context.get("exception"), None)


def _log_unexpected(event: str, error: BaseException | None, trace: TracebackType | None) -> None:
    with suppress(Exception):
        if _writers:
            log.error(event, error=describe_error_without_message(error, trace))
        else:
            print(f"mailer: {event}: {describe_error_without_message(error, trace)}", file=sys.stderr)


def _line_writer_of_fd(fd: int) -> LineWriter:
    """Returns the only writer of a file descriptor. One writer for each descriptor keeps lines apart."""
    if fd not in _writers:
        if not _writers:
            atexit.register(close_output)
        _writers[fd] = LineWriter(fd, LINES_DROPPED.inc)
    return _writers[fd]


class _LogLineStream(StandInStream):
    """A stream of whole log lines. Cuts long lines at `MAX_LINE` octets."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__(writer, terminal=False)

    def write(self, text: str, /) -> int:
        """Gives a line to the writer."""
        line = text.rstrip("\n").encode("utf-8", "backslashreplace")
        self._writer.queue_or_drop_piece((line if len(line) <= MAX_LINE else line[:MAX_LINE] + b" ...") + b"\n")
        return len(text)


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False


def _takes_colours(fd: int) -> bool:
    return _is_terminal(fd) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _replace_exception_by_description(
    _logger: Any, _name: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Replaces the exception of a log event by its description, which has no message."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = describe_error_without_message(error)
    return event


def _escape_unprintable_values(_logger: Any, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Writes codes in the place of characters that move the cursor, change colours or reverse the text direction."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
    return event
