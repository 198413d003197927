"""Runs the processes of the Procfile on the services that the settings name, or on private ones.

`MAILER_DATABASE_URL` and `MAILER_BROKER_URL`, from the environment or `.env`, name services that run already. For one
that is not given, a private PostgreSQL or RabbitMQ is started with its files under `.cache/up`, and stopped at the end.
A private database gets secrets of its own, kept beside it, where none are given. Whoever runs this
may publish then, as may a private RabbitMQ's user.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from dotenv import dotenv_values

from mailer.account_event_types import KINDS
from mailer.cli.shared import system_user_name
from mailer.embedded import PrivateServiceUnavailable, postgres, rabbitmq
from mailer.policy.category import CATEGORIES

ROOT = Path(__file__).resolve().parent.parent
PRIVATE = ROOT / ".cache" / "up"
OPERATORS = "9400"
"""The operators' port of `web`; `worker` has 9500 and `timekeeper` 9600. `PORT` in the environment takes its place."""
SECRETS = ("MAILER_SECRET_KEYS", "MAILER_ADDRESS_KEY", "MAILER_LEDGER_KEY")


def environment(services: ExitStack) -> dict[str, str]:
    """The environment of the processes. Private services are entered into `services`."""
    written = {name: value for name, value in dotenv_values(ROOT / ".env").items() if value is not None}
    env = written | dict(os.environ)
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    if "MAILER_DATABASE_URL" not in env:
        env["MAILER_DATABASE_URL"] = services.enter_context(postgres.start_postgres(PRIVATE / "postgres")).url()
        env = private_secrets() | env
    if "MAILER_BROKER_URL" not in env:
        env["MAILER_BROKER_URL"] = services.enter_context(rabbitmq.start_rabbitmq(PRIVATE / "rabbitmq")).url
    return env


def private_secrets() -> dict[str, str]:
    """The secrets of the private database, made once: with others its links and suppressions would be void."""
    file = PRIVATE / "secrets.env"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text("".join(f"{name}={secrets.token_hex(32)}\n" for name in SECRETS))
    return {name: value for name, value in dotenv_values(file).items() if value is not None}


def let_publish(env: dict[str, str]) -> int:
    """Grants all rights to the private RabbitMQ's user and to the person who runs this. Returns the exit status."""
    listed = subprocess.run(
        ["mailer", "policy", "list", "--json"], cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE
    )
    granted = {
        "brand": [policy["brand"] for policy in json.loads(listed.stdout)],
        "category": CATEGORIES,
        "action": KINDS,
    }
    options = [word for what, names in granted.items() for one in names for word in (f"--{what}", one)]
    commands = (
        ["mailer", "publishers", "add", identity, *options]
        for identity in ("broker:guest", f"person:{system_user_name()}")
    )
    return max(subprocess.run(command, cwd=ROOT, env=env, check=False).returncode for command in commands)


def run_processes(env: dict[str, str]) -> int:
    """Runs the Procfile until a process of it ends, or we are asked to stop; returns the exit status."""
    command = [sys.executable, "-m", "honcho", "start", "--port", env.get("PORT", OPERATORS)]
    processes = subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True)
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, lambda *_: processes.terminate())
    status = processes.wait()
    return 0 if status == 128 + signal.SIGTERM else status


def main() -> int:
    """Starts what is missing, brings the database up to date and runs the processes."""
    with ExitStack() as services:
        try:
            env = environment(services)
        except PrivateServiceUnavailable as missing:
            print(f"up: {missing}", file=sys.stderr)
            return 1
        is_private = "MAILER_BROKER_URL" not in os.environ | dotenv_values(ROOT / ".env")
        migrated = subprocess.run(["mailer", "migrate"], cwd=ROOT, env=env, check=False).returncode
        return migrated or (is_private and let_publish(env)) or run_processes(env)


if __name__ == "__main__":
    sys.exit(main())
