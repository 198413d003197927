"""The hand-over: the effects of a processor's answer, of crashes and of stale standings."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from mailer.pipeline import outcome_recorder
from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.deliveries import Claim, DeliveryMove, DeliveryState
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.ports.standings import StandingFlag
from mailer.postgres.deliveries import PostgresDeliveries
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import BRAND, KEY, World, person, templates

REFUSED = Outcome(OutcomeKind.REFUSED, 550, "5.1.1", "no such user")
BLOCKED = Outcome(OutcomeKind.BLOCKED, 554, "5.7.1", "we do not like you")
DEFERRED = Outcome(OutcomeKind.DEFERRED, 451, "4.7.1", "come back later")
IN_DOUBT = Outcome(OutcomeKind.IN_DOUBT, text="lost after the final dot")
UNSENT = Outcome(OutcomeKind.UNSENT, text="no connection", trouble=ConnectionTrouble.UNREACHABLE)


def always(outcome: Outcome) -> FakeProcessor:
    """A processor with one answer."""
    return FakeProcessor(lambda _: outcome)


async def test_every_recipient_ends_in_one_state(world: World) -> None:
    """Everybody of a mixed audience ends in a state with a reason, the counters agree, and the mailing is finished."""
    await world.known(1, 2, 3)
    await world.standings.record_opt_out(BRAND, await world.id_of("user-1"), "newsletter", "test")
    await world.standings.set_standing_flag(BRAND, await world.id_of("user-2"), StandingFlag.DEACTIVATED, True, "test")
    await world.standings.mark_address_dead(BRAND, await world.id_of("user-3"), "user-3@people.example", "test")
    accepted = await world.accept([*(person(n) for n in range(1, 201)), person(201, email="user-9@people.example")])
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.counted(accepted.mailing_id) == {
        ("handed_over", ""): 197,
        ("suppressed", "opted_out"): 1,
        ("suppressed", "deactivated"): 1,
        ("suppressed", "address_dead"): 1,
        ("suppressed", "duplicate_address"): 1,
    }
    assert max(world.processor.windows) <= WINDOW
    await world.timekeeper().run_all_steps_once()
    status = await world.mailings.mailing_status(accepted.mailing_id)
    assert status is not None
    assert status.state == "finished"
    assert sum(status.counts.values()) == status.audience_size == 201
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_optional_mail_after_an_opt_out_between_claim_and_intent(world: World) -> None:
    """An opt-out that comes after the claim, while its window is being made, is decided on anew and obeyed."""

    class Slow(PostgresDeliveries):
        async def claim_queued_deliveries_of_batches(self, *args: Any, **kwargs: Any) -> Claim | None:
            claim = await super().claim_queued_deliveries_of_batches(*args, **kwargs)
            assert claim is not None
            await world.standings.record_opt_out(BRAND, claim.rows[1].recipient_id, "newsletter", "test")
            return claim

    accepted = await world.accept([person(n) for n in range(3)])
    await world.handover(deliveries=Slow(world.pool, world.writers)).hand_over_batches(accepted.batches)
    assert sorted((await world.states(accepted.mailing_id)).values()) == [
        ("handed_over", ""),
        ("handed_over", ""),
        ("suppressed", "opted_out"),
    ]
    assert len(world.processor.sent) == 2


async def test_a_new_address_after_the_claim(world: World) -> None:
    """Mail goes to the address of the intent's moment, not of the claim's."""

    class Slow(PostgresDeliveries):
        async def claim_queued_deliveries_of_batches(self, *args: Any, **kwargs: Any) -> Claim | None:
            claim = await super().claim_queued_deliveries_of_batches(*args, **kwargs)
            await world.accept([person(1, email="new@people.example")])
            return claim

    accepted = await world.accept([person(1)], "service")
    await world.handover(deliveries=Slow(world.pool, world.writers)).hand_over_batches(accepted.batches)
    assert world.processor.recipients == ["new@people.example"]


async def test_a_dead_address(world: World) -> None:
    """An address that does not exist is dead from then on: a promotion is suppressed, a breach told in writing."""
    accepted = await world.accept([person(1)])
    await world.handover(always(REFUSED)).hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {"user-1": ("failed", "5.1.1")}
    [action] = await world.entries(kind="action")
    assert (action["reason"], action["rule"]) == ("address_dead", "action:fake 5.1.1")
    promotion = await world.accept([person(1, source="sign-up")], "promotional")
    breach = await world.accept({"refs": ["user-1"]}, "breach")
    await world.mailings.release_mailing(breach.mailing_id, "Grace")
    await world.due_now()
    batch = await world.pool.fetchval("SELECT id FROM batches WHERE mailing_id = $1", breach.mailing_id)
    await world.handover().hand_over_batches([*promotion.batches, batch])
    assert await world.states(promotion.mailing_id) == {"user-1": ("suppressed", "address_dead")}
    assert await world.states(breach.mailing_id) == {"user-1": ("diverted", "written_notice")}
    assert world.processor.sent == []


async def test_blocked_is_nobodys_fault_but_ours(world: World) -> None:
    """A refusal of our own mail fails the delivery and leaves everyone's standing as it was."""
    accepted = await world.accept([person(1), person(2)])
    await world.handover(always(BLOCKED)).hand_over_batches(accepted.batches)
    assert set((await world.states(accepted.mailing_id)).values()) == {("failed", "5.7.1")}
    assert await world.entries(kind="action") == []
    again = await world.accept([person(1), person(2)])
    await world.handover().hand_over_batches(again.batches)
    assert len(world.processor.sent) == 2


