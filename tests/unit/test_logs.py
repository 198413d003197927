"""Logs: one line each, in one format, without any data that name a person. No process waits for their reader."""

import asyncio
import errno
import fcntl
import json
import logging
import os
import pty
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from mailer.metrics_and_logger import EVERY, log
from mailer.runtime.line_writer import MOST, LineWriter, StandInStream
from mailer.runtime.logs import (
    MAX_LINE,
    close_output,
    flush_output,
    install_unexpected_error_hooks,
    log_loop_error,
    set_up_logs,
)


@contextmanager
def _logging(file: Path, **how: Any) -> Iterator[Callable[[], list[str]]]:
    """Logs go to a file; its lines so far."""

    def lines() -> list[str]:
        flush_output()
        return file.read_text("utf-8").splitlines()

    with file.open("wb") as opened:
        set_up_logs(fd=opened.fileno(), **how)
        yield lines
        close_output()


@pytest.mark.parametrize("library", [False, True])
def test_log_lines_hold_no_exception_message(tmp_path: Path, library: bool) -> None:
    """An exception that is logged, by us or by a library, is one JSON line without its message."""
    with _logging(tmp_path / "log", json=True) as lines:
        try:
            raise ValueError("DETAIL: Failing row contains (ann@example.org)")
        except ValueError:
            (logging.getLogger("library") if library else log).exception("it failed")
        [line] = lines()
    entry = json.loads(line)
    assert entry["event"] == "it failed"
    assert entry["level"] == "error"
    assert "ValueError" in entry["error"]
    assert "example.org" not in line


def test_libraries_are_heard_from_warning_on(tmp_path: Path) -> None:
    """Our lines are logged from INFO on. Lines of libraries and Python's warnings have the same format."""
    with _logging(tmp_path / "log", json=True) as lines:
        log.debug("a")
        log.info("b")
        logging.getLogger("library").info("c")
        logging.getLogger("library").warning("d %s", "e")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn("f", stacklevel=1)
        entries = [json.loads(line) for line in lines()]
    assert [entry["event"] for entry in entries[:2]] == ["b", "d e"]
    assert entries[2]["event"].endswith('warnings.warn("f", stacklevel=1)\\u000a')
    assert entries[1]["logger"] == "library"


@pytest.mark.parametrize("json", [False, True])
def test_a_value_cannot_make_up_lines_or_colours(tmp_path: Path, json: bool) -> None:
    """Control characters, escape sequences, text direction and halves of characters are shown by their codes."""
    bad = "250\x1b[31mred\r\n2026-01-01 [error] made up\x85\u2028\u202eabc\udcff\x00"
    with _logging(tmp_path / "log", json=json) as lines:
        log.info("said", reply=bad)
        logging.getLogger("library").warning(bad)
        told = lines()
    assert len(told) == 2
    assert all(line.isprintable() for line in told)
    assert all("u001b[31mred" in line and "made up" in line for line in told)


