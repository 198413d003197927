"""The figures of the flow: read from the database now and then, and shown as long as they are fresh."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from mailer.pipeline import flow_metrics
from mailer.pipeline.flow_metrics import STALE, FlowMetricsCollector, refresh_metrics_until_stopped
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.ports.flow_metrics import FIGURES, Values
from mailer.postgres import flow_metrics as database_metrics
from mailer.postgres.flow_metrics import PostgresFlowMetrics
from tests.brokers import FakeBroker
from tests.factories import World, person, until

Table = dict[str, list[tuple[tuple[str, ...], float]]]


async def _read(world: World) -> Table:
    return {name: list(samples) for name, samples in (await PostgresFlowMetrics(world.pool).read_metrics()).items()}


async def test_an_empty_database_has_figures() -> None:
    """The registry describes each of them, by a name of its own."""
    names = [figure.metric for figure in FIGURES.values()]
    assert len(set(names)) == len(names)
    assert [family.name for family in FlowMetricsCollector().describe()][2:] == names


async def test_figures_of_nothing(world: World) -> None:
    """Ages are zero where nothing waits, and nothing is counted; the partitions of three months are there."""
    found = await _read(world)
    lanes = [("breach",), ("service",), ("newsletter",), ("promotional",)]
    assert found.pop("oldest_due") == [(lane, 0.0) for lane in lanes]
    assert found.pop("partitions_ahead") == [((), 3.0)]
    assert [found.pop(name) for name in ("outbox", "oldest_parked", "oldest_retry", "mailed_after_opt_out")] == [
        [((), 0.0)]
    ] * 4
    assert sorted(found.pop("dead_letters")) == sorted(((kind,), 0.0) for kind in DeadLetterCauseKind)
    assert len(found) == len(FIGURES) - 7
    assert all(samples == [] for samples in found.values())


async def test_a_figure_that_takes_long_is_left_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are shown: one slow statement must not blind the operators."""
    monkeypatch.setitem(database_metrics._SQL, "outbox", "SELECT pg_sleep(600)::text, 1")
    monkeypatch.setattr(database_metrics, "SECONDS", 1.0)
    monkeypatch.setitem(database_metrics._SQL, "oldest_parked", "SELECT 7.0")
    found = await _read(world)
    assert "outbox" not in found
    assert found["oldest_parked"] == [((), 7.0)]


async def test_figures_of_mailings(world: World) -> None:
    """Deliveries count by lane and state until their mailing is finished. Due, deferred or held ones have an age."""
    accepted = await world.accept([person(n) for n in range(5)])
    await world.pool.execute("UPDATE batches SET due_at = now() - interval '10 minutes'")
    await world.accept([person(1)], "breach")
    await world.pool.execute("UPDATE mailings SET created_at = now() - interval '1 hour' WHERE lane = 'breach'")
    await world.pool.execute(
        "WITH gone AS (INSERT INTO counters VALUES ($1, 'queued', '', -2)) INSERT INTO counters"
        " VALUES ($1, 'held', 'in_doubt', 1), ($1, 'deferred', '4.2.2', 1)",
        accepted.mailing_id,
    )
    await world.pool.execute(
        "UPDATE deliveries SET state = 'deferred', due_at = now() - interval '5 minutes' WHERE mailing_id = $1"
        " AND recipient_id = (SELECT min(recipient_id) FROM deliveries)",
        accepted.mailing_id,
    )
    found = await _read(world)
    assert sorted(found["deliveries"]) == [
        (("breach", "queued"), 1.0),
        (("newsletter", "deferred"), 1.0),
        (("newsletter", "held"), 1.0),
        (("newsletter", "queued"), 3.0),
    ]
    assert found["held"] == [(("newsletter", "in_doubt"), 1.0)]
    assert found["awaiting_release"] == [(("breach",), 1.0)]
    assert 3600 <= found["oldest_release"][0][1] < 3700
    due = dict(found["oldest_due"])
    assert 600 <= due["newsletter",] < 700
    assert (due["breach",], due["service",]) == (0, 0)
    assert 300 <= found["oldest_retry"][0][1] < 400
    await world.pool.execute("INSERT INTO halts VALUES ('everything', 'operator', 'ops', 'x')")
    halted = await _read(world)
    assert dict(halted["oldest_due"])["newsletter",] == 0
    assert halted["halts"] == [(("everything",), 1.0)]


async def test_counts_end_somewhere(world: World) -> None:
    """However many rows there are, no more than 10,000 are counted, and the oldest is found at once."""
    await world.pool.execute(
        "INSERT INTO outbox (routing_key, body, parked_at)"
        " SELECT 'x', '', now() - n * interval '1 second' FROM generate_series(12000, 1, -1) n"
    )
    found = await _read(world)
    assert found["outbox"] == [((), 10_000.0)]
    assert 12_000 <= found["oldest_parked"][0][1] < 12_100


class _Figures:
    def __init__(self, answers: Sequence[Values | Exception]) -> None:
        self.answers = list(answers)

    async def read_metrics(self) -> Values:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_figures_are_read_again_and_again(monkeypatch: Any) -> None:
    """An outage, or an error that nobody expected, costs one reading."""
    monkeypatch.setattr(flow_metrics, "PERIOD", 0.0)
    answers: list[Values | Exception] = [DatabaseUnavailable("away"), KeyError("bug"), {"outbox": [((), 7.0)]}]
    figures, shown, stop = _Figures(answers), FlowMetricsCollector(), asyncio.Event()
    keeping = asyncio.create_task(
        refresh_metrics_until_stopped(figures, FakeBroker(), ["mailer.events.service"], shown, stop)
    )

    async def seen() -> bool:
        return "mailer_outbox_rows 7.0" in _text(shown)

    await until(seen)
    stop.set()
    await keeping
    assert 'mailer_queue_messages{queue="mailer.events.service"} 0.0' in _text(shown)


def test_old_figures_vanish() -> None:
    """Figures that were read a minute ago are shown no more: no figure is better than one that is not true."""
    now = [100.0]
    shown = FlowMetricsCollector(lambda: now[0])
    assert _text(shown) == ""
    shown.set_values({"outbox": [((), 7.0)]}, 1_800_000_000.0)
    assert "mailer_outbox_rows 7.0" in _text(shown)
    assert "mailer_figures_sampled_seconds 1.8e+09" in _text(shown)
    now[0] += STALE
    assert "mailer_outbox_rows 7.0" in _text(shown)
    now[0] += 0.1
    assert _text(shown) == ""


def _text(shown: FlowMetricsCollector) -> str:
    registry = CollectorRegistry()
    registry.register(shown)
    return generate_latest(registry).decode()
