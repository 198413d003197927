"""The metrics of the whole flow on `/metrics`. The timekeeper reads them regularly; a scrape never does."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mailer.metrics_and_logger import TIMEKEEPER, log
from mailer.pipeline.queue_depths import read_queue_depths
from mailer.ports.broker import Broker
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.flow_metrics import FIGURES, FlowGaugeDefinition, FlowMetricsSource, Values
from mailer.runtime.repeating import rounds_until_stopped

PERIOD = 15.0
"""Seconds between two readings."""
STALE = 60.0
"""Seconds after which values are not shown any more: no value is better than an old one."""
_SAMPLED = FlowGaugeDefinition("mailer_figures_sampled_seconds", "When the figures of the flow were read (Unix time).")
_QUEUES = FlowGaugeDefinition("mailer_queue_messages", "Messages that wait in a queue of the broker.", ("queue",))


class FlowMetricsCollector(Collector):
    """The values that were read last, while they are fresh. Another thread collects them.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read: tuple[float, float, Values] | None = None

    def set_values(self, values: Values, at: float) -> None:
        """Stores values that were read at Unix time `at`. They are shown until they are stale or replaced."""
        self._read = self._clock(), at, values

    def collect(self) -> Iterable[Metric]:
        """Yields the metrics, or nothing if the values are missing or stale."""
        if self._read is None or self._clock() - self._read[0] > STALE:
            return
        _, at, values = self._read
        yield _metric_family(_SAMPLED, [((), at)])
        for name, samples in values.items():
            yield _metric_family(_QUEUES if name == "queues" else FIGURES[name], samples)

    def describe(self) -> Iterable[Metric]:
        """Returns all metrics without values, as the Prometheus registry asks."""
        return [_metric_family(figure, []) for figure in (_SAMPLED, _QUEUES, *FIGURES.values())]


def _metric_family(figure: FlowGaugeDefinition, samples: Sequence[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(figure.metric, figure.help, labels=figure.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


FLOW = FlowMetricsCollector()
TIMEKEEPER.register(FLOW)


async def refresh_metrics_until_stopped(
    figures: FlowMetricsSource, broker: Broker, queues: Sequence[str], shown: FlowMetricsCollector, stop: asyncio.Event
) -> None:
    """Reads the metrics every `PERIOD` seconds until `stop` is set. No other work waits for it.

    Args:
        figures: the source of the database's metrics.
        broker: the source of the numbers of waiting messages.
        queues: the queues to count.
        shown: the collector that gets the values.
        stop: ends it.
    """
    async for _ in rounds_until_stopped(PERIOD, stop):
        try:
            at = time.time()
            values = dict(await figures.read_metrics())
            values["queues"] = [((queue,), float(n)) for queue, n in (await read_queue_depths(broker, queues)).items()]
            shown.set_values(values, at)
        except DatabaseUnavailable as error:
            log.info("the figures of the flow cannot be read", error=str(error))
        except Exception:
            log.exception("the figures of the flow cannot be read")