def test_colours_are_for_terminals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file gets none; a terminal does, unless NO_COLOR is set (https://no-color.org)."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with _logging(tmp_path / "log", json=False) as lines:
        structlog.get_logger().info("plain")
        assert "\x1b" not in lines()[0]
    assert "\x1b" in _on_a_terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in _on_a_terminal()


def _on_a_terminal() -> str:
    """The log line as a terminal gets it."""
    ours, theirs = pty.openpty()
    set_up_logs(json=False, fd=theirs)
    structlog.get_logger().info("hello")
    close_output()
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    os.close(theirs)
    assert "hello" in shown
    return shown


def test_a_long_line_is_cut(tmp_path: Path) -> None:
    """However long a value is, its line has a length."""
    with _logging(tmp_path / "log", json=False) as lines:
        log.info("long", value="x" * 1_000_000)
        log.info("short")
        long, short = lines()
    assert len(long) == MAX_LINE + len(" ...")
    assert "short" in short


def _dropped() -> float:
    return EVERY.get_sample_value("mailer_log_lines_dropped_total") or 0.0


def test_a_pipe_that_nobody_reads_stops_nobody(tmp_path: Path) -> None:
    """Lines beyond what the pipe and the queue take are dropped and counted; the next ones come once it is read."""
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    before = _dropped()
    set_up_logs(json=True, fd=theirs)
    for number in range(3 * MOST):
        log.info("line", number=number)
    dropped = _dropped() - before
    assert 1.5 * MOST < dropped < 2 * MOST
    seen = b""
    while seen.count(b"\n") < 3 * MOST - dropped:
        seen += os.read(ours, 65536)
    log.info("again")
    assert json.loads(os.read(ours, 65536))["event"] == "again"
    numbers = [json.loads(line)["number"] for line in seen.splitlines()]
    assert numbers == sorted(numbers)
    os.close(ours)
    os.close(theirs)


def test_a_pipe_that_nobody_reads_keeps_nobody_from_ending() -> None:
    """A process that ends waits for its last log lines no longer than the limit."""
    ours, theirs = os.pipe()
    writer = LineWriter(theirs, int)
    writer.queue_or_drop_piece(b"x" * 1_000_000)
    assert not writer.flush(0.05)
    _read_all(ours, 1_000_000)
    assert writer.flush(60)
    os.close(ours)
    os.close(theirs)


def test_a_reader_that_is_gone_and_a_full_disk_only_cost_lines() -> None:
    """Each line that cannot be written is counted; nothing is raised."""
    ours, gone = os.pipe()
    os.close(ours)
    with open("/dev/full", "wb", buffering=0) as full:
        for fd in (gone, full.fileno()):
            lost: list[int] = []
            writer = LineWriter(fd, lost.append)
            for _ in range(10):
                writer.queue_or_drop_piece(b"line\n")
            assert writer.flush(60)
            assert lost == [1] * 10
            writer.close()
    os.close(gone)


def test_a_pipe_that_does_not_block_is_waited_for() -> None:
    """A descriptor that somebody has made non-blocking takes all lines, as fast as they are read."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    writer = LineWriter(theirs, int)
    writer.queue_or_drop_piece(b"x" * 500_000)
    writer.queue_or_drop_piece(b"end\n")
    assert _read_all(ours, 500_004).endswith(b"xend\n")
    assert writer.flush(60)
    os.close(ours)
    os.close(theirs)


def test_the_line_after_a_cut_one_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk cuts a line and drops the next ones whole. The line after them begins on a line of its own."""
    ours, theirs = os.pipe()
    full, write = OSError(errno.ENOSPC, "full"), os.write
    answers: list[int | OSError | None] = [5, full, full, None]

    def some(fd: int, data: bytes) -> int:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return write(fd, bytes(data)[:answer])

    monkeypatch.setattr("mailer.runtime.line_writer.os.write", some)
    lost: list[int] = []
    writer = LineWriter(theirs, lost.append)
    for piece in (b"first line\n", b"second\n", b"third\n"):
        writer.queue_or_drop_piece(piece)
    assert writer.flush(60)
    assert (os.read(ours, 100), lost) == (b"first\nthird\n", [1, 1])
    os.close(ours)
    os.close(theirs)


def _read_all(fd: int, octets: int) -> bytes:
    found = b""
    while len(found) < octets:
        found += os.read(fd, 65536)
    return found


def test_prints_cannot_stop_a_process_either() -> None:
    """A stream in the place of stdout takes text of any kind, and its reader may be gone."""
    ours, theirs = os.pipe()
    writer = LineWriter(theirs, int)
    stream = StandInStream(writer, terminal=False)
    print("grüße \udcff", 1, file=stream, flush=True)
    writer.flush()
    assert os.read(ours, 100).decode() == "grüße \\udcff 1\n"
    os.close(ours)
    print("nobody", file=stream, flush=True)
    assert writer.flush(60)
    assert (stream.isatty(), stream.encoding) == (False, "utf-8")
    os.close(theirs)


def test_surprises_are_logged_without_their_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that ends the process or a thread, that nobody awaited or that a finalizer raised: place, no words."""
    for place, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(place, name, getattr(place, name))

    def fail(*_: object) -> None:
        raise KeyError("ann@example.org")

    async def forget() -> None:
        async def failing() -> None:
            fail()

        task = asyncio.create_task(failing())
        await asyncio.wait([task])
        asyncio.get_running_loop().set_exception_handler(log_loop_error)
        del task

    install_unexpected_error_hooks()
    with _logging(tmp_path / "log", json=True) as lines:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        type("Finalized", (), {"__del__": fail})()
        asyncio.run(forget())
        try:
            fail()
        except KeyError as error:
            sys.excepthook(KeyError, error, error.__traceback__)
        entries = [json.loads(line) for line in lines()]
    assert [entry["event"] for entry in entries] == [
        "a thread ended by an error",
        "an error had nobody to go to",
        "Task exception was never retrieved",
        "it ended by an error that nobody expected",
    ]
    for entry in entries:
        assert entry["error"].startswith("builtins.KeyError at ")
        assert "example.org" not in str(entry)
