"""The alert rules and the dashboard: every metric exists, and each alert fires on what a world in trouble shows."""

import json
import os
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from mailer.broker.topology import LAST
from mailer.metrics_and_logger import (
    CLOCK_OFFSET,
    EVERY,
    IN_HAND,
    INBOUND,
    LAST_TICK,
    LEFT_TO_OTHERS,
    LINES_DROPPED,
    RELAY_STATE,
    TIMEKEEPER,
    WEB,
    WORKER,
)
from mailer.pipeline.flow_metrics import FlowMetricsCollector
from mailer.pipeline.processor_conditions import ConditionReporter, ProcessorCondition
from mailer.pipeline.queue_depths import read_queue_depths
from mailer.postgres.flow_metrics import PostgresFlowMetrics
from mailer.postgres.processor_duties_and_states import PostgresProcessorDutiesAndStates
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from mailer.runtime.line_writer import LineWriter
from mailer.runtime.operator_http_server import OperatorHttpServer
from mailer.runtime.process_monitoring import LoopHeartbeat, build_process_metrics_registry, operator_port_routes
from mailer.runtime.readiness import Readiness
from tests.factories import KEY, World, person, templates
from tests.integration import web_world
from tests.processes import ROOT, until
from tests.prometheus import RULES, Prometheus, alerts, check_rules, prometheus

DASHBOARD = ROOT / "docs" / "monitoring" / "dashboard.json"
NOBODY = "MailerNoTimekeeper"
_OLD_MAIL = """
INSERT INTO received_mail (id, at, brand, mailbox, sender, recipient, peer, helo, state, handled_at)
SELECT gen_random_uuid(), now() - interval '3 days', 'interpals', 'abuse', '', '', '', '', state, done
FROM (VALUES ('received', NULL), ('waiting', now())) AS v (state, done)
"""
"""A message that was not handled, and one that waits for a person."""
_RELEASED_ALONE = """
WITH one AS (
    INSERT INTO breach_cases (id, brand, name, facts, created_by, updated_by)
    VALUES (gen_random_uuid(), 'interpals', 'Stolen backup', '{}', 'person:A', 'person:A') RETURNING id
), phase AS (
    INSERT INTO breach_phases (case_id, phase, state, draft, created_by, updated_by)
    SELECT id, 1, 'released', '{}', 'person:A', 'person:A' FROM one
)
INSERT INTO breach_manifests (id, case_id, phase, brand, revision, facts_revision, state, facts, draft, rules,
                              templates, policy_version, requested_by, released_at, break_glass)
SELECT gen_random_uuid(), id, 1, 'interpals', 1, 1, 'released', '{}', '{}', '[]', '{}', '1', 'person:A',
       now() - interval '25 hours', 'nobody else is there' FROM one
"""
"""A breach notice that one person alone released yesterday."""
_LATE_WEBHOOK = """
WITH added AS (
    INSERT INTO outgoing_webhooks (brand, url, kinds, secret, disabled_at, disabled_reason)
    VALUES ('interpals', 'https://a.example/', '{failed}', '', NULL, NULL),
           ('interpals', 'https://b.example/', '{failed}', '', now(), 'failing') RETURNING id)
INSERT INTO outgoing_webhook_messages (webhook_id, at, state, mailing_ids, recipient_ids, reasons, attempts)
SELECT id, now() - interval '2 hours', 'failed', '{}', '{}', '{}', '{}' FROM added
"""
"""An endpoint that has accepted nothing for two hours, and one that was disabled."""
_COMPLAINTS = """
INSERT INTO feedback_counts VALUES ('interpals', 'fake', 'google', date_trunc('hour', now()), 1000, 5, 60);
INSERT INTO halts VALUES ('promotional', 'interpals', 'mailer', 'complaints');
INSERT INTO mailed_after_opt_out VALUES (gen_random_uuid(), 1, gen_random_uuid(), 'newsletter', now(), now())
"""
"""Enough complaints and hard bounces to stop promotions, the stop, and a mail to somebody who had left."""
_MISSED_NOTICE = """
INSERT INTO public_notices
    (id, brand, texts, digest, first_day, last_day, drafted_by, released_by, released_at, missed_at)
VALUES (gen_random_uuid(), 'interpals', '{}', '', now(), now() + '30 days', 'Ada', 'Dana', now(), now())
"""
"""A public notice that is not at its address."""
_LATE_BREACH = """
WITH reader AS (
    INSERT INTO staff (name, shown_name, email) VALUES ('eve', 'Eve', 'eve@work.example') RETURNING id), opened AS (
    INSERT INTO breach_cases (id, brand, name, facts, created_by, updated_by)
    VALUES (gen_random_uuid(), 'interpals', 'Laptop', '{}', 'person:Eve', 'person:Eve') RETURNING id), late AS (
    INSERT INTO breach_clocks (case_id, clock, rule, whom, what, because, starts_at, due_at)
    SELECT id, 'late', 'late', 'authority', 'tell', '', now() - interval '80 hours', now() - interval '8 hours'
    FROM opened)
INSERT INTO breach_reminders (id, case_id, staff_id, clocks, state, queued_at)
SELECT gen_random_uuid(), opened.id, reader.id, '[]', 'refused', now() - interval '1 hour' FROM opened, reader
"""
"""A breach case with a deadline that is over, and a reminder that nobody got."""


