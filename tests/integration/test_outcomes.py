"""Outcomes for applications: changes are published, once committed, to each queue that is bound."""

import asyncio
import json
import re
from typing import Any

import jsonschema_rs

from mailer.broker.asyncapi import outcomes_asyncapi_document
from mailer.pipeline import consumers
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.refusal_suspicion import LEAST_REFUSALS
from mailer.postgres.deliveries import PostgresDeliveries
from tests.doubles import ACCEPTED, FakeProcessor
from tests.factories import BRAND, World, person, until
from tests.inbound import DOMAIN, bounce, complaint, open_reception, return_path

ADA = "user-1@people.example"
DELIVERY = {"ref": "user-1", "reason": "5.1.1", "attempt": 1}


def telling(world: World) -> None:
    """Lets the world publish outcomes, as it does with RabbitMQ."""
    world.deliveries = PostgresDeliveries(world.pool, world.writers, tell=True)


async def told(world: World) -> dict[str, list[dict[str, Any]]]:
    """The published outcomes, by routing key."""
    rows = await world.pool.fetch("SELECT routing_key, body FROM outbox WHERE exchange = 'mailer.outcomes' ORDER BY id")
    messages: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        body = json.loads(row["body"])
        assert list(described().iter_errors(body)) == []
        messages.setdefault(row["routing_key"], []).append(body)
    return messages


def described() -> jsonschema_rs.Draft202012Validator:
    """The schema of the message in the AsyncAPI document. It allows no field beside those that it names."""
    document = outcomes_asyncapi_document()
    [payload] = [message["payload"] for message in document["components"]["messages"].values()]
    parts = {
        name: {**schema, "additionalProperties": False} for name, schema in document["components"]["schemas"].items()
    }
    return jsonschema_rs.Draft202012Validator({**payload, "components": {"schemas": parts}}, validate_formats=True)


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


def test_the_document_refuses_what_is_no_outcome() -> None:
    """An unknown state, a missing field, a time that is none, and a field that nobody described."""
    good: dict[str, Any] = {
        "v": 2,
        "at": "2026-11-21T21:00:00+00:00",
        "brand": BRAND,
        "category": "service",
        "state": "bounced",
        "mailings": [{"mailing": None, "event": None, "campaign": None, "deliveries": [DELIVERY]}],
    }
    assert described().is_valid(good)
    bad: list[dict[str, Any]] = [
        {"state": "intended"},
        {"v": 1},
        {"at": "yesterday"},
        {"address": "ann@people.example"},
        {"mailings": []},
    ]
    assert [change for change in bad if described().is_valid({**good, **change})] == []
    assert not described().is_valid({name: value for name, value in good.items() if name != "category"})


async def test_what_comes_back_by_mail_is_told(world: World) -> None:
    """Bounce, complaint and opt-out each make one outcome with what was reported; a stranger's report makes none."""
    accepted = await world.accept([person(1)])
    await world.handover().hand_over_batches(accepted.batches)
    path = return_path(world.links, accepted.mailing_id, await world.id_of("user-1"))
    [link] = re.findall(rb"List-Unsubscribe: <([^>]+)>", world.processor.sent[0].content.replace(b"\r\n ", b""))
    async with open_reception(world, tell=True) as reception:
        reception.proven.add(ADA)
        for mailbox, content, sender in (
            (path, bounce("stranger@elsewhere.example"), ""),
            (path, bounce(ADA, "4.2.2"), ""),
            (f"abuse@{DOMAIN}", complaint(link.decode()), "feedback@people.example"),
            (f"abuse@{DOMAIN}", complaint(link.decode()[:-4]), "feedback@people.example"),
            (
                f"opt-out@{DOMAIN}",
                f"From: {ADA}\r\nTo: opt-out@{DOMAIN}\r\n\r\nPlease unsubscribe me.\r\n".encode(),
                ADA,
            ),
            (path, bounce(ADA), ""),
        ):
            await reception.send(mailbox, content, sender)
        ids = [mail.id for mail in await reception.store.list_mail(None, waiting=False, limit=100)]
        await reception.handle_ids(*ids, *ids)
    messages = await told(world)
    first: dict[str, Any] = {"ref": "user-1", "attempt": 1}
    mailing = str(accepted.mailing_id)
    assert {key: [_only_mailing(message) for message in found] for key, found in messages.items()} == {
        f"{BRAND}.newsletter.bounced_for_now": [(mailing, {**first, "reason": "4.2.2"})],
        f"{BRAND}.newsletter.complained": [(mailing, {**first, "reason": "abuse"})],
        f"{BRAND}.none.opted_out": [(None, {"ref": "user-1", "attempt": None, "reason": ""})],
        f"{BRAND}.newsletter.bounced": [(mailing, {**first, "reason": "5.1.1"})],
    }
    assert "people.example" not in json.dumps(messages)


def _only_mailing(message: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    [mailing] = message["mailings"]
    [delivery] = mailing["deliveries"]
    return mailing["mailing"], delivery


async def test_a_bounce_that_was_quarantined_is_not_told(world: World) -> None:
    """A mass of bounces is not believed, so that no application deletes addresses for it."""
    people = [person(number) for number in range(1, LEAST_REFUSALS + 3)]
    accepted = await world.accept(people)
    await world.handover().hand_over_batches(accepted.batches)
    async with open_reception(world, tell=True) as reception:
        for number in range(1, len(people) + 1):
            path = return_path(world.links, accepted.mailing_id, await world.id_of(f"user-{number}"))
            await reception.send(path, bounce(f"user-{number}@people.example"))
        await reception.handle_ids(
            *[mail.id for mail in await reception.store.list_mail(None, waiting=False, limit=99)]
        )
        effects = await reception.effects()
    doubted = sum(effect == "quarantined" for _, effect in effects)
    assert doubted > 0
    assert len((await told(world))[f"{BRAND}.newsletter.bounced"]) == len(people) - doubted
