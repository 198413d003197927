"""Workers of two versions side by side, as while a new one is deployed: neither loses, repeats or breaks anything."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import structlog

from mailer import bundled_files
from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.pipeline.handover import HandOver
from mailer.policy.hand_over_outcome import Outcome
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.postgres.deliveries import PostgresDeliveries
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from tests.campaigns import commands
from tests.doubles import FakeProcessor
from tests.factories import BRAND, KEY, World, person, templates
from tests.integration.old_worker import OldDeliveries
from tests.processes import Stack


async def tellers(world: World) -> set[tuple[int, str]]:
    """The versions of the waiting messages about outcomes, with the state that each tells of."""
    rows = await world.pool.fetch("SELECT body FROM outbox WHERE exchange = 'mailer.outcomes'")
    bodies = [json.loads(row["body"]) for row in rows]
    return {(body["v"], body["state"]) for body in bodies}


async def test_two_versions_share_the_work(world: World) -> None:
    """An older and a newer worker take the batches that they get: one copy each, true counters, an intact ledger."""
    await world.known(1, 2)
    await world.standings.record_opt_out(BRAND, await world.id_of("user-1"), "newsletter", "test")
    accepted = await world.accept([person(n) for n in range(1, 1101)])
    small = [(await world.accept([person(n, source="sign-up")], "promotional")).batches[0] for n in range(2, 22)]
    told = PostgresDeliveries(
        world.pool, world.writers, frequency_counts_needed_by_policies(world.policies.values()), tell=True
    )
    older, newer = world.handover(deliveries=OldDeliveries(world)), world.handover(deliveries=told)
    first, middle, last = accepted.batches

    async def work(handover: HandOver, batches: Sequence[int]) -> None:
        for batch in batches:
            await handover.hand_over_batches([batch])

    await asyncio.gather(work(older, [first, middle, *small]), work(newer, [last, middle, *reversed(small)]))
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 1099, ("suppressed", "opted_out"): 1}
    assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
    assert len(world.processor.sent) == 1099 + len(small)
    assert await world.pool.fetchval("SELECT count(*) FROM batches") == 0
    assert {(1, "handed_over"), (2, "handed_over")} <= await tellers(world)
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_newer_timekeeper_takes_up_what_an_older_worker_held(world: World) -> None:
    """Killed within a window, the older worker leaves it in doubt; newer ones resolve it and do the rest."""

    class Killed(BaseException):
        pass

    class Dying(FakeProcessor):
        async def send(
            self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
        ) -> list[Outcome]:
            raise Killed

    accepted = await world.accept([person(n) for n in range(WINDOW + 10)])
    with pytest.raises(Killed):
        await world.handover(Dying(), OldDeliveries(world)).hand_over_batches(accepted.batches)
    await world.lose_leases()
    for _ in range(3):
        await world.timekeeper().run_all_steps_once()
        await world.run_published()
    assert await world.counted(accepted.mailing_id) == {("failed", "in_doubt"): WINDOW, ("handed_over", ""): 10}
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_mailing_of_a_brand_that_only_newer_workers_know(world: World) -> None:
    """A worker without the brand's policy gives it back for a quarter of a minute, hands the rest over, and says so."""
    strange = await world.accept([person(1)], "service", brand="paltalk-2006", controller="paltalk")
    usual = await world.accept([person(2)])
    renderers = world.renderers
    known = {brand: policy for brand, policy in world.policies.items() if brand != "paltalk-2006"}
    world.renderers = MailingRendererCache(known, templates(), SignedLinks("https://mail.example", (KEY,)), None)
    with structlog.testing.capture_logs() as logs:
        await world.handover().hand_over_batches([*strange.batches, *usual.batches])
    assert [line["event"] for line in logs] == ["left to workers that know it"]
    assert "no policy lets paltalk-2006 send service mail" in logs[0]["reason"]
    assert await world.states(usual.mailing_id) == {"user-2": ("handed_over", "")}
    assert await world.states(strange.mailing_id) == {"user-1": ("queued", "")}
    due_at = await world.pool.fetchval("SELECT due_at FROM batches WHERE state = 'queued'")
    assert timedelta(seconds=5) < due_at - datetime.now(UTC) < timedelta(seconds=16)
    world.renderers = renderers
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert await world.states(strange.mailing_id) == {"user-1": ("handed_over", "")}
    assert await world.counted(strange.mailing_id) == {("handed_over", ""): 1}


async def test_a_mailing_that_nobody_knows_says_so(world: World, tmp_path: Path, database_url: str) -> None:
    """The command names the policy or the template that is missing, and the way out; else it says nothing."""
    strange = await world.accept([person(1)], "service", brand="paltalk-2006", controller="paltalk")
    usual = await world.accept([person(2)])
    for kind, name in (("policies", f"{BRAND}.toml"), ("templates", BRAND)):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / name).symlink_to(bundled_files.bundled_folder(kind) / name)
    operator = commands(tmp_path, database_url)
    small = operator.having(POLICIES=str(tmp_path / "policies"), TEMPLATES=str(tmp_path / "templates"))

    async def waiting(stack: Stack, mailing_id: UUID) -> list[str]:
        found: list[str] = (await stack.done("mailing", "show", str(mailing_id), "--json")).json["waiting"]
        return found

    [said] = await waiting(small, strange.mailing_id)
    assert said.startswith("no policy here lets paltalk-2006 send service mail: deploy it")
    assert f"`mailer mailing cancel {strange.mailing_id}`" in said
    assert "waiting: no policy here" in (await small.done("mailing", "show", str(strange.mailing_id))).out
    assert await waiting(small, usual.mailing_id) == await waiting(operator, strange.mailing_id) == []
    await world.pool.execute("UPDATE mailings SET template = 'gone', template_version = 'gone'")
    assert (await waiting(operator, usual.mailing_id))[0].startswith(f"the template {BRAND}/gone is not here")
