"""Intake: good events become mailings, bad ones dead letters, and neither stops the other."""

import asyncio
from typing import Any

import pytest

import mailer.event_context_validation
from mailer.events import validate_event
from mailer.ports.broker import BrokerMessage, BrokerUnavailable, HeaderName
from mailer.ports.dead_letters import DeadLetterCauseKind
from tests.doubles import FakeReceived
from tests.factories import BRAND, World, make_event, new_mailing, person, plain_event, received
from tests.publishers import issue_key


def good(n: int = 1, **values: Any) -> dict[str, Any]:
    """An event that can be taken in."""
    return plain_event([person(n)], **values)


async def test_small_mailings_are_handed_over_at_once(world: World) -> None:
    """A mailing that fits one window is handed over by the worker that took it in. No batch is published."""
    arrived = [received(good(n)) for n in range(10)]
    await world.intake().accept_event_messages("newsletter", arrived)
    assert [item.settled for item in arrived] == ["ack"] * 10
    assert world.processor.windows == [10]
    assert world.broker.published == []


async def test_large_mailings_are_published_as_batches(world: World) -> None:
    """A larger mailing goes to the lane's consumers. Its messages hold only the ids of its batches."""
    event = plain_event([person(n) for n in range(501)])
    await world.intake().accept_event_messages("newsletter", [item := received(event)])
    assert (item.settled, world.processor.windows) == ("ack", [])
    assert {exchange for exchange, _ in world.broker.published} == {"mailer.batches"}
    assert {message.routing_key for _, message in world.broker.published} == {"newsletter"}
    assert all(len(message.body) < 40 for _, message in world.broker.published)
    assert await world.pool.fetchval("SELECT count(*) FROM batches WHERE published_at IS NOT NULL") == 2
    await world.run_published()
    assert len(world.processor.sent) == 501


BAD: dict[str, tuple[Any, str, str]] = {
    "not JSON": (b"{", f"{BRAND}.newsletter", "not JSON"),
    "an unknown field": (good(colour="red"), f"{BRAND}.newsletter", "colour: is not a field of an event; remove it"),
    "an unknown brand": (good() | {"brand": "nobody"}, "nobody.newsletter", "brand: there is no nobody; there are"),
    "an unknown template": (good() | {"template": "weakly"}, f"{BRAND}.newsletter", "did you mean weekly?"),
    "an unknown category": (good() | {"category": "spam"}, f"{BRAND}.spam", "category: interpals does not send spam"),
    "another category": (
        good() | {"category": "service"},
        f"{BRAND}.service",
        "template weekly is newsletter, not service",
    ),
    "a missing value": (good() | {"context": {}}, f"{BRAND}.newsletter", "context: headline is missing"),
    "an unknown locale": (plain_event([person(1, locale="xx")]), f"{BRAND}.newsletter", "there is no xx; write one"),
    "a bad address": (plain_event([person(1, email="x")]), f"{BRAND}.newsletter", "to.people.0.email: not an e-mail"),
    "U+0000": (good() | {"context": {"headline": "\0"}}, f"{BRAND}.newsletter", "context: has the character U+0000"),
    "U+0000 in a name": (good() | {"a\0b": 1}, f"{BRAND}.newsletter", "a\ufffdb: is not a field of an event"),
    "another routing key": (
        good(),
        f"{BRAND}.service",
        "the routing key is 'interpals.service', but the event belongs",
    ),
    "an unknown audience": (plain_event({"audience": "vip"}), f"{BRAND}.newsletter", "interpals has no audience 'vip'"),
    "10 MB": (good() | {"context": {"a": "x" * 10_000_000}}, f"{BRAND}.newsletter", "shorten the context"),
}


@pytest.mark.parametrize("case", BAD, ids=str)
async def test_a_bad_event_is_a_dead_letter_and_the_others_go_through(world: World, case: str) -> None:
    """A bad event is refused with what to mend, and the good ones that arrived with it are mailed."""
    body, key, reason = BAD[case]
    before, bad, after = received(good(1)), received(body, key), received(good(2))
    await world.intake().accept_event_messages("newsletter", [before, bad, after])
    assert bad.settled is not None
    assert bad.settled.startswith("rejected: ")
    assert reason in bad.settled
    assert bad.settled.isprintable()
    assert (before.settled, after.settled) == ("ack", "ack")
    assert world.processor.recipients == ["user-1@people.example", "user-2@people.example"]


