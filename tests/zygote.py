"""A process that has imported mailer, and forks itself for each process or command of a test.

Importing takes a second of a processor. `python -m tests.zygote FD …` takes requests on Unix sockets: JSON with `argv`,
`env`, `cwd` and `script` (null: mailer itself), and three descriptors for stdin, stdout and stderr. It answers each
with `{"pid": …}`, and tells of each end with `{"pid": …, "status": …}`, where a negative status is the number of the
signal that ended it. It ends when its sockets do.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.shipped import load_shipped_policies, remember_policies, remember_templates, shipped_templates

LONGEST = 1 << 17
"""Octets of a request: an environment and a command line."""


def serve(connections: list[socket.socket]) -> dict[str, Any] | None:
    """Takes requests until there are no more; in each process that it forks, it returns that one's request."""
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    askers: dict[int, socket.socket] = {}
    while connections:
        asked: list[int | socket.socket] = [woken, *connections]
        readable, _, _ = select.select(asked, [], [])
        if woken in readable:
            os.read(woken, 4096)
            _tell_ends(askers)
        for connection in [one for one in connections if one in readable]:
            text, descriptors, _, _ = socket.recv_fds(connection, LONGEST, 3)
            if not text:
                connections.remove(connection)
                continue
            if (pid := os.fork()) == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for other in connections:
                    other.close()
                os.close(woken)
                os.close(wake)
                return become(json.loads(text), descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            askers[pid] = connection
            connection.send(json.dumps({"pid": pid}).encode())
    return None


def _tell_ends(askers: dict[int, socket.socket]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        with suppress(OSError):  # who asked for it has ended, too
            askers.pop(pid).send(json.dumps({"pid": pid, "status": os.waitstatus_to_exitcode(status)}).encode())


def become(request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
    """Gives this process the environment, the folder and the descriptors of a request."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    if "MAILER_CRASH_AT" in os.environ:
        arm()
    return request


def arm() -> None:
    """Reads again at which point to die: mailer does so when it is imported."""
    from mailer import crash_points
    from mailer.processors.smtp import connection

    importlib.reload(crash_points)
    vars(connection)["ARMED"] = crash_points.ARMED


def end_with(run: Callable[[], object]) -> None:
    """Runs a program and ends this process as Python does, but for taking apart what it has in memory.

    That takes half a second of a processor: it is shared with the process that forked this one, and would be copied.
    An exception is left to Python.
    """
    try:
        run()
    except SystemExit as end:
        status = end.code
    else:
        status = 0
    if isinstance(status, str):
        print(status, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]  # both are what Python itself calls
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


def main() -> None:
    """Serves; in a process that was forked, does what it was forked for."""
    import typer.main

    import mailer.app
    import mailer.cli
    import mailer.web.app
    import mailer.web.server
    from mailer.rendering.template_library import TemplateLibrary
    from tests.factories import policies

    remember_templates()
    remember_policies()
    load_shipped_policies()
    vars(typer.main)["get_command"] = {mailer.cli.app: typer.main.get_command(mailer.cli.app)}.__getitem__
    with tempfile.TemporaryDirectory() as folder:
        TemplateLibrary.load_library(shipped_templates(Path(folder)), policies())
    gc.collect()
    gc.freeze()
    connections = [socket.socket(fileno=int(number)) for number in sys.argv[1:]]
    for connection in connections:
        os.set_inheritable(connection.fileno(), False)
    request = serve(connections)
    if request is None:
        return
    script = request["script"]
    sys.argv = [script or "mailer", *request["argv"]]
    end_with((lambda: runpy.run_path(script, run_name="__main__")) if script else mailer.cli.main)


if __name__ == "__main__":
    main()