class Scene:
    """Processes of which one works for a world, and all that can be wrong with it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = 1000.0
        self.readiness = Readiness()
        self.pulse = LoopHeartbeat(lambda: self.now)
        self.flow = FlowMetricsCollector(lambda: self.now)
        self.site = web_world.World()
        flow = CollectorRegistry()
        flow.register(self.flow)
        own = build_process_metrics_registry("worker", self.readiness, self.pulse)
        registries = [own, EVERY, WORKER, TIMEKEEPER, flow, self.site.registry]
        self.processes = [
            OperatorHttpServer("127.0.0.1", 0, operator_port_routes(self.readiness, self.pulse, registries))
            for _ in "ab"
        ]
        RELAY_STATE.clear()
        IN_HAND.clear()
        LEFT_TO_OTHERS.clear()
        CLOCK_OFFSET.set(0.01)

    async def look(self) -> None:
        """Reads the figures, as a timekeeper does now and then."""
        values = dict(await PostgresFlowMetrics(self.world.pool).read_metrics())
        values["queues"] = [
            ((queue,), float(n)) for queue, n in (await read_queue_depths(self.world.broker, [LAST])).items()
        ]
        self.flow.set_values(values, datetime.now(UTC).timestamp())
        LAST_TICK.set_to_current_time()

    async def sends(self) -> None:
        """A service mail is handed over ten minutes after its event; a page fails again and again."""
        accepted = await self.world.accept([person(1)], "service")
        await self.world.pool.execute(
            "UPDATE mailings SET released_at = now() - interval '10 min' WHERE id = $1", accepted.mailing_id
        )
        await self.world.handover().hand_over_batches(accepted.batches)
        async with self.site.client() as client:
            for _ in range(20):
                await client.post(self.site.unsubscribe())

    async def goes_wrong(self) -> None:
        """All that an alert is there for, but for those that hide others."""
        execute, world = self.world.pool.execute, self.world
        waiting = (await world.accept([person(2)], "newsletter", send_at="2030-01-01T00:00:00Z")).mailing_id
        notice = (await world.accept([person(3)], "breach")).mailing_id
        await execute("UPDATE mailings SET created_at = now() - interval '2 hours' WHERE lane = 'breach'")
        await execute(
            "INSERT INTO batches (mailing_id, lane, due_at, published_at)"
            " SELECT $1, lane, now() - interval '5 hours', now() FROM unnest(ARRAY['service', 'newsletter']) lane",
            waiting,
        )
        await execute(
            "INSERT INTO deliveries (mailing_id, recipient_id, state, due_at)"
            " VALUES ($1, 999, 'handed_over', now() - interval '1 hour')",
            waiting,
        )
        await execute(
            "INSERT INTO counters VALUES ($1, 'held', 'in_doubt', 1), ($1, 'held', 'bug KeyError at press.py:1', 1),"
            " ($1, 'held', 'processor_not_in_policy', 1), ($2, 'held', 'processor_not_in_policy', 1)",
            waiting,
            notice,
        )
        await execute(
            "INSERT INTO notices (mailing_id, recipient_id, brand, category, channel, reason, since)"
            " SELECT $1, id, brand, 'breach', 'written_notice', 'no_address', now() - interval '2 days'"
            " FROM recipients LIMIT 1",
            notice,
        )
        await execute(
            "INSERT INTO data_requests (id, brand, recipient_id, wanted, generation, asked_at, due_at, confirmed_at)"
            " SELECT gen_random_uuid(), brand, id, 'erasure', 1, now(), now() + '6 days', now() FROM recipients LIMIT 1"
        )
        await execute("INSERT INTO halts VALUES ('processor', 'x', 'ops', 'a test')")
        for trouble in (_OLD_MAIL, _RELEASED_ALONE, _LATE_WEBHOOK, _MISSED_NOTICE, _COMPLAINTS, _LATE_BREACH):
            await execute(trouble)
        await execute("INSERT INTO outbox (routing_key, body, parked_at) VALUES ('x', '', now() - interval '10 min')")
        await execute(
            "INSERT INTO dead_letters (reason, exchange, routing_key, publisher, body)"
            " SELECT 'no JSON', 'mailer.events', 'x', 'shop', '' FROM generate_series(1, 20)"
        )
        await execute("INSERT INTO pauses VALUES ('fake', 'newsletter', 'x.example', now() + interval '1 hour')")
        await execute("INSERT INTO paces VALUES ('fake', 'x.example', 1, 10, now(), '{}')")
        await execute(
            "INSERT INTO quarantine (processor, domain, mailing_id, recipient_id, attempt, address_key, address_hash,"
            " status) VALUES ('fake', 'x.example', $1, 1, 1, 'k', '', '5.1.1')",
            waiting,
        )
        await execute("INSERT INTO seals (body, signature, sealed_at) VALUES ('{}', '', now() - interval '1 hour')")
        await self._no_month_to_come()
        self.world.broker.waiting = 3
        self.site.app.state.meters.requests_by_address.labels("over_brand_limit").inc()
        self.readiness.set_or_clear_problem("database", "it refuses writes")
        CLOCK_OFFSET.set(-60)
        IN_HAND.labels("mailer.events.of-this-test").set(500)
        await self._relay_down()
        await self._policy_gone()
        await self._disk_full()

    async def _no_month_to_come(self) -> None:
        rows = await self.world.pool.fetch(
            "SELECT relname FROM pg_class WHERE relname LIKE 'deliveries\\_2%' AND relkind = 'r' AND relispartition"
            " AND relname > 'deliveries_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')"
        )
        for (name,) in rows:
            await self.world.pool.execute(f"DROP TABLE {name}")

    async def _relay_down(self) -> None:
        now = datetime.now(UTC)
        known = SimpleNamespace(
            condition_by_processor={"relay-us": ProcessorCondition("down", now - timedelta(minutes=1), "no route", now)}
        )
        await ConditionReporter(
            known, PostgresProcessorDutiesAndStates(self.world.pool, self.world.writers), "w", Readiness()
        ).store_states_if_changed_or_old()

    async def _policy_gone(self) -> None:
        strange = await self.world.accept([person(4)], "service", brand="paltalk-2006", controller="paltalk")
        renderers = self.world.renderers
        self.world.renderers = MailingRendererCache({}, templates(), SignedLinks("https://mail.example", (KEY,)), None)
        await self.world.handover().hand_over_batches(strange.batches)
        self.world.renderers = renderers

    async def _disk_full(self) -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        writer = LineWriter(full, LINES_DROPPED.inc)
        writer.queue_or_drop_piece(b"a line\n")
        assert writer.flush(60)
        writer.close()
        os.close(full)


@asynccontextmanager
async def _watched(scene: Scene, folder: Path) -> AsyncIterator[Prometheus]:
    async with AsyncExitStack() as stack:
        ports = [stack.enter_context(process).port for process in scene.processes]
        yield await stack.enter_async_context(prometheus(folder, ports))


async def test_each_alert_fires_on_its_trouble(world: World, tmp_path: Path) -> None:
    """No alert fires while all is well. Each fires on its trouble, on the metrics that processes show."""
    scene = Scene(world)
    await scene.sends()
    await scene.look()
    async with _watched(scene, tmp_path) as watching:

        async def quiet() -> bool:
            seen = await watching.query("mailer_ready") and await watching.query("mailer_outbox_rows")
            return bool(seen) and await watching.evaluated() > 0 and not await watching.firing()

        await until(quiet, "Prometheus to find all well")
        began = await watching.evaluated()

        async def still_quiet() -> bool:
            assert await watching.firing() == set()
            return await watching.evaluated() > began + 2

        await until(still_quiet, "the rules to be evaluated again")
        scene.site.standings.broken = True
        await scene.goes_wrong()
        fired: set[str] = set()

        async def all_fire() -> bool:
            await scene.sends()
            await scene.look()
            fired.update(await watching.firing())
            return fired >= set(alerts()) - {NOBODY, "MailerProcessDown", "MailerStuck"}

        await _until_fired(all_fire, fired)
        scene.now += 1000
        scene.processes[1].__exit__(None, None, None)

        async def the_rest() -> bool:
            fired.update(await watching.firing())
            return fired == set(alerts())

        await _until_fired(the_rest, fired)


async def _until_fired(asked: object, fired: set[str]) -> None:
    try:
        await until(asked, "the alerts to fire")  # type: ignore[arg-type]
    except AssertionError as error:
        raise AssertionError(f"these never fired: {sorted(set(alerts()) - fired)}") from error


def test_promtool_takes_the_rules() -> None:
    """Prometheus' own tool finds nothing wrong with them."""
    checked = check_rules("check", "rules", str(RULES))
    assert checked.returncode == 0, checked.stderr
    assert f"{len(alerts())} rules found" in checked.stdout


