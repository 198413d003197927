"""Frequency caps, and the alarm on service mail. Both are exact, even if several workers act at once."""

import asyncio
from datetime import timedelta

import pytest

from mailer.pipeline.hand_over_of_claim import WINDOW
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.policy_file import Policy
from mailer.policy.policy_key_types import FrequencyCap
from mailer.policy.policy_sections import CategoryTerms
from mailer.policy.required_frequency_counts import frequency_counts_needed_by_policies
from mailer.ports.mailings import AcceptedMailing
from mailer.postgres.deliveries import PostgresDeliveries
from tests.doubles import FakeProcessor
from tests.factories import BRAND, World, person


def limited(world: World, *, brand: FrequencyCap | None = None, **categories: CategoryTerms) -> Policy:
    """Gives the brand's policy caps, and puts it in force."""
    policy = world.policies[BRAND]
    policy = policy.model_copy(update={"terms": policy.terms | categories, "cap": brand}).with_earlier_versions({})
    world.policies[BRAND] = policy
    world.deliveries = PostgresDeliveries(world.pool, world.writers, frequency_counts_needed_by_policies([policy]))
    return policy


def capped(mails: int, days: int = 7) -> CategoryTerms:
    """An optional category's terms."""
    return CategoryTerms(cap=FrequencyCap(mails=mails, days=days))


async def deliver(world: World, accepted: AcceptedMailing) -> set[tuple[str, str]]:
    """Hands a mailing over. Returns the states of its deliveries."""
    await world.handover().hand_over_batches(accepted.batches)
    return set((await world.states(accepted.mailing_id)).values())


SENT, OVER, OVER_BRAND = ("handed_over", ""), ("suppressed", "category_cap"), ("suppressed", "brand_cap")


@pytest.mark.rule("frequency")
async def test_a_cap_of_a_category(world: World) -> None:
    """A person gets no more mail than the cap allows, until the first one is old enough."""
    limited(world, newsletter=capped(2))
    assert [await deliver(world, await world.accept([person(1)])) for _ in range(3)] == [{SENT}, {SENT}, {OVER}]
    assert await deliver(world, await world.accept([person(2)])) == {SENT}
    await world.pool.execute(
        "UPDATE sends SET at = at - interval '7 days' WHERE ctid IN (SELECT ctid FROM sends LIMIT 1)"
    )
    assert await deliver(world, await world.accept([person(1)])) == {SENT}
    assert await deliver(world, await world.accept([person(1)])) == {OVER}


@pytest.mark.rule("frequency")
async def test_a_cap_of_the_brand(world: World) -> None:
    """The brand's cap counts optional mail of all categories, and no mandatory mail."""
    limited(world, brand=FrequencyCap(mails=2, days=1))
    await world.paying(1, source="sign-up")
    for category in ("newsletter", "service", "service", "promotional"):
        assert await deliver(world, await world.accept({"refs": ["user-1"]}, category)) == {SENT}
    assert await deliver(world, await world.accept({"refs": ["user-1"]}, "newsletter")) == {OVER_BRAND}
    assert await deliver(world, await world.accept({"refs": ["user-1"]}, "service")) == {SENT}
    assert await world.pool.fetchval("SELECT count(*) FROM sends") == 2


async def test_a_retry_is_not_counted_twice(world: World) -> None:
    """A delivery that is tried again is not in its own way, and counts once."""
    limited(world, newsletter=capped(1))
    accepted = await world.accept([person(1)])
    await world.handover(FakeProcessor(lambda _: Outcome(OutcomeKind.DEFERRED, 451, None, "later"))).hand_over_batches(
        accepted.batches
    )
    await world.due_now()
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert await world.states(accepted.mailing_id) == {"user-1": SENT}
    assert await world.pool.fetchval("SELECT count(*) FROM sends") == 1