async def test_deferred_is_tried_again(world: World) -> None:
    """A delivery that is refused for now waits for its time, is batched and published again, and arrives."""
    accepted = await world.accept([person(1)])
    await world.handover(always(DEFERRED)).hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {"user-1": ("deferred", "4.7.1")}
    wait = await world.pool.fetchval("SELECT due_at - now() FROM deliveries")
    assert timedelta(seconds=25) < wait <= timedelta(seconds=90)
    await world.timekeeper().run_all_steps_once()
    assert world.broker.take() == []
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    assert await world.states(accepted.mailing_id) == {"user-1": ("queued", "")}
    await world.run_published()
    assert await world.states(accepted.mailing_id) == {"user-1": ("handed_over", "")}
    assert [entry["attempt"] for entry in await world.entries(accepted.mailing_id, "hand_over")] == [1, 2]
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 1}


async def test_optional_mail_in_doubt_is_not_sent_again(world: World) -> None:
    """Optional mail that may have been handed over fails as in doubt, and is never sent again."""
    accepted = await world.accept([person(1)])
    await world.handover(doubt := always(IN_DOUBT)).hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {"user-1": ("in_doubt", "in_doubt")}
    for _ in range(3):
        await world.timekeeper().run_all_steps_once()
        await world.run_published()
    assert await world.states(accepted.mailing_id) == {"user-1": ("failed", "in_doubt")}
    assert (len(doubt.sent), len(world.processor.sent)) == (1, 0)
    assert await world.counted(accepted.mailing_id) == {("failed", "in_doubt"): 1}


async def test_mandatory_mail_in_doubt_is_sent_again(world: World) -> None:
    """Mandatory mail that may have been handed over goes again, with the Message-ID that it had."""
    await world.paying(1)
    accepted = await world.accept([person(1)], "service")
    await world.handover(always(IN_DOUBT)).hand_over_batches(accepted.batches)
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert await world.states(accepted.mailing_id) == {"user-1": ("handed_over", "")}
    first, second = await world.entries(accepted.mailing_id, "hand_over")
    assert first["message_id"] == second["message_id"]
    assert first["message_id"].encode() in world.processor.sent[0].content
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 1}


async def test_what_was_not_offered_goes_back(world: World) -> None:
    """One window is tried if there is no connection, and everything goes back. The next time, nothing is tried."""
    accepted = await world.accept([person(n) for n in range(200)])
    handover = world.handover(nobody := always(UNSENT))
    await handover.hand_over_batches(accepted.batches)
    assert await world.counted(accepted.mailing_id) == {("queued", ""): 200}
    await handover.hand_over_batches(accepted.batches)
    assert nobody.windows == [WINDOW]
    assert set((await world.states(accepted.mailing_id)).values()) == {("queued", "")}
    due_at = await world.pool.fetchval("SELECT due_at FROM batches")
    assert due_at > datetime.now(UTC)
    unsent = [entry for entry in await world.entries(accepted.mailing_id, "outcome") if entry["reason"] == "unsent"]
    assert len(unsent) == WINDOW
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 200}


async def test_one_that_cannot_be_rendered_stops_nobody(world: World) -> None:
    """A recipient whose values break the template fails alone, and the ledger says why; all others get their mail."""
    people = [person(n) for n in range(100)]
    people[40]["context"] = {"items": 5}
    people[41]["context"] = {"headline": "a\nBcc: eve@people.example"}
    accepted = await world.accept(people)
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 98, ("failed", "render_error"): 2}
    failed = [entry for entry in await world.entries(kind="outcome") if entry["reason"] == "render_error"]
    assert {entry["recipient"] for entry in failed} == {await world.id_of("user-40"), await world.id_of("user-41")}
    assert all(entry["reply"] for entry in failed)


