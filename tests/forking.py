"""A pytest plugin: `--forks N` runs the tests in processes that are forked from one, which has collected them.

With pytest-xdist each process imports and collects all tests itself, which takes nine seconds of a processor, and
starts all that its tests need.

A process takes a file when it has run the one before; the tests of a file run in one process, in their order.
"""

import gc
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain, groupby, pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from _pytest.tmpdir import TempPathFactory

_NUMBER = 4
"""Octets of a file's number in the pipe from which the processes take them."""
_FORKING = get_context("fork")
_GARBAGE = 50_000
"""Objects that are made before Python looks for garbage. After 700, as by default, it took a tenth of the time."""


class Hooks:
    """The hook by which a process takes its part of the shared resources."""

    @pytest.hookspec
    def pytest_forked(self, config: pytest.Config, number: int) -> None:
        """Runs in each forked process, with its number from 0 on, before its first test."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Adds `pytest_forked`."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--forks`."""
    parser.addoption("--forks", type=int, default=0, metavar="N", help="run the tests in N processes, file by file")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Runs the tests; without `--forks`, or if some cannot be imported, pytest goes on as ever."""
    count: int = session.config.option.forks
    if not count or session.config.option.collectonly or session.testsfailed:
        return None
    files = [list(items) for _, items in groupby(session.items, lambda item: item.path)]
    _run(session, files, count)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    return True


def _run(session: pytest.Session, files: Sequence[Sequence[pytest.Item]], count: int) -> None:
    """Forks, and tells pytest what the processes say, until all of them have ended."""
    left = _filled_pipe(len(files))
    sys.stdout.flush()
    sys.stderr.flush()
    gc.collect()
    gc.freeze()  # what they share is not looked through again, and so not copied
    forks: dict[Connection, _Fork] = {}
    for number in range(count):
        ours, theirs = _FORKING.Pipe(duplex=False)
        process = _FORKING.Process(target=_work, args=(session, files, left, theirs, number))
        process.start()
        theirs.close()
        forks[ours] = _Fork(process)
    try:
        while forks:
            for ready in wait(list(forks)):
                assert isinstance(ready, Connection)
                fork = forks[ready]
                try:
                    fork.hear(session, files, *ready.recv())
                except EOFError:
                    del forks[ready]
                    fork.end(session)
            if session.shouldfail or session.shouldstop:
                while os.read(left, 1 << 16):
                    pass
    finally:
        for fork in forks.values():
            fork.process.terminate()
        os.close(left)


def _filled_pipe(count: int) -> int:
    """Returns the end of a pipe from which the numbers of all files can be read, each by one process."""
    left, numbers = os.pipe()
    os.write(numbers, b"".join(number.to_bytes(_NUMBER) for number in range(count)))
    os.close(numbers)
    return left


class _Fork:
    """A process, as the one that forked it sees it: which tests it has taken and not ended."""

    def __init__(self, process: BaseProcess) -> None:
        self.process = process
        self._taken: list[pytest.Item] = []

    def hear(self, session: pytest.Session, files: Sequence[Sequence[pytest.Item]], kind: str, said: Any) -> None:
        """Tells pytest what the process says."""
        hook = session.config.hook
        if kind == "file":
            self._taken.extend(files[said])
        elif kind == "report":
            report = hook.pytest_report_from_serializable(config=session.config, data=said)
            hook.pytest_runtest_logreport(report=report)
        elif kind == "end":
            item = self._taken.pop(0)
            assert item.nodeid == said
            hook.pytest_runtest_logfinish(nodeid=said, location=item.location)
        else:
            text, (file, line), when, nodeid, location = said
            message = warnings.WarningMessage(pytest.PytestWarning(text), pytest.PytestWarning, file, line)
            about = {"warning_message": message, "when": when, "nodeid": nodeid, "location": location}
            hook.pytest_warning_recorded.call_historic(kwargs=about)

    def end(self, session: pytest.Session) -> None:
        """Reports tests that the process left undone as failed: it has died."""
        self.process.join()
        for item in self._taken:
            text = f"the process that ran this test, or one of its file before it, ended with {self.process.exitcode}"
            report = pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call")
            item.ihook.pytest_runtest_logreport(report=report)


def _work(
    session: pytest.Session, files: Sequence[Sequence[pytest.Item]], left: int, said: Connection, number: int
) -> None:
    """Runs tests in a forked process for as long as there are files."""
    gc.set_threshold(_GARBAGE)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    config = session.config
    _take_own_output_and_folder(config, number)
    config.pluginmanager.unregister(name="terminalreporter")
    config.pluginmanager.register(_Teller(config, said))
    config.hook.pytest_forked(config=config, number=number)
    for item, following in pairwise(chain(_items(files, left, said), [None])):
        assert item is not None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        said.send(("end", item.nodeid))


def _items(files: Sequence[Sequence[pytest.Item]], left: int, said: Connection) -> Iterator[pytest.Item]:
    while taken := os.read(left, _NUMBER):
        number = int.from_bytes(taken)
        said.send(("file", number))
        yield from files[number]


def _take_own_output_and_folder(config: pytest.Config, number: int) -> None:
    """Captures into files of this process's own, and keeps its temporary folders apart."""
    capturing = config.pluginmanager.getplugin("capturemanager")
    capturing.stop_global_capturing()
    capturing.start_global_capturing()
    capturing.suspend_global_capture()
    factory: TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]
    folder = factory.getbasetemp() / f"fork-{number}"
    folder.mkdir(mode=0o700)
    factory._basetemp = folder


class _Teller:
    """Tells the process that forked this one what pytest would write."""

    def __init__(self, config: pytest.Config, said: Connection) -> None:
        self._config = config
        self._said = said

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Sends the outcome of a test, its fixtures or their end."""
        hook = self._config.hook
        self._said.send(("report", hook.pytest_report_to_serializable(config=self._config, report=report)))

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: tuple[str, int, str] | None
    ) -> None:
        """Sends a test's warning, in words: its own class may be one that only tests know."""
        if when != "runtest":  # pytest repeats those of before to who is registered later
            return
        text = f"{warning_message.category.__name__}: {warning_message.message}"
        place = warning_message.filename, warning_message.lineno
        self._said.send(("warning", (text, place, when, nodeid, location)))
