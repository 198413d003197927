"""Runs the processes of the Procfile on the services that the environment names, or on private ones.

`MAILER_DATABASE_URL` and `MAILER_BROKER_URL` name services that run already; for one that is not given, a private
PostgreSQL or RabbitMQ is started with its files under `.cache/up`, and stopped at the end.
"""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from mailer.embedded import Unavailable, postgres, rabbitmq

ROOT = Path(__file__).resolve().parent.parent
PRIVATE = ROOT / ".cache" / "up"


def environment(services: ExitStack) -> dict[str, str]:
    """What the processes are given; private services are entered into `services`."""
    env = dict(os.environ)
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    if "MAILER_DATABASE_URL" not in env:
        env["MAILER_DATABASE_URL"] = services.enter_context(postgres.start(PRIVATE / "postgres")).url()
    if "MAILER_BROKER_URL" not in env:
        env["MAILER_BROKER_URL"] = services.enter_context(rabbitmq.start(PRIVATE / "rabbitmq")).url
    return env


def run_processes(env: dict[str, str]) -> int:
    """Runs the Procfile until it ends or we are asked to stop; returns its exit status."""
    processes = subprocess.Popen([sys.executable, "-m", "honcho", "start"], cwd=ROOT, env=env, start_new_session=True)
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda *_: processes.terminate())
    return processes.wait()


def main() -> int:
    """Starts what is missing, brings the database up to date and runs the processes."""
    with ExitStack() as services:
        try:
            env = environment(services)
        except Unavailable as missing:
            print(f"up: {missing}", file=sys.stderr)
            return 1
        migrated = subprocess.run(["mailer", "migrate"], cwd=ROOT, env=env, check=False).returncode
        return migrated or run_processes(env)


if __name__ == "__main__":
    sys.exit(main())