async def test_the_dashboard_asks_for_what_there_is(world: World, tmp_path: Path) -> None:
    """Prometheus takes each expression of it, and most panels have something to show in a world that works."""
    scene = Scene(world)
    await scene.sends()
    await scene.goes_wrong()
    await scene.look()
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    async with _watched(scene, tmp_path) as watching:
        await until(lambda: watching.query("mailer_outbox_rows"), "a scrape")
        shown = {
            target["expr"]: await watching.query(target["expr"]) for panel in panels for target in panel["targets"]
        }
    gauges = [expression for expression in shown if "rate(" not in expression]
    assert len(panels) > 20
    assert [expression for expression in gauges if not shown[expression]] == []


@pytest.mark.parametrize("file", [RULES, DASHBOARD])
def test_every_metric_that_is_asked_for_is_documented(file: Path) -> None:
    """Metrics that the rules and the dashboard name stand in docs/reference/metrics.md."""
    asked = set(re.findall(r"\b(mailer_\w+?)(?:_bucket)?\b(?=[\s{\[()]|$)", _expressions(file), re.MULTILINE))
    assert len(asked) > 20
    assert asked - documented() == set()


def test_every_metric_is_documented() -> None:
    """The table has each metric that a process can show, and none besides."""
    readiness = Readiness()
    registries = [
        build_process_metrics_registry("x", readiness, LoopHeartbeat()),
        EVERY,
        WORKER,
        TIMEKEEPER,
        INBOUND,
        WEB,
    ]
    site = web_world.World()
    assert site.app is not None
    registries.append(site.registry)
    assert {name for name in _names(registries) if name.startswith("mailer")} == documented()


def _names(registries: Iterable[CollectorRegistry]) -> Iterable[str]:
    for registry in registries:
        for collector in list(registry._collector_to_names):
            described = getattr(collector, "describe", collector.collect)()
            for family in described:
                suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
                yield f"{family.name}{suffix}"


def _expressions(file: Path) -> str:
    text = file.read_text("utf-8")
    return "\n".join(re.findall(r'"expr": "(.*)"', text)) if file.suffix == ".json" else text.split("groups:")[1]


def documented() -> set[str]:
    """The metrics of the table."""
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text("utf-8")
    cells = re.findall(r"^\| (`mailer_[^|]+) \|", page, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_each_alert_is_told_of() -> None:
    """docs/what-happens-when.md has a row for each, and no other."""
    page = (ROOT / "docs" / "what-happens-when.md").read_text("utf-8")
    assert sorted(set(re.findall(r"`(Mailer[A-Z]\w+)`", page))) == sorted(alerts())