async def test_outcomes_of_one_window_may_differ(world: World) -> None:
    """Each recipient of a window gets their own outcome."""
    answers = [ACCEPTED, REFUSED, BLOCKED, DEFERRED, IN_DOUBT, UNSENT]
    processor = FakeProcessor(lambda outgoing: answers[int(outgoing.recipient[5])])
    accepted = await world.accept([person(n) for n in range(6)])
    await world.handover(processor).hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {
        "user-0": ("handed_over", ""),
        "user-1": ("failed", "5.1.1"),
        "user-2": ("failed", "5.7.1"),
        "user-3": ("deferred", "4.7.1"),
        "user-4": ("in_doubt", "in_doubt"),
        "user-5": ("queued", ""),
    }
    assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
    assert await world.pool.fetchval("SELECT count(*) FROM batches") == 1


async def test_many_mailings_in_one_claim(world: World) -> None:
    """Mailings that are taken together are handed over together, in few windows, also more than are kept at hand."""
    batches: list[int] = []
    for n in range(30):
        category = ["newsletter", "service", "promotional"][n % 3]
        batches += (await world.accept([person(n, source="sign-up")], category)).batches
    few = MailingRendererCache(world.policies, templates(), SignedLinks("https://mail.example", (KEY,)), None, 2)
    world.renderers = few
    await world.handover().hand_over_batches(batches)
    assert sorted(world.processor.windows) == [10, 20]  # bulk mail goes apart from urgent
    assert len(set(world.processor.recipients)) == 30


@pytest.mark.parametrize("category", ["newsletter", "service"])
async def test_a_worker_that_was_killed_after_the_intent(world: World, category: str) -> None:
    """Mail that a dead worker had intended is in doubt: optional mail ends, mandatory mail goes again."""

    class Killed(BaseException):
        pass

    class Dying(FakeProcessor):
        async def send(
            self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
        ) -> list[Outcome]:
            raise Killed

    await world.paying(*range(WINDOW + 10))
    accepted = await world.accept([person(n) for n in range(WINDOW + 10)], category)
    with pytest.raises(Killed):
        await world.handover(Dying()).hand_over_batches(accepted.batches)
    await world.timekeeper().run_all_steps_once()
    # Its lease still runs, so nobody touches what it holds.
    assert (await world.counted(accepted.mailing_id)) == {("queued", ""): WINDOW + 10}
    assert world.broker.take() == []
    await world.lose_leases()
    for _ in range(3):
        await world.timekeeper().run_all_steps_once()
        await world.run_published()
    await world.timekeeper().run_all_steps_once()
    if category == "newsletter":
        assert await world.counted(accepted.mailing_id) == {("failed", "in_doubt"): WINDOW, ("handed_over", ""): 10}
    else:
        assert await world.counted(accepted.mailing_id) == {("handed_over", ""): WINDOW + 10}
    assert len(set(world.processor.recipients)) == len(world.processor.sent)
    lost = [entry for entry in await world.entries(kind="outcome") if entry["reason"] == "in_doubt owner_lost"]
    assert len(lost) == WINDOW
    status = await world.mailings.mailing_status(accepted.mailing_id)
    assert status is not None
    assert status.state == "finished"
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_worker_that_was_killed_with_many_mailings(world: World) -> None:
    """The timekeeper finds all mailings of a dead worker's claim again, intended or not begun."""

    class Dying(FakeProcessor):
        async def send(
            self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
        ) -> list[Outcome]:
            raise KeyboardInterrupt

    await world.paying(*range(WINDOW + 5))
    accepted = [await world.accept([person(n)], "service") for n in range(WINDOW + 5)]
    with pytest.raises(KeyboardInterrupt):
        await world.handover(Dying()).hand_over_batches([batch for one in accepted for batch in one.batches])
    await world.lose_leases()
    # Between looking for intents and giving claims back, which another timekeeper may do first.
    await world.upkeep.end_expired_claims_without_intents(1000)
    for _ in range(3):
        await world.timekeeper().run_all_steps_once()
        await world.run_published()
    assert len(set(world.processor.recipients)) == len(world.processor.sent) == WINDOW + 5


