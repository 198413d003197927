"""Claim, move, finish: rules that hold even if several workers act at once."""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mailer.actions import record_opt_out
from mailer.policy.hand_over_outcome import Outcome
from mailer.ports.deliveries import Claim, DeliveryMove, DeliveryRow, DeliveryState
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.mailings import AcceptedMailing
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.ports.time_ordered_uuids import uuid7
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import BRAND, World, open_world, person, until, waiting


def move(
    row: DeliveryRow,
    to: DeliveryState = DeliveryState.INTENDED,
    source: DeliveryState = DeliveryState.CLAIMED,
    reason: str = "",
) -> DeliveryMove:
    """A move of a claimed row; an intent is bound to the standing that the claim has read."""
    version = row.standing.version if to is DeliveryState.INTENDED else None
    due_at = datetime.now(UTC) if to in (DeliveryState.DEFERRED, DeliveryState.HELD, DeliveryState.IN_DOUBT) else None
    return DeliveryMove(row.mailing_id, row.recipient_id, row.attempt, source, to, reason, due_at, version)


def entry(row: DeliveryRow, kind: EntryKind = EntryKind.HAND_OVER) -> LedgerEntry:
    """The ledger's entry about a row."""
    return LedgerEntry(kind, BRAND, row.mailing_id, row.recipient_id, row.attempt, "newsletter")


async def claimed(world: World, accepted: AcceptedMailing) -> Claim:
    """A claim on all deliveries of a mailing."""
    claim = await world.deliveries.claim_queued_deliveries_of_batches(accepted.batches, "worker")
    assert claim is not None
    return claim


async def intend(world: World, claim: Claim, rows: Sequence[DeliveryRow]) -> frozenset[tuple[UUID, int]]:
    """Commits intents."""
    return await world.deliveries.commit_moves_or_find_refused(
        claim.token, [move(row) for row in rows], [entry(row) for row in rows]
    )


async def test_a_claim_brings_each_person_with_their_standing(world: World) -> None:
    """A claim is in order, with name, locale, context and standing, and its deadline lies before the lease's end."""
    accepted = await world.accept(
        [person(2, name="Grace", locale="en-GB", context={"n": 1}), person(1, email="Ada@People.example")]
    )
    before = time.monotonic()
    claim = await claimed(world, accepted)
    second, first = claim.rows
    assert (first.name, first.locale, first.context, first.attempt) == ("Grace", "en-GB", {"n": 1}, 1)
    assert second.standing.address == "Ada@people.example"
    assert (second.context, second.standing.version, second.standing.opted_out) == ({}, 1, frozenset())
    assert before + 60 <= claim.deadline <= time.monotonic() + 60
    lease = await world.pool.fetchval("SELECT lease_until - clock_timestamp() FROM batches")
    assert lease >= timedelta(seconds=claim.deadline - time.monotonic())


async def test_one_of_many_claimers_gets_a_batch(world: World) -> None:
    """One of ten workers that ask at once for a batch gets it whole. The others get nothing."""
    accepted = await world.accept([person(n) for n in range(100)])
    claims = await asyncio.gather(
        *(world.deliveries.claim_queued_deliveries_of_batches(accepted.batches, f"worker-{n}") for n in range(10))
    )
    [claim] = [claim for claim in claims if claim]
    assert len(claim.rows) == 100
    assert await world.deliveries.claim_queued_deliveries_of_batches(accepted.batches, "late") is None


async def test_claimers_of_many_batches_do_not_deadlock(world: World) -> None:
    """Claims over the same batches in any order get each batch once, and none waits for ever."""
    batches = [(await world.accept([person(n)])).batches[0] for n in range(40)]
    orders = [random.sample(batches, len(batches)) for _ in range(8)]
    claims = await asyncio.gather(
        *(world.deliveries.claim_queued_deliveries_of_batches(order, "worker") for order in orders)
    )
    rows = [row.mailing_id for claim in claims if claim for row in claim.rows]
    assert len(rows) == len(set(rows)) == 40


async def test_a_claim_waits_for_who_notes_that_it_was_published(world: World) -> None:
    """A claim that meets the note of the publication gets the batch; passed over, it would lie until it is lost."""
    accepted = await world.accept([person(1)])
    async with world.pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("UPDATE batches SET published_at = now()")
        claiming = asyncio.create_task(world.deliveries.claim_queued_deliveries_of_batches(accepted.batches, "worker"))
        await until(lambda: waiting(world.pool))
        await transaction.commit()
    assert await claiming is not None


