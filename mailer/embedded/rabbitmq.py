"""A private RabbitMQ node from Debian's package, or from a separate Debian in a folder (a chroot).

The node listens on loopback only and has its own files, cookie and epmd (Erlang's name server). It therefore does not
use or disturb a node or an epmd that already runs on the machine, and leaves none behind.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from mailer.embedded import PrivateServiceUnavailable
from mailer.runtime.private_files import create_private_folder

_START_SECONDS = 60
_STOP_SECONDS = 30
_PACKAGE_PREFIX = Path("/usr/lib/rabbitmq")
_PORTS = range(20_000, 32_768)
"""Ports below those that Linux gives to outgoing connections, so the ports of a node stay free while it restarts."""

_CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
disk_free_limit.absolute = 50MB
vm_memory_calculation_strategy = allocated
vm_memory_high_watermark.absolute = 2GB
raft.wal_max_size_bytes = 67108864
log.file.level = warning
"""
"""The configuration of the node. It does not ask the system for memory, as a chroot may lack `/proc`."""

_ERLANG = "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
"""Options of Erlang. Its own protocol, too, listens on loopback only. Its threads do not spin while they wait: on two
busy cores, the start of a node then takes 2.5 seconds of CPU instead of 5."""

_TIED_TO_US = """\
exec 3<&0 </dev/null
"$@" 3<&- & program=$!
(read -r _ <&3; kill "$program") & reader=$!
wait "$program"
kill "$reader" 2>/dev/null
"""
"""A shell script that runs a program until it ends, or until our end of the shell's input is closed. Our death closes
it, too."""

_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"


@dataclass(frozen=True, slots=True)
class _Ports:
    amqp: int
    distribution: int
    epmd: int


class PrivateRabbit:
    """A running node. `start_rabbitmq` makes it."""

    def __init__(self, command: "_NodeCommand", ports: _Ports) -> None:
        """Starts the node; see `start_rabbitmq`."""
        self._command = command
        self._ports = ports
        self._processes: list[subprocess.Popen[bytes]] = []
        self._launch()

    @property
    def url(self) -> str:
        """Returns the AMQP 0-9-1 URL of the node; it stays the same after a restart."""
        return f"amqp://guest:guest@127.0.0.1:{self._ports.amqp}/"

    def stop(self) -> None:
        """Stops the node, by force if it takes too long. Its files stay. A second call does nothing."""
        while self._processes:
            process = self._processes.pop()
            assert process.stdin is not None  # noqa: S101 (it was opened as a pipe)
            process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def restart(self) -> None:
        """Stops the node and starts it again on the same files and port."""
        self.stop()
        self._launch()

    def __enter__(self) -> Self:
        """Returns the node itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the node, as `stop` does."""
        self.stop()

    def _launch(self) -> None:
        try:
            epmd = ("epmd", "-port", str(self._ports.epmd), "-address", "127.0.0.1")
            self._processes.append(self._command.spawn_program(epmd))
            self._wait_for_port(self._ports.epmd, greeting=b"")
            self._processes.append(self._command.spawn_program((self._command.server,)))
            self._wait_for_port(self._ports.amqp, greeting=_PROTOCOL_HEADER)
        except BaseException:
            self.stop()
            raise

    def _wait_for_port(self, port: int, greeting: bytes) -> None:
        """Waits until the newest process answers on its port.

        Raises:
            PrivateServiceUnavailable: the process ended, or took too long.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not _is_answering(port, greeting):
            if self._processes[-1].poll() is not None or time.monotonic() > deadline:
                raise PrivateServiceUnavailable(f"the private RabbitMQ does not start; see {self._command.log}")
            time.sleep(0.05)


def start_rabbitmq(folder: Path, prefix: Path = _PACKAGE_PREFIX, chroot: Path | None = None) -> PrivateRabbit:
    """Starts a node and returns when it answers.

    Args:
        folder: the folder of the node's files and log. It is made if it is missing.
        prefix: the folder of RabbitMQ, laid out as in Debian's package.
        chroot: the root of a Debian that contains `prefix` and `folder`. Only root can use it.

    Raises:
        PrivateServiceUnavailable: RabbitMQ is not installed, or does not start.
    """
    root = (chroot or Path("/")).resolve()
    servers = sorted(root.joinpath(*prefix.parts[1:]).glob("lib/rabbitmq_server-*/sbin/rabbitmq-server"))
    if not servers or (chroot is None and shutil.which("epmd") is None):
        raise PrivateServiceUnavailable("RabbitMQ is not installed: apt-get install rabbitmq-server")
    folder = folder.resolve()
    outside = root / folder.relative_to("/")
    create_private_folder(outside)
    ports = _choose_free_node_ports()
    (outside / "rabbitmq.conf").write_text(_CONFIGURATION.format(port=ports.amqp))
    (outside / "plugins").write_text("[].\n")
    wrapper = ("chroot", str(root)) if chroot else ()
    server = str(Path("/", servers[-1].relative_to(root)))
    return PrivateRabbit(_NodeCommand(wrapper, server, _node_environment(folder, ports), outside / "output.log"), ports)


@dataclass(frozen=True, slots=True)
class _NodeCommand:
    """The command line and the environment of the node's programs.

    Attributes:
        wrapper: the words before the program on the command line.
        server: the node's own program.
        environment: all settings of the node, and no variable of the caller.
        log: the file for the output.
    """

    wrapper: tuple[str, ...]
    server: str
    environment: Mapping[str, str]
    log: Path

    def spawn_program(self, program: tuple[str, ...]) -> subprocess.Popen[bytes]:
        """Starts a program in its own process group, so Ctrl-C reaches only us. The program ends when we end."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                ["sh", "-c", _TIED_TO_US, "sh", *self.wrapper, *program],
                env=self.environment,
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def _node_environment(folder: Path, ports: _Ports) -> dict[str, str]:
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(ports.epmd),
        "RUNNING_UNDER_SYSTEMD": "true",  # the script then becomes the Erlang process, which ends in order on SIGTERM
        "RABBITMQ_NODENAME": f"mailer{ports.amqp}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(ports.amqp),
        "RABBITMQ_DIST_PORT": str(ports.distribution),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "node.pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_CONFIG_FILES": str(folder / "conf.d"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG,
    }


def _choose_free_node_ports() -> _Ports:
    """Returns three free ports."""
    free: set[int] = set()
    while len(free) < 3:
        port = random.choice(_PORTS)  # noqa: S311 (which port is no secret)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        free.add(port)
    return _Ports(*free)


def _is_answering(port: int, greeting: bytes) -> bool:
    """Tells whether a port is open and, with a greeting, answers with an AMQP method frame (AMQP 0-9-1, 2.2.4)."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            if not greeting:
                return True
            connection.sendall(greeting)
            return connection.recv(1) == _METHOD_FRAME
    except OSError:
        return False
