"""Outcomes for applications: changes are published, once committed, to each queue that is bound."""

import asyncio
import json
from typing import Any

from mailer.pipeline import consumers
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.postgres.deliveries import PostgresDeliveries
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import BRAND, World, person, until


def telling(world: World) -> None:
    """Lets the world publish outcomes, as it does with RabbitMQ."""
    world.deliveries = PostgresDeliveries(world.pool, world.writers, tell=True)


async def told(world: World) -> dict[str, list[dict[str, Any]]]:
    """The published outcomes, by routing key."""
    rows = await world.pool.fetch("SELECT routing_key, body FROM outbox WHERE exchange = 'mailer.outcomes' ORDER BY id")
    messages: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        messages.setdefault(row["routing_key"], []).append(json.loads(row["body"]))
    return messages


async def test_each_state_of_a_window_is_told_once(world: World) -> None:
    """One message a state, with mailings, refs and reasons and no address; an intent is nothing to tell."""
    telling(world)
    refused = Outcome(OutcomeKind.REFUSED, 550, "5.1.1", "no such user")
    accepted = await world.accept([person(n) for n in range(3)])
    await world.standings.record_opt_out(BRAND, await world.id_of("user-0"), "newsletter", "test")
    processor = FakeProcessor(lambda outgoing: refused if outgoing.recipient.startswith("user-1@") else ACCEPTED)
    await world.handover(processor).hand_over_batches(accepted.batches)
    messages = await told(world)
    assert set(messages) == {f"{BRAND}.newsletter.{state}" for state in ("suppressed", "failed", "handed_over")}
    [failed] = messages[f"{BRAND}.newsletter.failed"]
    [mailing] = failed["mailings"]
    assert mailing["deliveries"] == [{"ref": "user-1", "reason": "5.1.1", "attempt": 1}]
    assert (mailing["mailing"], failed["state"]) == (str(accepted.mailing_id), "failed")
    [suppressed] = messages[f"{BRAND}.newsletter.suppressed"]
    [mailing] = suppressed["mailings"]
    assert mailing["deliveries"] == [{"ref": "user-0", "reason": "opted_out", "attempt": 1}]
    assert "people.example" not in json.dumps(messages)


async def test_mailings_that_go_together_are_told_together(world: World) -> None:
    """Many mailings of one recipient in one window make one message."""
    telling(world)
    accepted = [await world.accept([person(n)]) for n in range(5)]
    await world.handover(FakeProcessor()).hand_over_batches([batch for one in accepted for batch in one.batches])
    messages = await told(world)
    [[message]] = messages.values()
    assert {mailing["mailing"] for mailing in message["mailings"]} == {str(one.mailing_id) for one in accepted}


async def test_the_relay_publishes_them_whether_or_not_anybody_listens(world: World) -> None:
    """Outcomes are not mandatory: without a queue they are dropped, and make no dead letter."""
    telling(world)
    accepted = await world.accept([person(1)])
    await world.handover(FakeProcessor()).hand_over_batches(accepted.batches)
    stop = asyncio.Event()
    relay = asyncio.create_task(
        consumers.relay_outbox_until_stopped(world.outbox, world.broker, world.letters, "relay", stop)
    )

    async def gone() -> bool:
        return not await told(world)

    await until(gone)
    stop.set()
    await asyncio.wait_for(relay, 60)
    assert [exchange for exchange, _ in world.broker.published] == ["mailer.outcomes"]
    assert world.broker.mandatory == [False]
    assert await world.letters.list_dead_letters(1) == []


async def test_the_in_process_broker_is_told_nothing(world: World) -> None:
    """Nothing is published for the in-process broker, since nobody could listen."""
    accepted = await world.accept([person(1)])
    await world.handover(FakeProcessor()).hand_over_batches(accepted.batches)
    assert await told(world) == {}
