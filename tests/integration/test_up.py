"""`make up` runs the Procfile: each process has its own port for operators, and ends with it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, SECONDS

STAND_IN = """#!/bin/sh
trap 'echo "$1 ended"; exit 0' TERM
echo "$1 at $MAILER_METRICS_PORT"
while true; do sleep 0.1; done
"""
START = "import os, sys; from scripts.up import run_processes; sys.exit(run_processes(dict(os.environ)))"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
async def test_its_processes_have_ports_and_end_with_it(tmp_path: Path, number: signal.Signals) -> None:
    """The ports are those that the documents name; a terminal that hangs up ends all of it in order (S14)."""
    program = tmp_path / "mailer"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    env.pop("PORT", None)
    up = await asyncio.create_subprocess_exec(sys.executable, "-c", START, stdout=asyncio.subprocess.PIPE, env=env)
    assert up.stdout is not None
    out = ""
    async with asyncio.timeout(SECONDS):
        while out.count(" at ") < 3:
            out += (await up.stdout.readline()).decode()
        up.send_signal(number)
        out += (await up.stdout.read()).decode()
        status = await up.wait()
    assert status == 0
    for said in (
        "web at 9400",
        "worker at 9500",
        "timekeeper at 9600",
        "web ended",
        "worker ended",
        "timekeeper ended",
    ):
        assert said in out, out
