"""The figures of the whole flow on `/metrics`: read now and then by the timekeeper, never by a scrape."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mailer.pipeline.message_retries import sleep_unless_stopped
from mailer.pipeline.queue_depths import read_queue_depths
from mailer.ports.broker import Broker
from mailer.ports.database_errors import DatabaseAway
from mailer.ports.flow_metrics import FIGURES, FlowGauge, FlowMetricsSource, Values
from mailer.telemetry import TIMEKEEPER, log

PERIOD = 15.0
"""Seconds between two readings."""
STALE = 60.0
"""Seconds after which a reading is shown no more: no figure is better than an old one."""
_SAMPLED = FlowGauge("mailer_figures_sampled_seconds", "When the figures of the flow were read (Unix time).")
_QUEUES = FlowGauge("mailer_queue_messages", "Messages that wait in a queue of the broker.", ("queue",))


class FlowMetricsCollector(Collector):
    """The figures that were read last, as long as they are fresh. Read by another thread.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read: tuple[float, float, Values] | None = None

    def set_values(self, values: Values, at: float) -> None:
        """Shows values that were read at a Unix time, until they are stale or others come."""
        self._read = self._clock(), at, values

    def collect(self) -> Iterable[Metric]:
        """Yields them, or nothing."""
        if self._read is None or self._clock() - self._read[0] > STALE:
            return
        _, at, values = self._read
        yield _metric_family(_SAMPLED, [((), at)])
        for name, samples in values.items():
            yield _metric_family(_QUEUES if name == "queues" else FIGURES[name], samples)

    def describe(self) -> Iterable[Metric]:
        """All that may be shown."""
        return [_metric_family(figure, []) for figure in (_SAMPLED, _QUEUES, *FIGURES.values())]


def _metric_family(figure: FlowGauge, samples: Sequence[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(figure.metric, figure.help, labels=figure.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


FLOW = FlowMetricsCollector()
TIMEKEEPER.register(FLOW)


async def refresh_metrics(
    figures: FlowMetricsSource, broker: Broker, queues: Sequence[str], shown: FlowMetricsCollector, stop: asyncio.Event
) -> None:
    """Reads the figures every `PERIOD` seconds until told to stop. Nothing else waits for it.

    Args:
        figures: of the database.
        broker: is asked how many messages wait.
        queues: of these queues.
        shown: where they are shown.
        stop: ends it.
    """
    while not stop.is_set():
        try:
            at = time.time()
            values = dict(await figures.read_metrics())
            values["queues"] = [((queue,), float(n)) for queue, n in (await read_queue_depths(broker, queues)).items()]
            shown.set_values(values, at)
        except DatabaseAway as error:
            log.info("the figures of the flow cannot be read", error=str(error))
        except Exception:
            log.exception("the figures of the flow cannot be read")
        await sleep_unless_stopped(stop, PERIOD)
