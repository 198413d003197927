"""Tests in forked processes: each outcome reaches the one that forked them, also that of a process that died."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.spawning import begin

SUITE = """
import os, warnings

def test_passes(tmp_path): assert tmp_path.parent.name.startswith("fork-")
def test_fails(): assert [] == ["a reason"]
def test_warns(): warnings.warn("beware")
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A folder with two files of tests."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p tests.forking -p no:cacheprovider\n")
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(SUITE)
    return tmp_path


async def run(suite: Path, *arguments: str) -> tuple[int, str]:
    """The status of pytest in two forked processes, and what it printed."""
    command = [sys.executable, str(ROOT / "tests" / "run_pytest.py"), "--forks", "2", *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with tempfile.TemporaryFile() as none, tempfile.TemporaryFile() as out:
        process = await begin(command, env, suite, (none.fileno(), out.fileno(), out.fileno()))
        status = await process.wait()
        out.seek(0)
        return status, out.read().decode()


async def test_outcomes_and_warnings_are_told(suite: Path) -> None:
    """The outcome and the warnings of each test are told once, with the reason of a failure."""
    status, out = await run(suite)
    assert (status, "2 failed, 4 passed, 2 warnings" in out) == (1, True), out
    assert out.count("AssertionError: assert [] == ['a reason']") == 4
    assert "UserWarning: beware" in out


async def test_tests_of_a_process_that_dies_have_failed(suite: Path) -> None:
    """The one that it ran, and those of its file that it did not get to."""
    (suite / "test_two.py").write_text(SUITE + "def test_dies(): os._exit(3)\ndef test_never(): pass\n")
    status, out = await run(suite)
    assert (status, "4 failed, 4 passed" in out) == (1, True), out
    assert "test_two.py::test_never" in out
    assert "ended with 3" in out


async def test_a_run_that_stops_takes_no_more_files(suite: Path) -> None:
    """A run with -x that has failed starts no more files."""
    for number in range(20):
        (suite / f"test_x{number}.py").write_text("def test_slow():\n    import time; time.sleep(0.2)\n")
    status, out = await run(suite, "-x")
    assert (status, "stopping after" in out) == (1, True), out
    assert int(out.rpartition(" passed")[0].rpartition(" ")[2]) < 15


async def test_what_cannot_be_imported_ends_the_run(suite: Path) -> None:
    """No test runs if a file cannot be imported, as without forks."""
    (suite / "test_two.py").write_text("import nothing_of_this_name")
    status, out = await run(suite)
    assert (status, "1 error during collection" in out) == (2, True), out
