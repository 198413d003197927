"""A row or a mailing that meets a bug of mailer is held with its place, and everything else goes out."""

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import asyncpg
import pytest
import structlog

from mailer.metrics_and_logger import WORKER as METRICS
from mailer.pipeline import consumers, unsettled_message_retries
from mailer.pipeline.background_hand_overs import HandOverTasks
from mailer.pipeline.unsettled_message_retries import UnsettledMessageRetries
from mailer.policy.category import Lane
from mailer.policy.hand_over_outcome import Outcome
from mailer.ports.broker import BrokerMessage
from mailer.ports.deliveries import DeliveryRow
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.postgres.deliveries_awaiting_staff import PostgresHeldDeliveries
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.renderer_cache import MailingRendererCache
from tests.doubles import FakeProcessor, FakeReceived
from tests.factories import World, person, plain_event, received, until


def held_so_far(kind: str) -> float:
    """The metric's count of deliveries held by bugs."""
    return METRICS.get_sample_value("mailer_held_by_bugs_total", {"kind": kind}) or 0.0


def batch_message(batch: int) -> FakeReceived:
    """The message of a batch."""
    return FakeReceived(BrokerMessage(json.dumps({"batch": batch}).encode(), "newsletter"), "mailer.batches")


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the message of user-7 fail, as by a bug."""
    whole = MailingRenderer.render_message

    def broken(self: MailingRenderer, row: DeliveryRow, *arguments: Any) -> Any:
        if row.standing.address == "user-7@people.example":
            raise OverflowError(f"a bug met {row.standing.address}")
        return whole(self, row, *arguments)

    monkeypatch.setattr(MailingRenderer, "render_message", broken)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("category", "kind"), [("newsletter", "optional"), ("policy_change", "mandatory")])
async def test_a_row_that_meets_a_bug_is_held_and_the_others_go(world: World, category: str, kind: str) -> None:
    """The row's reason names the error and its place. A metric and the log count it. `resume` has it tried again."""
    accepted = await world.accept([person(n) for n in range(70)], category)
    before = held_so_far(kind)
    with structlog.testing.capture_logs() as logs:
        await world.handover().hand_over_batches(accepted.batches)
    states = await world.states(accepted.mailing_id)
    state, reason = states.pop("user-7")
    assert set(states.values()) == {("handed_over", "")}
    assert state == "held"
    assert reason.startswith("bug OverflowError at mailer/pipeline/")
    assert held_so_far(kind) == before + 1
    assert [line["kind"] for line in logs if line["event"].startswith("deliveries are held by a bug")] == [kind]
    assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
    assert (await world.ledger.verify_ledger()).faults == ()
    await world.timekeeper().run_all_steps_once()
    assert (await world.states(accepted.mailing_id))["user-7"][0] == "held"


async def test_what_a_bug_held_goes_out_once_it_is_mended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliveries that a bug held are tried again once a person says so, who stands in the ledger."""
    with monkeypatch.context() as patch:
        patch.setattr(MailingRenderer, "render_message", lambda *_: 1 / 0)
        accepted = await world.accept([person(1), person(2)])
        await world.handover().hand_over_batches(accepted.batches)
    held = PostgresHeldDeliveries(world.pool, world.writers)
    assert await held.release_held_deliveries_of_mailing(accepted.mailing_id, "Grace") == 2
    [entry] = [one for one in await world.entries(kind="mailing") if one["reason"] != "accepted"]
    assert (entry["reason"], entry["rule"]) == ("held_released 2", "action:Grace")
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert set((await world.states(accepted.mailing_id)).values()) == {("handed_over", "")}
    assert await held.release_held_deliveries_of_mailing(accepted.mailing_id, "Grace") == 0


async def test_a_mailing_that_cannot_be_set_up_is_held_and_the_others_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A template that blows up holds its own mailing."""
    bad, good = await world.accept([person(1), person(2)]), await world.accept([person(3)])
    whole = MailingRendererCache.make_and_cache_renderer

    def broken(self: MailingRendererCache, facts: Any, source: str | None) -> MailingRenderer:
        if facts.id == bad.mailing_id:
            raise RecursionError
        return whole(self, facts, source)

    monkeypatch.setattr(MailingRendererCache, "make_and_cache_renderer", broken)
    await world.handover().hand_over_batches([*bad.batches, *good.batches])
    assert {state for state, _ in (await world.states(bad.mailing_id)).values()} == {"held"}
    assert await world.states(good.mailing_id) == {"user-3": ("handed_over", "")}
    assert await world.pool.fetchval("SELECT count(*) FROM batches") == 0


