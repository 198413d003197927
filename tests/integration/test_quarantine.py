"""Refusals that are not believed: no outage suppresses many addresses, and a person judges the refusals."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest

from mailer.actions.quarantined_refusal_verdicts import RefusalVerdictRefused, apply_verdict_on_quarantined_refusals
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.refusal_suspicion import LEAST_REFUSALS, RefusalTally
from mailer.ports.refusal_quarantine import HardRefusal, RefusalSelection, RefusalVerdict
from mailer.postgres.refusal_quarantine import PostgresRefusalQuarantine
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import World, person
from tests.processes import Stack

REFUSED = Outcome(OutcomeKind.REFUSED, 550, "5.1.1", "no such user")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def open_quarantine(world: World) -> PostgresRefusalQuarantine:
    """The quarantine of a world."""
    return PostgresRefusalQuarantine(world.pool, world.writers, world.hasher)


def selection(domain: str | None = None) -> RefusalSelection:
    """A selection of all the fake processor's refusals up to now."""
    return RefusalSelection("fake", domain, LONG_AGO, datetime.now(UTC) + timedelta(minutes=1))


async def judge(world: World, verdict: RefusalVerdict, domain: str | None = None) -> int:
    """Has Grace judge them."""
    return await apply_verdict_on_quarantined_refusals(
        open_quarantine(world), world.deliveries, selection(domain), verdict, "Grace"
    )


async def states(world: World, mailing_id: UUID) -> Counter[tuple[str, str]]:
    """The number of deliveries of a mailing in each state, for each reason."""
    return Counter((await world.states(mailing_id)).values())


async def dead(world: World) -> int:
    """The number of people with a dead address."""
    return int(await world.pool.fetchval("SELECT count(*) FROM standings WHERE address_dead_at IS NOT NULL"))


async def go_on(world: World, processor: FakeProcessor | None = None) -> None:
    """Makes batches of what is due, publishes them and hands them over."""
    await world.timekeeper().run_all_steps_once()
    await world.run_published(processor)


async def refuse_singly(world: World, *steps: int) -> AsyncIterator[list[UUID]]:
    """Accepts mailings to one person each, all refused, then as many more. Each is a window of its own."""
    handover = world.handover(FakeProcessor(lambda _: REFUSED))
    number = count()
    for step in steps:
        accepted = [await world.accept([person(next(number))]) for _ in range(step)]
        for mailing in accepted:
            await handover.hand_over_batches(mailing.batches)
        yield [mailing.mailing_id for mailing in accepted]


async def test_a_relay_begins_to_refuse_everyone(world: World) -> None:
    """No address of 2,000 dies. All get mail once the relay is repaired and the refusals are dismissed."""
    accepted = await world.accept([person(n) for n in range(2000)])
    taken = 500
    broken = FakeProcessor(lambda _: ACCEPTED if len(broken.sent) < taken else REFUSED)
    await world.handover(broken).hand_over_batches(accepted.batches)
    found = await states(world, accepted.mailing_id)
    believed = found["failed", "5.1.1"]
    assert found == {
        ("handed_over", ""): found["handed_over", ""],
        ("held", "quarantined"): 2000 - found["handed_over", ""] - believed,
        **({("failed", "5.1.1"): believed} if believed else {}),
    }
    assert believed <= 128
    assert await dead(world) == 0
    await world.due_now()
    await go_on(world)
    assert await states(world, accepted.mailing_id) == found
    assert await judge(world, RefusalVerdict.DISMISSED) == 2000 - found["handed_over", ""]
    await go_on(world)
    assert await states(world, accepted.mailing_id) == {("handed_over", ""): 2000}
    assert len(world.processor.sent) == 2000 - found["handed_over", ""]
    assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_what_was_believed_before_the_trip_is_taken_back(world: World) -> None:
    """The first few addresses die; with the trip they live again, on record, and none dies after it."""
    died = [await dead(world) async for _ in refuse_singly(world, LEAST_REFUSALS - 1, 1, 5)]
    assert died == [LEAST_REFUSALS - 1, 0, 0]
    lifted = [entry for entry in await world.entries(kind="action") if entry["reason"] == "lifted address_dead"]
    assert len(lifted) == LEAST_REFUSALS - 1