async def test_a_late_outcome_is_refused_and_harmless(world: World) -> None:
    """Late outcomes of a worker that was given up change none of its rows. Those of other rows count."""
    sending, answer = asyncio.Event(), asyncio.Event()

    class Frozen(FakeProcessor):
        async def send(
            self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
        ) -> list[Outcome]:
            sending.set()
            await answer.wait()
            return await super().send(window, deadline, permit, urgent=urgent)

    await world.paying(1, 2)
    accepted = await world.accept([person(1), person(2)], "service")
    late = asyncio.create_task(world.handover(Frozen()).hand_over_batches(accepted.batches))
    await sending.wait()
    # One of the two was given up meanwhile.
    await world.lose_leases()
    [stale, _] = await world.upkeep.deliveries_with_unknown_outcome(10)
    await world.timekeeper()._move_orphans_of_claim([stale])
    before = len(await world.entries(kind="outcome"))
    answer.set()
    await late
    assert len(await world.entries(kind="outcome")) == before + 1
    assert sorted((await world.states(accepted.mailing_id)).values()) == [
        ("handed_over", ""),
        ("in_doubt", "owner_lost"),
    ]
    for _ in range(2):
        await world.timekeeper().run_all_steps_once()
        await world.run_published()
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 2}
    assert (await world.ledger.verify_ledger()).faults == ()


class Shaky(PostgresDeliveries):
    """A database that fails once, before or after it has done what it was asked when outcomes are recorded."""

    def __init__(self, world: World, after: bool) -> None:
        super().__init__(world.pool, world.writers)
        self.after = after
        self.failures = 1

    async def commit_moves_or_find_refused(
        self, claim: UUID | None, moves: Sequence[DeliveryMove], *rest: Any, **more: Any
    ) -> frozenset[tuple[UUID, int]]:
        """Fails the first time that deliveries leave the state intended."""
        fails = self.failures > 0 and moves[0].from_state is DeliveryState.INTENDED
        self.failures -= fails
        if fails and not self.after:
            raise ConnectionResetError
        refused = await super().commit_moves_or_find_refused(claim, moves, *rest, **more)
        if fails:
            raise ConnectionResetError
        return refused


@pytest.mark.parametrize("after", [False, True])
async def test_outcomes_are_recorded_through_an_outage(
    world: World, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outcome is recorded once, and not called in doubt, if the database is away for a moment."""
    monkeypatch.setattr(outcome_recorder, "RETRY_SECONDS", 0)
    accepted = await world.accept([person(1), person(2)])
    await world.handover(deliveries=Shaky(world, after)).hand_over_batches(accepted.batches)
    assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 2}
    assert len(await world.entries(accepted.mailing_id, "outcome")) == 2
    assert world.processor.windows == [2]
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_no_window_begins_near_the_end_of_a_lease(world: World) -> None:
    """Nothing is intended with too little of the lease left. All mail goes back at once."""
    accepted = await world.accept([person(1)])
    short = PostgresDeliveries(world.pool, world.writers, lease_seconds=0.001)
    await world.handover(deliveries=short).hand_over_batches(accepted.batches)
    assert world.processor.windows == []
    assert await world.states(accepted.mailing_id) == {"user-1": ("queued", "")}
    assert await world.pool.fetchval("SELECT state FROM batches") == "queued"


async def test_a_batch_that_somebody_holds_is_left(world: World) -> None:
    """A batch that was delivered twice is handed over once."""
    accepted = await world.accept([person(n) for n in range(50)])
    await asyncio.gather(*(world.handover().hand_over_batches(accepted.batches) for _ in range(5)))
    await world.handover().hand_over_batches(accepted.batches)
    assert len(world.processor.sent) == len(set(world.processor.recipients)) == 50


@pytest.mark.rule("expired")
async def test_an_expired_mailing(world: World) -> None:
    """Open mail becomes expired at an event's end, and is sent to nobody."""
    accepted = await world.accept([person(1)], expires_at="2026-01-01T00:00:00Z")
    await world.handover().hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {"user-1": (DeliveryState.EXPIRED, "expired")}
    assert world.processor.sent == []


@pytest.mark.rule("staging")
async def test_the_staging_fence(world: World) -> None:
    """Mail leaves only for the addresses within the fence. Each of the others has the reason."""
    fence = {"only_deliver_to": ("user-1@people.example",)}
    world.policies[BRAND] = world.policies[BRAND].model_copy(update=fence)
    links = SignedLinks("https://mail.example", (KEY,))
    world.renderers = MailingRendererCache(world.policies, templates(), links, None)
    accepted = await world.accept([person(1), person(2)])
    await world.handover().hand_over_batches(accepted.batches)
    fenced = {"user-1": ("handed_over", ""), "user-2": ("suppressed", "only_deliver_to")}
    assert await world.states(accepted.mailing_id) == fenced