async def test_a_value_that_only_the_database_refuses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One event of many that the database cannot hold is refused alone, and no worker stops."""
    monkeypatch.setattr(mailer.event_context_validation, "_json_fault", lambda value, levels=0: None)
    bad_context = good(3)
    bad_context["context"]["more"] = "\0"
    bad_person = plain_event([person(4, context={"more": "\0"})])
    arrived = [received(good(1)), received(bad_context), received(bad_person), received(good(2))]
    await world.intake().accept_event_messages("newsletter", arrived)
    assert [str(item.settled)[:8] for item in arrived] == ["ack", "rejected", "rejected", "ack"]
    assert "the database cannot hold a value of this event" in str(arrived[1].settled)
    assert world.processor.recipients == ["user-1@people.example", "user-2@people.example"]


async def test_the_same_event_again_is_acknowledged(world: World) -> None:
    """An event that is delivered twice, together or later, is mailed once and acknowledged each time."""
    event = good()
    arrived = [received(event), received(event)]
    await world.intake().accept_event_messages("newsletter", arrived)
    await world.intake().accept_event_messages("newsletter", [again := received(event)])
    assert [item.settled for item in (*arrived, again)] == ["ack"] * 3
    assert len(world.processor.sent) == 1


async def test_who_published_it(world: World) -> None:
    """The publisher is the broker's validated user, or who had published it before we relayed it."""
    cases = [("shop", {}, "broker:shop"), ("relay", {HeaderName.PUBLISHER: "key:boss"}, "key:boss")]
    await issue_key(world.pool, "boss")
    for user, headers, publisher in cases:
        event = make_event([person(1)])
        message = BrokerMessage(event.to_json(), event.routing_key, None, headers, user)
        await world.intake().accept_event_messages("newsletter", [FakeReceived(message)])
        status = await world.mailings.find_mailing_status_of_event(BRAND, event.id)
        assert status is not None
        assert status.publisher == publisher


@pytest.mark.parametrize(
    ("user", "headers"),
    [
        (None, {}),
        ("", {}),
        ("shop", {HeaderName.PUBLISHER: ""}),
        ("shop", {HeaderName.PUBLISHER: "boss"}),
        ("shop", {HeaderName.PUBLISHER: "broker:"}),
        ("shop\x00", {}),
    ],
)
async def test_an_event_of_nobody_is_a_dead_letter(world: World, user: str | None, headers: dict[str, str]) -> None:
    """An event without a user that RabbitMQ validated has no known publisher, and is refused. Others are accepted."""
    event = make_event([person(1)])
    nobodys = FakeReceived(BrokerMessage(event.to_json(), event.routing_key, None, headers, user))
    await world.intake().accept_event_messages("newsletter", [nobodys, other := received(good(2))])
    assert (nobodys.kind, "set the property `user_id`" in str(nobodys.settled)) == (
        DeadLetterCauseKind.NOT_ALLOWED,
        True,
    )
    assert other.settled == "ack"
    assert await world.mailings.find_mailing_status_of_event(BRAND, event.id) is None


async def test_a_crash_between_intake_and_hand_over(world: World) -> None:
    """Events that were taken in by a worker that died then are published by the timekeeper, small and large."""
    small, large = plain_event([person(1)]), plain_event([person(n) for n in range(100)])
    world.broker.away = True
    with pytest.raises(BrokerUnavailable):
        await world.intake().accept_event_messages("newsletter", [received(large)])
    await world.mailings.accept_mailings([new_mailing(validate_event(small))])
    world.broker.away = False
    await world.timekeeper().run_all_steps_once()
    await world.run_published()
    assert len(world.processor.sent) == 101
    # The message comes back from the broker, since it was not acknowledged.
    await world.intake().accept_event_messages("newsletter", [again := received(large)])
    assert again.settled == "ack"
    assert len(world.processor.sent) == 101


async def test_many_intakes_at_once(world: World) -> None:
    """Consumers that take in at once, over the same people, make one mailing of each event."""
    takes = [
        [received(good(n % 5, category=category)) for n in range(20)] for category in ("newsletter", "service")
    ] * 3
    await asyncio.gather(*(world.intake().accept_event_messages("newsletter", arrived) for arrived in takes))
    assert all(item.settled == "ack" for arrived in takes for item in arrived)
    assert await world.pool.fetchval("SELECT count(*) FROM mailings") == 40
    assert len(world.processor.sent) == 40


async def test_a_breach_is_taken_in_and_waits(world: World) -> None:
    """A breach event is acknowledged, and nothing of it is sent or published before its release."""
    await world.intake().accept_event_messages("breach", [item := received(plain_event([person(1)], "breach"))])
    assert item.settled == "ack"
    assert (world.processor.sent, world.broker.published) == ([], [])


async def test_a_country_is_what_people_write_for_it_or_refused(world: World) -> None:
    """S2: UK is GB; a union is no country, and its event a dead letter beside those that are taken in."""
    british, union = plain_event([person(1, country="uk")]), plain_event([person(2, country="EU")])
    taken, refused = received(british), received(union)
    await world.intake().accept_event_messages("newsletter", [refused, taken])
    assert taken.settled == "ack"
    assert (refused.settled or "").startswith("rejected: to.people.0.country: is no country; write the two letters")
    rows = await world.pool.fetch("SELECT ref, country FROM recipients")
    assert [tuple(row) for row in rows] == [("user-1", "GB")]