async def test_a_finished_mailing_is_open_again_for_what_is_dismissed(world: World) -> None:
    """A delivery that failed before the trip is made again when its refusal is dismissed. Then the mailing ends."""
    [[first, *_]] = [mailings async for mailings in refuse_singly(world, LEAST_REFUSALS)]
    assert await world.states(first) == {"user-0": ("failed", "5.1.1")}
    await world.timekeeper().run_all_steps_once()
    await judge(world, RefusalVerdict.DISMISSED)
    status = await world.mailings.mailing_status(first)
    assert status is not None
    assert status.state != "finished"
    await go_on(world)
    await world.timekeeper().run_all_steps_once()
    assert await world.states(first) == {"user-0": ("handed_over", "")}
    status = await world.mailings.mailing_status(first)
    assert status is not None
    assert status.state == "finished"


async def test_believed_by_a_person(world: World) -> None:
    """The addresses die and the deliveries fail, with the person on record. A person with a new address keeps it."""
    accepted = await world.accept([person(n) for n in range(30)])
    await world.handover(FakeProcessor(lambda _: REFUSED)).hand_over_batches(accepted.batches)
    await world.known(7, email="new@people.example")
    assert await judge(world, RefusalVerdict.BELIEVED) == 30
    assert await states(world, accepted.mailing_id) == {("failed", "5.1.1"): 30}
    assert await dead(world) == 29
    assert await judge(world, RefusalVerdict.BELIEVED) == 0
    entries = await world.entries(accepted.mailing_id, "outcome")
    assert Counter(entry["reason"] for entry in entries) == {"refused quarantined 5.1.1": 30, "believed 5.1.1": 30}
    assert {entry["reply"] for entry in entries if entry["reason"] == "believed 5.1.1"} == {"Grace"}
    actions = [entry for entry in await world.entries(kind="action") if entry["reason"] == "address_dead"]
    assert {(entry["rule"], entry["reply"]) for entry in actions} == {("action:fake 5.1.1", "Grace")}


async def test_one_domain_alone(world: World) -> None:
    """A domain that refuses everyone is quarantined and judged alone; a dead address elsewhere is dead."""
    people = [person(n) for n in range(600)]
    people += [person(n, email=f"user-{n}@broken.example") for n in range(600, 640)]
    accepted = await world.accept([*people, person(640, email="gone@people.example")])
    gone = ("@broken.example", "gone@")
    processor = FakeProcessor(lambda outgoing: REFUSED if any(x in outgoing.recipient for x in gone) else ACCEPTED)
    await world.handover(processor).hand_over_batches(accepted.batches)
    assert await dead(world) == 1
    [group] = await open_quarantine(world).list_quarantined_groups("fake")
    assert (group.domain, group.waiting, dict(group.statuses)) == ("broken.example", 40, {"5.1.1": 40})
    assert await judge(world, RefusalVerdict.BELIEVED, "people.example") == 0
    assert await judge(world, RefusalVerdict.BELIEVED, "broken.example") == 40
    assert await dead(world) == 41
    assert await open_quarantine(world).list_quarantined_groups(None) == []


async def test_breach_mail_goes_on_being_tried(world: World) -> None:
    """A breach notice whose refusal is doubted waits for nobody: it is tried again by itself."""
    await world.known(*range(30))
    accepted = await world.accept({"refs": [f"user-{n}" for n in range(30)]}, "breach")
    await world.mailings.release_mailing(accepted.mailing_id, "Grace")
    await go_on(world, FakeProcessor(lambda _: REFUSED))
    assert await states(world, accepted.mailing_id) == {("deferred", "5.1.1"): 30}
    assert await dead(world) == 0
    await world.due_now()
    await go_on(world)
    assert await states(world, accepted.mailing_id) == {("handed_over", ""): 30}
    assert await judge(world, RefusalVerdict.DISMISSED) == 30
    assert await states(world, accepted.mailing_id) == {("handed_over", ""): 30}


async def test_a_belief_that_is_doubted_meanwhile_kills_nothing(world: World) -> None:
    """An address lives if another window trips between the judgement and the suppression."""
    quarantine = open_quarantine(world)
    [recipient] = await world.known(1)
    accepted = await world.accept([person(1)])
    refusal = HardRefusal(accepted.mailing_id, recipient, 1, "user-1@people.example", "people.example", "5.1.1")
    await quarantine.store_refusals_without_suppressing("fake", [refusal], [])
    await quarantine.quarantine_recently_believed_refusals("fake", ["people.example"])
    await quarantine.suppress_addresses_of_believed_refusals("fake", [refusal])
    assert await dead(world) == 0
    await quarantine.store_refusals_without_suppressing("fake", [refusal], [])
    await quarantine.suppress_addresses_of_believed_refusals("fake", [refusal])
    assert await dead(world) == 1