async def test_the_note_of_a_publication_waits_for_nobody(world: World) -> None:
    """Noting that batches were published passes over those that somebody is taking just now."""
    accepted = await world.accept([person(1)])
    async with world.pool.acquire() as other, other.transaction():
        await other.execute("SELECT FROM batches FOR UPDATE")
        await asyncio.wait_for(world.upkeep.mark_batches_published(accepted.batches), 5)
    assert await world.pool.fetchval("SELECT published_at FROM batches") is None


async def test_what_is_not_due_is_not_claimed(world: World) -> None:
    """A batch whose time has not come is nobody's, and still there."""
    accepted = await world.accept([person(1)], send_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    batch = await world.pool.fetchval("SELECT id FROM batches WHERE mailing_id = $1", accepted.mailing_id)
    assert accepted.batches == ()
    assert await world.deliveries.claim_queued_deliveries_of_batches([batch], "worker") is None
    assert await world.pool.fetchval("SELECT state FROM batches") == "queued"


async def test_an_empty_batch_is_forgotten(world: World) -> None:
    """A batch with nothing open goes when somebody claims it."""
    accepted = await world.accept([person(1)])
    await world.pool.execute("UPDATE deliveries SET state = 'cancelled'")
    assert await world.deliveries.claim_queued_deliveries_of_batches(accepted.batches, "worker") is None
    assert await world.pool.fetchval("SELECT count(*) FROM batches") == 0


async def test_a_stale_standing_refuses_its_row_and_changes_nothing(world: World) -> None:
    """Exactly the rows whose standing has changed are named. No row, counter or entry is written."""
    accepted = await world.accept([person(n) for n in range(10)])
    claim = await claimed(world, accepted)
    before = len(await world.entries())
    changed = [claim.rows[3].recipient_id, claim.rows[7].recipient_id]
    for recipient_id in changed:
        await world.standings.record_opt_out(BRAND, recipient_id, "promotional", "test")
    refused = await intend(world, claim, claim.rows)
    assert refused == {(accepted.mailing_id, recipient_id) for recipient_id in changed}
    assert {state for state, _ in (await world.states(accepted.mailing_id)).values()} == {"claimed"}
    assert len(await world.entries()) == before + 2
    kept = [row for row in claim.rows if row.recipient_id not in changed]
    assert await intend(world, claim, kept) == frozenset()
    assert len(await world.entries(accepted.mailing_id, "hand_over")) == 8
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_row_that_was_refused_is_read_again(world: World) -> None:
    """Rows that are read again have the standing of now, and only the rows that the claim still holds."""
    accepted = await world.accept([person(1), person(2)])
    claim = await claimed(world, accepted)
    ada, grace = claim.rows
    await world.standings.record_opt_out(BRAND, ada.recipient_id, "newsletter", "test")
    assert await intend(world, claim, [grace]) == frozenset()
    keys = [(row.mailing_id, row.recipient_id) for row in claim.rows]
    [fresh] = await world.deliveries.reread_claimed_rows(claim.token, keys)
    assert fresh.recipient_id == ada.recipient_id
    assert (fresh.standing.version, fresh.standing.opted_out) == (2, frozenset({"newsletter"}))
    assert await world.deliveries.reread_claimed_rows(uuid7(), keys) == []


async def test_a_new_address_is_decided_on_anew(world: World) -> None:
    """An address that changed since the claim refuses the intent for the old one."""
    accepted = await world.accept([person(1)])
    claim = await claimed(world, accepted)
    await world.accept([person(1, email="new@people.example")])
    [key] = await intend(world, claim, claim.rows)
    [fresh] = await world.deliveries.reread_claimed_rows(claim.token, [key])
    assert fresh.standing.address == "new@people.example"
    assert await intend(world, claim, [fresh]) == frozenset()


@pytest.mark.parametrize("change", ["state", "attempt", "claim"])
async def test_what_does_not_hold_is_refused(world: World, change: str) -> None:
    """A move is refused whole if a row's state, attempt or claim is not what the mover believes."""
    accepted = await world.accept([person(1), person(2)])
    claim = await claimed(world, accepted)
    ada, grace = claim.rows
    wrong = {"state": "state = 'intended'", "attempt": "attempt = 2", "claim": "claim = gen_random_uuid()"}[change]
    await world.pool.execute(f"UPDATE deliveries SET {wrong} WHERE recipient_id = $1", ada.recipient_id)  # noqa: S608 - ours
    assert await intend(world, claim, [ada, grace]) == {(ada.mailing_id, ada.recipient_id)}
    assert await world.entries(kind="hand_over") == []


async def test_no_intent_on_a_lease_that_ran_out(world: World) -> None:
    """No hand-over begins once the lease is over, even if nobody took the rows. An outcome is still written."""
    accepted = await world.accept([person(1), person(2)])
    claim = await claimed(world, accepted)
    ada, grace = claim.rows
    assert await intend(world, claim, [ada]) == frozenset()
    await world.lose_leases()
    assert await intend(world, claim, [grace]) == {(grace.mailing_id, grace.recipient_id)}
    outcome = move(ada, DeliveryState.HANDED_OVER, DeliveryState.INTENDED)
    assert (
        await world.deliveries.commit_moves_or_find_refused(claim.token, [outcome], [entry(ada, EntryKind.OUTCOME)])
        == frozenset()
    )
    assert (await world.states(accepted.mailing_id))["user-1"] == ("handed_over", "")


async def test_a_window_of_nothing_is_whole(world: World) -> None:
    """Moving nothing succeeds and writes nothing."""
    assert await world.deliveries.commit_moves_or_find_refused(uuid7(), [], []) == frozenset()
    assert await world.entries() == []


async def test_an_intent_waits_for_an_opt_out_under_way_and_loses(world: World) -> None:
    """An intent waits for an opt-out that has not committed, and is refused by the new standing."""
    accepted = await world.accept([person(n) for n in range(5)])
    claim = await claimed(world, accepted)
    leaving = claim.rows[2].recipient_id
    async with world.pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(
            "UPDATE standings SET version = version + 1, opted_out = '{*}' WHERE recipient_id = $1", leaving
        )
        intending = asyncio.create_task(intend(world, claim, claim.rows))
        await until(lambda: waiting(world.pool))
        assert not intending.done()
        await transaction.commit()
    assert await intending == {(accepted.mailing_id, leaving)}
    assert await world.entries(kind="hand_over") == []


async def test_an_opt_out_waits_for_an_intent_under_way(world: World) -> None:
    """An opt-out that meets an intent is answered only after it: the hand-over had begun before."""
    accepted = await world.accept([person(1)])
    claim = await claimed(world, accepted)
    [ada] = claim.rows
    async with world.pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        # The intent's own lock, held open.
        await other.execute("SELECT FROM standings WHERE recipient_id = $1 FOR SHARE", ada.recipient_id)
        leaving = asyncio.create_task(
            record_opt_out(world.standings, world.policies[BRAND], ada.recipient_id, "*", "test")
        )
        await until(lambda: waiting(world.pool))
        assert not leaving.done()
        await transaction.commit()
    await leaving
    assert await intend(world, claim, [ada]) == {(ada.mailing_id, ada.recipient_id)}


class Clocked(FakeProcessor):
    """Notes when each address was sent to."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[str, float] = {}

    async def send(
        self, window: Sequence[OutgoingMessage], deadline: float, permit: Permit, *, urgent: bool = False
    ) -> list[Outcome]:
        """Sends at once."""
        for outgoing in window:
            self.at[outgoing.recipient] = time.monotonic()
        await asyncio.sleep(0)
        return [ACCEPTED] * len(window)


async def test_opt_out_wins_the_race(database_url: str) -> None:
    """Mail is sent only if its intent committed before the answer to the opt-out, with many of both at once."""
    async with open_world(database_url, size=24) as world:
        people = [person(n) for n in range(600)]
        mailings = [await world.accept(people) for _ in range(3)]
        ids = {f"user-{n}@people.example": await world.id_of(f"user-{n}") for n in range(600)}
        answered: dict[int, int] = {}
        processors = [Clocked() for _ in mailings]

        async def leave(addresses: Sequence[str]) -> None:
            for address in addresses:
                await record_opt_out(world.standings, world.policies[BRAND], ids[address], "newsletter", "one-click")
                # Commit order: what is visible now was committed before the answer.
                answered[ids[address]] = await world.pool.fetchval(
                    "SELECT count(*) FROM ledger WHERE kind = 'hand_over' AND recipient_id = $1", ids[address]
                )

        leavers = random.Random(4).sample(sorted(ids), 240)
        await asyncio.gather(
            *(
                world.handover(processor).hand_over_batches([batch])
                for accepted, processor in zip(mailings, processors, strict=True)
                for batch in accepted.batches
            ),
            *(leave(leavers[start::8]) for start in range(8)),
        )
        handed: dict[int, int] = {}
        for row in await world.entries(kind="hand_over"):
            handed[row["recipient"]] = handed.get(row["recipient"], 0) + 1
        assert sum(len(processor.at) for processor in processors) == sum(handed.values())
        assert all(handed.get(recipient_id, 0) == before for recipient_id, before in answered.items())
        for accepted in mailings:
            states = await world.states(accepted.mailing_id)
            assert set(states.values()) <= {("handed_over", ""), ("suppressed", "opted_out")}
            assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
        assert (await world.ledger.verify_ledger()).faults == ()


async def test_what_was_not_reached_goes_back(world: World) -> None:
    """Rows still held at the end of a claim are queued again for their time. A batch without such rows is deleted."""
    first = await world.accept([person(1)])
    second = await world.accept([person(2), person(3)])
    claim = await world.deliveries.claim_queued_deliveries_of_batches([*first.batches, *second.batches], "worker")
    assert claim is not None
    ada, grace, _ = claim.rows
    for row in (ada, grace):
        await intend(world, claim, [row])
        await world.deliveries.commit_moves_or_find_refused(
            claim.token, [move(row, DeliveryState.HANDED_OVER, DeliveryState.INTENDED)], []
        )
    later = datetime.now(UTC) + timedelta(seconds=10)
    await world.deliveries.end_claim_and_requeue_rest(claim.token, later)
    [batch] = await world.pool.fetch("SELECT * FROM batches")
    assert (batch["mailing_id"], batch["state"], batch["due_at"]) == (second.mailing_id, "queued", later)
    assert (batch["claim"], batch["published_at"]) == (None, None)
    assert (await world.states(second.mailing_id))["user-3"] == ("queued", "")
    await world.due_now()
    again = await claimed(world, second)
    assert [row.attempt for row in again.rows] == [2]


async def test_a_batch_with_an_open_intent_is_not_forgotten(world: World) -> None:
    """A claim that ends with an intent unanswered leaves its batch, by which the timekeeper finds the intent."""
    first, second = await world.accept([person(1)]), await world.accept([person(2)])
    claim = await world.deliveries.claim_queued_deliveries_of_batches([*first.batches, *second.batches], "worker")
    assert claim is not None
    await intend(world, claim, claim.rows[:1])
    await world.deliveries.end_claim_and_requeue_rest(claim.token, None)
    await world.lose_leases()
    [stale] = await world.upkeep.deliveries_with_unknown_outcome(10)
    assert (stale.recipient_id, stale.state) == (claim.rows[0].recipient_id, DeliveryState.INTENDED)
    assert (await world.states(second.mailing_id))["user-2"] == ("queued", "")


async def test_an_intent_at_the_last_moment_is_not_lost(world: World) -> None:
    """A claim is not given back while an intent under it is being committed, though its lease is over by then."""
    accepted = await world.accept([person(1), person(2)])
    claim = await claimed(world, accepted)
    await world.lose_leases()
    async with world.pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        # What `move` does, stopped just before its end.
        await other.execute("SELECT FROM batches FOR SHARE")
        await other.execute(
            "UPDATE deliveries SET state = 'intended' WHERE recipient_id = $1", claim.rows[0].recipient_id
        )
        assert await asyncio.wait_for(world.upkeep.end_expired_claims_without_intents(10), 5) == 0
        await transaction.commit()
    assert await world.upkeep.end_expired_claims_without_intents(10) == 0
    [stale] = await world.upkeep.deliveries_with_unknown_outcome(10)
    assert stale.claim == claim.token


async def test_counters_equal_the_states(world: World) -> None:
    """The counters agree with the deliveries after any sequence of moves, refusals, ends and returns."""
    chance = random.Random(7)
    accepted = await world.accept([person(n) for n in range(60)])
    targets = [
        DeliveryState.SUPPRESSED,
        DeliveryState.HELD,
        DeliveryState.FAILED,
        DeliveryState.DIVERTED,
        DeliveryState.EXPIRED,
    ]
    ends = [DeliveryState.HANDED_OVER, DeliveryState.DEFERRED, DeliveryState.IN_DOUBT, DeliveryState.FAILED]
    for _ in range(25):
        batches = await world.pool.fetch("SELECT id FROM batches WHERE state = 'queued'")
        if claim := await world.deliveries.claim_queued_deliveries_of_batches([row["id"] for row in batches], "worker"):
            rows = chance.sample(list(claim.rows), chance.randint(1, len(claim.rows)))
            cut = chance.randint(0, len(rows))
            moves = [move(row) for row in rows[:cut]]
            moves += [move(row, to := chance.choice(targets), reason=to.value[:3]) for row in rows[cut:]]
            await world.deliveries.commit_moves_or_find_refused(claim.token, moves, [])
            if chance.random() < 0.2:
                await world.standings.record_opt_out(BRAND, rows[0].recipient_id, "newsletter", "test")
            await world.deliveries.commit_moves_or_find_refused(claim.token, moves, [])
            outcomes = [move(row, chance.choice(ends), DeliveryState.INTENDED, "why") for row in rows[:cut]]
            assert await world.deliveries.commit_moves_or_find_refused(claim.token, outcomes, []) == frozenset()
            await world.deliveries.end_claim_and_requeue_rest(claim.token, None)
        assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
        await world.due_now()
        await world.timekeeper().run_all_steps_once()
        assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
    assert sum((await world.counted(accepted.mailing_id)).values()) == 60
