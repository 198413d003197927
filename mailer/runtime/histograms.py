"""A Prometheus histogram that counts many observations in one call, for very frequent events."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector


class BulkObservationHistogram(Collector):
    """A histogram with one label. One thread writes it; any thread may read it.

    Args:
        name: the name of the metric.
        help: the help text of the metric, one line.
        label: the name of the label.
        bounds: the upper bounds of the buckets, ascending. A last bucket without a bound is added.
    """

    def __init__(self, name: str, help: str, label: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._help = help
        self._label = label
        self._bounds = tuple(map(float, bounds))
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe_values(self, label: str, values: Sequence[float], times: int = 1) -> None:
        """Counts each value `times` times. A value below zero comes from two different clocks, and counts as zero."""
        counts = self._counts.get(label)
        if counts is None:
            self._sums[label] = 0.0
            counts = self._counts[label] = [0] * (len(self._bounds) + 1)
        bounds = self._bounds
        for value in values:
            counts[bisect_left(bounds, value)] += times
        self._sums[label] += times * sum([max(value, 0.0) for value in values] if min(values) < 0 else values)

    def collect(self) -> Iterable[Metric]:
        """Yields the histogram with cumulative buckets."""
        family = HistogramMetricFamily(self._name, self._help, labels=[self._label])
        for label, counts in list(self._counts.items()):
            total, buckets = 0, []
            for bound, n in zip((*(f"{bound:g}" for bound in self._bounds), "+Inf"), list(counts), strict=True):
                total += n
                buckets.append((bound, float(total)))
            family.add_metric([label], buckets, self._sums[label])
        yield family

    def describe(self) -> Iterable[Metric]:
        """Returns the histogram without values."""
        return [HistogramMetricFamily(self._name, self._help, labels=[self._label])]