async def test_counters_are_folded_and_forgotten(world: World) -> None:
    """Folding changes no sum; domains are forgotten after an hour, beliefs too, and everything after 30 days."""
    quarantine = open_quarantine(world)
    for _ in range(5):
        await quarantine.add_and_read_refusal_counts(
            "fake", {None: RefusalTally(10, 1), "a.example": RefusalTally(4, 1)}, []
        )
    await world.pool.execute("UPDATE answers SET at = at - interval '5 minutes'")
    for days in (1, 2, 40):
        for _ in range(3):
            await quarantine.add_and_read_refusal_counts(
                "old", {None: RefusalTally(10, 1), "a.example": RefusalTally(4, 1)}, []
            )
        await world.pool.execute(
            "UPDATE answers SET processor = 'fake', at = at - $1::interval WHERE processor = 'old'",
            timedelta(days=days),
        )
    before = await quarantine.add_and_read_refusal_counts("fake", {None: RefusalTally()}, ["a.example"])
    for _ in range(2):
        await world.upkeep.fold_older_counter_deltas()
        after = await quarantine.add_and_read_refusal_counts("fake", {None: RefusalTally()}, ["a.example"])
        assert after == before
    assert (after.hour, after.usual, after.domains) == (
        RefusalTally(50, 5),
        RefusalTally(60, 6),
        {"a.example": RefusalTally(20, 5)},
    )
    rows = await world.pool.fetch(
        "SELECT domain, sum(answered)::int AS n FROM answers GROUP BY domain, at ORDER BY 1, at"
    )
    assert [tuple(row) for row in rows if row["n"]] == [("a.example", 20), (None, 30), (None, 30), (None, 50)]


async def test_a_new_worker_knows_of_the_trouble(world: World) -> None:
    """A new process doubts from its first refusal on, by the counts of the process before it."""
    [_] = [mailings async for mailings in refuse_singly(world, LEAST_REFUSALS)]
    bounces = world.refusal_judge()
    accepted = await world.accept([person(100)])
    claim = await world.deliveries.claim_queued_deliveries_of_batches(accepted.batches, "another worker")
    assert claim is not None
    judgement = await bounces.judge_refusals("fake", claim.rows, [REFUSED])
    assert (len(judgement.believed), len(judgement.doubted)) == (0, 1)


@pytest.mark.parametrize(
    ("by", "since", "message"),
    [(" ", LONG_AGO, "name one"), ("Grace", datetime(2999, 1, 1, tzinfo=UTC), "ends before it begins")],
)
async def test_what_cannot_be_judged(world: World, by: str, since: datetime, message: str) -> None:
    """A judgement needs a person and a real interval."""
    wanted = RefusalSelection("fake", None, since, datetime.now(UTC))
    with pytest.raises(RefusalVerdictRefused, match=message):
        await apply_verdict_on_quarantined_refusals(
            open_quarantine(world), world.deliveries, wanted, RefusalVerdict.BELIEVED, by
        )


async def test_the_commands(small_stack: Stack) -> None:
    """Waiting refusals are listed as a table and as JSON, and judged by relay and interval. Nonsense gives status 2."""
    await small_stack.query(
        "WITH known AS (INSERT INTO recipients (brand, ref, controller, observed_at)"
        " SELECT 'interpals', 'user-' || n, 'interpals', now() FROM generate_series(1, 25) n RETURNING id)"
        " INSERT INTO quarantine"
        " (processor, domain, mailing_id, recipient_id, attempt, address_key, address_hash, status)"
        " SELECT 'relay', 'people.example', gen_random_uuid(), id, 1, 'key', '', '5.1.1' FROM known"
    )
    [shown] = (await small_stack.done("quarantine", "list", "--json")).json
    assert (shown["processor"], shown["domain"], shown["waiting"]) == ("relay", "people.example", 25)
    assert shown["statuses"] == {"5.1.1": 25}
    assert "5.1.1: 25" in (await small_stack.done("quarantine", "list", "--processor", "relay")).out
    chosen = ("--processor", "relay", "--by", "Grace", "--since")
    refused = await small_stack.run("quarantine", "dismiss", *chosen, "yesterday")
    assert (refused.status, "'yesterday' is no time; write it as" in refused.err) == (2, True)
    believed = await small_stack.done("quarantine", "believe", *chosen, shown["since"], "--domain", "no.example")
    assert "Believed: 0 refusals, by Grace" in believed.out
    dismissed = await small_stack.done("quarantine", "dismiss", *chosen, shown["since"], "--json")
    assert dismissed.json == {"verdict": "dismissed", "judged": 25}
    [left] = await small_stack.query("SELECT count(*) FROM quarantine WHERE verdict IS NULL")
    [said] = await small_stack.query("SELECT count(*) FROM ledger WHERE reason = 'dismissed 5.1.1'")
    assert (left[0], said[0]) == (0, 25)
