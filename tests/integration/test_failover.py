"""Two processors: the mail that one takes over from the other, and the mail that no second one ever gets."""

from collections import Counter
from datetime import timedelta

import pytest

from mailer.pipeline import circuit_breaker
from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import BRAND, World, person

AWAY = Outcome(OutcomeKind.UNSENT, text="no connection", trouble=ConnectionTrouble.UNREACHABLE)
IN_DOUBT = Outcome(OutcomeKind.IN_DOUBT, text="lost after the final dot")
REFUSED = Outcome(OutcomeKind.REFUSED, 550, "5.1.1", "no such user")
BLOCKED = Outcome(OutcomeKind.BLOCKED, 554, "5.7.1", "we do not like you")


def pair(answer: Outcome) -> tuple[FakeProcessor, FakeProcessor]:
    """A processor that always gives the same answer, and a reserve that accepts everything."""
    return FakeProcessor(lambda _: answer, "first"), FakeProcessor(name="second", weight=0)


@pytest.fixture(autouse=True)
def long_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps a service away for the whole test, however slow the machine is."""
    monkeypatch.setattr(circuit_breaker, "FIRST_SECONDS", circuit_breaker.LONGEST_SECONDS)


async def test_a_processor_that_is_away_is_replaced_at_once(world: World) -> None:
    """Mail that the first could not be offered goes to the second under the same claim. Each person gets one copy."""
    first, second = pair(AWAY)
    accepted = await world.accept([person(n) for n in range(200)])
    await world.handover_by([first, second]).hand_over_batches(accepted.batches)
    assert set((await world.states(accepted.mailing_id)).values()) == {("handed_over", "")}
    assert (first.sent, len(second.sent)) == ([], 200)
    assert len(set(second.recipients)) == 200
    assert len(first.windows) == 1
    outcomes = await world.entries(accepted.mailing_id, "outcome")
    assert Counter((entry["processor"], entry["reason"]) for entry in outcomes) == {
        ("first", "unsent"): 64,
        ("second", "accepted"): 200,
    }
    assert {entry["attempt"] for entry in outcomes} == {1}
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_single_message_is_failed_over_under_the_same_claim(world: World) -> None:
    """A batch of one window does not wait for another claim: the reserve gets it at once."""
    first, second = pair(AWAY)
    accepted = await world.accept([person(1)])
    await world.handover_by([first, second]).hand_over_batches(accepted.batches)
    assert await world.states(accepted.mailing_id) == {"user-1": ("handed_over", "")}
    assert (len(first.windows), second.recipients) == (1, ["user-1@people.example"])


async def test_optional_mail_in_doubt_is_never_failed_over(world: World) -> None:
    """Optional mail that the first may have taken is not given to the second, now or later."""
    first, second = pair(IN_DOUBT)
    accepted = await world.accept([person(n) for n in range(10)])
    await world.handover_by([first, second]).hand_over_batches(accepted.batches)
    for _ in range(3):
        await world.timekeeper().run_all_steps_once()
        await world.due_now()
        await world.run_published(second)
    assert set((await world.states(accepted.mailing_id)).values()) == {("failed", "in_doubt")}
    assert (len(first.sent), second.sent) == (10, [])


async def test_mandatory_mail_in_doubt_goes_again_by_another(world: World) -> None:
    """Mandatory mail that the first may have taken is given to the second later, with the same Message-ID."""
    first, second = pair(IN_DOUBT)
    await world.paying(1)
    accepted = await world.accept({"refs": ["user-1"]}, "service")
    handover = world.handover_by([first, second])
    await handover.hand_over_batches(accepted.batches)
    assert second.sent == []
    for _ in range(3):
        await world.timekeeper().run_all_steps_once()
    batches = await world.pool.fetch("SELECT id FROM batches")
    await handover.hand_over_batches([row["id"] for row in batches])
    assert (len(first.sent), len(second.sent)) == (1, 1)
    handed = await world.entries(accepted.mailing_id, "hand_over")
    assert [entry["processor"] for entry in handed] == ["first", "second"]
    assert len({entry["message_id"] for entry in handed}) == 1
    assert handed[0]["message_id"].encode() in second.sent[0].content


async def test_what_is_refused_for_good_is_not_tried_elsewhere(world: World) -> None:
    """A second processor is no way around a refusal, of an address or of our own mail."""
    for answer, number in ((REFUSED, 1), (BLOCKED, 2)):
        first, second = pair(answer)
        accepted = await world.accept([person(number)])
        await world.handover_by([first, second]).hand_over_batches(accepted.batches)
        assert await world.states(accepted.mailing_id) == {f"user-{number}": ("failed", answer.status)}
        assert (len(first.sent), second.sent) == (1, [])


async def test_failover_respects_the_policy(world: World) -> None:
    """A processor that the policy forbids gets nothing, even if another one is away. The mail waits for a probe."""
    first, second = pair(AWAY)
    second.is_outside_our_network, second.country = True, "DE"
    policy = world.policies[BRAND]
    world.policies[BRAND] = policy.model_copy(update={"no_retention": True})
    accepted = await world.accept([person(n) for n in range(100)])
    handover = world.handover_by([first, second])
    for _ in range(2):
        await handover.hand_over_batches(accepted.batches)
    assert set((await world.states(accepted.mailing_id)).values()) == {("queued", "")}
    assert (first.windows, second.windows) == ([64], [])
    [wait] = [row[0] for row in await world.pool.fetch("SELECT due_at - now() FROM batches")]
    assert (
        timedelta(seconds=circuit_breaker.FIRST_SECONDS / 2) < wait <= timedelta(seconds=circuit_breaker.FIRST_SECONDS)
    )
    await world.due_now()
    [batch] = [row["id"] for row in await world.pool.fetch("SELECT id FROM batches")]
    await world.handover_by([FakeProcessor(name="first"), second]).hand_over_batches([batch])
    assert set((await world.states(accepted.mailing_id)).values()) == {("handed_over", "")}
    assert second.sent == []


async def test_processors_share_by_weight(world: World) -> None:
    """Weights of 3 and 1 share each window. The ledger names the processor of each message."""
    heavy, light = FakeProcessor(name="heavy", weight=3), FakeProcessor(name="light")
    accepted = await world.accept([person(n) for n in range(200)])
    await world.handover_by([heavy, light]).hand_over_batches(accepted.batches)
    assert (len(heavy.sent), len(light.sent)) == (150, 50)
    handed = await world.entries(accepted.mailing_id, "hand_over")
    assert Counter(entry["processor"] for entry in handed) == {"heavy": 150, "light": 50}


async def test_a_halted_processor_is_replaced_too(world: World) -> None:
    """The reserve takes over the mail of a halted processor, and the halted one gets nothing."""
    first, second = pair(ACCEPTED)
    world.halted.processors["first"] = "halted by Grace"
    accepted = await world.accept([person(1)])
    await world.handover_by([first, second]).hand_over_batches(accepted.batches)
    assert (first.windows, second.recipients) == ([], ["user-1@people.example"])