@pytest.mark.parametrize("several", ["mailings in one claim", "workers"])
async def test_one_is_sent_of_two_at_once(world: World, several: str) -> None:
    """Everybody gets exactly one of two simultaneous mailings under a cap of one."""
    limited(world, newsletter=capped(1))
    people = [person(n) for n in range(WINDOW + 20)]
    first, second = [await world.accept(people) for _ in range(2)]
    if several == "workers":
        await asyncio.gather(*(world.handover().hand_over_batches(accepted.batches) for accepted in (first, second)))
    else:
        await world.handover().hand_over_batches([*first.batches, *second.batches])
    recipients = world.processor.recipients
    assert len(recipients) == len(set(recipients)) == len(people)
    for accepted in (first, second):
        assert set((await world.states(accepted.mailing_id)).values()) <= {SENT, OVER}
        assert await world.counted(accepted.mailing_id) == await world.real_counts(accepted.mailing_id)
    assert await world.pool.fetchval("SELECT count(*) FROM sends") == len(people)
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_many_at_once_do_not_deadlock(world: World) -> None:
    """Eight workers with eight mailings, counted and not, to the same people: the cap holds, none waits for ever."""
    limited(world, newsletter=capped(2))
    await world.paying(*range(40))
    people = {"refs": [f"user-{n}" for n in range(40)]}
    mailings = [await world.accept(people, category) for category in ("newsletter", "service") * 4]
    async with asyncio.timeout(60):
        await asyncio.gather(*(world.handover().hand_over_batches(accepted.batches) for accepted in mailings))
    ends = [state for accepted in mailings[::2] for state in (await world.states(accepted.mailing_id)).values()]
    assert (ends.count(SENT), ends.count(OVER)) == (80, 80)
    assert len(world.processor.sent) == 80 + 160


async def test_service_mail_beyond_its_rate_is_sent_and_noticed(world: World) -> None:
    """The alarm stands in the ledger's decision, and the mail goes out all the same (paltalk06-04)."""
    limited(world, service=CategoryTerms(alarm=FrequencyCap(mails=1, days=30)))
    await world.paying(1)
    mailings = [await world.accept({"refs": ["user-1"]}, "service") for _ in range(2)]
    assert [await deliver(world, accepted) for accepted in mailings] == [{SENT}, {SENT}]
    decisions = [
        entry["reason"] for accepted in mailings for entry in await world.entries(accepted.mailing_id, "decision")
    ]
    assert decisions == ["send", "send over_rate"]


async def test_what_is_not_counted_leaves_no_trace(world: World) -> None:
    """Mail without a cap is not counted, and its intent leaves the standing as it was."""
    limited(world)
    accepted = await world.accept([person(1)])
    assert await deliver(world, accepted) == {SENT}
    assert await world.pool.fetchval("SELECT count(*) FROM sends") == 0
    assert await world.pool.fetchval("SELECT max(version) FROM standings") == 1


async def test_service_mail_to_who_pays_nothing_counts_as_what_it_is(world: World) -> None:
    """The cap of updates counts service mail that is an update to this person, and only that."""
    limited(world, updates=capped(1))
    await world.known(1)
    await world.paying(2)
    people = {"refs": ["user-1", "user-2"]}
    first, second = [await world.accept(people, "service") for _ in range(2)]
    assert await deliver(world, first) == {SENT}
    await deliver(world, second)
    assert await world.states(second.mailing_id) == {"user-1": OVER, "user-2": SENT}


async def test_what_no_cap_looks_back_to_is_forgotten(world: World) -> None:
    """The timekeeper forgets what was counted more than a year ago, and nothing else."""
    limited(world, newsletter=capped(5, 365))
    await deliver(world, await world.accept([person(1), person(2)]))
    old = timedelta(days=367)
    await world.pool.execute(
        "UPDATE sends SET at = at - $1::interval WHERE recipient_id = $2", old, await world.id_of("user-1")
    )
    await world.timekeeper().run_all_steps_once()
    assert await world.pool.fetchval("SELECT count(*) FROM sends") == 1
