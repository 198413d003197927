"""A Prometheus of Debian that scrapes what a test tells it to, and evaluates the rules that come with mailer."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.processes import ROOT, free_port, until

RULES = ROOT / "docs" / "monitoring" / "alerts.yaml"
PROGRAM, TOOL = "/usr/bin/prometheus", "/usr/bin/promtool"


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    client: httpx.AsyncClient

    async def ask(self, path: str, **parameters: str) -> Any:
        """Asks its API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""
        answer = await self.client.get(f"/api/v1/{path}", params=parameters)
        document = answer.json()
        assert document["status"] == "success", document
        return document["data"]

    async def query(self, expression: str) -> list[Any]:
        """The samples that an expression gives now."""
        found: list[Any] = (await self.ask("query", query=expression))["result"]
        return found

    async def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {alert["labels"]["alertname"] for alert in (await self.ask("alerts"))["alerts"]}

    async def evaluated(self) -> float:
        """The time at which it evaluated the rules last, in seconds of some clock; 0 if it has not."""
        found = await self.query("min(prometheus_rule_group_last_evaluation_timestamp_seconds)")
        return float(found[0]["value"][1]) if found else 0.0


@asynccontextmanager
async def prometheus(folder: Path, ports: Iterable[int]) -> AsyncIterator[Prometheus]:
    """Starts one that scrapes ports of loopback each second as the job `mailer`, and itself; alerts fire at once.

    The rules are those of docs/monitoring/alerts.yaml, but for their waiting (`for`).
    """
    port = free_port()
    rules, config = folder / "rules.yaml", folder / "prometheus.yaml"
    rules.write_text(re.sub(r"^ +for: .*\n", "", RULES.read_text("utf-8"), flags=re.MULTILINE), "utf-8")
    jobs = [_job("mailer", ports), _job("prometheus", [port])]
    every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config.write_text(json.dumps({"global": every, "rule_files": [str(rules)], "scrape_configs": jobs}))
    command = [
        PROGRAM,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    process = await asyncio.create_subprocess_exec(*command, cwd=folder)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

            async def answers() -> bool:
                assert process.returncode is None, "Prometheus ended by itself"
                try:
                    return (await client.get("/-/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(answers, "Prometheus to be ready")
            yield Prometheus(client)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _job(name: str, ports: Iterable[int]) -> dict[str, Any]:
    return {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}


def check_rules(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs promtool."""
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, check=False)


def alerts() -> Sequence[str]:
    """The names of the alerts, in their order."""
    return re.findall(r"^ +- alert: (\w+)$", RULES.read_text("utf-8"), re.MULTILINE)
