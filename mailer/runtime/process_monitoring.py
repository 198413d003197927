"""Monitoring of one process: its heartbeat, its readiness, its metrics."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from importlib.metadata import version

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from mailer.metrics_and_logger import EVERY
from mailer.runtime.operator_http_server import HttpAnswer, OperatorHttpServer
from mailer.runtime.readiness import Readiness

BEAT = 1.0
"""Seconds between two beats of the event loop."""
STUCK = 15.0
"""Seconds without a beat after which `/livez` reports the process as dead."""


class LoopHeartbeat:
    """Records the time of the event loop's last beat. Another thread reads it.

    Args:
        clock: returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock()

    async def keep_beating(self) -> None:
        """Records a beat every `BEAT` seconds until the task is cancelled."""
        while True:
            self._at = self._clock()
            await asyncio.sleep(BEAT)

    @property
    def seconds_since_beat(self) -> float:
        """Returns the seconds since the last beat."""
        return self._clock() - self._at


class _ReadinessAndHeartbeatMetrics(Collector):
    """Prometheus metrics of the process itself: version, readiness, problems, heartbeat."""

    def __init__(self, name: str, readiness: Readiness, pulse: LoopHeartbeat) -> None:
        self._info = {"process": name, "version": version("pactmail")}
        self._readiness = readiness
        self._pulse = pulse

    def collect(self) -> Iterable[Metric]:
        """Yields the metrics as of now."""
        problems = self._readiness.problems
        yield InfoMetricFamily("mailer", "The process and its version; always 1.", value=self._info)
        yield GaugeMetricFamily("mailer_ready", "1 if the process can do its work, else 0.", value=not problems)
        standing = GaugeMetricFamily(
            "mailer_problem",
            "1 for each thing that keeps the process from its work; /readyz explains it.",
            labels=["name"],
        )
        for name in problems:
            standing.add_metric([name], 1)
        yield standing
        silence = self._pulse.seconds_since_beat
        yield GaugeMetricFamily(
            "mailer_loop_silence_seconds", "Seconds since the event loop last turned; one is usual.", value=silence
        )


def build_process_metrics_registry(name: str, readiness: Readiness, pulse: LoopHeartbeat) -> CollectorRegistry:
    """Returns a registry with the metrics of the process itself."""
    registry = CollectorRegistry()
    registry.register(_ReadinessAndHeartbeatMetrics(name, readiness, pulse))
    ProcessCollector(registry=registry)
    return registry


def operator_port_routes(
    readiness: Readiness, pulse: LoopHeartbeat, registries: Sequence[CollectorRegistry]
) -> Mapping[str, Callable[[], HttpAnswer]]:
    """Returns the paths of the operators' port, each with the function that answers it."""

    def metrics() -> HttpAnswer:
        text = b"".join(generate_latest(registry) for registry in registries)
        return HttpAnswer(200, [("content-type", CONTENT_TYPE_LATEST)], text)

    def livez() -> HttpAnswer:
        silence = pulse.seconds_since_beat
        return _json_answer(silence < STUCK, {"live": silence < STUCK, "loop_silence_seconds": round(silence, 1)})

    def readyz() -> HttpAnswer:
        problems = dict(readiness.problems)
        return _json_answer(not problems, {"ready": not problems, "problems": problems})

    return {"/metrics": metrics, "/livez": livez, "/readyz": readyz}


def _json_answer(well: bool, value: object) -> HttpAnswer:
    body = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    return HttpAnswer(200 if well else 503, [("content-type", "application/json")], body.encode())


@asynccontextmanager
async def serving_operator_port(
    name: str, host: str, port: int, readiness: Readiness, registries: Sequence[CollectorRegistry]
) -> AsyncIterator[OperatorHttpServer]:
    """Serves the operators' port of this process within the context. With port 0 no port is opened.

    Args:
        name: the name of the process.
        host: the address to listen on.
        port: the port to listen on; 0 for none.
        readiness: the problems that keep the process from its work.
        registries: further metrics of the process.

    Raises:
        OSError: the port is taken, or the host is not an address of this machine.
    """
    pulse = LoopHeartbeat()
    own = build_process_metrics_registry(name, readiness, pulse)
    operators = OperatorHttpServer(host, port, operator_port_routes(readiness, pulse, [own, EVERY, *registries]))
    beating = asyncio.create_task(pulse.keep_beating())
    try:
        with operators if port else nullcontext():
            yield operators
    finally:
        beating.cancel()
