from prometheus_client import CollectorRegistry, generate_latest

from mailer.runtime.histograms import BulkObservationHistogram


def test_many_equal_observations_count_as_many() -> None:
    """Buckets are cumulated, a value on a bound belongs below it, and the sum and count are those of single ones."""
    registry = CollectorRegistry()
    histogram = BulkObservationHistogram("seconds", "How long.", "lane", (0.5, 1, 10))
    registry.register(histogram)
    assert "seconds_bucket" not in generate_latest(registry).decode()
    histogram.observe_values("service", [0.25], 64)
    histogram.observe_values("service", [1, 1])
    histogram.observe_values("service", [99])
    histogram.observe_values("breach", [0.5, -1])
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert lines == [
        'seconds_bucket{lane="service",le="0.5"} 64.0',
        'seconds_bucket{lane="service",le="1"} 66.0',
        'seconds_bucket{lane="service",le="10"} 66.0',
        'seconds_bucket{lane="service",le="+Inf"} 67.0',
        'seconds_count{lane="service"} 67.0',
        'seconds_sum{lane="service"} 117.0',
        'seconds_bucket{lane="breach",le="0.5"} 2.0',
        'seconds_bucket{lane="breach",le="1"} 2.0',
        'seconds_bucket{lane="breach",le="10"} 2.0',
        'seconds_bucket{lane="breach",le="+Inf"} 2.0',
        'seconds_count{lane="breach"} 2.0',
        'seconds_sum{lane="breach"} 0.5',
    ]