async def test_nothing_that_was_offered_is_tried_again_after_a_bug(world: World) -> None:
    """A bug behind an intent leaves its rows in doubt, as after a crash; the rest of the batch goes on."""

    class Broken(FakeProcessor):
        async def send(
            self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
        ) -> list[Outcome]:
            outcomes = await super().send(window, deadline, permit, urgent=urgent)
            if len(self.windows) == 1:
                raise KeyError("a bug")
            return outcomes

    accepted = await world.accept([person(n) for n in range(70)])
    await world.handover(relay := Broken()).hand_over_batches(accepted.batches)
    assert await world.real_counts(accepted.mailing_id) == {("queued", ""): 64, ("handed_over", ""): 6}
    await world.lose_leases()
    await world.timekeeper().run_all_steps_once()
    await world.timekeeper().run_all_steps_once()
    assert await world.real_counts(accepted.mailing_id) == {("failed", "in_doubt"): 64, ("handed_over", ""): 6}
    assert len(relay.sent) == 70


async def test_a_batch_that_cannot_be_claimed_does_not_spin(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deliveries of the batch are held, its message is a dead letter, and nobody publishes it again."""
    monkeypatch.setattr(unsettled_message_retries, "BUG_PAUSES", (0.0,))
    accepted = await world.accept([person(1)])
    handover = world.handover()

    async def claim(*_: object) -> None:
        raise asyncpg.CardinalityViolationError

    monkeypatch.setattr(handover._deliveries, "claim_queued_deliveries_of_batches", claim)
    stop, item = asyncio.Event(), batch_message(accepted.batches[0])
    give_up = consumers.build_batch_give_up_handler(world.deliveries, world.upkeep)
    handle = consumers.build_batch_handler(HandOverTasks(handover), Lane.NEWSLETTER, stop)
    await UnsettledMessageRetries("mailer.batches.newsletter", handle, stop, give_up).handle_until_settled([item])

    async def settled() -> bool:
        return item.settled is not None

    await until(settled)
    assert item.kind == "error"
    [(state, reason)] = (await world.states(accepted.mailing_id)).values()
    assert (state, reason.split(" at ")[0]) == ("held", "bug CardinalityViolationError")
    assert await world.upkeep.due_unpublished_batches(10) == []
    assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
    assert (await world.ledger.verify_ledger()).faults == ()


@pytest.mark.parametrize(
    "place",
    [
        "mailer.postgres.deliveries.delivery_row_from_record",
        "mailer.pipeline.hand_over_of_claim.keys_allowed_once_per_window",
    ],
)
async def test_a_batch_that_meets_a_bug_once_it_is_claimed_does_not_spin(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The batch does not return again and again: its deliveries are held, and its message is a dead letter."""
    monkeypatch.setattr(unsettled_message_retries, "BUG_PAUSES", (0.0, 0.0))
    accepted = await world.accept([person(1), person(2)])

    def broken(*_: object) -> None:
        raise OverflowError

    monkeypatch.setattr(place, broken)
    item = batch_message(accepted.batches[0])
    give_up = consumers.build_batch_give_up_handler(world.deliveries, world.upkeep)
    handle = consumers.build_batch_handler(HandOverTasks(world.handover()), Lane.NEWSLETTER, world.stop)
    await UnsettledMessageRetries("mailer.batches.newsletter", handle, world.stop, give_up).handle_until_settled([item])

    async def settled() -> bool:
        return item.settled is not None

    await until(settled)
    assert item.kind == "error"
    states = (await world.states(accepted.mailing_id)).values()
    assert {(state, reason.split(" at ")[0]) for state, reason in states} == {("held", "bug OverflowError")}
    assert await world.pool.fetchval("SELECT count(*) FROM batches") == 0
    assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_one_event_that_raises_takes_no_other_with_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One event of 64 raises an error and is a dead letter. The other 63 become mailings."""
    monkeypatch.setattr(unsettled_message_retries, "BUG_PAUSES", (0.0,))
    intake = world.intake()
    admit = intake._admit

    def broken(event: Any) -> Any:
        if event.id == "poison":
            raise OverflowError("date value out of range")
        return admit(event)

    monkeypatch.setattr(intake, "_admit", broken)
    items = [received(plain_event([person(n)], **({"id": "poison"} if n == 30 else {}))) for n in range(64)]
    handle = partial(intake.accept_event_messages, Lane.NEWSLETTER)
    await UnsettledMessageRetries("mailer.events.newsletter", handle, asyncio.Event()).handle_until_settled(items)

    async def settled() -> bool:
        return all(item.settled for item in items)

    await until(settled)
    assert [n for n, item in enumerate(items) if item.settled != "ack"] == [30]
    assert "OverflowError at mailer/pipeline/" in str(items[30].settled)
    assert await world.pool.fetchval("SELECT count(*) FROM mailings") == 63
